//! What every agent is compared with: passive investors, each constant action, two rules of moving averages, a random
//! policy. All of them are causal: functions of the bars up to the decision.

mod averages;

use pavlov_envs::BatchFactory;
use pavlov_rl_core::{ActionBatch, ActionSpec, Fill, Ledger, RngTree, Segment, below};

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
    if let ActionSpec::Discrete { names } = &world.test_span.spec().action {
        for (choice, name) in names.iter().enumerate() {
            baselines.push(Baseline {
                name: format!("always {name}"),
                summary: format!("takes the action `{name}` at every bar"),
                train: vec![constant(&*world.train_span, choice as u32)],
                test: vec![constant(&*world.test_span, choice as u32)],
                kind: Kind::Constant,
            });
        }
        baselines.extend(rules(plan, world));
        let n = names.len() as u32;
        let record = |span: &dyn BatchFactory, stream| plan.seeds().map(|seed| random(span, n, seed, stream)).collect();
        baselines.push(Baseline {
            name: "random".into(),
            summary: "draws every action with the same probability, one run a seed".into(),
            train: record(&*world.train_span, 0),
            test: record(&*world.test_span, 1),
            kind: Kind::Random,
        });
    }
    Ok(baselines)
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

/// Trend following and mean reversion, where the game has two sides of one asset.
fn rules(plan: &Plan, world: &World) -> Vec<Baseline> {
    let Some(sides) = plan.environment.sides().filter(|_| world.market.prices.assets == 1) else { return Vec::new() };
    let closes = &world.market.prices.close;
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
    EpisodeRecord::of_books((segment.first..segment.end).collect(), ledgers, fills)
}

fn constant(span: &dyn BatchFactory, choice: u32) -> EpisodeRecord {
    let env = span.batch(0..1, &RngTree::new(0));
    let Ok(record) = play(env, |_, actions| {
        set(actions, choice);
        Ok::<_, std::convert::Infallible>(())
    });
    record
}

fn random(span: &dyn BatchFactory, n: u32, seed: u64, stream: u64) -> EpisodeRecord {
    let mut rng = RngTree::new(seed).child("baseline").stream("policy", stream);
    let env = span.batch(0..1, &RngTree::new(0));
    let Ok(record) = play(env, |_, actions| {
        set(actions, below(&mut rng, n));
        Ok::<_, std::convert::Infallible>(())
    });
    record
}

fn set(actions: &mut ActionBatch, choice: u32) {
    if let ActionBatch::Discrete(choices) = actions {
        choices.fill(choice);
    }
}
