//! One number over several seeds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::student_t::student_t_quantile;

/// Mean, spread and interval of a number over independent runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Runs in which the number is defined.
    pub n: usize,
    /// Arithmetic mean; `None` if `n` is 0.
    pub mean: Option<f64>,
    /// Standard deviation with `n - 1`; `None` below 2 runs.
    pub std: Option<f64>,
    /// 95 % interval of the mean; `None` below 2 runs: one seed has no interval.
    pub ci95: Option<[f64; 2]>,
}

impl Summary {
    /// Joins the values of all runs; a value that is not finite counts as undefined.
    ///
    /// `mean +- t(0.95, n - 1) * std / sqrt(n)`, the interval of Student (1908), exact if the values are independent and
    /// normal. It covers the chance of the seeds and nothing else.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().filter(|x| x.is_finite()).collect();
        let n = values.len();
        let mean = (n > 0).then(|| mean(&values)).filter(|x| x.is_finite());
        let std = mean.and_then(|_| sample_std(&values)).filter(|x| x.is_finite());
        let ci95 = mean.zip(std).and_then(|(mean, std)| interval(mean, std, n));
        Self { n, mean, std, ci95 }
    }

    /// What a reader must know about the interval, or `None` if there is nothing to add.
    pub fn caveat(&self) -> Option<&'static str> {
        match (self.n, self.std) {
            (0, _) => Some("undefined in every run"),
            (1, _) => Some("one seed has no interval"),
            (_, Some(0.0)) => Some("all seeds gave the same value, so the interval has no width"),
            _ => None,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.mean, self.ci95) {
            (Some(mean), Some([low, high])) => write!(f, "{mean} (95 % interval {low} to {high}, {} seeds)", self.n),
            (Some(mean), None) => write!(f, "{mean} ({})", self.caveat().unwrap_or("no interval")),
            (None, _) => write!(f, "{}", self.caveat().unwrap_or("undefined")),
        }
    }
}

fn interval(mean: f64, std: f64, n: usize) -> Option<[f64; 2]> {
    let half = student_t_quantile(0.95, n.checked_sub(1)?)? * std / (n as f64).sqrt();
    let bounds = [mean - half, mean + half];
    bounds.iter().all(|x| x.is_finite()).then_some(bounds)
}

/// Arithmetic mean, exact for equal values; NaN for none.
pub(crate) fn mean(values: &[f64]) -> f64 {
    // Summing differences to the first value keeps the mean of equal values equal to them.
    let first = values.first().copied().unwrap_or(f64::NAN);
    first + values.iter().map(|x| x - first).sum::<f64>() / values.len() as f64
}

/// Standard deviation with `n - 1`; `None` below 2 values.
pub(crate) fn sample_std(values: &[f64]) -> Option<f64> {
    let n = values.len();
    let centre = mean(values);
    (n >= 2).then(|| (values.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (n - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_seeds_worked_by_hand() {
        // Mean 3, sum of squares 10, std sqrt(2.5), t(4) = 2.776445, half width 2.776445 * 1.581139 / sqrt(5) = 1.963243.
        let s = Summary::of([1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((s.n, s.mean), (5, Some(3.0)));
        assert!((s.std.unwrap() - 2.5_f64.sqrt()).abs() < 1e-15);
        let [low, high] = s.ci95.unwrap();
        assert!((low - 1.036_757).abs() < 1e-6 && (high - 4.963_243).abs() < 1e-6);
        assert_eq!(s.caveat(), None);
    }

    #[test]
    fn one_seed_has_no_interval_and_says_so() {
        let s = Summary::of([0.25]);
        assert_eq!(s, Summary { n: 1, mean: Some(0.25), std: None, ci95: None });
        assert_eq!(s.to_string(), "0.25 (one seed has no interval)");
    }

    #[test]
    fn undefined_runs_are_left_out_and_counted() {
        assert_eq!(Summary::of([f64::NAN, 2.0, 4.0]).n, 2);
        let none = Summary::of([]);
        assert_eq!((none.n, none.mean, none.ci95), (0, None, None));
        assert_eq!(none.to_string(), "undefined in every run");
    }

    #[test]
    fn equal_seeds_have_an_interval_without_width_and_say_so() {
        let s = Summary::of([0.1; 7]);
        assert_eq!((s.mean, s.std, s.ci95), (Some(0.1), Some(0.0), Some([0.1, 0.1])));
        assert!(s.caveat().unwrap().contains("same value"));
    }

    #[test]
    fn the_interval_covers_the_true_mean_in_95_of_100_samples() {
        // Normal draws by the Box-Muller transform of a fixed 64-bit sequence (SplitMix64): no generator of ours is needed.
        let mut state = 7_u64;
        let mut uniform = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut normal = move || (-2.0 * (1.0 - uniform()).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        let samples = if std::env::var("PAVLOV_TEST_SCALE").is_ok_and(|s| s == "nightly") { 200_000 } else { 20_000 };
        let covered = (0..samples)
            .filter(|_| {
                let [low, high] = Summary::of((0..5).map(|_| normal())).ci95.unwrap();
                low <= 0.0 && 0.0 <= high
            })
            .count();
        let share = covered as f64 / samples as f64;
        assert!((0.943..0.957).contains(&share), "covered {share}");
    }
}
