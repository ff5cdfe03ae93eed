//! How much a Sharpe ratio is worth: for its length, its shape and the number of strategies tried.

use serde::{Deserialize, Serialize};

use crate::metrics::{Sample, Undefined};
use crate::stats::normal::{normal_cdf, normal_quantile};

/// A Sharpe ratio and what its standard error needs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharpeEvidence {
    /// Sharpe ratio of a period, not annualised.
    pub sharpe: f64,
    /// Number of periods.
    pub periods: usize,
    /// Skewness of the returns.
    pub skewness: f64,
    /// Kurtosis of the returns, 3 for a normal distribution: not the excess.
    pub kurtosis: f64,
}

impl SharpeEvidence {
    /// Of returns above a risk-free rate of a period, both as fractions.
    ///
    /// # Errors
    /// [`Undefined`] below 2 returns or if they do not vary.
    pub fn of(returns: &Sample, rate: f64) -> Result<Self, Undefined> {
        Ok(Self {
            sharpe: (returns.mean() - rate) / returns.spread()?,
            periods: returns.len(),
            skewness: returns.skewness()?,
            kurtosis: returns.kurtosis()?,
        })
    }

    /// Probabilistic Sharpe ratio: the confidence that the true ratio of a period exceeds `benchmark`.
    ///
    /// `Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2))`: Bailey and Lopez de Prado, "The Sharpe Ratio
    /// Efficient Frontier", Journal of Risk 15 (2012). `None` below 2 periods or where the root is of
    /// nothing.
    pub fn probabilistic(&self, benchmark: f64) -> Option<f64> {
        let variance = self.variance()?;
        let periods = self.periods.checked_sub(1).filter(|n| *n > 0)? as f64;
        Some(normal_cdf((self.sharpe - benchmark) * (periods / variance).sqrt()))
    }

    /// Deflated Sharpe ratio: the confidence that the true ratio exceeds what the best of `trials` strategies without
    /// skill shows; `trials_variance` is the variance of the tried strategies' ratios of a period.
    ///
    /// Bailey and Lopez de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40 (2014).
    pub fn deflated(&self, trials: usize, trials_variance: f64) -> Option<f64> {
        self.probabilistic(expected_maximum_sharpe(trials, trials_variance)?)
    }

    /// Minimum track record length: the periods after which this ratio would exceed `benchmark` at `confidence`.
    ///
    /// `1 + (1 - g3 SR + (g4 - 1) / 4 SR^2) (z / (SR - SR*))^2`: Bailey and Lopez de Prado (2012). `None` if the ratio is not above the benchmark or the confidence not inside (0.5, 1).
    pub fn minimum_track_record(&self, benchmark: f64, confidence: f64) -> Option<f64> {
        let z = normal_quantile(confidence).filter(|z| *z > 0.0 && z.is_finite())?;
        let above = self.sharpe - benchmark;
        (above > 0.0).then_some(1.0 + self.variance()? * (z / above).powi(2))
    }

    /// Variance of the estimated ratio, times the periods less 1.
    fn variance(&self) -> Option<f64> {
        let variance = 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe.powi(2);
        (variance > 0.0 && variance.is_finite()).then_some(variance)
    }
}

/// The ratio of a period that the best of `trials` strategies without skill is expected to show.
///
/// `sqrt(V) ((1 - g) z(1 - 1 / N) + g z(1 - 1 / (N e)))` with Euler's constant `g`: Bailey and Lopez de Prado (2014).
/// One trial chooses nothing and gives 0; `None` for none or a variance below 0.
pub fn expected_maximum_sharpe(trials: usize, variance: f64) -> Option<f64> {
    const EULER: f64 = 0.577_215_664_901_532_9;
    if trials == 0 || !(variance >= 0.0 && variance.is_finite()) {
        return None;
    }
    if trials == 1 {
        return Some(0.0);
    }
    let n = trials as f64;
    let far = normal_quantile(1.0 / n)?;
    let farther = normal_quantile(1.0 / (n * std::f64::consts::E))?;
    Some(-variance.sqrt() * ((1.0 - EULER) * far + EULER * farther))
}
