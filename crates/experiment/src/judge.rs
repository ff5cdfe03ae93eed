//! From trained agents to the report: play both spans, measure, compare, write.

use std::sync::Arc;

use pavlov_agents::{Agent, AgentError};
use pavlov_envs::BatchFactory;
use pavlov_evaluation::{
    self as evaluation, BaselineReturns, Benchmark, Episode, EquityCurve, Evidence, Paths, TestSpan, TradeRecord,
    Verdict, evaluate,
};
use pavlov_rl_core::{BatchEnv, Market, Memory, Observations, RngTree, Segment};
use pavlov_store::{Disk, RunFolder, SeedFolder, write_atomic};

use crate::baselines::{self, BENCHMARK, Baseline, INITIAL_ACCOUNT, Kind};
use crate::curves::{curves, net_worths, weights};
use crate::episode::{EpisodeRecord, Player, play};
use crate::error::ExperimentError;
use crate::insight::{self, Insight, Recorder};
use crate::plan::Plan;
use crate::published;
use crate::report::{BaselineReport, Evaluated, Profit, Report, RunReport, Subject, render_html};
use crate::tables;
use crate::train::Trained;
use crate::world::World;
use crate::{fees, flags, trials};

/// A trained seed and its books on both spans.
pub(crate) struct Played<'a> {
    pub(crate) trained: &'a Trained,
    pub(crate) train: EpisodeRecord,
    pub(crate) test: EpisodeRecord,
    /// What it expected and attended to on the test span, if it says so.
    pub(crate) insight: Option<Insight>,
}

/// Judges trained agents and writes tables, `report.json` and `report.html`.
///
/// # Errors
/// [`ExperimentError`] if an agent fails or a file cannot be written.
pub fn judge(folder: &RunFolder, plan: &Plan, world: &World, trained: &[Trained]) -> Result<Report, ExperimentError> {
    let played = trained.iter().map(|t| play_both(plan, world, t)).collect::<Result<Vec<_>, _>>()?;
    let baselines = baselines::all(plan, world)?;
    let mut curves = curves(plan, world, &played, &baselines)?;
    let mut report = compare(plan, world, &played, &baselines)?.with_sheets(&curves, plan.eval.risk_free);
    (report.insight, curves.insight) = insight::joined(plan, world, &played).unzip();
    report.fee_sweep = Some(fees::sweep(plan, world, trained, &report)?);
    report.flags = flags::of(&report, plan.environment.flaw());
    report.published = published::report(plan, world, &played.iter().map(|p| &p.test).collect::<Vec<_>>(), &baselines);
    let disk = folder.disk();
    for seed in &played {
        write_tables(disk, &folder.seed(seed.trained.seed), (plan, world), seed)?;
    }
    let html = render_html(&report, &curves, &plan.to_toml().to_string(), &world.data_notes);
    let text = report.to_json().map_err(|e| ExperimentError::Encode { what: "report.json", reason: e.to_string() })?;
    write_atomic(&**disk, &folder.report_html(), html.as_bytes())?;
    write_atomic(&**disk, &folder.report_json(), text.as_bytes())?;
    Ok(report)
}

fn play_both<'a>(plan: &Plan, world: &World, trained: &'a Trained) -> Result<Played<'a>, ExperimentError> {
    let mut recorder = Recorder::new(&*trained.agent);
    let test = play_watched(plan, trained, &*world.test_span, (world.test, TEST_STREAM), |seen, memory| {
        recorder.watch(seen, memory)
    })?;
    let train = play_agent(plan, trained, &*world.train_span, world.train, 0)?;
    Ok(Played { train, insight: recorder.insight(&test), test, trained })
}

/// Number of the random stream with which a policy plays the test span.
pub(crate) const TEST_STREAM: u64 = 1;

/// Plays a trained agent through a span; `stream` numbers what it draws.
pub(crate) fn play_agent(
    plan: &Plan,
    trained: &Trained,
    span: &dyn BatchFactory,
    segment: Segment,
    stream: u64,
) -> Result<EpisodeRecord, ExperimentError> {
    play_watched(plan, trained, span, (segment, stream), |_, _| Ok(()))
}

/// The same; `watch` gets what every decision starts from.
fn play_watched(
    plan: &Plan,
    trained: &Trained,
    span: &dyn BatchFactory,
    (segment, stream): (Segment, u64),
    mut watch: impl FnMut(Observations<'_>, &Memory) -> Result<(), AgentError>,
) -> Result<EpisodeRecord, ExperimentError> {
    let failed = |source: AgentError| ExperimentError::Agent { seed: trained.seed, source };
    let env = span.batch(0..1, &RngTree::new(trained.seed));
    let mut player = player(plan, (trained.seed, &*trained.agent), &*env, segment, stream).map_err(failed)?;
    play(env, |seen, actions| {
        watch(seen, player.memory())?;
        player.decide(seen, actions)
    })
    .map_err(failed)
}

/// The agent of a seed where it is judged: at the first row that `env` shows, its memory warmed as `[eval]` says.
pub(crate) fn player<'a>(
    plan: &Plan,
    (seed, agent): (u64, &'a dyn Agent),
    env: &dyn BatchEnv,
    segment: Segment,
    stream: u64,
) -> Result<Player<'a>, AgentError> {
    let rng = RngTree::new(seed).child("eval").stream("policy", stream);
    let earliest = segment.start + plan.environment.window() as u32 - 1;
    Player::new(agent, env, (plan.eval.memory_warm_bars, earliest), plan.eval.mode, rng)
}

fn compare(
    plan: &Plan,
    world: &World,
    played: &[Played<'_>],
    baselines: &[Baseline],
) -> Result<Report, ExperimentError> {
    let benchmark = baselines.iter().find(|baseline| baseline.name == BENCHMARK);
    let [on_test, on_train] = [benchmark.map(|b| &b.test[0]), benchmark.map(|b| &b.train[0])];
    let test_of = |what: &str, record: &EpisodeRecord| measure(plan, &world.market, what, record, on_test);
    let train_of = |what: &str, record: &EpisodeRecord| measure(plan, &world.market, what, record, on_train);
    let mut runs = Vec::new();
    let mut agent_returns = Vec::new();
    let initial = baselines.iter().find(|baseline| baseline.name == INITIAL_ACCOUNT);
    for Played { trained, train, test, .. } in played {
        let what = format!("seed {}", trained.seed);
        let profits = [
            Profit::of(&net_worths(test), initial.map(|b| net_worths(&b.test[0])).as_deref()),
            Profit::of(&net_worths(train), initial.map(|b| net_worths(&b.train[0])).as_deref()),
        ];
        let (test, train) = (test_of(&what, test)?, train_of(&what, train)?);
        agent_returns.push(cumulative_return(&what, &test)?);
        let checkpoint = trained.checkpoint.to_string();
        let (test, train) = ((&test, profits[0]), (&train, profits[1]));
        runs.push(RunReport::new(trained.seed, trained.env_steps, trained.updates, checkpoint, test, train));
    }
    let mut reports = std::collections::BTreeMap::new();
    let mut compared = Vec::new();
    for baseline in baselines {
        let test = baseline.test.iter().map(|record| test_of(&baseline.name, record)).collect::<Result<Vec<_>, _>>()?;
        let train =
            baseline.train.iter().map(|record| train_of(&baseline.name, record)).collect::<Result<Vec<_>, _>>()?;
        let returns = test.iter().map(|t| cumulative_return(&baseline.name, t)).collect::<Result<Vec<_>, _>>()?;
        let (report, returns) = match baseline.kind {
            Kind::Random => {
                (BaselineReport::seeded(&baseline.summary, &test, &train), BaselineReturns::PerSeed(returns))
            }
            Kind::Passive | Kind::Constant | Kind::Rule => (
                BaselineReport::constant(&baseline.summary, &test[0], &train[0]),
                BaselineReturns::Constant(returns[0]),
            ),
        };
        reports.insert(baseline.name.clone(), report);
        compared.push(evaluation::Baseline { name: baseline.name.clone(), returns });
    }
    let collapsed = collapsed(&world.market, played, baselines);
    let agent: Vec<Vec<f64>> = played.iter().map(|p| net_worths(&p.test)).collect();
    let held: Vec<Vec<f64>> = on_test.map(net_worths).into_iter().collect();
    // An account that was ruined has fewer bars, and no returns that could be drawn again.
    let whole = !held.is_empty() && agent.iter().all(|path| path.len() == held[0].len());
    let seed = played.first().map_or(0, |p| p.trained.seed);
    let paths = Paths { agent: &agent, benchmark: &held, replicates: REPLICATES, seed };
    let judged = trials::judge(plan, world, &agent);
    let verdict = Verdict::of(&Evidence {
        collapsed: &collapsed,
        skill: judged.skill(),
        paths: whole.then_some(paths),
        ..Evidence::new(&agent_returns, &compared, BENCHMARK, test_span(world))
    });
    let verdict =
        verdict.map_err(|e| ExperimentError::Judge { what: "the comparison".into(), reason: e.to_string() })?;
    let (money, asset) = plan.environment.units();
    let subject = Subject {
        name: plan.name.clone(),
        config_hash: plan.config_hash().to_string(),
        data_hashes: world.data_hashes.clone(),
        money: money.into(),
        asset: asset.into(),
        notes: plan
            .notes()
            .into_iter()
            .chain(world.notes.iter().cloned())
            .chain(collapse_notes(played, &collapsed))
            .collect(),
    };
    Ok(Report { trials: Some(judged), ..Report::new(subject, runs, reports, verdict) })
}

/// Histories drawn anew for the interval over time.
const REPLICATES: usize = 2_000;
/// Share of the test bars at which a policy must hold what a constant one holds to count as collapsed to it.
const COLLAPSED_SHARE: f64 = 0.95;
/// Largest difference of exposure that counts as holding the same.
const SAME_EXPOSURE: f64 = 0.01;

/// For each seed the constant policy that it collapsed to on the test span: whatever actions it takes, it holds the same
/// share of its net worth in each asset.
fn collapsed(market: &Market, played: &[Played<'_>], baselines: &[Baseline]) -> Vec<Option<String>> {
    let constant = baselines.iter().filter(|b| b.kind == Kind::Constant);
    let constant: Vec<_> = constant.map(|b| (b.name.as_str(), weights(market, &b.test[0]))).collect();
    let like = |p: &Played<'_>| {
        let held = weights(market, &p.test);
        constant.iter().find(|(_, other)| same_weights(&held, other)).map(|(name, _)| (*name).to_owned())
    };
    played.iter().map(like).collect()
}

/// A sentence for each constant policy that seeds have collapsed to.
fn collapse_notes(played: &[Played<'_>], collapsed: &[Option<String>]) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = collapsed.iter().flatten().collect();
    let sentence = |name: &String| {
        let seeds = played.iter().zip(collapsed).filter(|(_, like)| like.as_ref() == Some(name));
        let seeds: Vec<String> = seeds.map(|(p, _)| p.trained.seed.to_string()).collect();
        let (some, all, percent) = (seeds.len(), played.len(), 100.0 * COLLAPSED_SHARE);
        let word = if some == 1 { "seed" } else { "seeds" };
        format!(
            "Collapsed to `{name}`: the same exposure at {percent} % of the test bars or more in {some} of {all} runs \
             ({word} {})",
            seeds.join(", ")
        )
    };
    names.into_iter().map(sentence).collect()
}

/// Whether two accounts held the same of each asset, `[N][T]`, at nearly all bars of the first.
fn same_weights(held: &[Vec<f64>], other: &[Vec<f64>]) -> bool {
    let bars = held.first().map_or(0, Vec::len);
    let alike =
        |t: &usize| held.iter().zip(other).all(|(a, b)| b.get(*t).is_some_and(|b| (a[*t] - b).abs() <= SAME_EXPOSURE));
    (0..bars).filter(alike).count() as f64 >= COLLAPSED_SHARE * bars as f64
}

fn test_span(world: &World) -> TestSpan {
    const DAY_NS: f64 = 86_400e9;
    let Segment { first, end, .. } = world.test;
    let times = &world.market.times;
    let ns = times[end as usize - 1] - times[first as usize];
    TestSpan { periods: (end - first - 1) as usize, days: ns as f64 / DAY_NS }
}

/// The metrics of an episode, some of them against the benchmark on the same span.
pub(crate) fn measure(
    plan: &Plan,
    market: &Market,
    what: &str,
    record: &EpisodeRecord,
    benchmark: Option<&EpisodeRecord>,
) -> Result<Evaluated, ExperimentError> {
    let times =
        |record: &EpisodeRecord| -> Vec<i64> { record.rows.iter().map(|r| market.times[*r as usize]).collect() };
    let curve = EquityCurve::new(
        times(record),
        record.ledgers.iter().map(|l| l.net_worth()).collect(),
        record.ledgers.iter().map(|l| l.holdings_value).collect(),
    );
    let curve = curve.map_err(|e| ExperimentError::Judge { what: what.into(), reason: e.to_string() })?;
    let trade = |fill: &pavlov_rl_core::Fill| TradeRecord {
        time: market.times[fill.row as usize],
        shares: fill.shares,
        price: fill.price,
        fee: fill.fee,
    };
    let trades: Vec<_> = record.fills.iter().map(trade).collect();
    let benchmark = benchmark.map(|record| (times(record), net_worths(record)));
    // One that was ruined gives no returns; the metrics say that there is none.
    let benchmark = benchmark.as_ref().and_then(|(times, worths)| Benchmark::new(times, worths).ok());
    let episode = Episode::new(&curve, &trades, plan.eval.risk_free);
    Ok(evaluate(&match &benchmark {
        Some(benchmark) => episode.against(benchmark),
        None => episode,
    }))
}

fn cumulative_return(what: &str, metrics: &Evaluated) -> Result<f64, ExperimentError> {
    metrics["cumulative_return"]
        .map_err(|reason| ExperimentError::Judge { what: what.into(), reason: format!("cumulative return: {reason}") })
}

fn write_tables(
    disk: &Arc<dyn Disk>,
    folder: &SeedFolder,
    (plan, world): (&Plan, &World),
    seed: &Played<'_>,
) -> Result<(), ExperimentError> {
    let spans = [("train", &seed.train), ("test", &seed.test)];
    write_atomic(&**disk, &folder.equity(), &tables::equity(&world.market, &world.training.spec().action, &spans)?)?;
    write_atomic(&**disk, &folder.fills(), &tables::fills(&world.market, &spans)?)?;
    if let Some(insight) = &seed.insight {
        write_atomic(&**disk, &folder.insight(), &insight::table(plan, world, insight)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_hold_other_assets_are_not_the_same_although_both_hold_all_they_have() {
        let all = |first: f64| vec![vec![first; 100], vec![1.0 - first; 100]];
        assert!(same_weights(&all(0.3), &all(0.305)));
        assert!(!same_weights(&all(0.3), &all(0.8)));
        let mut once = all(0.3);
        once[0][7] = 0.9;
        assert!(same_weights(&once, &all(0.3)), "a bar may differ");
        assert!(!same_weights(&all(0.3), &[vec![0.3; 10], vec![0.7; 10]]), "it ended early");
    }
}
