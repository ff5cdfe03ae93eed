//! The returns of an account and what every metric needs of them, computed once.

use crate::curve::EquityCurve;
use crate::metrics::Undefined;

/// Simple returns with their moments.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    values: Vec<f64>,
    mean: f64,
    squares: f64,
    smallest: f64,
    largest: f64,
}

impl Sample {
    /// Keeps returns, `[n]`, one a period, as fractions.
    pub fn new(values: Vec<f64>) -> Self {
        let mean = lane_mean(&values);
        let squares = lane_sum(&values, |x| (x - mean) * (x - mean));
        let (smallest, largest) =
            (lane_fold(&values, f64::INFINITY, smaller), lane_fold(&values, f64::NEG_INFINITY, larger));
        Self { values, mean, squares, smallest, largest }
    }

    /// Simple returns of a series of values, `[n + 1]`; what cannot be computed as [`simple_returns`] says.
    pub(super) fn of(worth: &[f64]) -> Result<Self, Undefined> {
        let sample = Self::new(returns_of(worth)?);
        // Values above 0 have no returns that are NaN, so that the extremes tell whether all are finite.
        if sample.largest.is_finite() { Ok(sample) } else { Err(Undefined::NotFinite) }
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

    /// Smallest return, infinite of none.
    pub fn smallest(&self) -> f64 {
        self.smallest
    }

    /// Largest return, minus infinity of none.
    pub fn largest(&self) -> f64 {
        self.largest
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
        if std > rounding(self.largest_from(0.0)) { Ok(std) } else { Err(Undefined::NoVariance) }
    }

    /// Largest distance of a return from a number, 0 of none.
    pub(super) fn largest_from(&self, centre: f64) -> f64 {
        (self.largest - centre).max(centre - self.smallest).max(0.0)
    }

    /// Skewness `g1`: the mean cube of the standardised returns, the standard deviation taken with `n`.
    ///
    /// # Errors
    /// [`Undefined::TooFewPeriods`] below 2 returns, [`Undefined::NoVariance`] if they do not vary.
    pub fn skewness(&self) -> Result<f64, Undefined> {
        self.standardised_mean(|z| z * z * z)
    }

    /// Kurtosis `g2 + 3`: the mean fourth power of the standardised returns, 3 for a normal distribution.
    ///
    /// # Errors
    /// [`Undefined::TooFewPeriods`] below 2 returns, [`Undefined::NoVariance`] if they do not vary.
    pub fn kurtosis(&self) -> Result<f64, Undefined> {
        self.standardised_mean(|z| (z * z) * (z * z))
    }

    fn standardised_mean(&self, f: impl Fn(f64) -> f64) -> Result<f64, Undefined> {
        self.spread()?;
        let n = self.len() as f64;
        let scale = 1.0 / (self.squares / n).sqrt();
        Ok(lane_sum(&self.values, |x| f((x - self.mean) * scale)) / n)
    }
}

/// Simple returns `w[t] / w[t - 1] - 1`, `[n]`.
///
/// # Errors
/// [`Undefined::Ruined`] if a net worth before the last is 0 or below; [`Undefined::NotFinite`] if one overflows.
pub fn simple_returns(curve: &EquityCurve) -> Result<Vec<f64>, Undefined> {
    Ok(Sample::of(curve.net_worth())?.values)
}

/// Simple returns of a series of values; one that overflows is infinite.
fn returns_of(worth: &[f64]) -> Result<Vec<f64>, Undefined> {
    if lane_fold(&worth[..worth.len() - 1], f64::INFINITY, smaller) <= 0.0 {
        return Err(Undefined::Ruined);
    }
    Ok(worth[1..].iter().zip(worth).map(|(now, before)| now / before - 1.0).collect())
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

/// Sum of a function of the pairs of two series of one length, in eight lanes.
pub(super) fn lane_dot(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (lane, (x, y)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += f(*x, *y);
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(x, y)| f(*x, *y)).sum::<f64>()
}

/// Folds all values in eight lanes with `f`, which must not care about order.
pub(super) fn lane_fold(values: &[f64], start: f64, f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [start; 8];
    let (blocks, rest) = values.as_chunks::<8>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane = f(*lane, *x);
        }
    }
    lanes.iter().chain(rest).copied().fold(start, f)
}

/// The smaller of two numbers, neither of them NaN: one instruction, other than `f64::min`.
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

/// The larger of two numbers, neither of them NaN.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
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
