//! What every agent is compared with: passive investors, each constant action, two rules of moving averages, a random
//! policy. All of them are causal: functions of the bars up to the decision.

mod averages;

use pavlov_envs::BatchFactory;
use pavlov_rl_core::{Action, ActionBatch, ActionSpec, Fill, Ledger, Rng, RngTree, Segment, below, uniform_f32};

use crate::episode::{EpisodeRecord, play};
use crate::error::ExperimentError;
use crate::plan::Plan;
use crate::world::World;

pub use averages::{Rule, Windows};

/// The baseline that the verdict is about.
pub const BENCHMARK: &str = "buy & hold";
/// The baseline that relative profits are measured against: the initial account, kept as it is.
pub const INITIAL_ACCOUNT: &str = "initial account";

/// A policy without learning and its books on both spans.
pub struct Baseline {
    /// Name in the report.
    pub name: String,
    /// What it does, in one sentence.
    pub summary: String,
    /// Books on the training span: one record, or one a seed if it draws.
    pub train: Vec<EpisodeRecord>,
    /// Books on the test span, likewise.
    pub test: Vec<EpisodeRecord>,
    /// How it decides.
    pub kind: Kind,
}

/// How a baseline decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Once, at the first bar.
    Passive,
    /// The same at every bar.
    Constant,
    /// At every bar, by the closes that are known.
    Rule,
    /// By drawing; one record a seed.
    Random,
}

/// Plays all baselines on both spans.
///
/// # Errors
/// [`ExperimentError::Environment`] if the prices make no game.
pub fn all(plan: &Plan, world: &World) -> Result<Vec<Baseline>, ExperimentError> {
    let mut baselines = passive(plan, world)?;
    let spec = &world.test_span.spec().action;
    for (name, action) in constants(spec) {
        baselines.push(Baseline {
            name: format!("always {name}"),
            summary: format!("takes the action `{name}` at every bar"),
            train: vec![constant(&*world.train_span, action.at(0))],
            test: vec![constant(&*world.test_span, action.at(0))],
            kind: Kind::Constant,
        });
    }
    baselines.extend(rules(plan, world));
    let record = |span: &dyn BatchFactory, stream| plan.seeds().map(|seed| random(span, spec, seed, stream)).collect();
    let draws = match spec {
        ActionSpec::Discrete { .. } => "draws every action with the same probability, one run a seed",
        ActionSpec::Continuous { .. } => "draws every number of the action evenly between its bounds, one run a seed",
    };
    baselines.push(Baseline {
        name: "random".into(),
        summary: draws.into(),
        train: record(&*world.train_span, 0),
        test: record(&*world.test_span, 1),
        kind: Kind::Random,
    });
    Ok(baselines)
}

/// The actions that are taken at every bar, with their names: each choice; or, of numbers, the first at its lowest, in the
/// middle and at its highest, with all others at their highest.
fn constants(spec: &ActionSpec) -> Vec<(String, ActionBatch)> {
    match spec {
        ActionSpec::Discrete { names } => {
            let choices = names.iter().zip(0..);
            choices.map(|(name, choice)| ((*name).to_owned(), ActionBatch::Discrete(vec![choice]))).collect()
        }
        ActionSpec::Continuous { low, high } => {
            let of = |first: f32| {
                let values: Vec<f32> = std::iter::once(first).chain(high[1..].iter().copied()).collect();
                let name = values.iter().map(f32::to_string).collect::<Vec<_>>().join(", ");
                (name, ActionBatch::Continuous { width: values.len(), values })
            };
            [low[0], 0.5 * (low[0] + high[0]), high[0]].map(of).into()
        }
    }
}

fn passive(plan: &Plan, world: &World) -> Result<Vec<Baseline>, ExperimentError> {
    let books = |segment: Segment| plan.environment.passive(&world.market, segment);
    let books = |key, segment| books(segment).map_err(|source| ExperimentError::Environment { key, source });
    let pairs = books("data.train", world.train)?.into_iter().zip(books("data.test", world.test)?);
    let baseline = |(train, test): (pavlov_envs::Passive, pavlov_envs::Passive)| Baseline {
        name: test.name.into(),
        summary: test.summary.into(),
        train: vec![record(world.train, train.ledgers, train.fills)],
        test: vec![record(world.test, test.ledgers, test.fills)],
        kind: Kind::Passive,
    };
    Ok(pairs.map(baseline).collect())
}

/// Trend following and mean reversion by the closes of the first asset, where the game has two sides of it.
fn rules(plan: &Plan, world: &World) -> Vec<Baseline> {
    let Some(sides) = plan.environment.sides() else { return Vec::new() };
    let prices = &world.market.prices;
    let closes: Vec<f64> = prices.close.iter().step_by(prices.assets).copied().collect();
    let closes = &closes[..];
    let rule = |rule: Rule| {
        let windows = rule.choose(&*world.train_span, closes, sides, sharpe);
        Baseline {
            name: rule.name().into(),
            summary: rule.summary(windows),
            train: vec![rule.play(&*world.train_span, closes, sides, windows)],
            test: vec![rule.play(&*world.test_span, closes, sides, windows)],
            kind: Kind::Rule,
        }
    };
    [Rule::TrendFollowing, Rule::MeanReversion].map(rule).into()
}

/// Mean over deviation of the returns; bars of one length need no factor to be ranked.
fn sharpe(record: &EpisodeRecord) -> Option<f64> {
    let worth: Vec<f64> = record.ledgers.iter().map(Ledger::net_worth).collect();
    let returns: Vec<f64> = worth.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let variance = returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / n;
    Some(mean / variance.sqrt()).filter(|sharpe| sharpe.is_finite())
}

fn record(segment: Segment, ledgers: Vec<Ledger>, fills: Vec<Fill>) -> EpisodeRecord {
    EpisodeRecord { rows: (segment.first..segment.end).collect(), ledgers, fills }
}

fn constant(span: &dyn BatchFactory, action: Action<'_>) -> EpisodeRecord {
    let env = span.batch(0..1, &RngTree::new(0));
    let Ok(record) = play(env, |_, actions| {
        set(actions, action);
        Ok::<_, std::convert::Infallible>(())
    });
    record
}

fn random(span: &dyn BatchFactory, spec: &ActionSpec, seed: u64, stream: u64) -> EpisodeRecord {
    let mut rng = RngTree::new(seed).child("baseline").stream("policy", stream);
    let env = span.batch(0..1, &RngTree::new(0));
    let Ok(record) = play(env, |_, actions| {
        draw(actions, spec, &mut rng);
        Ok::<_, std::convert::Infallible>(())
    });
    record
}

/// Draws one action.
fn draw(actions: &mut ActionBatch, spec: &ActionSpec, rng: &mut Rng) {
    match (actions, spec) {
        (ActionBatch::Discrete(choices), ActionSpec::Discrete { names }) => {
            choices.fill(below(rng, names.len() as u32))
        }
        (ActionBatch::Continuous { values, .. }, ActionSpec::Continuous { low, high }) => {
            for (value, (low, high)) in values.iter_mut().zip(low.iter().zip(high)) {
                *value = (low + (high - low) * uniform_f32(rng)).clamp(*low, *high);
            }
        }
        _ => unreachable!("the room for actions was made by their specification"),
    }
}

/// Takes one action for every copy.
fn set(actions: &mut ActionBatch, action: Action<'_>) {
    match (actions, action) {
        (ActionBatch::Discrete(choices), Action::Discrete(choice)) => choices.fill(choice),
        (ActionBatch::Continuous { width, values }, Action::Continuous(row)) => {
            values.chunks_exact_mut(*width).for_each(|value| value.copy_from_slice(row));
        }
        _ => unreachable!("actions are of the environment's kind"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use pavlov_market_data::{Dataset, Manifest, Sources, load_dataset};
    use pavlov_store::OsDisk;

    use super::*;
    use crate::world;

    fn bars(name: &str, seed: u32) -> Dataset {
        let text = format!(
            "schema_version = 1\nname = \"{name}\"\nsummary = \"made up\"\nsource = \"generated\"\nsymbol = \"{name}\"\n\
             interval = \"1h\"\nadjustment = \"none\"\nspan = [\"2018-01-01\", \"2018-03-01\"]\n\
             sources = [\"provider\"]\n[provider]\nname = \"synthetic\"\nseed = {seed}\nstart_price = 100.0\n\
             mean_volume = 10.0\n[provider.mode.martingale]\nvolatility = 0.002\n"
        );
        let manifest = Manifest::parse(&text, Path::new("made-up.toml")).unwrap();
        load_dataset(&manifest, &Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: None }).unwrap()
    }

    /// All baselines of an environment that trades these assets.
    fn baselines(environment: &str, assets: &[&str]) -> (Vec<Baseline>, World) {
        let config = format!(
            "name = \"continuous\"\n[data]\ndataset = \"market\"\nassets = {assets:?}\n\
             train = [\"2018-01-05\", \"2018-02-01\"]\ntest = [\"2018-02-01\", \"2018-02-15\"]\n\
             [features]\ncolumns = [\"returns\"]\n[environment]\n{environment}\n[agent]\nname = \"lstm_ppo\"\n\
             [runs]\nnum = 2\n"
        );
        let plan = Plan::parse(Path::new("continuous.toml"), &config, &[]).unwrap_or_else(|e| panic!("{e}"));
        let assets: Vec<Dataset> = assets.iter().zip(2..).map(|(name, seed)| bars(name, seed)).collect();
        let world = world::build(&plan, &bars("market", 1), &assets, &[]).unwrap_or_else(|e| panic!("{e}"));
        (all(&plan, &world).unwrap_or_else(|e| panic!("{e}")), world)
    }

    fn named<'a>(baselines: &'a [Baseline], name: &str) -> &'a Baseline {
        let names: Vec<&str> = baselines.iter().map(|b| b.name.as_str()).collect();
        baselines.iter().find(|b| b.name == name).unwrap_or_else(|| panic!("no `{name}` among {names:?}"))
    }

    #[test]
    fn target_weights_have_constants_at_both_ends_and_in_the_middle_rules_and_a_random_policy() {
        let (baselines, world) = baselines("name = \"long_short\"\naction = \"target_weight\"", &[]);
        for name in ["always -1", "always 0", "always 1", "trend following", "mean reversion"] {
            let record = &named(&baselines, name).test[0];
            assert_eq!(record.ledgers.len(), (world.test.end - world.test.first) as usize, "{name}");
        }
        assert!(named(&baselines, "always 0").test[0].fills.is_empty());
        let long = &named(&baselines, "always 1").test[0].ledgers;
        assert!(long[1..].iter().all(|l| l.holdings_value > 0.9 * l.net_worth()));
        let short = &named(&baselines, "always -1").test[0].ledgers;
        assert!(short[1..].iter().all(|l| l.holdings_value < 0.0));
        let weights = |name: &str| named(&baselines, name).test[0].ledgers.iter().map(|l| l.holdings_value > 0.0);
        let opposed = weights("trend following").zip(weights("mean reversion")).skip(1).collect::<Vec<_>>();
        assert!(opposed.contains(&(true, false)) && opposed.contains(&(false, true)), "the rules take sides");
    }

    #[test]
    fn two_funds_have_a_share_for_the_first_from_none_to_all() {
        let environment = "name = \"leverage_inverse\"\nstop_loss_frac = 1.0";
        let (baselines, _) = baselines(environment, &["leveraged", "inverse"]);
        let last = |name: &str| named(&baselines, name).test[0].ledgers.last().unwrap().net_worth();
        for (constant, investor) in [("always 0", "all inverse"), ("always 1", "buy & hold")] {
            // All money in one fund stays there, whatever is asked for again.
            assert!((last(constant) / last(investor) - 1.0).abs() < 1e-3, "{constant}");
        }
        assert!(named(&baselines, "always 0.5").test[0].fills.len() > 2, "the share is kept by trading");
        assert!(named(&baselines, "trend following").test[0].fills.len() > 2);
    }

    #[test]
    fn types_and_amounts_have_the_three_orders_and_every_seed_draws_its_own() {
        let environment = "name = \"stock_order\"\nactions = \"type_and_amount\"";
        let (baselines, world) = baselines(environment, &[]);
        let held = |name: &str| named(&baselines, name).test[0].ledgers.iter().map(|l| l.holdings_value).sum::<f64>();
        assert!(held("always 0, 1") > 0.0, "buys");
        assert_eq!((held("always 1.5, 1"), held("always 3, 1")), (0.0, 0.0), "sells nothing, holds nothing");
        let random = &named(&baselines, "random").test;
        assert!(random.len() == 2 && random[0] != random[1] && !random[0].fills.is_empty());
        let fills = random[0].fills.iter().filter(|fill| fill.shares != 0.0);
        assert!(fills.count() > world.test.end as usize / 20, "it draws at every bar");
    }
}
