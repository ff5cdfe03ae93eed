//! Which rows train and which rows test: index arithmetic that cannot leak.
//!
//! A row is a decision at the close of a bar. It looks back on a window and on the warm-up of its features, and its
//! outcome is known some rows later ([`Reach`]). A [`Split`] says under which [`Rule`] its parts are kept apart, and
//! [`Split::check`] refuses it if they are not; every function here returns splits that passed. Whatever is fitted,
//! scalers too, is fitted on the rows of `train` alone.

mod purged;
mod walk_forward;

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use purged::{Combinatorial, combinatorial_purged, purged_k_fold};
pub use walk_forward::{TrainingWindow, date_split, walk_forward};

/// What a decision touches besides its own row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Rows of an observation, its own included; 1 or above.
    pub window: usize,
    /// Rows that the features of the oldest row of the window need before it.
    pub warm_up: usize,
    /// Rows until the outcome is known: 1 if it is the next close.
    pub horizon: usize,
    /// Rows left out besides, for what depends on the past without showing it: between training and a later test, and
    /// after a test.
    pub embargo: usize,
}

impl Reach {
    /// Rows before its own that a decision depends on.
    pub fn lookback(&self) -> usize {
        self.window.saturating_sub(1) + self.warm_up
    }
}

/// How training and test are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Training lies before the test, and its outcomes are known at the first test decision. The window of a test
    /// decision may look back on training rows, as it does in real trading.
    Past,
    /// No row is touched by a training decision and a test decision, windows, warm-up and outcomes included.
    Apart,
}

/// Rows to train on and rows to test on, in half-open ranges that rise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Decisions that may be learned from.
    pub train: Vec<Range<usize>>,
    /// Decisions that are judged.
    pub test: Vec<Range<usize>>,
    /// How the two are kept apart.
    pub rule: Rule,
}

/// A split that cannot be made, or that leaks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SplitError {
    /// A training decision knows what a test decision is judged by, or the other way round.
    #[error("rows {train:?} to train on leak into rows {test:?} to test on; leave at least {needed} rows between them")]
    Leak {
        /// The training rows.
        train: Range<usize>,
        /// The test rows.
        test: Range<usize>,
        /// Rows that must lie between the two.
        needed: usize,
    },
    /// Training comes after the test although only the past is known.
    #[error("rows {train:?} to train on come after rows {test:?} to test on, but only the past may train")]
    Future {
        /// The training rows.
        train: Range<usize>,
        /// The test rows.
        test: Range<usize>,
    },
    /// The first decision has no full window.
    #[error("row {first} looks back on {lookback} rows before it; start at row {lookback}")]
    WarmUp {
        /// First row.
        first: usize,
        /// Rows a decision looks back on.
        lookback: usize,
    },
    /// Nothing is left to train or to test on.
    #[error("no rows are left to {to} on in rows {rows:?}; {cure}")]
    Empty {
        /// `train` or `test`.
        to: &'static str,
        /// The rows there were.
        rows: Range<usize>,
        /// What to change.
        cure: &'static str,
    },
    /// A parameter is out of range.
    #[error("{name} must lie in {least}..={most}, got {got}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// Smallest allowed.
        least: usize,
        /// Largest allowed.
        most: usize,
        /// What was given.
        got: usize,
    },
}

impl Split {
    /// Refuses a split whose parts are not as far apart as its rule demands.
    ///
    /// # Errors
    /// [`SplitError`] names the first pair of ranges that leaks, an empty side, or a row without a full window.
    pub fn check(&self, reach: &Reach) -> Result<(), SplitError> {
        let lookback = reach.lookback();
        for (to, side) in [("train", &self.train), ("test", &self.test)] {
            if side.iter().all(Range::is_empty) {
                return Err(SplitError::Empty { to, rows: 0..0, cure: "give it some" });
            }
            if let Some(early) = side.iter().find(|rows| !rows.is_empty() && rows.start < lookback) {
                return Err(SplitError::WarmUp { first: early.start, lookback });
            }
        }
        let filled = |side: &'_ [Range<usize>]| -> Vec<Range<usize>> {
            side.iter().filter(|rows| !rows.is_empty()).cloned().collect()
        };
        let tests = filled(&self.test);
        filled(&self.train)
            .iter()
            .try_for_each(|train| tests.iter().try_for_each(|test| self.apart(train, test, reach)))
    }

    fn apart(&self, train: &Range<usize>, test: &Range<usize>, reach: &Reach) -> Result<(), SplitError> {
        let (train, test) = (train.clone(), test.clone());
        let (before, after) = needed(self.rule, reach);
        if train.start < test.start {
            return match train.end + before <= test.start {
                true => Ok(()),
                false => Err(SplitError::Leak { train, test, needed: before }),
            };
        }
        match self.rule {
            Rule::Past => Err(SplitError::Future { train, test }),
            Rule::Apart if test.end + after <= train.start => Ok(()),
            Rule::Apart => Err(SplitError::Leak { train, test, needed: after }),
        }
    }

    /// Number of rows to train on.
    pub fn train_len(&self) -> usize {
        self.train.iter().map(Range::len).sum()
    }

    /// Number of rows to test on.
    pub fn test_len(&self) -> usize {
        self.test.iter().map(Range::len).sum()
    }
}

/// Rows that must lie between training rows and a later test, and between a test and later training rows.
///
/// The outcome of the last training row a is known at row a + horizon, which may be the first test row and no later.
fn needed(rule: Rule, reach: &Reach) -> (usize, usize) {
    match rule {
        Rule::Past => ((reach.horizon + reach.embargo).saturating_sub(1), 0),
        Rule::Apart => {
            let touched = reach.horizon + reach.lookback() + reach.embargo;
            (touched, touched)
        }
    }
}

/// Refuses rows whose first has no full window.
fn check_rows(rows: &Range<usize>, reach: &Reach) -> Result<(), SplitError> {
    match rows.start < reach.lookback() {
        true => Err(SplitError::WarmUp { first: rows.start, lookback: reach.lookback() }),
        false => Ok(()),
    }
}
