//! All cells together, and what choosing the best of them is worth.

use pavlov_evaluation::stats::{
    Improvement, OverRuns, ProfilePoint, over_runs, performance_profile, probability_of_improvement,
    probability_of_overfitting,
};
use pavlov_evaluation::{Level, Outcome};
use serde::Serialize;

use crate::matrix::results::CellReport;
use crate::report::ticks;

/// Draws of an interval that is resampled.
const REPLICATES: usize = 5_000;
/// Marks of a performance profile.
const MARKS: usize = 24;
/// Share of the cells without skill that an interval of 95 % calls better.
const CALLED_BETTER: f64 = 0.025;

/// The cells together: what their agents earned more than the benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Aggregate {
    /// Cells and trainings that are judged.
    pub cells: usize,
    /// Trainings of them.
    pub runs: usize,
    /// Difference to the benchmark, every training one value, the cells as strata: intervals cover the chance of
    /// training on these cells. Without intervals where a cell has one seed.
    pub over_seeds: Option<OverRuns>,
    /// Means of the cells' differences: intervals cover which cells these are, as if drawn from many like them.
    pub over_cells: Option<OverRuns>,
    /// How often a training earned more than the benchmark.
    pub improvement: Option<Improvement>,
    /// Share of the trainings whose difference exceeds a threshold, mean over the cells.
    pub profile: Vec<ProfilePoint>,
    /// Cells whose mean difference is above 0.
    pub above: usize,
    /// Cells whose verdict is better than the benchmark.
    pub better: usize,
    /// Cells whose verdict is worse than the benchmark.
    pub worse: usize,
    /// Cells of which half of the seeds or more collapsed to a constant policy.
    pub collapsed: usize,
    /// Cells that have an interval: two seeds or more.
    pub with_interval: usize,
    /// Cells that would be called better if none had any skill.
    pub better_by_chance: f64,
}

/// Joins the cells.
pub fn aggregate(cells: &[CellReport]) -> Aggregate {
    let strata: Vec<&[f64]> = cells.iter().map(|cell| &cell.differences[..]).filter(|runs| !runs.is_empty()).collect();
    let pooled: Vec<f64> = strata.concat();
    let means: Vec<f64> = strata.iter().map(|runs| runs.iter().sum::<f64>() / runs.len() as f64).collect();
    let level = |wanted: Level| cells.iter().filter(|cell| cell.level == wanted).count();
    let outcome = |cell: &&CellReport| cell.difference.is_some_and(|d| d.outcome != Outcome::OneSeed);
    let with_interval = cells.iter().filter(outcome).count();
    Aggregate {
        cells: cells.len(),
        runs: pooled.len(),
        over_seeds: over_runs(&strata, REPLICATES, 0).map(|found| honest(found, &strata)),
        over_cells: over_runs(&[&means], REPLICATES, 0).filter(|_| means.len() > 1),
        improvement: probability_of_improvement(&pooled, &vec![0.0; pooled.len()]),
        profile: profile(&strata, &pooled),
        above: means.iter().filter(|mean| **mean > 0.0).count(),
        better: level(Level::Better),
        worse: level(Level::Worse),
        collapsed: level(Level::Collapsed),
        with_interval,
        better_by_chance: CALLED_BETTER * with_interval as f64,
    }
}

/// Cells of one seed say nothing about the chance of training, whatever is resampled.
fn honest(mut found: OverRuns, strata: &[&[f64]]) -> OverRuns {
    if strata.iter().any(|runs| runs.len() < 2) {
        found.mean.ci95 = None;
        found.iqm.ci95 = None;
    }
    found
}

fn profile(strata: &[&[f64]], pooled: &[f64]) -> Vec<ProfilePoint> {
    let low = pooled.iter().copied().fold(0.0, f64::min);
    let high = pooled.iter().copied().fold(0.0, f64::max);
    let marks: Vec<f64> = ticks::linear(100.0 * low, 100.0 * high, MARKS).into_iter().map(|m| m / 100.0).collect();
    performance_profile(strata, &marks, REPLICATES, 0)
}

/// What choosing the best of several configurations of one market is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overfitting {
    /// Configurations compared, each by the mean of its seeds' returns.
    pub configurations: usize,
    /// Blocks of time that half of is chosen on and half judged.
    pub blocks: usize,
    /// Choices of half of the blocks.
    pub splits: usize,
    /// Share of them in which the best was no better than the median on the other half.
    pub probability: f64,
    /// Share of them in which the best lost on the other half.
    pub probability_of_loss: f64,
}

/// By combinatorially symmetric cross-validation of the configurations' returns, `[N][T]`; `None` if they are too few or too
/// short.
pub fn overfitting(returns: &[Vec<f64>]) -> Option<Overfitting> {
    let rows: Vec<&[f64]> = returns.iter().map(Vec::as_slice).collect();
    let periods = rows.first()?.len();
    let blocks = [16, 8, 4].into_iter().find(|blocks| periods >= 4 * blocks)?;
    let found = probability_of_overfitting(&rows, blocks).ok()?;
    Some(Overfitting {
        configurations: rows.len(),
        blocks,
        splits: found.logits.len(),
        probability: found.probability,
        probability_of_loss: found.probability_of_loss,
    })
}
