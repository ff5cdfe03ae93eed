//! Numbers that are a series and not one figure: the rolling Sharpe ratio and the returns of the months.

use serde::{Deserialize, Serialize};

use crate::curve::EquityCurve;
use crate::metrics::sample::Sample;
use crate::metrics::{Metric, Undefined, finite};
use crate::periods::PeriodsPerYear;

/// Sharpe ratio of the last `window` returns at every period, `[n]`, annualised like the metric of the whole span.
///
/// The first `window - 1` periods, and windows whose returns do not vary, say why they have none. `risk_free` is a year's
/// rate as a fraction.
pub fn rolling_sharpe(returns: &[f64], window: usize, risk_free: f64, periods_per_year: PeriodsPerYear) -> Vec<Metric> {
    let ppy = periods_per_year.get();
    let of = |end: usize| {
        let start = (end + 1).checked_sub(window).ok_or(Undefined::TooFewPeriods)?;
        let sample = Sample::new(returns[start..=end].to_vec());
        finite((sample.mean() - risk_free / ppy) / sample.spread()? * ppy.sqrt())
    };
    (0..returns.len()).map(of).collect()
}

/// Return of one calendar month, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonthlyReturn {
    /// Year of the Gregorian calendar.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Last net worth of the month over the last of the month before, minus 1; `None` after ruin.
    pub value: Option<f64>,
}

/// Returns of the calendar months (UTC) of a curve in order; the first and the last may be parts of a month.
///
/// A month without a point is left out, and its change belongs to the next month that has one. A stamp exactly at the
/// start of a month, 00:00, closes the month before: stamps are closes. The returns compound to the cumulative return.
pub fn monthly_returns(curve: &EquityCurve) -> Vec<MonthlyReturn> {
    let (times, worth) = (curve.times(), curve.net_worth());
    let mut months: Vec<MonthlyReturn> = Vec::new();
    let mut before = worth[0];
    let mut base = before;
    for (time, now) in times.iter().zip(worth).skip(1) {
        let (year, month) = month_of(*time - 1);
        if months.last().is_none_or(|m| (m.year, m.month) != (year, month)) {
            base = before;
            months.push(MonthlyReturn { year, month, value: None });
        }
        let value = (base > 0.0).then(|| now / base - 1.0).filter(|r| r.is_finite());
        if let Some(last) = months.last_mut() {
            last.value = value;
        }
        before = *now;
    }
    months
}

/// Year and month of a UTC stamp in ns.
///
/// Counts days from 1 March of year 0 in eras of 400 years (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn month_of(time: i64) -> (i64, u32) {
    let days = time.div_euclid(86_400_000_000_000) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    #[test]
    fn months_are_those_of_the_calendar() {
        let dates = [(0, 1970, 1), (58, 1970, 2), (59, 1970, 3), (-1, 1969, 12), (11_016, 2000, 2), (11_017, 2000, 3)];
        for (day, year, month) in dates {
            assert_eq!(month_of(day * DAY), (year, month), "day {day}");
        }
        assert_eq!(month_of(1_561_939_200_000_000_000), (2019, 7), "2019-07-01T00:00Z");
    }

    #[test]
    fn months_compound_to_the_whole() {
        // 2 January to 10 March 1970, with a February that falls.
        let times: Vec<i64> = (1..69).map(|d| d * DAY).collect();
        let worth: Vec<f64> = (0..68).map(|d| 100.0 + 10.0 * (f64::from(d) / 9.0).sin()).collect();
        let curve = EquityCurve::new(times, worth.clone(), vec![0.0; 68]).unwrap();
        let months = monthly_returns(&curve);
        assert_eq!(months.iter().map(|m| m.month).collect::<Vec<_>>(), [1, 2, 3]);
        let whole: f64 = months.iter().map(|m| 1.0 + m.value.unwrap()).product();
        assert!((whole - worth[67] / worth[0]).abs() < 1e-14);
        // Midnight at the end of 31 January is day 31: the 31st point, counted from 1.
        assert!((months[0].value.unwrap() - (worth[30] / worth[0] - 1.0)).abs() < 1e-15);
    }

    #[test]
    fn a_rolling_ratio_is_the_ratio_of_its_window() {
        let returns = [0.01, -0.02, 0.03, 0.0, 0.0, 0.0];
        let ppy = PeriodsPerYear::from_times(&[0, DAY]).unwrap();
        let rolling = rolling_sharpe(&returns, 3, 0.0, ppy);
        assert_eq!(rolling[..2], [Err(Undefined::TooFewPeriods); 2]);
        // Mean 0.02 / 3, squared deviations 0.0014 - 3 * mean^2.
        let mean = 0.02 / 3.0;
        let expected = mean / ((0.0014 - 3.0 * mean * mean) / 2.0_f64).sqrt() * 365.25_f64.sqrt();
        assert!((rolling[2].unwrap() - expected).abs() < 1e-12);
        assert_eq!(rolling[5], Err(Undefined::NoVariance));
    }
}
