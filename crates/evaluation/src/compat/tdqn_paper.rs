//! The performance indicators of Theate and Ernst, "An application of deep reinforcement learning to algorithmic trading",
//! Expert Systems with Applications 173 (2021), as the authors' code computes them.

use crate::compat::{NamedMetrics, central, finite_or, mean, variance};
use crate::curve::elapsed_days;
use crate::metrics::{Metric, Undefined};

/// What the paper's indicators are computed from: every row of the test file, the first 30 without a position included.
#[derive(Clone, Copy, Debug)]
pub struct PaperInput<'a> {
    /// Stamps, UTC ns, `[T]`.
    pub times: &'a [i64],
    /// Net worth, in money, `[T]`; at least one.
    pub money: &'a [f64],
    /// Rows in which the position was opened or turned, `[T]`; shares bought back by the bound are no trade.
    pub traded: &'a [bool],
}

/// The paper's trading days a year.
const DAYS: f64 = 252.0;

/// The paper's indicators, under the names of its tables 4 and 5 and with its percentages. Differences from ours:
///
/// - the annualised return adds the returns up before it compounds them over calendar years of 365 days, and is -100 if
///   they add up to -100 % or less;
/// - 252 days a year, no risk-free rate; a ratio is 0 if the mean or the spread of the returns is 0;
/// - Sortino divides by the standard deviation (with `n`) of the losing rows alone;
/// - the drawdown is the one with the largest loss in money, not in percent, and lasts from its peak to its low;
/// - a trade without result is a profitable one;
/// - skewness is corrected for the size of the sample.
pub fn tdqn_paper(input: &PaperInput<'_>) -> NamedMetrics {
    let money = input.money;
    let mut returns = vec![0.0];
    returns.extend(money.windows(2).map(|pair| (pair[1] - pair[0]) / pair[0]));
    let last = money.len() - 1;
    let std = finite_or(variance(&returns).sqrt(), Undefined::TooFewPeriods);
    let losses: Vec<f64> = returns.iter().copied().filter(|r| *r < 0.0).collect();
    let downside = if losses.is_empty() { 0.0 } else { central(&losses, 2).sqrt() };
    let (depth, length) = drawdown(money);
    let (profitable, ratio) = trades(input);
    vec![
        ("Sharpe ratio", std.and_then(|std| annual_ratio(mean(&returns), std))),
        ("Profit & loss [$]", Ok(money[last] - money[0])),
        ("Annualised return [%]", annualised(&returns, elapsed_days(input.times[0], input.times[last]).floor())),
        ("Annualised volatility [%]", std.map(|std| 100.0 * DAYS.sqrt() * std)),
        ("Profitability ratio [%]", profitable),
        ("Profit and loss ratio", ratio),
        ("Sortino ratio", annual_ratio(mean(&returns), downside)),
        ("Max drawdown [%]", Ok(depth)),
        ("Max drawdown duration [days]", Ok(length)),
        ("Skewness", skewness(&returns)),
    ]
}

fn annual_ratio(mean: f64, spread: f64) -> Metric {
    let ratio = if mean != 0.0 && spread != 0.0 { DAYS.sqrt() * mean / spread } else { 0.0 };
    finite_or(ratio, Undefined::NotFinite)
}

fn annualised(returns: &[f64], days: f64) -> Metric {
    let sum: f64 = returns.iter().sum();
    let percent = if sum > -1.0 { 100.0 * ((1.0 + sum).powf(365.0 / days) - 1.0) } else { -100.0 };
    finite_or(percent, Undefined::TooFewPeriods)
}

/// Percentage below the first highest point before the low of the largest loss in money, and the rows between them.
fn drawdown(money: &[f64]) -> (f64, f64) {
    let (mut peak, mut loss, mut low) = (f64::NEG_INFINITY, 0.0, 0);
    for (t, &w) in money.iter().enumerate() {
        peak = peak.max(w);
        if peak - w > loss {
            (loss, low) = (peak - w, t);
        }
    }
    let top = (0..low).fold(0, |top, t| if money[t] > money[top] { t } else { top });
    match low {
        0 => (0.0, 0.0),
        _ => (100.0 * (money[top] - money[low]) / money[top], (low - top) as f64),
    }
}

/// Percentage of profitable trades, and mean profit over mean loss.
fn trades(input: &PaperInput<'_>) -> (Metric, Metric) {
    let mut rows: Vec<usize> = (0..input.money.len()).filter(|&t| input.traded[t]).collect();
    if rows.is_empty() {
        return (Ok(0.0), Ok(0.0));
    }
    rows.push(input.money.len() - 1);
    let results: Vec<f64> = rows.windows(2).map(|pair| input.money[pair[1]] - input.money[pair[0]]).collect();
    let (good, bad): (Vec<f64>, Vec<f64>) = results.iter().partition(|result| **result >= 0.0);
    let average = |side: &[f64]| if side.is_empty() { 0.0 } else { mean(side) };
    let ratio = finite_or(average(&good) / -average(&bad), Undefined::NoLosingTrades);
    (Ok(100.0 * good.len() as f64 / results.len() as f64), ratio)
}

fn skewness(returns: &[f64]) -> Metric {
    let n = returns.len() as f64;
    let biased = central(returns, 3) / central(returns, 2).powf(1.5);
    finite_or(biased * (n * (n - 1.0)).sqrt() / (n - 2.0), Undefined::NoVariance)
}
