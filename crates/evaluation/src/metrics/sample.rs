//! The returns of an account and what every metric needs of them, computed once.

use crate::curve::EquityCurve;
use crate::metrics::Undefined;

/// Simple returns with their moments.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    values: Vec<f64>,
    mean: f64,
    squares: f64,
    largest: f64,
}

impl Sample {
    /// Keeps returns, `[n]`, one a period, as fractions.
    pub fn new(values: Vec<f64>) -> Self {
        let mean = lane_mean(&values);
        let squares = lane_sum(&values, |x| (x - mean) * (x - mean));
        let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        Self { values, mean, squares, largest }
    }

    /// The returns themselves, `[n]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Number of returns.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no return.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Arithmetic mean, NaN of none; exact if all are equal.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Variance with `n - 1`.
    ///
    /// # Errors
    /// [`Undefined::TooFewPeriods`] below 2 returns.
    pub fn variance(&self) -> Result<f64, Undefined> {
        match self.len() {
            0 | 1 => Err(Undefined::TooFewPeriods),
            n => Ok(self.squares / (n - 1) as f64),
        }
    }

    /// Standard deviation with `n - 1`, of returns that vary by more than their own rounding.
    ///
    /// # Errors
    /// [`Undefined::TooFewPeriods`] below 2 returns, [`Undefined::NoVariance`] if they do not vary.
    pub fn spread(&self) -> Result<f64, Undefined> {
        let std = self.variance()?.sqrt();
        if std > rounding(self.largest) { Ok(std) } else { Err(Undefined::NoVariance) }
    }

    /// Mean of the `k`-th powers of the standardised returns, the standard deviation taken with `n`.
    pub(super) fn standardised_moment(&self, k: i32) -> Result<f64, Undefined> {
        self.spread()?;
        let n = self.len() as f64;
        let std = (self.squares / n).sqrt();
        Ok(lane_sum(&self.values, |x| ((x - self.mean) / std).powi(k)) / n)
    }
}

/// Simple returns `w[t] / w[t - 1] - 1`, `[n]`.
///
/// # Errors
/// [`Undefined::Ruined`] if a net worth before the last is 0 or below; [`Undefined::NotFinite`] if one overflows.
pub fn simple_returns(curve: &EquityCurve) -> Result<Vec<f64>, Undefined> {
    returns_of(curve.net_worth())
}

/// Simple returns of a series of values, `[T]` to `[T - 1]`, as [`simple_returns`] of a curve.
pub(super) fn returns_of(worth: &[f64]) -> Result<Vec<f64>, Undefined> {
    if worth[..worth.len() - 1].iter().any(|&w| w <= 0.0) {
        return Err(Undefined::Ruined);
    }
    let returns: Vec<f64> = worth[1..].iter().zip(worth).map(|(now, before)| now / before - 1.0).collect();
    match returns.iter().all(|r| r.is_finite()) {
        true => Ok(returns),
        false => Err(Undefined::NotFinite),
    }
}

/// What the rounding of a quotient of two net worths can contribute to a return of this size.
pub(super) fn rounding(largest: f64) -> f64 {
    4.0 * f64::EPSILON * (1.0 + largest)
}

/// Arithmetic mean, exact for equal values; NaN for none.
pub(super) fn lane_mean(values: &[f64]) -> f64 {
    // Summing differences to the first value keeps the mean of equal values equal to them.
    let first = values.first().copied().unwrap_or(f64::NAN);
    first + lane_sum(values, |x| x - first) / values.len() as f64
}

/// Sum of a function of every value in eight lanes, so that an addition need not wait for the one before it.
pub(super) fn lane_sum(values: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let (blocks, rest) = values.as_chunks::<8>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane += f(*x);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|x| f(*x)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_sum_every_value_once() {
        for n in 0..40 {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            assert_eq!(lane_sum(&values, |x| 2.0 * x), f64::from(n * (n - 1)));
        }
        assert_eq!(lane_mean(&[0.1; 13]), 0.1);
    }
}
