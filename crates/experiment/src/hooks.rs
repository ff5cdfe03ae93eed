//! What a run receives from outside: a clock, a place to show progress, a wish to stop.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::error::ExperimentError;

/// A step of a run that is worth showing.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// One of several experiments begins or goes on.
    Experiment {
        /// Name of its config.
        name: &'a str,
        /// Its number, from 1, and how many there are.
        number: (usize, usize),
        /// Its cells.
        cells: usize,
        /// Its trainings.
        trainings: usize,
        /// Trainings that are finished already.
        done: usize,
        /// Its run folder.
        folder: &'a Path,
    },
    /// Several cells are worked on.
    Planned {
        /// Trainings to be done.
        trainings: usize,
        /// Updates of all of them.
        updates: u64,
    },
    /// A run begins or goes on.
    Started {
        /// Name of the cell; empty in a run of one.
        cell: &'a str,
        /// Its seed.
        seed: u64,
        /// Updates done before.
        update: u64,
        /// Updates in all.
        updates: u64,
    },
    /// An update was done.
    Updated {
        /// Name of the cell; empty in a run of one.
        cell: &'a str,
        /// Seed of the run.
        seed: u64,
        /// Updates done.
        update: u64,
        /// Environment steps taken since this process began the run.
        env_steps: u64,
        /// Mean profit of the episodes that ended since the update before, in money.
        episode_profit: Option<f64>,
    },
    /// A run is trained.
    Finished {
        /// Name of the cell; empty in a run of one.
        cell: &'a str,
        /// Its seed.
        seed: u64,
    },
    /// A run failed; the others go on.
    Failed {
        /// Name of the cell; empty in a run of one.
        cell: &'a str,
        /// Its seed.
        seed: u64,
        /// Why.
        error: &'a ExperimentError,
    },
    /// All runs of a cell are trained and are being judged.
    Judging {
        /// Name of the cell; empty in a run of one.
        cell: &'a str,
    },
    /// A cell cannot be worked on; the others go on.
    CellFailed {
        /// Its name.
        cell: &'a str,
        /// Why.
        error: &'a ExperimentError,
    },
    /// A cut of an audit was checked.
    Audited {
        /// Cuts checked.
        done: usize,
        /// Cuts in all.
        of: usize,
    },
    /// Something a user should know.
    Note(&'a str),
}

/// What a run receives from outside.
pub struct Hooks<'a> {
    /// Seconds since 1970-01-01 UTC; shown, and written to `timing.json` and TensorBoard's event files only.
    pub clock: &'a (dyn Fn() -> f64 + Sync),
    /// Takes events, from several threads.
    pub progress: &'a (dyn Fn(Event<'_>) + Sync),
    /// Set when the user wants to stop.
    pub stop: &'a AtomicBool,
}
