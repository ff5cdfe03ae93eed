//! How much was earned and how unevenly.

use crate::curve::EquityCurve;
use crate::metrics::{Episode, Metric, Undefined, finite};
use crate::summary::{mean, sample_std};

/// Return of the whole span: `w[n] / w[0] - 1`; below -1 if the account ends in debt.
pub fn cumulative_return(episode: &Episode<'_>) -> Metric {
    let (first, last) = ends(episode.curve);
    finite(last / first - 1.0)
}

/// Geometric mean return a year: `(w[n] / w[0])^(ppy / n) - 1`.
///
/// Bacon, "Practical Portfolio Performance Measurement and Attribution", 2nd ed., section 2. `ppy / n` is one over the
/// elapsed years. A total loss gives -1; an account in debt, or one that passed through 0, is [`Undefined::Ruined`].
pub fn annualised_return(episode: &Episode<'_>) -> Metric {
    let (first, last) = ends(episode.curve);
    let solvent = episode.curve.net_worth()[..episode.curve.periods()].iter().all(|&w| w > 0.0);
    if !solvent || last < 0.0 {
        return Err(Undefined::Ruined);
    }
    finite((last / first).powf(episode.periods_per_year.get() / episode.curve.periods() as f64) - 1.0)
}

/// Annualised volatility: the standard deviation (`n - 1`) of the simple returns, times `sqrt(ppy)`.
///
/// Hull, "Options, Futures, and Other Derivatives", section on estimating volatility from historical data.
pub fn volatility(episode: &Episode<'_>) -> Metric {
    let returns = simple_returns(episode.curve)?;
    let spread = sample_std(&returns).ok_or(Undefined::TooFewPeriods)?;
    finite(spread * episode.periods_per_year.get().sqrt())
}

/// Simple returns `w[t] / w[t - 1] - 1`, `[n]`.
///
/// # Errors
/// [`Undefined::Ruined`] if a net worth before the last is 0 or below; [`Undefined::NotFinite`] if one overflows.
pub fn simple_returns(curve: &EquityCurve) -> Result<Vec<f64>, Undefined> {
    let step = |pair: &[f64]| match pair[0] > 0.0 {
        true => finite(pair[1] / pair[0] - 1.0),
        false => Err(Undefined::Ruined),
    };
    curve.net_worth().windows(2).map(step).collect()
}

/// Mean and standard deviation of returns, which must vary by more than the rounding of `w[t] / w[t - 1]`.
pub(super) fn mean_and_spread(returns: &[f64]) -> Result<(f64, f64), Undefined> {
    let spread = sample_std(returns).ok_or(Undefined::TooFewPeriods)?;
    let largest = returns.iter().fold(0.0_f64, |m, r| m.max(r.abs()));
    match spread > rounding(largest) {
        true => Ok((mean(returns), spread)),
        false => Err(Undefined::NoVariance),
    }
}

/// What the rounding of a quotient of two net worths can contribute to a return of this size.
pub(super) fn rounding(largest: f64) -> f64 {
    4.0 * f64::EPSILON * (1.0 + largest)
}

fn ends(curve: &EquityCurve) -> (f64, f64) {
    (curve.net_worth()[0], curve.net_worth()[curve.periods()])
}
