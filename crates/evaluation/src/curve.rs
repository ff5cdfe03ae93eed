//! What an account was worth over time, and the trades that made it so.

use crate::error::EvaluationError;
use crate::periods::PeriodsPerYear;

/// Net worth of one account at the close of every bar, the starting capital first; checked when it is built.
#[derive(Clone, Debug, PartialEq)]
pub struct EquityCurve {
    times: Vec<i64>,
    net_worth: Vec<f64>,
    holdings_value: Vec<f64>,
}

/// One executed trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeRecord {
    /// When it filled, UTC ns.
    pub time: i64,
    /// Shares bought (positive) or sold (negative).
    pub shares: f64,
    /// Price of a share, in money.
    pub price: f64,
    /// Commission paid, in money.
    pub fee: f64,
}

impl EquityCurve {
    /// Checks and keeps a curve: `times` are close stamps in UTC ns, the values are money, all `[T]`.
    ///
    /// # Errors
    /// [`EvaluationError`] if the lengths differ, there are fewer than 2 points, the times do not rise, a value is not
    /// finite, or the first net worth is not above 0. A later net worth may be 0 or below: ruin is a result.
    pub fn new(times: Vec<i64>, net_worth: Vec<f64>, holdings_value: Vec<f64>) -> Result<Self, EvaluationError> {
        let lengths = (times.len(), net_worth.len(), holdings_value.len());
        if lengths.0 != lengths.1 || lengths.0 != lengths.2 {
            return Err(EvaluationError::Lengths { times: lengths.0, net_worth: lengths.1, holdings_value: lengths.2 });
        }
        check_times(&times)?;
        check_finite("net worth", &net_worth)?;
        check_finite("holdings value", &holdings_value)?;
        if net_worth[0] <= 0.0 {
            return Err(EvaluationError::NoCapital { value: net_worth[0] });
        }
        Ok(Self { times, net_worth, holdings_value })
    }

    /// Close stamps, UTC ns, `[T]`.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Cash plus holdings, in money, `[T]`.
    pub fn net_worth(&self) -> &[f64] {
        &self.net_worth
    }

    /// Signed value of what is held, in money, `[T]`.
    pub fn holdings_value(&self) -> &[f64] {
        &self.holdings_value
    }

    /// Number of periods: one less than there are points.
    pub fn periods(&self) -> usize {
        self.times.len() - 1
    }

    /// Time from the first to the last point, in days of 24 hours.
    pub fn days(&self) -> f64 {
        elapsed_days(self.times[0], self.times[self.times.len() - 1])
    }

    /// Periods per year as this curve itself has them.
    pub fn periods_per_year(&self) -> PeriodsPerYear {
        PeriodsPerYear::of_checked(&self.times)
    }
}

/// Days of 24 hours from one stamp to another, without overflow.
pub(crate) fn elapsed_days(from: i64, to: i64) -> f64 {
    const DAY_NS: f64 = 86_400e9;
    (i128::from(to) - i128::from(from)) as f64 / DAY_NS
}

/// Checks that there are at least 2 stamps and that they rise.
pub(crate) fn check_times(times: &[i64]) -> Result<(), EvaluationError> {
    if times.len() < 2 {
        return Err(EvaluationError::TooShort { got: times.len() });
    }
    match times.windows(2).position(|pair| pair[1] <= pair[0]) {
        Some(i) => Err(EvaluationError::NotRising { index: i + 1, previous: times[i], time: times[i + 1] }),
        None => Ok(()),
    }
}

/// Checks that every value is finite.
pub(crate) fn check_finite(column: &'static str, values: &[f64]) -> Result<(), EvaluationError> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(EvaluationError::NotFinite { column, index, value: values[index] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(times: &[i64], net_worth: &[f64], holdings: &[f64]) -> String {
        EquityCurve::new(times.to_vec(), net_worth.to_vec(), holdings.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn a_curve_that_cannot_be_judged_is_refused_with_the_place() {
        assert!(refusal(&[1, 2], &[1.0], &[0.0, 0.0]).contains("2 times, 1 net worths"));
        assert!(refusal(&[1], &[1.0], &[0.0]).contains("at least 2 points, got 1"));
        assert!(refusal(&[1, 3, 3], &[1.0; 3], &[0.0; 3]).contains("got 3 ns after 3 ns at point 2"));
        assert!(refusal(&[1, 2], &[1.0, f64::NAN], &[0.0; 2]).contains("net worth must be finite, got NaN at point 1"));
        assert!(refusal(&[1, 2], &[1.0; 2], &[0.0, f64::INFINITY]).contains("holdings value must be finite"));
        assert!(refusal(&[1, 2], &[0.0, 1.0], &[0.0; 2]).contains("first net worth must be above 0"));
    }

    #[test]
    fn ruin_and_the_widest_span_are_accepted() {
        let curve = EquityCurve::new(vec![i64::MIN, i64::MAX], vec![1.0, -5.0], vec![0.0, -6.0]).unwrap();
        assert!((curve.days() - 213_503.98).abs() < 0.01);
    }
}
