//! The deepest falls of an account from a peak.

use serde::{Deserialize, Serialize};

use super::stamp;

/// One time below a peak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawdown {
    /// Close of the bar of the peak, UTC.
    pub begin: String,
    /// Close of the bar of the lowest net worth.
    pub bottom: String,
    /// Close of the first bar at or above the peak again; `None` if the span ends before.
    pub recovery: Option<String>,
    /// Largest fraction lost from the peak: 0.2 is 20 %.
    pub depth: f64,
    /// From the peak to the recovery, or to the end of the span, in days of 24 hours.
    pub days: f64,
    /// From the peak to the bottom, in days of 24 hours.
    pub days_to_bottom: f64,
}

/// The `most` deepest drawdowns, the deepest first; of equal ones the earlier first.
pub(super) fn worst(times: &[i64], net_worth: &[f64], most: usize) -> Vec<Drawdown> {
    let mut found = all(net_worth);
    let depth = |fall: &Fall| 1.0 - net_worth[fall.bottom] / net_worth[fall.peak];
    found.sort_by(|a, b| depth(b).total_cmp(&depth(a)).then(a.peak.cmp(&b.peak)));
    let days = |from: usize, to: usize| (times[to] - times[from]) as f64 / 86_400e9;
    let described = |fall: &Fall| Drawdown {
        begin: stamp(times[fall.peak]),
        bottom: stamp(times[fall.bottom]),
        recovery: fall.recovery.map(|t| stamp(times[t])),
        depth: depth(fall),
        days: days(fall.peak, fall.recovery.unwrap_or(net_worth.len() - 1)),
        days_to_bottom: days(fall.peak, fall.bottom),
    };
    found.iter().take(most).map(described).collect()
}

/// Points of a time below a peak.
struct Fall {
    peak: usize,
    bottom: usize,
    recovery: Option<usize>,
}

/// Every time below a peak, in order; the peak is the last point at its height.
fn all(net_worth: &[f64]) -> Vec<Fall> {
    let mut falls = Vec::new();
    let mut open: Option<Fall> = None;
    let mut peak = 0;
    for (t, &worth) in net_worth.iter().enumerate() {
        if worth >= net_worth[peak] {
            falls.extend(open.take().map(|fall| Fall { recovery: Some(t), ..fall }));
            peak = t;
            continue;
        }
        let fall = open.get_or_insert(Fall { peak, bottom: t, recovery: None });
        if worth < net_worth[fall.bottom] {
            fall.bottom = t;
        }
    }
    falls.extend(open);
    falls
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    #[test]
    fn drawdowns_are_parted_by_recoveries_and_ordered_by_depth() {
        let worth = [100.0, 100.0, 90.0, 95.0, 100.0, 120.0, 60.0, 90.0, 119.0];
        let times: Vec<i64> = (0..9).map(|day| day * DAY).collect();
        let found = worst(&times, &worth, 5);
        assert_eq!(found.len(), 2);
        let (deepest, first) = (&found[0], &found[1]);
        assert_eq!((deepest.depth, deepest.days, deepest.days_to_bottom), (0.5, 3.0, 1.0));
        assert_eq!((deepest.begin.as_str(), deepest.recovery.as_ref()), ("1970-01-06T00:00:00Z", None));
        assert!((first.depth - 0.1).abs() < 1e-15);
        assert_eq!((first.begin.as_str(), first.bottom.as_str()), ("1970-01-02T00:00:00Z", "1970-01-03T00:00:00Z"));
        assert_eq!((first.recovery.as_deref(), first.days), (Some("1970-01-05T00:00:00Z"), 3.0));
        assert_eq!(worst(&times, &worth, 1), found[..1]);
        assert!(worst(&times[..2], &worth[..2], 5).is_empty());
    }

    #[test]
    fn the_deepest_one_is_the_metric() {
        let worth: Vec<f64> =
            (0..300).map(|t| 100.0 + f64::from(t % 37) - f64::from(t % 91) + 0.1 * f64::from(t)).collect();
        let times: Vec<i64> = (0..300).map(|t| t * DAY).collect();
        let depths = pavlov_evaluation::metrics::drawdowns(&worth);
        let deepest = depths.iter().fold(0.0_f64, |m, d| m.max(*d));
        let found = worst(&times, &worth, 5);
        assert_eq!(found[0].depth, deepest);
        assert!(found.len() > 1 && found.windows(2).all(|pair| pair[0].depth >= pair[1].depth));
    }
}
