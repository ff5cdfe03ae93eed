//! The metrics of the article "Deep Q-Learning Applied to Algorithmic Trading" (Darmanin), as its code computes them.

use crate::compat::{NamedMetrics, central, finite_or, mean, variance};
use crate::metrics::{Metric, Undefined};

/// What the article's metrics are computed from.
#[derive(Clone, Copy, Debug)]
pub struct ArticleInput<'a> {
    /// Returns of every row, warm-up zeros included, as fractions, `[n]`.
    pub returns: &'a [f64],
    /// Position of every row: -1, 0 or 1, `[n]`.
    pub positions: &'a [f64],
    /// Closes of the market index, if there is one; its first rows are used, whatever their dates.
    pub market_close: Option<&'a [f64]>,
    /// Risk-free rate a year, as a fraction.
    pub risk_free: f64,
    /// Trading days a year; the article has 252.
    pub trading_days: f64,
}

/// The article's metrics, under its names. Differences from ours:
///
/// - days a year are a constant, not counted in the data;
/// - a Sharpe ratio of returns that do not vary is 0; Sortino's downside runs over the losing rows alone;
/// - the close of the first row is the first peak, so a loss in it is no drawdown;
/// - a drawdown is negative, and its length counts rows below the peak;
/// - a trade is a row whose position is new and not 0; the first row counts if it has a position;
/// - beta joins rows by number, not by date; the information ratio is the Sharpe ratio in other words;
/// - "Trade Churn" repeats the trades per interval; the profitability ratio is 100 times the mean of the gains.
pub fn ddqn_article(input: &ArticleInput<'_>) -> NamedMetrics {
    let ArticleInput { returns, trading_days, .. } = *input;
    let n = returns.len() as f64;
    let growth: Vec<f64> = growth(returns);
    let cumulative = growth.last().map_or(Err(Undefined::TooFewPeriods), |g| Ok(g - 1.0));
    let annualised = cumulative.map(|c| (1.0 + c).powf(trading_days / n) - 1.0);
    let (depth, length) = drawdown(&growth);
    let var = finite_or(variance(returns), Undefined::TooFewPeriods);
    let trades = trades(input.positions);
    let extreme = |pick: fn(f64, f64) -> f64| returns.iter().copied().reduce(pick).ok_or(Undefined::TooFewPeriods);
    let gains: f64 = returns.iter().filter(|r| **r > 0.0).sum();
    let standardised = |k: i32| central(returns, k) / central(returns, 2).powf(f64::from(k) / 2.0);
    vec![
        ("Cumulative Returns", cumulative),
        ("Annualized Returns", annualised),
        ("Maximum Return", extreme(f64::max)),
        ("Maximum Loss", extreme(f64::min)),
        ("Variance", var),
        ("Standard Deviation", var.map(f64::sqrt)),
        ("Maximum Drawdown", Ok(depth)),
        ("Drawdown Length", Ok(length)),
        ("Sharpe Ratio", sharpe(input)),
        ("Sortino Ratio", sortino(input)),
        ("Number of Trades", Ok(trades)),
        ("Trades per Interval", finite_or(trades / n, Undefined::TooFewPeriods)),
        ("Number of Intervals", Ok(n)),
        ("Returns Skewness", finite_or(standardised(3), Undefined::NoVariance)),
        ("Returns Kurtosis", finite_or(standardised(4) - 3.0, Undefined::NoVariance)),
        ("Beta", beta(input)),
        ("Information Ratio", information_ratio(input)),
        ("Trade Churn", finite_or(trades / n, Undefined::TooFewPeriods)),
        ("Profitability Ratio [%]", finite_or(100.0 * gains / n, Undefined::TooFewPeriods)),
    ]
}

fn growth(returns: &[f64]) -> Vec<f64> {
    let step = |w: &mut f64, r: &f64| {
        *w *= 1.0 + r;
        Some(*w)
    };
    returns.iter().scan(1.0, step).collect()
}

fn drawdown(growth: &[f64]) -> (f64, f64) {
    let (mut peak, mut depth, mut length, mut longest) = (f64::NEG_INFINITY, 0.0_f64, 0, 0);
    for &w in growth {
        peak = peak.max(w);
        let below = w / peak - 1.0;
        depth = depth.min(below);
        length = if below < 0.0 { length + 1 } else { 0 };
        longest = longest.max(length);
    }
    (depth, f64::from(longest))
}

fn trades(positions: &[f64]) -> f64 {
    let is_new = |t: usize| t == 0 || positions[t] != positions[t - 1];
    (0..positions.len()).filter(|&t| positions[t] != 0.0 && is_new(t)).count() as f64
}

fn sharpe(input: &ArticleInput<'_>) -> Metric {
    let std = finite_or(variance(input.returns), Undefined::TooFewPeriods)?.sqrt();
    if std == 0.0 {
        return Ok(0.0);
    }
    let excess = mean(input.returns) - input.risk_free / input.trading_days;
    finite_or(excess / std * input.trading_days.sqrt(), Undefined::NotFinite)
}

fn information_ratio(input: &ArticleInput<'_>) -> Metric {
    match sharpe(input)? {
        0.0 if variance(input.returns) == 0.0 => Err(Undefined::NoVariance),
        ratio => Ok(ratio),
    }
}

fn sortino(input: &ArticleInput<'_>) -> Metric {
    let losses: Vec<f64> = input.returns.iter().filter(|r| **r < 0.0).map(|r| r * r).collect();
    let downside = mean(&losses).sqrt() * input.trading_days.sqrt();
    finite_or((mean(input.returns) * input.trading_days - input.risk_free) / downside, Undefined::NoLosses)
}

fn beta(input: &ArticleInput<'_>) -> Metric {
    let closes = input.market_close.ok_or(Undefined::NoBenchmark)?;
    let rows = closes.len().min(input.returns.len());
    let change = |t: usize| if t == 0 { 0.0 } else { closes[t] / closes[t - 1] - 1.0 };
    let market: Vec<f64> = (0..rows).map(change).collect();
    let own = &input.returns[..rows];
    let (own_mean, market_mean) = (mean(own), mean(&market));
    let covariance: f64 = own.iter().zip(&market).map(|(r, m)| (r - own_mean) * (m - market_mean)).sum();
    let squares: f64 = market.iter().map(|m| (m - market_mean).powi(2)).sum();
    finite_or(covariance / squares, Undefined::NoVariance)
}
