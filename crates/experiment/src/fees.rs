//! The fee sweep: what commission leaves of the agents and of the benchmark.
//!
//! Every trained agent plays the test span anew in the plan's environment with nothing but the commission replaced. It
//! decides by what it sees, and its account differs with the commission, so its trades may too.

use std::collections::BTreeMap;

use pavlov_envs::{Commission, EnvironmentConfig, EpisodeMode};
use pavlov_evaluation::Summary;
use pavlov_rl_core::Segment;
use serde::{Deserialize, Serialize};

use crate::baselines::BENCHMARK;
use crate::episode::EpisodeRecord;
use crate::error::ExperimentError;
use crate::judge::{measure, play_agent};
use crate::plan::Plan;
use crate::report::{MetricValues, Report};
use crate::train::Trained;
use crate::world::World;

/// Commissions that every report sweeps, as fractions of the traded value: none, 0.1 % and 0.2 %.
pub const RATES: [f64; 3] = [0.0, 0.001, 0.002];

/// What different commissions leave on the test span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeeSweep {
    /// One row a commission, the lowest first; one of them is the plan's own.
    pub rows: Vec<FeeRow>,
    /// Commission at which the agent's mean return falls to the benchmark's, as a fraction of the traded value:
    /// linear between the two rows around it. `None` if the sign does not change inside the sweep.
    pub break_even: Option<f64>,
    /// The same in words.
    pub sentence: String,
}

/// What one commission leaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeeRow {
    /// Commission as a fraction of the traded value.
    pub commission: f64,
    /// Whether it is the plan's own.
    pub own: bool,
    /// Whether it has a part per share or a minimum besides; only the plan's own may.
    pub other_parts: bool,
    /// The agent's return over the seeds, as a fraction.
    pub returns: Summary,
    /// The agent's Sharpe ratio a year over the seeds.
    pub sharpe: Summary,
    /// Return of the benchmark, as a fraction.
    pub benchmark_return: Option<f64>,
    /// Sharpe ratio a year of the benchmark.
    pub benchmark_sharpe: Option<f64>,
    /// The agent's mean return less the benchmark's, as a fraction.
    pub edge: Option<f64>,
}

impl FeeRow {
    /// Joins the metrics of the agent's seeds and those of the benchmark.
    pub(crate) fn new(commission: Commission, own: bool, agent: &[MetricValues], benchmark: &MetricValues) -> Self {
        let of = |name: &str| Summary::of(agent.iter().filter_map(|metrics| metrics.get(name).copied().flatten()));
        let held = |name: &str| benchmark.get(name).copied().flatten();
        let (returns, benchmark_return) = (of("cumulative_return"), held("cumulative_return"));
        Self {
            commission: commission.proportional,
            own,
            other_parts: commission != Commission::proportional(commission.proportional),
            returns,
            sharpe: of("sharpe"),
            benchmark_return,
            benchmark_sharpe: held("sharpe"),
            edge: returns.mean.zip(benchmark_return).map(|(agent, held)| agent - held),
        }
    }
}

impl FeeSweep {
    /// Puts rows in order and looks for the break-even among those without a part per share or a minimum.
    pub(crate) fn new(mut rows: Vec<FeeRow>) -> Self {
        rows.sort_by(|a, b| a.commission.total_cmp(&b.commission).then(a.other_parts.cmp(&b.other_parts)));
        let edges: Vec<(f64, f64)> =
            rows.iter().filter(|row| !row.other_parts).filter_map(|row| Some((row.commission, row.edge?))).collect();
        let crossing = edges.windows(2).find(|pair| pair[0].1 > 0.0 && pair[1].1 <= 0.0);
        let break_even = crossing.map(|pair| {
            let [(low, above), (high, below)] = [pair[0], pair[1]];
            low + (high - low) * above / (above - below)
        });
        let sentence = sentence(&edges, break_even);
        Self { rows, break_even, sentence }
    }

    /// The row of the plan's own commission.
    pub fn own(&self) -> Option<&FeeRow> {
        self.rows.iter().find(|row| row.own)
    }
}

fn sentence(edges: &[(f64, f64)], break_even: Option<f64>) -> String {
    let percent = |fraction: f64| format!("{} %", (1e6 * fraction).round() / 1e4);
    let Some(((lowest, first), (highest, last))) = edges.first().copied().zip(edges.last().copied()) else {
        return format!("No return can be compared with that of {BENCHMARK}.");
    };
    match break_even {
        Some(rate) => format!(
            "The agent's mean return falls to that of {BENCHMARK} at a commission of about {} of the traded value \
             (linear between the commissions that were played).",
            percent(rate)
        ),
        None if first <= 0.0 && last <= 0.0 => format!(
            "Costs do not decide: the agent's mean return is not above that of {BENCHMARK} at a commission of {} either.",
            percent(lowest)
        ),
        None if first > 0.0 => format!(
            "The agent's mean return stays above that of {BENCHMARK} up to a commission of {}.",
            percent(highest)
        ),
        None => format!(
            "The agent's mean return is above that of {BENCHMARK} at a commission of {} but not at {}: {BENCHMARK} loses \
             more by costs than the agent.",
            percent(highest),
            percent(lowest)
        ),
    }
}

/// Plays the test span with every commission of [`RATES`]; the plan's own row is what `report` already has.
///
/// # Errors
/// [`ExperimentError`] if the environment refuses a commission or an agent fails.
pub fn sweep(plan: &Plan, world: &World, trained: &[Trained], report: &Report) -> Result<FeeSweep, ExperimentError> {
    let own = plan.environment.commission();
    let metrics: Vec<MetricValues> = report.runs.iter().map(|run| run.metrics.clone()).collect();
    let none = BTreeMap::new();
    let held = report.baselines.get(BENCHMARK).map_or(&none, |baseline| &baseline.metrics);
    let mut rows = vec![FeeRow::new(own, true, &metrics, held)];
    for commission in RATES.map(Commission::proportional).into_iter().filter(|rate| *rate != own) {
        rows.push(played(plan, world, trained, commission)?);
    }
    Ok(FeeSweep::new(rows))
}

fn played(plan: &Plan, world: &World, trained: &[Trained], commission: Commission) -> Result<FeeRow, ExperimentError> {
    let environment = plan.environment.with_commission(commission);
    let refused = |source| ExperimentError::Environment { key: "environment.commission", source };
    let span = environment.build(world.market.clone(), &[world.test], EpisodeMode::Whole).map_err(refused)?;
    let values = |what: &str, record: &EpisodeRecord| -> Result<MetricValues, ExperimentError> {
        let measured = measure(plan, &world.market, what, record, None)?;
        Ok(measured.iter().map(|(name, metric)| ((*name).to_owned(), metric.ok())).collect())
    };
    let agent = |trained: &Trained| {
        let record = play_agent(plan, trained, &*span, world.test, 1)?;
        values(&format!("seed {} with another commission", trained.seed), &record)
    };
    let agents = trained.iter().map(agent).collect::<Result<Vec<_>, _>>()?;
    let held = benchmark(&*environment, world, world.test).map_err(refused)?;
    let held = held.map_or(Ok(BTreeMap::new()), |record| values(BENCHMARK, &record))?;
    Ok(FeeRow::new(commission, false, &agents, &held))
}

/// The books of the benchmark under the rules of `environment`.
fn benchmark(
    environment: &dyn EnvironmentConfig,
    world: &World,
    segment: Segment,
) -> Result<Option<EpisodeRecord>, pavlov_envs::EnvError> {
    let investors = environment.passive(&world.market, segment)?;
    let held = investors.into_iter().find(|investor| investor.name == BENCHMARK);
    Ok(held.map(|held| EpisodeRecord {
        rows: (segment.first..segment.end).collect(),
        ledgers: held.ledgers,
        fills: held.fills,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(commission: f64, edge: f64) -> FeeRow {
        let metrics = |total: f64| MetricValues::from([("cumulative_return".to_owned(), Some(total))]);
        let agent = [metrics(0.1 + edge), metrics(0.1 + edge)];
        FeeRow::new(Commission::proportional(commission), commission == 0.001, &agent, &metrics(0.1))
    }

    #[test]
    fn the_break_even_lies_on_the_line_between_the_rows_around_it() {
        let sweep = FeeSweep::new(vec![row(0.002, -0.06), row(0.0, 0.03), row(0.001, 0.02)]);
        assert_eq!(sweep.rows.iter().map(|row| row.commission).collect::<Vec<_>>(), [0.0, 0.001, 0.002]);
        assert!((sweep.break_even.unwrap() - 0.00125).abs() < 1e-12, "{sweep:?}");
        assert!(sweep.sentence.contains("about 0.125 % of the traded value (linear between"), "{}", sweep.sentence);
        assert!((sweep.own().unwrap().edge.unwrap() - 0.02).abs() < 1e-12);
    }

    #[test]
    fn without_a_change_of_sign_there_is_no_break_even_and_the_sentence_says_which_way() {
        for (edges, says) in [([0.03, 0.02, 0.01], "stays above"), ([-0.01, -0.02, -0.03], "Costs do not decide")] {
            let sweep = FeeSweep::new((0..3).map(|i| row(RATES[i], edges[i])).collect());
            assert!(sweep.break_even.is_none() && sweep.sentence.contains(says), "{}", sweep.sentence);
        }
        let sweep = FeeSweep::new((0..3).map(|i| row(RATES[i], [-0.02, -0.01, 0.01][i])).collect());
        assert!(sweep.break_even.is_none() && sweep.sentence.contains("loses more by costs"), "{}", sweep.sentence);
    }

    #[test]
    fn a_commission_with_other_parts_is_shown_and_not_interpolated() {
        let own = Commission { minimum: 5.0, ..Commission::proportional(0.0005) };
        let odd = FeeRow { other_parts: own != Commission::proportional(0.0005), own: true, ..row(0.0005, -0.5) };
        let sweep = FeeSweep::new(vec![odd, row(0.0, 0.03), row(0.002, -0.03)]);
        assert_eq!((sweep.rows.len(), sweep.own().map(|row| row.commission)), (3, Some(0.0005)));
        assert!((sweep.break_even.unwrap() - 0.001).abs() < 1e-12);
    }
}
