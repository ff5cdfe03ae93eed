//! How far and for how long an account was below its peak.

use crate::curve::{EquityCurve, elapsed_days};
use crate::metrics::sample::{lane_fold, larger, smaller};
use crate::metrics::{Episode, Metric, finite};

/// Points that are looked at together.
const BLOCK: usize = 32;

/// The deepest and the longest time below a peak.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Drawdowns {
    depth: f64,
    periods: usize,
    days: f64,
}

/// Largest fraction lost from an earlier peak: `max over t of 1 - w[t] / max(w[0..=t])`.
///
/// Magdon-Ismail and Atiya, "Maximum Drawdown", Risk 17 (2004), as a fraction. It is 0 or positive: 0 if the account never
/// falls, 0.2 for a loss of 20 %, above 1 only if the account ends in debt. The starting capital counts as the first peak.
pub fn maximum_drawdown(episode: &Episode<'_>) -> Metric {
    finite(episode.drawdowns.depth)
}

/// Most periods in a row below an earlier peak: from the peak to the last point below it, or to the end of the data.
pub fn drawdown_length_periods(episode: &Episode<'_>) -> Metric {
    Ok(episode.drawdowns.periods as f64)
}

/// The longest time from a peak to the last point in a row below it, in days of 24 hours.
pub fn drawdown_length_days(episode: &Episode<'_>) -> Metric {
    finite(episode.drawdowns.days)
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

impl Drawdowns {
    /// Walks from peak to peak; of each stretch below a peak the lowest and the last point count.
    pub(super) fn of(curve: &EquityCurve) -> Self {
        let (worth, times) = (curve.net_worth(), curve.times());
        let mut found = Self::default();
        let (mut peak, mut low) = (0, worth[0]);
        let mut close = |peak: usize, last: usize, low: f64| {
            if last > peak {
                found.depth = found.depth.max(1.0 - low / worth[peak]);
                found.periods = found.periods.max(last - peak);
                found.days = found.days.max(elapsed_days(times[peak], times[last]));
            }
        };
        for (block, values) in worth.chunks(BLOCK).enumerate() {
            // Most blocks have no new peak, and those need only their lowest value.
            if lane_fold(values, f64::NEG_INFINITY, larger) < worth[peak] {
                low = smaller(low, lane_fold(values, f64::INFINITY, smaller));
                continue;
            }
            for (i, &w) in values.iter().enumerate() {
                let t = block * BLOCK + i;
                if w >= worth[peak] && t > peak {
                    close(peak, t - 1, low);
                    (peak, low) = (t, w);
                }
                low = smaller(low, w);
            }
        }
        close(peak, worth.len() - 1, low);
        found
    }
}
