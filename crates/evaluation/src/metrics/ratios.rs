//! Return per unit of risk.

use crate::metrics::drawdown::maximum_drawdown;
use crate::metrics::returns::annualised_return;
use crate::metrics::sample::{lane_sum, larger, rounding, smaller};
use crate::metrics::{Episode, Metric, Undefined, finite};

/// Sharpe ratio: `mean(r - f) / std(r - f) * sqrt(ppy)` with the arithmetic mean, `n - 1` and `f = risk_free / ppy`.
///
/// Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994), the ex post ratio (equations 3 to 6). The root
/// assumes uncorrelated returns (Lo, "The Statistics of Sharpe Ratios", 2002). Returns that do not vary have none.
pub fn sharpe(episode: &Episode<'_>) -> Metric {
    let sample = episode.sample()?;
    finite((sample.mean() - episode.rate()?) / sample.spread()? * episode.periods_per_year.get().sqrt())
}

/// Sortino ratio: `mean(r - f) / downside * sqrt(ppy)` with `downside = sqrt(mean(min(r - f, 0)^2))` and
/// `f = risk_free / ppy` as the target.
///
/// Sortino and Price, "Performance Measurement in a Downside Risk Framework", Journal of Investing 3 (1994). The mean of the
/// squares runs over ALL periods, gains counting as 0, not over the losing periods alone.
pub fn sortino(episode: &Episode<'_>) -> Metric {
    let (sample, rate) = (episode.sample()?, episode.rate()?);
    if sample.len() < 2 {
        return Err(Undefined::TooFewPeriods);
    }
    let squares = lane_sum(sample.values(), |r| {
        let loss = smaller(r - rate, 0.0);
        loss * loss
    });
    let downside = (squares / sample.len() as f64).sqrt();
    match downside > rounding(sample.largest_from(rate)) {
        true => finite((sample.mean() - rate) / downside * episode.periods_per_year.get().sqrt()),
        false => Err(Undefined::NoLosses),
    }
}

/// Calmar ratio: the annualised return over the maximum drawdown of the same span.
///
/// Young, "Calmar Ratio: A Smoother Tool", Futures 20 (1991), who takes the last 36 months; here the span is the data.
/// [`Undefined::NoDrawdown`] if the account never fell.
pub fn calmar(episode: &Episode<'_>) -> Metric {
    let drawdown = maximum_drawdown(episode)?;
    match drawdown > rounding(0.0) {
        true => finite(annualised_return(episode)? / drawdown),
        false => Err(Undefined::NoDrawdown),
    }
}

/// Omega ratio: `sum max(r - f, 0) / sum max(f - r, 0)` with the target `f = risk_free / ppy`.
///
/// Keating and Shadwick, "A Universal Performance Measure", Journal of Performance Measurement 6 (2002). 1 is a game
/// that breaks even; it is not annualised.
pub fn omega(episode: &Episode<'_>) -> Metric {
    let (sample, rate) = (episode.sample()?, episode.rate()?);
    let losses = lane_sum(sample.values(), |r| larger(rate - r, 0.0));
    // Gains less losses are the sum of all excess returns.
    let gains = larger(losses + (sample.mean() - rate) * sample.len() as f64, 0.0);
    match losses > rounding(sample.largest_from(rate)) {
        true => finite(gains / losses),
        false => Err(Undefined::NoLosses),
    }
}
