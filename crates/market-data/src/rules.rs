//! The rules that make a row of numbers a bar.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{BarFault, MarketDataError, Place};
use crate::{Bar, Bars};

/// The value columns in their order, as messages name them.
pub(crate) const COLUMNS: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// The columns that some providers have besides.
pub(crate) const EXTRAS: [&str; 2] = ["vwap", "trades"];

/// What happens to a bar that breaks a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFault {
    /// The whole series is refused.
    #[default]
    Reject,
    /// The bar is kept as it is and counted.
    Keep,
}

/// Which rules a source may break; finite values and strictly rising stamps are never negotiable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BarPolicy {
    /// A high below, or a low above, another price of the bar; a negative volume.
    pub inconsistent: OnFault,
    /// A price of zero or less.
    pub non_positive: OnFault,
}

/// How many bars were kept though they break a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) inconsistent: usize,
    pub(crate) non_positive: usize,
}

/// Bars that are looked at together.
const BLOCK: usize = 512;

/// Checks every bar; the first one that may not be kept is the error.
pub(crate) fn check(bars: &Bars, policy: &BarPolicy, place: &dyn Fn(usize) -> Place) -> Result<Kept, MarketDataError> {
    let mut kept = Kept::default();
    for start in (0..bars.len()).step_by(BLOCK) {
        let rows = start..bars.len().min(start + BLOCK);
        if are_sound(bars, rows.clone()) {
            continue;
        }
        for row in rows {
            let bar = bars.bar(row);
            let previous = row.checked_sub(1).map(|before| bars.times()[before]);
            let not_behind = previous.filter(|previous| *previous >= bar.time);
            if let Some((column, fault)) = examine(&bar, not_behind, policy, &mut kept) {
                return Err(MarketDataError::Bar { place: place(row), column, time: bar.time, fault });
            }
        }
    }
    Ok(kept)
}

/// All rules on some bars at once, without a branch; a sum of huge prices may overflow, then `examine` decides.
fn are_sound(bars: &Bars, rows: Range<usize>) -> bool {
    let rising = bars.times()[rows.start.saturating_sub(1)..rows.end].windows(2);
    let rises = rising.fold(true, |all, pair| all & (pair[0] < pair[1]));
    let [open, high, low, close, volume] =
        [bars.open(), bars.high(), bars.low(), bars.close(), bars.volume()].map(|column| &column[rows.clone()]);
    let others = high.iter().zip(low).zip(close).zip(volume);
    open.iter().zip(others).fold(rises, |all, (open, (((high, low), close), volume))| {
        let finite = (open + high + low + close + volume).is_finite();
        let enclosed = (low <= open) & (low <= close) & (high >= open) & (high >= close);
        all & finite & enclosed & (*low > 0.0) & (*volume >= 0.0)
    })
}

/// The first rule that the bar breaks and may not, with the column; rules it may break are counted.
///
/// `not_behind` is the stamp that it should lie behind and does not.
fn examine(
    bar: &Bar,
    not_behind: Option<i64>,
    policy: &BarPolicy,
    kept: &mut Kept,
) -> Option<(&'static str, BarFault)> {
    if let Some(previous) = not_behind {
        return Some(("time", BarFault::NotRising { previous }));
    }
    let values = [bar.open, bar.high, bar.low, bar.close, bar.volume];
    let named = || COLUMNS.into_iter().zip(values);
    if let Some((column, got)) = named().find(|(_, value)| !value.is_finite()) {
        return Some((column, BarFault::NotFinite { got }));
    }
    if let Some((column, got)) = named().take(4).find(|(_, value)| *value <= 0.0) {
        if policy.non_positive == OnFault::Reject {
            return Some((column, BarFault::NotPositive { got }));
        }
        kept.non_positive += 1;
    }
    let fault = inconsistency(bar)?;
    if policy.inconsistent == OnFault::Keep {
        kept.inconsistent += 1;
        return None;
    }
    Some(fault)
}

/// The first price that is beyond another one that bounds it, or a negative volume.
pub(crate) fn inconsistency(bar: &Bar) -> Option<(&'static str, BarFault)> {
    let Bar { open, high, low, close, volume, .. } = *bar;
    let beyond = |got, side, other, bound| BarFault::Beyond { got, side, other, bound };
    if let Some((other, bound)) = [("open", open), ("close", close), ("low", low)].into_iter().find(|(_, p)| high < *p)
    {
        return Some(("high", beyond(high, "below", other, bound)));
    }
    if let Some((other, bound)) = [("open", open), ("close", close)].into_iter().find(|(_, p)| low > *p) {
        return Some(("low", beyond(low, "above", other, bound)));
    }
    (volume < 0.0).then_some(("volume", BarFault::NegativeVolume { got: volume }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BarColumns;

    const GOOD: Bar = Bar { time: 10, open: 2.0, high: 4.0, low: 1.0, close: 3.0, volume: 0.0 };
    const KEEP: BarPolicy = BarPolicy { inconsistent: OnFault::Keep, non_positive: OnFault::Keep };

    fn checked(bars: &[Bar], policy: &BarPolicy) -> Result<(Bars, Kept), MarketDataError> {
        let mut columns = BarColumns::default();
        bars.iter().for_each(|bar| columns.push(*bar));
        Bars::from_columns("X", 1, columns)?.checked(policy, &|row| Place::Row { of: "X".to_owned(), row })
    }

    #[test]
    fn each_broken_rule_is_named_with_row_column_and_stamp() {
        let cases = [
            (Bar { high: 2.5, ..GOOD }, "column high", "2.5 is below the close 3"),
            (
                Bar { high: 0.5, low: 0.2, open: 0.4, close: 0.3, volume: -1.0, ..GOOD },
                "column volume",
                "a volume of -1",
            ),
            (Bar { low: 2.5, ..GOOD }, "column low", "2.5 is above the open 2"),
            (Bar { low: -1.0, ..GOOD }, "column low", "-1 is not a positive price"),
            (Bar { open: 0.0, low: 0.0, ..GOOD }, "column open", "0 is not a positive price"),
            (Bar { close: f64::NAN, ..GOOD }, "column close", "NaN is not a finite number"),
            (Bar { volume: f64::INFINITY, ..GOOD }, "column volume", "inf is not a finite number"),
            (Bar { time: 5, ..GOOD }, "column time", "the stamp does not rise, the previous bar closes at 1970"),
        ];
        for (bar, column, problem) in cases {
            let text = checked(&[Bar { time: 5, ..GOOD }, bar], &BarPolicy::default()).unwrap_err().to_string();
            assert!(
                text.starts_with(&format!("X, row 1, {column}, bar closing at 1970-01-01T00:00:00.0000000")),
                "{text}"
            );
            assert!(text.contains(problem), "{text}");
        }
    }

    #[test]
    fn what_the_policy_keeps_is_counted() {
        let bars = [Bar { time: 1, ..GOOD }, Bar { time: 2, low: -1.0, ..GOOD }, Bar { time: 3, high: 2.5, ..GOOD }];
        let (_, kept) = checked(&bars, &KEEP).unwrap();
        assert_eq!(kept, Kept { inconsistent: 1, non_positive: 1 });
    }

    #[test]
    fn no_policy_keeps_what_is_not_finite_or_does_not_rise() {
        assert!(checked(&[Bar { open: f64::NAN, ..GOOD }], &KEEP).is_err());
        assert!(checked(&[GOOD, GOOD], &KEEP).is_err());
    }

    #[test]
    fn a_flaw_is_found_wherever_it_stands_in_a_block() {
        for row in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK - 1, 3 * BLOCK, 3 * BLOCK + 6] {
            let mut bars: Vec<Bar> = (0..3 * BLOCK as i64 + 7).map(|time| Bar { time, ..GOOD }).collect();
            assert_eq!(checked(&bars, &BarPolicy::default()).unwrap().1, Kept::default());
            bars[row].high = 2.5;
            let text = checked(&bars, &BarPolicy::default()).unwrap_err().to_string();
            assert!(text.starts_with(&format!("X, row {row}, column high,")), "{text}");
            assert_eq!(checked(&bars, &KEEP).unwrap().1.inconsistent, 1);
            bars[row].high = GOOD.high;
            if row > 0 {
                bars[row].time -= 1;
                let text = checked(&bars, &BarPolicy::default()).unwrap_err().to_string();
                assert!(text.starts_with(&format!("X, row {row}, column time,")), "{text}");
            }
        }
    }

    #[test]
    fn huge_finite_prices_are_bars() {
        let huge = f64::MAX;
        checked(&[Bar { open: huge, high: huge, low: huge, close: huge, ..GOOD }], &BarPolicy::default()).unwrap();
    }
}
