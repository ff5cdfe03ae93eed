//! The Sharpe ratio of a window that moves over a span.

use pavlov_evaluation::PeriodsPerYear;
use pavlov_evaluation::metrics::rolling_sharpe;
use serde::{Deserialize, Serialize};

/// Windows that a reader knows, in days: a day, a week, a month, a quarter, half a year, a year.
const WINDOWS_DAYS: [f64; 6] = [1.0, 7.0, 30.0, 91.0, 182.0, 365.0];
/// The window is the longest of which the span holds this many.
const WINDOWS_IN_SPAN: f64 = 4.0;
/// Fewest periods whose deviation says something.
const LEAST_PERIODS: usize = 20;

/// What the rolling Sharpe ratio is of, and how far it moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollingSharpe {
    /// Periods of the window.
    pub window_periods: usize,
    /// About as many days.
    pub window_days: f64,
    /// By which it is annualised; counted in the data.
    pub periods_per_year: f64,
    /// Risk-free rate a year, as a fraction.
    pub risk_free: f64,
    /// Of the median seed; `None` if it is undefined everywhere.
    pub agent: Option<RollingRange>,
    /// Of the benchmark.
    pub benchmark: Option<RollingRange>,
}

/// Range and end of a rolling ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollingRange {
    /// Lowest value.
    pub lowest: f64,
    /// Highest value.
    pub highest: f64,
    /// Of the last window that has one.
    pub last: f64,
}

/// The ratios at every bar, `[T]`; NaN where there is none.
pub(in crate::report) struct Rolling {
    pub(in crate::report) window: usize,
    days: f64,
    periods_per_year: f64,
    risk_free: f64,
    pub(in crate::report) agent: Vec<f64>,
    pub(in crate::report) benchmark: Vec<f64>,
}

impl Rolling {
    /// Of the two accounts, if the span is long enough for a window.
    pub(in crate::report) fn of(
        times: &[i64],
        agent: Option<&[f64]>,
        benchmark: Option<&[f64]>,
        risk_free: f64,
    ) -> Option<Self> {
        let per_year = PeriodsPerYear::from_times(times).ok()?;
        let (window, days) = window(times, per_year)?;
        let ratios = |worth: Option<&[f64]>| {
            let ratios = rolling_sharpe(&returns(worth.unwrap_or_default()), window, risk_free, per_year);
            std::iter::once(f64::NAN).chain(ratios.into_iter().map(|ratio| ratio.unwrap_or(f64::NAN))).collect()
        };
        let (agent, benchmark) = (ratios(agent), ratios(benchmark));
        Some(Self { window, days, periods_per_year: per_year.get(), risk_free, agent, benchmark })
    }

    pub(super) fn summary(&self) -> RollingSharpe {
        RollingSharpe {
            window_periods: self.window,
            window_days: self.days,
            periods_per_year: self.periods_per_year,
            risk_free: self.risk_free,
            agent: RollingRange::of(&self.agent),
            benchmark: RollingRange::of(&self.benchmark),
        }
    }
}

impl RollingRange {
    fn of(ratios: &[f64]) -> Option<Self> {
        let known = || ratios.iter().copied().filter(|ratio| ratio.is_finite());
        let last = known().next_back()?;
        Some(Self { lowest: known().fold(last, f64::min), highest: known().fold(last, f64::max), last })
    }
}

/// Simple returns up to ruin.
fn returns(worth: &[f64]) -> Vec<f64> {
    worth.windows(2).take_while(|pair| pair[0] > 0.0).map(|pair| pair[1] / pair[0] - 1.0).collect()
}

/// Periods and days of the window.
fn window(times: &[i64], per_year: PeriodsPerYear) -> Option<(usize, f64)> {
    let per_day = per_year.get() / 365.25;
    let span_days = (times.len() - 1) as f64 / per_day;
    let fits = |days: f64| ((days * per_day).round() as usize, days);
    let mut windows = WINDOWS_DAYS.into_iter().filter(|days| days * WINDOWS_IN_SPAN <= span_days).map(fits);
    windows.rfind(|(periods, _)| *periods >= LEAST_PERIODS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn window_of(bars: i64, step: i64) -> Option<(usize, f64)> {
        let times: Vec<i64> = (0..bars).map(|t| t * step).collect();
        window(&times, PeriodsPerYear::from_times(&times).unwrap())
    }

    #[test]
    fn the_window_fits_the_span_four_times_and_holds_enough_periods() {
        assert_eq!(window_of(865, HOUR), Some((168, 7.0)), "36 days by the hour");
        assert_eq!(window_of(54_000, HOUR), Some((8760, 365.0)), "six years by the hour");
        assert_eq!(window_of(731, 24 * HOUR), Some((182, 182.0)), "two years by the day");
        assert_eq!(window_of(60, 24 * HOUR), None, "two months by the day");
    }

    #[test]
    fn the_range_is_that_of_the_series() {
        let times: Vec<i64> = (0..865).map(|t| t * HOUR).collect();
        let worth: Vec<f64> = (0..865).map(|t| 100.0 + (f64::from(t) / 40.0).sin() + 0.01 * f64::from(t % 7)).collect();
        let rolling = Rolling::of(&times, Some(&worth), None, 0.0).unwrap();
        let summary = rolling.summary();
        let range = summary.agent.unwrap();
        assert_eq!((summary.window_periods, summary.benchmark), (168, None));
        assert!(range.lowest <= range.last && range.last <= range.highest);
        assert_eq!((rolling.agent.len(), range.last), (865, rolling.agent[864]));
        assert!(rolling.agent[167].is_nan() && rolling.agent[168].is_finite());
    }
}
