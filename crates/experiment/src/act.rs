//! What the agents of a finished run see and do at one bar.
//!
//! Weights and scaler are those of the run's final checkpoints; nothing is fitted. The bars are those of the run's data,
//! or of another file of the same format, and those behind the bar that is asked for are dropped first.

mod insight;
mod scene;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pavlov_market_data::{bars_of_file, load_dataset, write_time};
use pavlov_rl_core::{Action, ActionBatch, ActionSpec, Explanation};
use serde::Serialize;

use self::insight::Insight;
use self::scene::Scene;
use crate::artefact::Artefact;
use crate::error::ExperimentError;
use crate::hooks::Hooks;
use crate::judge::{TEST_STREAM, player};
use crate::plan::Plan;
use crate::run::{Options, load_data_by, open_plan};

/// Version of the format of [`Acted`].
const SCHEMA_VERSION: u32 = 1;

/// Which state is asked about, and who.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The bar known at this instant, UTC nanoseconds; `None`: the last one.
    pub at: Option<i64>,
    /// A file with bars in place of the run's own, in the format of its dataset.
    pub bars: Option<PathBuf>,
    /// One seed of the run; `None`: all of them.
    pub seed: Option<u64>,
}

/// Why there is no state to act in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// No bar belongs to the instant.
    #[error(
        "no bar of `{dataset}` is the one known at {at}: its bars are known from {first} to {last}; ask for an instant between, or leave it out for the last bar"
    )]
    Outside {
        /// Name of the dataset.
        dataset: String,
        /// The instant.
        at: String,
        /// When the first bar is known.
        first: String,
        /// When the last bar is known.
        last: String,
    },
    /// There are too few bars up to the one that is asked for.
    #[error("`{dataset}` has {bars} bars up to the one that is asked for, {needed} are needed (a warm-up of {warm_up} and a window of {window}){}", first.as_ref().map_or("; bring more of them".to_owned(), |first| format!("; the first bar that has as many is known from {first} on")))]
    TooLittle {
        /// Name of the dataset.
        dataset: String,
        /// Bars up to this one, this one included.
        bars: usize,
        /// Bars needed.
        needed: usize,
        /// Bars that the features need before they say anything.
        warm_up: usize,
        /// Bars that an observation shows.
        window: usize,
        /// When the first bar that has enough is known, if there is one.
        first: Option<String>,
    },
    /// The run has no such seed.
    #[error("the run has no seed {seed}; it has {first} to {last}")]
    NoSeed {
        /// The seed that is asked for.
        seed: u64,
        /// First seed of the run.
        first: u64,
        /// Its last seed.
        last: u64,
    },
}

/// What was seen and what each seed does, for people ([`Acted::text`]) and programs ([`Acted::json`]).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Acted {
    schema_version: u32,
    name: String,
    agent: String,
    environment: String,
    dataset: String,
    /// File that the bars came from, if not from the run's data.
    bars: Option<String>,
    bar: Bar,
    /// Columns of the last row that is seen.
    features: Vec<Feature>,
    /// Rows that are seen, the last one included.
    window: usize,
    account: Account,
    memory: Warmed,
    /// How actions are chosen, as in the run's evaluation.
    mode: pavlov_rl_core::ActMode,
    /// Names of the choices, or of the numbers of an action.
    actions: Vec<String>,
    seeds: Vec<Seed>,
    together: Together,
    notes: Vec<String>,
}

/// The bar that is decided at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    opens: String,
    /// Its close: from then on it is known.
    known_from: String,
    close: f64,
    /// Closes of what is traded, by dataset, if that is not the dataset itself.
    traded: BTreeMap<String, f64>,
}

/// A column of the observation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Feature {
    name: String,
    unscaled: f64,
    scaled: f32,
}

/// The account that the agents are told they have: that of the start of an episode.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    assumed: &'static str,
    money: String,
    cash: f64,
    holdings_value: f64,
    /// The numbers of the observation.
    seen: Vec<f32>,
}

/// What recurrent memory was warmed on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Warmed {
    /// `[eval] memory_warm_bars`.
    asked: u32,
    /// Bars that it was warmed on: fewer if there are not as many.
    bars: u32,
}

/// What one seed thinks and does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seed {
    seed: u64,
    updates: u64,
    checkpoint_hash: String,
    #[serde(flatten)]
    figures: Figures,
    #[serde(flatten)]
    insight: Insight,
    /// What it does.
    pub action: Chosen,
}

/// What a decision rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// By figure, a number for each name in `actions`.
    of_actions: BTreeMap<String, Vec<f32>>,
    /// By figure.
    of_state: BTreeMap<String, f32>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Chosen {
    /// Name of a choice.
    Choice(String),
    /// Numbers of an action.
    Numbers(Vec<f32>),
}

/// All seeds together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Together {
    /// Means over the seeds.
    #[serde(flatten)]
    figures: Figures,
    #[serde(flatten)]
    insight: Insight,
    /// How many seeds take each choice; empty if actions are numbers.
    votes: BTreeMap<String, usize>,
    /// Mean of the actions, if they are numbers.
    mean_action: Option<Vec<f32>>,
}

/// What the agents of the finished run `run` do in one state.
///
/// # Errors
/// [`ExperimentError::Unfinished`] if a seed is not trained to its end, [`ExperimentError::Act`] if there is no such bar,
/// too little before it or no such seed, and whatever is wrong with the data.
pub fn act(run: &Path, request: &Request, options: &Options, hooks: &Hooks<'_>) -> Result<Acted, ExperimentError> {
    let (folder, mut plan) = open_plan(run, options)?;
    let load = |seed| Artefact::load(&plan, seed, (run, &folder.seed(seed)), &options.disk);
    let artefacts = seeds(&plan, request.seed)?.into_iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let [first, ..] = &artefacts[..] else { unreachable!("a plan has at least one seed") };
    if request.bars.is_some() {
        // The file is all of the history.
        plan.data.continued_by.clear();
    }
    let own = |manifest: &_| load_dataset(manifest, &options.sources());
    let bars = |manifest: &pavlov_market_data::Manifest| match &request.bars {
        Some(file) if manifest.name() == plan.data.dataset => bars_of_file(manifest, file, &*options.disk),
        _ => own(manifest),
    };
    let plan_path = folder.plan();
    let (dataset, assets, series) = load_data_by(&plan, &|_| plan_path.clone(), &bars, options, hooks)?;
    let scene = Scene::at(&plan, (&dataset, &assets, &series), request.at, &first.scaler)?;
    let decided = artefacts.iter().map(|artefact| decide(&plan, &scene, artefact, options));
    let decided: Vec<(Seed, u32)> = decided.collect::<Result<_, _>>()?;
    let warmed = decided[0].1;
    let seeds = decided.into_iter().map(|(seed, _)| seed).collect();
    Ok(acted(&plan, request, scene, seeds, warmed))
}

fn seeds(plan: &Plan, asked: Option<u64>) -> Result<Vec<u64>, ActError> {
    let all: Vec<u64> = plan.seeds().collect();
    match asked {
        None => Ok(all),
        Some(seed) if all.contains(&seed) => Ok(vec![seed]),
        Some(seed) => Err(ActError::NoSeed { seed, first: all[0], last: all[all.len() - 1] }),
    }
}

/// One seed in the scene; also the bars that its memory was warmed on.
fn decide(plan: &Plan, scene: &Scene, artefact: &Artefact, options: &Options) -> Result<(Seed, u32), ExperimentError> {
    let seed = artefact.seed;
    if artefact.scaler != scene.scaler {
        return Err(ExperimentError::checkpoint(
            seed,
            "its features were scaled otherwise than those of the other seeds",
        ));
    }
    let env = scene.env(seed);
    let agent = artefact.agent(plan, env.spec(), &options.device)?;
    let failed = |source| ExperimentError::Agent { seed, source };
    let mut player = player(plan, (seed, &*agent), &*env, scene.segment, TEST_STREAM).map_err(failed)?;
    let explanation = agent.explain(env.observations(), player.memory()).map_err(failed)?;
    let insight = Insight::of(&explanation, &scene.features, &scene.scaler);
    let Explanation { of_actions, of_state, .. } = explanation;
    let mut actions = ActionBatch::new(&env.spec().action, 1);
    player.decide(env.observations(), &mut actions).map_err(failed)?;
    let figures = Figures {
        of_actions: of_actions.into_iter().map(|(name, numbers)| (name.to_owned(), numbers)).collect(),
        of_state: of_state.into_iter().map(|(name, number)| (name.to_owned(), number)).collect(),
    };
    let action = chosen(&env.spec().action, actions.at(0));
    let (updates, checkpoint_hash) = (artefact.updates, artefact.hash.to_string());
    Ok((Seed { seed, updates, checkpoint_hash, figures, insight, action }, player.warmed()))
}

fn chosen(spec: &ActionSpec, action: Action<'_>) -> Chosen {
    match (spec, action) {
        (ActionSpec::Discrete { names }, Action::Discrete(choice)) => Chosen::Choice(names[choice as usize].to_owned()),
        (_, Action::Continuous(numbers)) => Chosen::Numbers(numbers.to_vec()),
        (_, Action::Discrete(choice)) => unreachable!("choice {choice} where actions are numbers"),
    }
}

fn acted(plan: &Plan, request: &Request, scene: Scene, seeds: Vec<Seed>, warmed: u32) -> Acted {
    let env = scene.env(seeds[0].seed);
    let mut ledgers = Vec::new();
    env.ledgers(&mut ledgers);
    let account = Account {
        assumed: "fresh",
        money: plan.environment.units().0.to_owned(),
        cash: ledgers[0].cash,
        holdings_value: ledgers[0].holdings_value,
        seen: env.observations().account(0).to_vec(),
    };
    let actions = match &env.spec().action {
        ActionSpec::Discrete { names } => names.iter().map(|name| (*name).to_owned()).collect(),
        ActionSpec::Continuous { low, .. } if low.len() == 1 => vec!["action".to_owned()],
        ActionSpec::Continuous { low, .. } => (0..low.len()).map(|i| format!("action {i}")).collect(),
    };
    let [known_ns, opens_ns] = [scene.time_ns, scene.time_ns - scene.interval_ns];
    let traded = plan.data.assets.iter().cloned().zip(scene.closes.iter().copied());
    Acted {
        schema_version: SCHEMA_VERSION,
        name: plan.name.clone(),
        agent: plan.agent.name().to_owned(),
        environment: plan.environment.name().to_owned(),
        dataset: plan.data.dataset.clone(),
        bars: request.bars.as_ref().map(|file| file.display().to_string()),
        bar: Bar {
            opens: write_time(opens_ns),
            known_from: write_time(known_ns),
            close: scene.close,
            traded: traded.collect(),
        },
        features: scene.features,
        window: plan.environment.window(),
        account,
        memory: Warmed { asked: plan.eval.memory_warm_bars, bars: warmed },
        mode: plan.eval.mode,
        actions,
        together: Together::of(&seeds),
        seeds,
        notes: plan.notes(),
    }
}

impl Acted {
    /// Each seed, in their order.
    pub fn seeds(&self) -> &[Seed] {
        &self.seeds
    }

    /// For programs.
    ///
    /// # Errors
    /// [`ExperimentError::Encode`].
    pub fn json(&self) -> Result<String, ExperimentError> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|e| ExperimentError::Encode { what: "the decisions", reason: e.to_string() })?;
        Ok(text + "\n")
    }

    /// For people.
    pub fn text(&self) -> String {
        text::text(self)
    }
}

impl Together {
    fn of(seeds: &[Seed]) -> Self {
        let mean = |number: &dyn Fn(&Seed) -> f32| {
            (seeds.iter().map(|seed| f64::from(number(seed))).sum::<f64>() / seeds.len() as f64) as f32
        };
        let Figures { of_actions, of_state } = &seeds[0].figures;
        let of_actions = of_actions.iter().map(|(name, numbers)| {
            let means = (0..numbers.len()).map(|i| mean(&|seed| seed.figures.of_actions[name][i]));
            (name.clone(), means.collect())
        });
        let of_state = of_state.keys().map(|name| (name.clone(), mean(&|seed| seed.figures.of_state[name])));
        let figures = Figures { of_actions: of_actions.collect(), of_state: of_state.collect() };
        let mut votes = BTreeMap::new();
        for seed in seeds {
            if let Chosen::Choice(name) = &seed.action {
                *votes.entry(name.clone()).or_default() += 1;
            }
        }
        let number = |seed: &Seed, i: usize| match &seed.action {
            Chosen::Numbers(numbers) => numbers[i],
            Chosen::Choice(_) => f32::NAN,
        };
        let mean_action = match &seeds[0].action {
            Chosen::Choice(_) => None,
            Chosen::Numbers(numbers) => Some((0..numbers.len()).map(|i| mean(&|seed| number(seed, i))).collect()),
        };
        let insight = Insight::mean(&seeds.iter().map(|seed| &seed.insight).collect::<Vec<_>>());
        Self { figures, insight, votes, mean_action }
    }
}
