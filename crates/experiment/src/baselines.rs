//! What every agent is compared with: passive investors, each constant action, a random policy.

use pavlov_envs::BatchFactory;
use pavlov_rl_core::{ActionBatch, ActionSpec, Fill, Ledger, RngTree, Segment, below};

use crate::episode::{EpisodeRecord, play};
use crate::error::ExperimentError;
use crate::plan::Plan;
use crate::world::World;

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

fn record(segment: Segment, ledgers: Vec<Ledger>, fills: Vec<Fill>) -> EpisodeRecord {
    EpisodeRecord { rows: (segment.first..segment.end).collect(), ledgers, fills }
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
