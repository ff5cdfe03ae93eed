//! Several sources on one clock: series as of the moment at which they became known, symbols where all of them traded.

use serde::{Deserialize, Serialize};

use crate::time::Interval;
use crate::{Bars, MarketDataError, Series};

/// A length of time, not 0, in which a day is 24 hours; written `"5d"`, `"90m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Elapsed {
    ns: i64,
}

impl Elapsed {
    /// Nanoseconds.
    pub fn ns(self) -> i64 {
        self.ns
    }
}

impl TryFrom<String> for Elapsed {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match Interval::try_from(text.clone()) {
            Ok(Interval::Fixed(ns)) => Ok(Elapsed { ns }),
            _ => Err(format!("{text:?} is no length of time like 90m, 36h or 5d")),
        }
    }
}

impl From<Elapsed> for String {
    fn from(age: Elapsed) -> String {
        Interval::Fixed(age.ns).into()
    }
}

/// A series on a clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    /// The first row of the clock at which a value is known that is not too old; the rows before are the leading gap.
    pub first: usize,
    /// The last known value at each row from `first` on.
    pub values: Vec<f64>,
}

/// Puts a series on a clock: at time `t` the last value that is known at `t`, carried at most `max_age`.
///
/// Nothing is ever filled backward: the rows before the first usable value are cut, and so is a value at the start that
/// is too old already. What is known after `t` changes nothing at or before `t`. `clock` rises, UTC ns; O(n + m).
///
/// # Errors
/// [`MarketDataError::Stale`] for the first row behind `first` whose last known value is too old, and
/// [`MarketDataError::NoneKnown`] if there is no usable row.
pub fn as_of(series: &Series, clock: &[i64], max_age: Elapsed) -> Result<Aligned, MarketDataError> {
    let mut aligned = Aligned { first: clock.len(), values: Vec::new() };
    let mut known = 0;
    for (row, &time) in clock.iter().enumerate() {
        known += series.times_ns()[known..].iter().take_while(|at| **at <= time).count();
        let Some(last) = known.checked_sub(1) else { continue };
        let age = time.saturating_sub(series.times_ns()[last]);
        if age <= max_age.ns {
            aligned.first = aligned.first.min(row);
            aligned.values.push(series.values()[last]);
        } else if !aligned.values.is_empty() {
            return Err(stale(series, last, time, max_age));
        }
    }
    match (aligned.values.is_empty(), clock.last()) {
        (true, last) => Err(MarketDataError::NoneKnown {
            series: series.name().to_owned(),
            first: series.times_ns().first().copied(),
            last: series.times_ns().last().copied(),
            clock: clock.first().copied().zip(last.copied()),
        }),
        (false, _) => Ok(aligned),
    }
}

/// The bars of each symbol at the close stamps that all of them have, so that a row is the same instant in all.
///
/// Nothing is carried forward: where a symbol did not trade, no price stands for it, and the row is left out for all.
pub fn common(symbols: &[&Bars]) -> Vec<Bars> {
    let Some((first, others)) = symbols.split_first() else { return Vec::new() };
    if others.iter().all(|other| other.times() == first.times()) {
        return symbols.iter().map(|bars| (*bars).clone()).collect();
    }
    let everywhere = |time: &&i64| others.iter().all(|other| other.times().binary_search(time).is_ok());
    let times: Vec<i64> = first.times().iter().filter(everywhere).copied().collect();
    symbols.iter().map(|bars| bars.at(&times)).collect()
}

fn stale(series: &Series, last: usize, time: i64, max_age: Elapsed) -> MarketDataError {
    let known = series.times_ns()[last];
    let age = time.saturating_sub(known);
    MarketDataError::Stale {
        series: series.name().to_owned(),
        time,
        known,
        age: Interval::Fixed(age).into(),
        max_age: max_age.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bar, BarColumns, BarPolicy};

    const HOUR: i64 = 3_600_000_000_000;

    fn max_age(text: &str) -> Elapsed {
        Elapsed::try_from(text.to_owned()).unwrap()
    }

    fn hours(times: &[i64]) -> Vec<i64> {
        times.iter().map(|hour| hour * HOUR).collect()
    }

    fn series(times: &[i64], values: &[f64]) -> Series {
        Series::new("VIX", 0, hours(times), values.to_vec()).unwrap()
    }

    #[test]
    fn symbols_keep_the_bars_that_all_of_them_have() {
        let bars = |symbol: &str, times: &[i64]| {
            let mut columns = BarColumns::default();
            for &time in &hours(times) {
                let price = 1.0 + time as f64;
                columns.push(Bar { time, open: price, high: price, low: price, close: price, volume: 0.0 });
            }
            Bars::new(symbol, HOUR, columns, &BarPolicy::default()).unwrap()
        };
        let (a, b, c) = (bars("A", &[1, 2, 3, 5, 8]), bars("B", &[2, 3, 4, 5, 9]), bars("C", &[1, 2, 3, 4, 5]));
        let got = common(&[&a, &b, &c]);
        for (got, whole) in got.iter().zip([&a, &b, &c]) {
            assert_eq!((got.times(), got.symbol()), (&hours(&[2, 3, 5])[..], whole.symbol()));
            assert!(got.times().iter().zip(got.close()).all(|(time, close)| *close == 1.0 + *time as f64));
        }
        assert_eq!(common(&[&a, &a]), [a.clone(), a.clone()]);
        assert!(common(&[&a, &bars("D", &[4])]).iter().all(Bars::is_empty) && common(&[]).is_empty());
    }

    #[test]
    fn a_value_counts_from_the_moment_at_which_it_is_known_and_never_before() {
        let vix = series(&[2, 4, 7], &[20.0, 40.0, 70.0]);
        let got = as_of(&vix, &hours(&[0, 1, 2, 3, 4, 5, 6, 7, 8]), max_age("2h")).unwrap();
        assert_eq!(got, Aligned { first: 2, values: vec![20.0, 20.0, 40.0, 40.0, 40.0, 70.0, 70.0] });
        // Several values between two times of the clock: the last one counts.
        let got = as_of(&vix, &hours(&[5, 9]), max_age("1d")).unwrap();
        assert_eq!(got, Aligned { first: 0, values: vec![40.0, 70.0] });
    }

    #[test]
    fn a_value_too_old_at_the_start_is_cut_and_later_it_is_an_error_with_its_cure() {
        let vix = series(&[0, 100], &[1.0, 2.0]);
        let got = as_of(&vix, &hours(&[60, 90, 100]), max_age("48h")).unwrap();
        assert_eq!(got, Aligned { first: 2, values: vec![2.0] });
        let error = as_of(&vix, &hours(&[24, 49, 100]), max_age("48h")).unwrap_err().to_string();
        assert_eq!(
            error,
            "VIX: at 1970-01-03T01:00:00Z the last value is from 1970-01-01T00:00:00Z, 49h old, and may be carried 2d \
             at most; give a series without this hole, or set max_age to 49h or more"
        );
    }

    #[test]
    fn a_series_that_begins_too_late_or_ends_too_early_is_an_error() {
        let error = |times: &[i64]| {
            as_of(&series(times, &vec![1.0; times.len()]), &hours(&[24, 48]), max_age("1h")).unwrap_err().to_string()
        };
        assert!(error(&[49]).contains("1970-01-03T01:00:00Z"), "{}", error(&[49]));
        assert!(error(&[1, 2]).contains("the clock runs from 1970-01-02T00:00:00Z"), "{}", error(&[1, 2]));
        assert!(error(&[]).starts_with("VIX has no value"), "{}", error(&[]));
    }

    #[test]
    fn ages_are_written_like_bar_sizes() {
        assert_eq!((max_age("90m").ns(), String::from(max_age("120h"))), (90 * 60 * 1_000_000_000, "5d".to_owned()));
        for bad in ["5", "1mo", "irregular", "0d"] {
            assert!(Elapsed::try_from(bad.to_owned()).unwrap_err().contains("90m, 36h or 5d"), "{bad}");
        }
    }
}
