//! Return per unit of risk.

use crate::metrics::returns::{mean_and_spread, rounding, simple_returns};
use crate::metrics::{Episode, Metric, Undefined, finite};
use crate::summary::mean;

/// Sharpe ratio: `mean(r - f) / std(r - f) * sqrt(ppy)` with the arithmetic mean, `n - 1` and `f = risk_free / ppy`.
///
/// Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994), the ex post ratio (equations 3 to 6). The root
/// assumes uncorrelated returns (Lo, "The Statistics of Sharpe Ratios", 2002). Returns that do not vary have none.
pub fn sharpe(episode: &Episode<'_>) -> Metric {
    let (mean, spread) = mean_and_spread(&excess_returns(episode)?)?;
    finite(mean / spread * episode.periods_per_year.get().sqrt())
}

/// Sortino ratio: `mean(r - f) / downside * sqrt(ppy)` with `downside = sqrt(mean(min(r - f, 0)^2))` and
/// `f = risk_free / ppy` as the target.
///
/// Sortino and Price, "Performance Measurement in a Downside Risk Framework", Journal of Investing 3 (1994). The mean of the
/// squares runs over ALL periods, gains counting as 0, not over the losing periods alone.
pub fn sortino(episode: &Episode<'_>) -> Metric {
    let excess = excess_returns(episode)?;
    if excess.len() < 2 {
        return Err(Undefined::TooFewPeriods);
    }
    let downside = (excess.iter().map(|x| x.min(0.0).powi(2)).sum::<f64>() / excess.len() as f64).sqrt();
    let largest = excess.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    match downside > rounding(largest) {
        true => finite(mean(&excess) / downside * episode.periods_per_year.get().sqrt()),
        false => Err(Undefined::NoLosses),
    }
}

fn excess_returns(episode: &Episode<'_>) -> Result<Vec<f64>, Undefined> {
    let rate = finite(episode.risk_free / episode.periods_per_year.get())?;
    Ok(simple_returns(episode.curve)?.into_iter().map(|r| r - rate).collect())
}
