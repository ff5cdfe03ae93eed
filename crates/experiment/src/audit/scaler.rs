//! A scaler has seen no row behind the training span.

use std::ops::Range;

use pavlov_audit::{Change, Check, Difference, Findings, Future, Shown, last_that_matters};
use pavlov_features::FittedScaler;

use super::futures::Futures;
use crate::error::ExperimentError;

/// The scaler of the training rows as the data are.
pub(super) struct Fitted<'a> {
    pub(super) futures: &'a Futures<'a>,
    pub(super) scaler: &'a FittedScaler,
    pub(super) columns: &'a [String],
    pub(super) training: &'a [Range<usize>],
    pub(super) rows: usize,
}

impl Fitted<'_> {
    /// One past the last row that is learned from.
    pub(super) fn end(&self) -> u32 {
        self.training.iter().map(|rows| rows.end).max().unwrap_or(0) as u32
    }

    /// Fits again with the rows behind `known` changed, which must lie at the end of the training span or behind it.
    pub(super) fn check(&self, known: u32, seed: u64, findings: &mut Findings) -> Result<(), ExperimentError> {
        for future in Future::ALL {
            let change = Change { future, first: known as usize + 1, kept: &[], seed };
            let other = self.again(&change)?;
            findings.compared(Check::Scaler, self.columns.len());
            for (col, name) in self.columns.iter().enumerate() {
                let [before, after] = [self.scaler, &other].map(|scaler| scaler.column(col));
                if before == after {
                    continue;
                }
                let text = |(shift, factor): (f64, f64)| format!("(x - {shift}) * {factor}");
                let last = self.end() - 1;
                let (check, what) = (Check::Scaler, format!("scaler of column `{name}`"));
                let difference = Difference { check, what, row: last, before: text(before), after: text(after) };
                let shown = Shown::By(format!("the rows behind {known} are {}", future.name()));
                findings.found("training rows", difference, shown, |_| {
                    let changes = |first| -> Result<bool, ExperimentError> {
                        Ok(self.again(&Change { first, ..change })?.column(col) != before)
                    };
                    last_that_matters(change.first, self.rows, changes).map(|row| Some(row - last as usize))
                })?;
            }
        }
        Ok(())
    }

    fn again(&self, change: &Change) -> Result<FittedScaler, ExperimentError> {
        let joined = self.futures.joined(change)?;
        self.futures.stages.fit(&joined, self.training)
    }
}
