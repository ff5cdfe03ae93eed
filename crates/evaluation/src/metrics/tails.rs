//! What the worst and the best periods were like: historical, nothing fitted.

use crate::metrics::sample::{Sample, smaller};
use crate::metrics::{Episode, Metric, Undefined, finite};

/// Share of the periods that make a tail.
const TAIL: f64 = 0.05;
/// Below this number of periods a tail of 5 % has no period of its own.
const LEAST: usize = 20;

/// Historical value at risk: minus the 5 % quantile of the returns of a period, a loss being positive.
///
/// Jorion, "Value at Risk", 3rd ed., on historical simulation; the quantile interpolates linearly between
/// the neighbours of `(n - 1) / 20` (type 7 of Hyndman and Fan, 1996). Below 20 periods it is undefined.
pub fn value_at_risk(episode: &Episode<'_>) -> Metric {
    finite(-tails(episode)?.low)
}

/// Expected shortfall: minus the mean of the worst 5 % of the returns of a period, a loss being positive.
///
/// Acerbi and Tasche, "On the Coherence of Expected Shortfall", Journal of Banking & Finance 26 (2002):
/// the return on which 5 % of `n` ends counts with its share.
pub fn expected_shortfall(episode: &Episode<'_>) -> Metric {
    finite(-tails(episode)?.mean_below)
}

/// Tail ratio: the absolute 95 % quantile of the returns over the absolute 5 % quantile.
///
/// The definition of the library pyfolio. Above 1 the good days are larger than the bad ones.
/// [`Undefined::NoLosses`] if the 5 % quantile is 0.
pub fn tail_ratio(episode: &Episode<'_>) -> Metric {
    let tails = tails(episode)?;
    if tails.low == 0.0 { Err(Undefined::NoLosses) } else { finite((tails.high / tails.low).abs()) }
}

/// Quantiles of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tails {
    low: f64,
    high: f64,
    mean_below: f64,
}

fn tails(episode: &Episode<'_>) -> Result<Tails, Undefined> {
    episode.sample()?;
    episode.tails.ok_or(Undefined::NoTail)
}

impl Tails {
    /// Looks at the `n / 20 + 2` smallest and largest returns and few more; `None` below 20 returns.
    pub(super) fn of(sample: &Sample) -> Option<Self> {
        let n = sample.len();
        if n < LEAST {
            return None;
        }
        let k = (n as f64 * TAIL) as usize + 2;
        let (mut lowest, mut highest) = ends(sample, k);
        let at = (n - 1) as f64 * TAIL;
        let size = n as f64 * TAIL;
        let whole = size as usize;
        let (last, _) = nth(&mut lowest, whole);
        let mean_below = (lowest[..whole].iter().sum::<f64>() + size.fract() * last) / size;
        Some(Self { low: between(&mut lowest, at), high: -between(&mut highest, at), mean_below })
    }
}

/// Linear between the neighbours of the place `at` in rising order.
fn between(values: &mut [f64], at: f64) -> f64 {
    let (here, next) = nth(values, at as usize);
    here + at.fract() * (next - here)
}

/// The values at `n` and `n + 1` in rising order; those before them end up in front.
fn nth(values: &mut [f64], n: usize) -> (f64, f64) {
    let (_, here, above) = values.select_nth_unstable_by(n, f64::total_cmp);
    let here = *here;
    (here, above.iter().copied().reduce(smaller).unwrap_or(here))
}

/// At least the `k` smallest values, and at least the `k` largest with their signs turned; few more of either.
///
/// A histogram says where the tails end, so that no sort of all values is needed.
fn ends(sample: &Sample, k: usize) -> (Vec<f64>, Vec<f64>) {
    const BINS: usize = 1024;
    let (values, low) = (sample.values(), sample.smallest());
    if low == sample.largest() {
        return (vec![low; k], vec![-low; k]);
    }
    let scale = BINS as f64 / (sample.largest() - low);
    if !scale.is_finite() || scale == 0.0 {
        return (values.to_vec(), values.iter().map(|x| -x).collect());
    }
    let bins: Vec<u16> = values.iter().map(|x| ((x - low) * scale) as u16).collect();
    let mut counts = [0_u32; BINS + 1];
    bins.iter().for_each(|bin| counts[usize::from(*bin).min(BINS)] += 1);
    let first = last_bin(counts.iter(), k) as u16;
    let last = (BINS - last_bin(counts.iter().rev(), k)) as u16;
    let (mut lowest, mut highest) = (Vec::with_capacity(2 * k), Vec::with_capacity(2 * k));
    for (bin, x) in bins.iter().zip(values) {
        if *bin <= first {
            lowest.push(*x);
        }
        if *bin >= last {
            highest.push(-x);
        }
    }
    (lowest, highest)
}

/// The first bin at which `k` values have been seen.
fn last_bin<'a>(mut counts: impl Iterator<Item = &'a u32>, k: usize) -> usize {
    let mut seen = 0;
    let reached = |count: &u32| {
        seen += *count as usize;
        seen >= k
    };
    counts.position(reached).expect("there are more values than a tail has")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tails_are_those_of_the_sorted_returns() {
        let mut state = 1_u64;
        for n in [20, 21, 39, 40, 41, 100, 1001] {
            for power in [1, 9] {
                let draw = |_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (((state >> 33) as f64 / (1_u64 << 31) as f64) - 0.5).powi(power)
                };
                let values: Vec<f64> = (0..n).map(draw).collect();
                let tails = Tails::of(&Sample::new(values.clone())).unwrap();
                let mut sorted = values;
                sorted.sort_by(f64::total_cmp);
                let quantile = |q: f64| {
                    let at = q * (n - 1) as f64;
                    let (i, part) = (at.floor() as usize, at.fract());
                    if part == 0.0 { sorted[i] } else { (1.0 - part) * sorted[i] + part * sorted[i + 1] }
                };
                assert!((tails.low - quantile(0.05)).abs() < 1e-14, "{n}");
                assert!((tails.high - quantile(0.95)).abs() < 1e-14, "{n}");
                let weight = |i: usize| (0.05 * n as f64 - i as f64).clamp(0.0, 1.0);
                let mean: f64 = (0..n).map(|i| weight(i) * sorted[i]).sum::<f64>() / (0.05 * n as f64);
                assert!((tails.mean_below - mean).abs() < 1e-14, "{n}");
                assert!(tails.mean_below <= tails.low, "{n}: the mean of the tail is no milder than its edge");
            }
        }
    }

    #[test]
    fn values_of_every_size_keep_their_tails() {
        let mut values: Vec<f64> = (0..30).map(|i| 10_f64.powi(i - 20)).collect();
        values.push(f64::MAX);
        values.push(f64::MIN);
        let tails = Tails::of(&Sample::new(values)).unwrap();
        assert!(tails.high > 1e7 && tails.low < 1e-19);
        assert_eq!(Tails::of(&Sample::new(vec![0.25; 50])).unwrap(), Tails { low: 0.25, high: 0.25, mean_below: 0.25 });
    }
}
