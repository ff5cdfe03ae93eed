//! How much was traded, what it cost and how much was at risk.

use crate::metrics::{Episode, Metric, Undefined, finite};
use crate::summary::mean;

/// Number of fills; a fee without shares is a charge on what is held and none.
pub fn trades(episode: &Episode<'_>) -> Metric {
    Ok(episode.trades.iter().filter(|trade| trade.shares != 0.0).count() as f64)
}

/// Value traded over the mean net worth: `sum |shares * price| / mean(w)`; buying and later selling all counts 2.
pub fn turnover(episode: &Episode<'_>) -> Metric {
    let traded: f64 = episode.trades.iter().map(|trade| (trade.shares * trade.price).abs()).sum();
    let capital = mean(episode.curve.net_worth());
    if capital <= 0.0 {
        return Err(Undefined::Ruined);
    }
    finite(traded / capital)
}

/// Turnover a year: the turnover times `ppy / n`.
pub fn turnover_per_year(episode: &Episode<'_>) -> Metric {
    finite(turnover(episode)? * (episode.periods_per_year.get() / episode.curve.periods() as f64))
}

/// Commission and charges paid: the sum of all fees, in money.
pub fn commission(episode: &Episode<'_>) -> Metric {
    finite(episode.trades.iter().map(|trade| trade.fee).sum())
}

/// Mean of `|holdings value| / net worth` over all points: 0 is all cash, 1 fully invested, above 1 leveraged.
pub fn exposure(episode: &Episode<'_>) -> Metric {
    let (worth, held) = (episode.curve.net_worth(), episode.curve.holdings_value());
    if worth.iter().any(|&w| w <= 0.0) {
        return Err(Undefined::Ruined);
    }
    finite(mean(&worth.iter().zip(held).map(|(w, h)| h.abs() / w).collect::<Vec<_>>()))
}
