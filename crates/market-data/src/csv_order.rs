//! Brings the rows of a file into rising time, by the named policies of its manifest.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::csv_file::{CsvLayout, CsvRows};
use crate::provenance::Cleaning;
use crate::{Bar, MarketDataError};

/// The order in which a file says to write its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    #[default]
    OldestFirst,
    NewestFirst,
}

/// What happens to a row that stands against the order: behind a row that should follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Misplaced {
    /// The file is refused.
    #[default]
    Reject,
    /// The row is moved to its place and counted.
    Sort,
    /// The row is left out and counted.
    Drop,
}

/// What happens to a row whose stamp an earlier row has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Repeats {
    /// The file is refused.
    #[default]
    Reject,
    /// It is left out and counted if its values are equal, else the file is refused.
    KeepFirstIfEqual,
    /// It is left out and counted, whatever its values.
    KeepFirst,
}

/// Rows in strictly rising time; what was changed goes to `cleaning`.
pub(crate) fn tidy(
    path: &Path,
    rows: CsvRows,
    layout: &CsvLayout,
    cleaning: &mut Cleaning,
) -> Result<CsvRows, MarketDataError> {
    let mut rows = place(path, rows, layout, cleaning)?;
    // A stable sort: of two rows with one stamp, the first in the file stays first.
    rows.sort_by_key(|(bar, _)| bar.time);
    let mut tidy = CsvRows::default();
    for (bar, line) in rows {
        match tidy.bars.last().zip(tidy.lines.last()) {
            Some((first, first_line)) if first.time == bar.time => {
                let equal = *first == bar;
                if layout.repeats == Repeats::Reject || (layout.repeats == Repeats::KeepFirstIfEqual && !equal) {
                    let (path, first_line, time) = (path.to_owned(), *first_line, bar.time);
                    return Err(MarketDataError::CsvRepeat { path, line, first_line, time, equal });
                }
                cleaning.repeats_dropped += 1;
                cleaning.repeats_differing += usize::from(!equal);
            }
            _ => {
                tidy.bars.push(bar);
                tidy.lines.push(line);
            }
        }
    }
    Ok(tidy)
}

/// The rows with their lines; those against the file's order are refused, kept or left out.
fn place(
    path: &Path,
    rows: CsvRows,
    layout: &CsvLayout,
    cleaning: &mut Cleaning,
) -> Result<Vec<(Bar, u64)>, MarketDataError> {
    let mut placed = Vec::with_capacity(rows.bars.len());
    let mut frontier: Option<i64> = None;
    for (bar, line) in rows.bars.into_iter().zip(rows.lines) {
        let against = frontier.filter(|frontier| match layout.order {
            Order::OldestFirst => bar.time < *frontier,
            Order::NewestFirst => bar.time > *frontier,
        });
        match (against, layout.misplaced) {
            (None, _) => frontier = Some(bar.time),
            (Some(previous), Misplaced::Reject) => {
                return Err(MarketDataError::CsvOrder { path: path.to_owned(), line, time: bar.time, previous });
            }
            (Some(_), _) => cleaning.misplaced += 1,
        }
        if against.is_none() || layout.misplaced == Misplaced::Sort {
            placed.push((bar, line));
        }
    }
    Ok(placed)
}
