//! The look-ahead audit of a config: data, features, scaling and environment with another future.
//!
//! Everything known at the close of a row is computed twice, from the data as they are and from data whose rows behind
//! it are perturbed, replaced by another market, or gone, and compared bit for bit. Cuts lie at random rows of both
//! spans and next to their ends. A second check begins the history later: after its warm-up a column must not notice.
//!
//! What is no leak but must be believed is listed: an [`Audit`] says its assumptions.

mod futures;
mod scaler;
#[cfg(test)]
mod tests;
mod text;
mod warm_up;

use std::path::Path;
use std::sync::Arc;

use pavlov_audit::{Clock, FillTiming, Findings, Game, Survey, survey};
use pavlov_envs::{EpisodeMode, FillRule};
use pavlov_features::Scaling;
use pavlov_market_data::{Adjustment, Bars, Dataset};
use pavlov_rl_core::{Market, RngTree, Segment};

use crate::error::ExperimentError;
use crate::hooks::{Event, Hooks};
use crate::matrix;
use crate::plan::Plan;
use crate::run::{self, Options, manifest_path};
use crate::series::LoadedSeries;
use crate::world::{self, Stages};
use futures::Futures;
use scaler::Fitted;

pub use pavlov_audit::{Check, Count, Difference, Leak, Shown};
pub use warm_up::WarmUp;

/// Cuts at random rows of each game; those next to the ends of its span come on top.
const CUTS: usize = 40;

/// What an audit found.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Name of the experiment.
    pub name: String,
    /// Games and their cuts, in the order of the checks.
    pub games: Vec<(&'static str, usize)>,
    /// How much was compared, and what leaks.
    pub findings: Findings,
    /// How far each column depends on where the history begins.
    pub warm_ups: Vec<WarmUp>,
    /// What no check of the data can show and a reader must believe.
    pub assumptions: Vec<String>,
    /// Close of each row, UTC ns.
    times: Vec<i64>,
}

impl Audit {
    /// Whether nothing looks ahead.
    pub fn is_clean(&self) -> bool {
        self.findings.is_clean()
    }

    /// The result as a table for a terminal.
    pub fn table(&self) -> String {
        text::table(self)
    }
}

/// Audits a config: every cell of a matrix that differs from the others in data, features or environment, named by its labels.
///
/// # Errors
/// [`ExperimentError`]; leaks are in the result.
pub fn config(
    config: &Path,
    overrides: &[String],
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<Vec<Audit>, ExperimentError> {
    let plans = matrix::distinct_games(config, overrides, options, hooks)?;
    plans.into_iter().map(|cell| plan(cell, options, hooks)).collect()
}

/// The results of several cells for a terminal, one after the other, with a line for all of them.
pub fn tables(audits: &[Audit]) -> String {
    let all: Vec<String> = audits.iter().map(Audit::table).collect();
    let clean = audits.iter().filter(|audit| audit.is_clean()).count();
    let line = match audits.len() {
        1 => String::new(),
        n => format!("\n{clean} of {n} cells that differ in data, features or environment are clean\n"),
    };
    all.join("\n") + &line
}

/// Audits a plan, whose features and environment may be ones of your own.
///
/// # Errors
/// [`ExperimentError`]; leaks are in the result.
pub fn plan(mut plan: Plan, options: &Options, hooks: &Hooks<'_>) -> Result<Audit, ExperimentError> {
    run::add_manifests(&mut plan, &|key, dataset| run::read_manifest(key, dataset, options))?;
    let (dataset, assets, series) = run::load_data(&plan, &|dataset| manifest_path(dataset, options), options, hooks)?;
    audit(&plan, &plan, (&dataset, &assets, &series), hooks)
}

/// The three ways in which an experiment plays.
const GAMES: [(&str, EpisodeMode); 3] = [
    ("training span", EpisodeMode::Whole),
    ("training episodes", EpisodeMode::Sampled),
    ("test span", EpisodeMode::Whole),
];

fn audit(
    plan: &Plan,
    stages: &dyn Stages,
    (dataset, assets, series): (&Dataset, &[Dataset], &[LoadedSeries]),
    hooks: &Hooks<'_>,
) -> Result<Audit, ExperimentError> {
    let world = world::build(plan, dataset, assets, series)?;
    let segments = [world.train, world.test];
    let traded: Vec<Bars> = assets.iter().map(|asset| asset.bars.clone()).collect();
    let (futures, joined) = Futures::new(stages, (&dataset.bars, &traded), series)?;
    let scaler = stages.fit(&joined, &world.training_rows)?;
    let market = Arc::new(stages.market(&joined, &scaler, segments.into())?);
    let columns: Vec<String> = plan.features.iter().flat_map(|feature| feature.columns()).collect();
    let seed = plan.runs.seed;

    let mut findings = Findings::default();
    let surveys = GAMES.map(|(_, mode)| mode).into_iter().zip([world.train, world.train, world.test]).zip(0..);
    let surveys = surveys.map(|((mode, segment), n)| (mode, Survey { segment, cuts: CUTS, seed: seed + 1_000 * n }));
    let surveys: Vec<(EpisodeMode, Survey)> = surveys.collect();
    let of: usize = surveys.iter().map(|(_, survey)| survey.rows().len()).sum();
    let (mut done, mut games, mut silent) = (0, Vec::new(), Vec::new());
    let rows = market.times.len();
    let fitted = Fitted { futures: &futures, scaler: &scaler, columns: &columns, training: &world.training_rows, rows };
    for ((name, _), (mode, cuts)) in GAMES.into_iter().zip(&surveys) {
        let make =
            |change: &pavlov_audit::Change| futures.market(&market, change, &scaler).map_err(|error| error.to_string());
        let build = |market: &Arc<Market>, segment: Segment, seed: u64| {
            let copies =
                plan.environment.build(market.clone(), &[segment], *mode).map_err(|error| error.to_string())?;
            Ok(copies.batch(0..1, &RngTree::new(seed)))
        };
        let (timing, whole) = (timing(plan.environment.fill()), *mode == EpisodeMode::Whole);
        let game = Game { name, columns: &columns, timing, whole, build: &build };
        let mut told = || {
            done += 1;
            (hooks.progress)(Event::Audited { done, of });
        };
        let clock = survey(&game, &market, cuts, &make, &mut findings, &mut told);
        let Clock { fills, .. } = clock.map_err(|reason| ExperimentError::Audit { reason })?;
        if fills == 0 {
            silent.push(name);
        }
        games.push((name, cuts.rows().len()));
    }
    for known in surveys.iter().flat_map(|(_, cuts)| cuts.rows()).filter(|row| row + 1 >= fitted.end()) {
        fitted.check(known, seed, &mut findings)?;
    }
    let warm_ups = warm_up::check(&plan.features, &joined, seed, &mut findings)?;
    let unmoved = warm_up::unmoved(&plan.features, (&futures, &joined), seed)?;
    let assumptions = assumptions(plan, (dataset, assets), series, (&unmoved, &silent));
    let times = market.times.clone();
    Ok(Audit { name: plan.name.clone(), games, findings, warm_ups, assumptions, times })
}

/// What a fill rule may know of the bar that fills an order.
fn timing(rule: FillRule) -> FillTiming {
    match rule {
        FillRule::NextOpen => FillTiming::NEXT_OPEN,
        FillRule::NextClose => FillTiming::NEXT_CLOSE,
        FillRule::InsideNext => FillTiming::INSIDE_NEXT,
        FillRule::Vwap => FillTiming::NEXT_BAR,
        FillRule::DecisionClose => FillTiming::DECISION_CLOSE,
    }
}

/// What must be believed: the data cannot show it.
fn assumptions(
    plan: &Plan,
    (dataset, assets): (&Dataset, &[Dataset]),
    series: &[LoadedSeries],
    (unmoved, silent): (&[String], &[&str]),
) -> Vec<String> {
    let mut assumptions = plan.notes();
    assumptions.push("a bar is known at its close, and its manifest says rightly when that is".into());
    for loaded in series {
        let name = &loaded.name;
        assumptions.push(format!("a value of series {name} is known from the time that its manifest gives it"));
    }
    let adjusted = |dataset: &&Dataset| dataset.provenance.adjustment != Adjustment::None;
    for dataset in std::iter::once(dataset).chain(assets).filter(adjusted) {
        let name = &dataset.provenance.dataset;
        assumptions.push(format!("prices of {name} are adjusted for splits or dividends that came later"));
    }
    if !plan.data.train_also.is_empty() {
        assumptions.push(
            "data.train_also may lie behind the test span: the agent then learns from what comes later, which is a test \
             of the method and no rehearsal of trading"
                .into(),
        );
    }
    if plan.train.augment.is_some() {
        assumptions
            .push("train.augment makes copies of the training bars; the games of this audit are the real ones".into());
    }
    if !matches!(plan.scaling, Scaling::None | Scaling::Constants { .. }) {
        assumptions.push(
            "the scaler is fitted to all training rows: a row of the training span is scaled with numbers from later \
             training rows; no row behind the span enters"
                .into(),
        );
    }
    let chosen = plan.features.iter().filter(|feature| warm_up::is_chosen(&***feature));
    assumptions.extend(chosen.flat_map(|feature| feature.columns()).map(|column| {
        format!("column `{column}` depends on where the data begin: its warm-up is a choice of the config")
    }));
    assumptions.extend(unmoved.iter().map(|column| {
        format!("column `{column}` does not depend on prices, volumes or series: a calendar, or data of its own")
    }));
    assumptions.extend(silent.iter().map(|game| {
        format!("no order was filled in the {game}: that its observations end at the decision is taken from itself")
    }));
    assumptions
}
