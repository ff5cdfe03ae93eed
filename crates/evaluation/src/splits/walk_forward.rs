//! Splits in which only the past trains.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::splits::{Reach, Rule, Split, SplitError, check_rows, needed};

/// Which part of the past trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainingWindow {
    /// The last rows before each test, always this many.
    Rolling(usize),
    /// All rows before each test, this many before the first.
    Expanding(usize),
}

/// One split by date: the decisions stamped in `test`, half-open in UTC ns, are judged; those before it train.
///
/// `times` are the closes of all rows, `[T]`, and rise; `rows` are the decisions there are. The last training decisions
/// whose outcome is not known at the first test decision are left out, and so is the embargo. Training before `train_from`
/// is left out too.
///
/// # Errors
/// [`SplitError`] if a side is left empty or a row has no full window.
pub fn date_split(
    times: &[i64],
    rows: Range<usize>,
    train_from: i64,
    test: Range<i64>,
    reach: &Reach,
) -> Result<Split, SplitError> {
    check_rows(&rows, reach)?;
    let row = |time: i64| times.partition_point(|t| *t < time).clamp(rows.start, rows.end);
    let test = row(test.start)..row(test.end);
    if test.is_empty() {
        return Err(SplitError::Empty { to: "test", rows, cure: "choose dates inside the data" });
    }
    past(row(train_from), test, rows, reach)
}

/// Tests of `test_len` rows one after the other over all of `rows`, each trained on the rows before it.
///
/// The last test is shorter if the rows run out, so that every row after the first training span is tested once.
///
/// # Errors
/// [`SplitError`] if a length is 0 or too long for the rows, or a row has no full window.
pub fn walk_forward(
    rows: Range<usize>,
    window: TrainingWindow,
    test_len: usize,
    reach: &Reach,
) -> Result<Vec<Split>, SplitError> {
    check_rows(&rows, reach)?;
    let (TrainingWindow::Rolling(first) | TrainingWindow::Expanding(first)) = window;
    let gap = needed(Rule::Past, reach).0;
    let most = rows.len().saturating_sub(gap + 1);
    for (name, got) in [("the training length", first), ("test_len", test_len)] {
        if !(1..=most).contains(&got) {
            return Err(SplitError::Parameter { name, least: 1, most, got });
        }
    }
    let starts = (rows.start + first + gap..rows.end).step_by(test_len);
    let split = |start: usize| {
        let from = match window {
            TrainingWindow::Rolling(len) => start - gap - len,
            TrainingWindow::Expanding(_) => rows.start,
        };
        past(from, start..rows.end.min(start + test_len), rows.clone(), reach)
    };
    starts.map(split).collect()
}

fn past(from: usize, test: Range<usize>, rows: Range<usize>, reach: &Reach) -> Result<Split, SplitError> {
    let end = test.start.saturating_sub(needed(Rule::Past, reach).0);
    if end <= from {
        return Err(SplitError::Empty { to: "train", rows, cure: "test later, or shorten horizon and embargo" });
    }
    let train = from..end;
    let split = Split { train: vec![train], test: vec![test], rule: Rule::Past };
    split.check(reach)?;
    Ok(split)
}
