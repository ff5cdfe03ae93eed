//! Brings the rows of a file into rising time, by the named policies of its manifest.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout::CsvLayout;
use super::{Rows, Stamped};
use crate::MarketDataError;
use crate::provenance::Cleaning;

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
pub(super) fn tidy<R: Stamped>(
    path: &Path,
    rows: Rows<R>,
    layout: &CsvLayout,
    cleaning: &mut Cleaning,
) -> Result<Rows<R>, MarketDataError> {
    let mut rows = place(path, rows, layout, cleaning)?;
    // A stable sort: of two rows with one stamp, the first in the file stays first.
    rows.sort_by_key(|(row, _)| row.time());
    let mut tidy: Rows<R> = Rows { rows: Vec::with_capacity(rows.len()), lines: Vec::with_capacity(rows.len()) };
    for (row, line) in rows {
        match tidy.rows.last().zip(tidy.lines.last()) {
            Some((first, first_line)) if first.time() == row.time() => {
                let equal = *first == row;
                if layout.repeats == Repeats::Reject || (layout.repeats == Repeats::KeepFirstIfEqual && !equal) {
                    let (path, first_line, time) = (path.to_owned(), *first_line, row.time());
                    return Err(MarketDataError::CsvRepeat { path, line, first_line, time, equal });
                }
                cleaning.repeats_dropped += 1;
                cleaning.repeats_differing += usize::from(!equal);
            }
            _ => {
                tidy.rows.push(row);
                tidy.lines.push(line);
            }
        }
    }
    Ok(tidy)
}

/// The rows with their lines; those against the file's order are refused, kept or left out.
fn place<R: Stamped>(
    path: &Path,
    rows: Rows<R>,
    layout: &CsvLayout,
    cleaning: &mut Cleaning,
) -> Result<Vec<(R, u64)>, MarketDataError> {
    let mut placed = Vec::with_capacity(rows.rows.len());
    let mut frontier: Option<i64> = None;
    for (row, line) in rows.rows.into_iter().zip(rows.lines) {
        let against = frontier.filter(|frontier| match layout.order {
            Order::OldestFirst => row.time() < *frontier,
            Order::NewestFirst => row.time() > *frontier,
        });
        match (against, layout.misplaced) {
            (None, _) => frontier = Some(row.time()),
            (Some(previous), Misplaced::Reject) => {
                return Err(MarketDataError::CsvOrder { path: path.to_owned(), line, time: row.time(), previous });
            }
            (Some(_), _) => cleaning.misplaced += 1,
        }
        if against.is_none() || layout.misplaced == Misplaced::Sort {
            placed.push((row, line));
        }
    }
    Ok(placed)
}
