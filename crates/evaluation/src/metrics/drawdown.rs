//! How far and for how long an account was below its peak.

use crate::curve::elapsed_days;
use crate::metrics::{Episode, Metric, finite};

/// Largest fraction lost from an earlier peak: `max over t of 1 - w[t] / max(w[0..=t])`.
///
/// Magdon-Ismail and Atiya, "Maximum Drawdown", Risk 17 (2004), as a fraction. It is 0 or positive: 0 if the account never
/// falls, 0.2 for a loss of 20 %, above 1 only if the account ends in debt. The starting capital counts as the first peak.
pub fn maximum_drawdown(episode: &Episode<'_>) -> Metric {
    finite(drawdowns(episode.curve.net_worth()).into_iter().fold(0.0, f64::max))
}

/// Most periods in a row below an earlier peak: from the peak to the last point below it, or to the end of the data.
pub fn drawdown_length_periods(episode: &Episode<'_>) -> Metric {
    Ok(stretches(episode.curve.net_worth()).map(|(peak, last)| last - peak).max().unwrap_or(0) as f64)
}

/// The longest time from a peak to the last point in a row below it, in days of 24 hours.
pub fn drawdown_length_days(episode: &Episode<'_>) -> Metric {
    let times = episode.curve.times();
    Ok(stretches(episode.curve.net_worth())
        .map(|(peak, last)| elapsed_days(times[peak], times[last]))
        .fold(0.0, f64::max))
}

/// The fraction below the running peak at every point, 0 or positive, `[T]`; the first net worth must be above 0.
pub fn drawdowns(net_worth: &[f64]) -> Vec<f64> {
    let mut peak = f64::NEG_INFINITY;
    let below = |&w: &f64| {
        peak = peak.max(w);
        1.0 - w / peak
    };
    net_worth.iter().map(below).collect()
}

/// For every point below the running peak: the latest point at the peak, and this point.
fn stretches(net_worth: &[f64]) -> impl Iterator<Item = (usize, usize)> {
    let mut peak = 0;
    net_worth.iter().enumerate().filter_map(move |(t, &w)| {
        if w >= net_worth[peak] {
            peak = t;
            return None;
        }
        Some((peak, t))
    })
}
