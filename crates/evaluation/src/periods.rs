//! How many periods of the data make a year.

use crate::curve::{check_times, elapsed_days};
use crate::error::EvaluationError;

/// Periods per year, counted in the data itself; there is no default of 252 or 365.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct PeriodsPerYear(f64);

/// Days of a Julian year.
const DAYS_PER_YEAR: f64 = 365.25;

impl PeriodsPerYear {
    /// Divides the number of periods by the elapsed years of 365.25 days.
    ///
    /// `(len - 1) / ((last - first) / 365.25 days)`: an hourly market that never closes has 8766, a stock exchange's
    /// daily bars about 252. Nights, weekends and holidays count by being in the data.
    ///
    /// # Errors
    /// [`EvaluationError`] if there are fewer than 2 stamps or they do not rise.
    pub fn from_times(times: &[i64]) -> Result<Self, EvaluationError> {
        check_times(times)?;
        Ok(Self::of_checked(times))
    }

    /// The number itself, above 0 and finite.
    pub fn get(self) -> f64 {
        self.0
    }

    pub(crate) fn of_checked(times: &[i64]) -> Self {
        let years = elapsed_days(times[0], times[times.len() - 1]) / DAYS_PER_YEAR;
        Self((times.len() - 1) as f64 / years)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    #[test]
    fn an_hourly_market_that_never_closes_has_8766_periods_a_year() {
        let hours: Vec<i64> = (0..864).map(|h| h * DAY / 24).collect();
        let ppy = PeriodsPerYear::from_times(&hours).unwrap().get();
        assert!((ppy - 8766.0).abs() < 1e-9, "got {ppy}");
    }

    #[test]
    fn a_stock_exchanges_daily_bars_have_about_252_periods_a_year() {
        let holidays = [0, 18, 49, 144, 170, 186, 245, 280, 325, 359];
        let days: Vec<i64> =
            (0..4 * 365).filter(|d| d % 7 < 5 && !holidays.contains(&(d % 365))).map(|d| d * DAY).collect();
        let ppy = PeriodsPerYear::from_times(&days).unwrap().get();
        assert!((250.0..256.0).contains(&ppy), "got {ppy}");
    }

    #[test]
    fn fewer_than_two_stamps_give_no_number() {
        assert_eq!(PeriodsPerYear::from_times(&[5]), Err(EvaluationError::TooShort { got: 1 }));
    }
}
