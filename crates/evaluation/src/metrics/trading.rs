//! How much was traded, what it cost, what came of it and how much was at risk.

use crate::curve::{EquityCurve, TradeRecord};
use crate::metrics::sample::{lane_dot, lane_mean};
use crate::metrics::{Episode, Metric, Undefined, finite};

/// Number of fills; a fee without shares is a charge on what is held and none.
pub fn trades(episode: &Episode<'_>) -> Metric {
    Ok(episode.trades.iter().filter(|trade| trade.shares != 0.0).count() as f64)
}

/// Number of periods: one less than the points of the curve.
pub fn intervals(episode: &Episode<'_>) -> Metric {
    Ok(episode.curve.periods() as f64)
}

/// Fills over periods.
pub fn trades_per_interval(episode: &Episode<'_>) -> Metric {
    finite(trades(episode)? / intervals(episode)?)
}

/// Churn: the share of the periods in which something was traded, 0 to 1.
///
/// A fill belongs to the period that ends at its stamp or next after it; several fills of one period count once.
pub fn churn(episode: &Episode<'_>) -> Metric {
    finite(episode.trading_points.len() as f64 / intervals(episode)?)
}

/// Profitability ratio: the share of trades that won, among those that won or lost.
///
/// Theate and Ernst, "An application of deep reinforcement learning to algorithmic trading", Expert Systems with
/// Applications 173 (2021), performance indicators. A trade runs from the close of a period that traded to the close of the next one
/// that did, or to the end; its result is the change of net worth between them. So the costs of leaving belong to it, and
/// it is defined with several assets and with holdings from the start.
pub fn profitability_ratio(episode: &Episode<'_>) -> Metric {
    let Outcomes { wins, losses, .. } = outcomes(episode)?;
    finite(wins / (wins + losses))
}

/// Profit and loss ratio: the mean gain of the trades that won over the mean loss of those that lost.
///
/// Theate and Ernst (2021); trades as in [`profitability_ratio`]. [`Undefined::NoLosingTrades`] if none lost.
pub fn profit_loss_ratio(episode: &Episode<'_>) -> Metric {
    let Outcomes { wins, losses, won, lost } = outcomes(episode)?;
    match losses > 0.0 {
        true => finite(if wins > 0.0 { (won / wins) / (lost / losses) } else { 0.0 }),
        false => Err(Undefined::NoLosingTrades),
    }
}

/// Value traded over the mean net worth: `sum |shares * price| / mean(w)`; buying and later selling all counts 2.
pub fn turnover(episode: &Episode<'_>) -> Metric {
    let traded: f64 = episode.trades.iter().map(|trade| (trade.shares * trade.price).abs()).sum();
    let capital = lane_mean(episode.curve.net_worth());
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
    if matches!(episode.sample(), Err(Undefined::Ruined)) || worth[worth.len() - 1] <= 0.0 {
        return Err(Undefined::Ruined);
    }
    finite(lane_dot(held, worth, |h, w| h.abs() / w) / worth.len() as f64)
}

/// Numbers of trades that won and lost, and the money won and lost.
struct Outcomes {
    wins: f64,
    losses: f64,
    won: f64,
    lost: f64,
}

fn outcomes(episode: &Episode<'_>) -> Result<Outcomes, Undefined> {
    let worth = episode.curve.net_worth();
    let points = &episode.trading_points;
    let ends = points.iter().skip(1).copied().chain([episode.curve.periods()]);
    let mut found = Outcomes { wins: 0.0, losses: 0.0, won: 0.0, lost: 0.0 };
    for (start, end) in points.iter().zip(ends) {
        let result = worth[end] - worth[*start];
        if result > 0.0 {
            found.wins += 1.0;
            found.won += result;
        } else if result < 0.0 {
            found.losses += 1.0;
            found.lost -= result;
        }
    }
    if found.wins + found.losses > 0.0 { Ok(found) } else { Err(Undefined::NoTrades) }
}

/// The points at the end of the periods that traded, rising, each once.
pub(super) fn trading_points(curve: &EquityCurve, trades: &[TradeRecord]) -> Vec<usize> {
    let times = curve.times();
    let mut at = 0;
    let mut points: Vec<usize> = Vec::with_capacity(trades.len());
    for trade in trades {
        // Fills mostly come in order, so that the search goes on from the one before.
        if at > 0 && times[at - 1] >= trade.time {
            at = times.partition_point(|t| *t < trade.time);
        }
        at += times[at..].iter().take_while(|t| **t < trade.time).count();
        points.push(at.clamp(1, curve.periods()));
    }
    points.sort_unstable();
    points.dedup();
    points
}
