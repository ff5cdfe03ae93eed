//! How much was earned and how unevenly.

use crate::metrics::sample::lane_sum;
use crate::metrics::{Episode, Metric, Undefined, finite};

/// Return of the whole span: `w[n] / w[0] - 1`; below -1 if the account ends in debt.
pub fn cumulative_return(episode: &Episode<'_>) -> Metric {
    let (first, last) = episode.ends();
    finite(last / first - 1.0)
}

/// Geometric mean return a year: `(w[n] / w[0])^(ppy / n) - 1`.
///
/// Bacon, "Practical Portfolio Performance Measurement and Attribution", 2nd ed., section 2. `ppy / n` is one over the
/// elapsed years. A total loss gives -1; an account in debt, or one that passed through 0, is [`Undefined::Ruined`].
pub fn annualised_return(episode: &Episode<'_>) -> Metric {
    let (first, last) = episode.ends();
    if matches!(episode.sample(), Err(Undefined::Ruined)) || last < 0.0 {
        return Err(Undefined::Ruined);
    }
    finite((last / first).powf(episode.periods_per_year.get() / episode.curve.periods() as f64) - 1.0)
}

/// Largest return of a period, as a fraction.
pub fn max_return(episode: &Episode<'_>) -> Metric {
    finite(episode.sample()?.largest())
}

/// Smallest return of a period, as a fraction: the worst loss if it is below 0.
pub fn min_return(episode: &Episode<'_>) -> Metric {
    finite(episode.sample()?.smallest())
}

/// Variance of the returns, `sum (r - mean)^2 / (n - 1)`, a period, in squared fractions.
pub fn variance(episode: &Episode<'_>) -> Metric {
    finite(episode.sample()?.variance()?)
}

/// Standard deviation of the returns, the root of the variance, a period, as a fraction.
pub fn std(episode: &Episode<'_>) -> Metric {
    finite(variance(episode)?.sqrt())
}

/// Annualised volatility: the standard deviation (`n - 1`) of the simple returns, times `sqrt(ppy)`.
///
/// Hull, "Options, Futures, and Other Derivatives", section on estimating volatility from historical data.
pub fn volatility(episode: &Episode<'_>) -> Metric {
    finite(std(episode)? * episode.periods_per_year.get().sqrt())
}

/// Skewness of the returns: the mean of `((r - mean) / s)^3` with `s` taken with `n`.
///
/// Joanes and Gill, "Comparing Measures of Sample Skewness and Kurtosis", The Statistician 47 (1998), their `g1`. Below 0
/// the rare large moves are losses.
pub fn skewness(episode: &Episode<'_>) -> Metric {
    finite(episode.sample()?.skewness()?)
}

/// Excess kurtosis of the returns: the mean of `((r - mean) / s)^4`, less 3, with `s` taken with `n`.
///
/// Joanes and Gill (1998), their `g2`: 0 for a normal distribution, above it if extreme periods are more frequent.
pub fn kurtosis(episode: &Episode<'_>) -> Metric {
    finite(episode.sample()?.kurtosis()? - 3.0)
}

/// Share of winning periods among those that won or lost: `#(r > 0) / #(r != 0)`.
///
/// Periods of rest count for neither side. [`Undefined::NoVariance`] if every return is 0.
pub fn hit_rate(episode: &Episode<'_>) -> Metric {
    let returns = episode.sample()?.values();
    let won = lane_sum(returns, |r| if r > 0.0 { 1.0 } else { 0.0 });
    let moved = lane_sum(returns, |r| if r == 0.0 { 0.0 } else { 1.0 });
    if moved > 0.0 { finite(won / moved) } else { Err(Undefined::NoVariance) }
}
