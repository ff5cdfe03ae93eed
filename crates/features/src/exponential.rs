//! The exponential average `y[t] = (1 - weight) y[t-1] + weight x[t]`, which EMA, MACD, ATR and RSI are made of.
//!
//! Of the two multiplications only one waits for the value before; the form `y + weight (x - y)` would take half as
//! long again.

use serde::{Deserialize, Serialize};

/// What the first bar may still weigh at the end of the warm-up.
const FORGOTTEN: f64 = 1e-6;

/// An exponential average; its state is one number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Exponential {
    weight: f64,
    keep: f64,
    /// Values whose mean begins the recursion.
    seed_len: u32,
    seen: u32,
    value: f64,
}

impl Exponential {
    /// Weight `2 / (window + 1)`, the usual meaning of a window.
    pub(crate) fn span(window: u32, seed_len: u32) -> Self {
        Self::new(span_weight(window), seed_len)
    }

    /// Weight `1 / window` and the mean of the first `window` values before it: Wilder's average.
    pub(crate) fn wilder(window: u32) -> Self {
        Self::new(wilder_weight(window), window)
    }

    fn new(weight: f64, seed_len: u32) -> Self {
        Self { weight, keep: 1.0 - weight, seed_len, seen: 0, value: 0.0 }
    }

    /// The average after one more value; the mean of all values until it is seeded.
    #[inline(always)]
    pub(crate) fn update(&mut self, x: f64) -> f64 {
        if self.is_seeded() {
            self.value = self.keep * self.value + self.weight * x;
        } else {
            self.seen += 1;
            self.value += (x - self.value) / f64::from(self.seen);
        }
        self.value
    }

    /// Whether the recursion has begun.
    #[inline(always)]
    pub(crate) fn is_seeded(&self) -> bool {
        self.seen >= self.seed_len
    }
}

/// Values until the seed of an average with `2 / (window + 1)` is forgotten.
pub(crate) fn span_warm_up(window: u32) -> usize {
    forgotten_after(span_weight(window))
}

/// Values until the seed of Wilder's average is forgotten.
pub(crate) fn wilder_warm_up(window: u32) -> usize {
    forgotten_after(wilder_weight(window))
}

fn span_weight(window: u32) -> f64 {
    2.0 / (f64::from(window) + 1.0)
}

fn wilder_weight(window: u32) -> f64 {
    1.0 / f64::from(window)
}

fn forgotten_after(weight: f64) -> usize {
    (FORGOTTEN.ln() / (1.0 - weight).ln()).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_weighs_one_millionth_after_the_warm_up_and_more_before() {
        for (warm_up, window) in [(span_warm_up(12), 12), (span_warm_up(200), 200), (span_warm_up(1), 1)] {
            let mut average = Exponential::span(window, 1);
            average.update(1.0);
            let weights: Vec<f64> = (0..warm_up).map(|_| average.update(0.0)).collect();
            assert!(weights.last().is_none_or(|w| *w <= FORGOTTEN), "{window}");
            assert!(warm_up < 2 || weights[warm_up - 2] > FORGOTTEN, "{window}");
        }
    }

    #[test]
    fn a_longer_seed_is_a_mean() {
        let mut average = Exponential::wilder(4);
        let values: Vec<f64> = [2.0, 4.0, 6.0, 8.0, 9.0].map(|x| average.update(x)).into();
        assert_eq!(values, [2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
