//! Training bars that never were: the data augmentation of the TDQN paper, as further bars to learn from.
//!
//! Source: Théate and Ernst, "An application of deep reinforcement learning to algorithmic trading", Expert Systems with
//! Applications 173 (2021) 114632: shifting, stretching, filtering and noise, one after the other. Only the
//! bars up to the end of a training span enter.

use pavlov_market_data::{BarColumns, BarPolicy, Bars, MarketDataError, OnFault};
use pavlov_rl_core::{RngTree, normal};
use serde::{Deserialize, Serialize};

/// What is tried of each transformation; every combination of them, but for the one that changes nothing, is one more
/// copy of the training bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Volume that is added, in mean volumes. Default `[0.0]`.
    pub shift: Vec<f64>,
    /// Factors of the returns from close to close. Default `[1.0]`.
    pub stretch: Vec<f64>,
    /// Bars whose mean takes the place of each bar: a low-pass filter. Default `[1]` (the paper's code: 5).
    pub low_pass: Vec<usize>,
    /// Standard deviations of a relative noise on prices, and of another one on volumes, in percent. Default `[0.0]`.
    pub noise: Vec<f64>,
}

impl Default for Augment {
    fn default() -> Self {
        Self { shift: vec![0.0], stretch: vec![1.0], low_pass: vec![1], noise: vec![0.0] }
    }
}

/// One combination.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Change {
    shift: f64,
    stretch: f64,
    low_pass: usize,
    noise: f64,
}

/// The transformation that changes nothing.
const NOTHING: Change = Change { shift: 0.0, stretch: 1.0, low_pass: 1, noise: 0.0 };

impl Augment {
    /// All problems of the values, each naming its key and what was got.
    pub fn validate(&self) -> Vec<String> {
        let Self { shift, stretch, low_pass, noise } = self;
        let within = |values: &[f64], least: f64, most: f64| {
            !values.is_empty() && values.iter().all(|value| (least..=most).contains(value))
        };
        let orders = !low_pass.is_empty() && low_pass.iter().all(|order| (1..=1000).contains(order));
        let rules = [
            ("shift", within(shift, -1.0, 100.0), "-1..=100", format!("{shift:?}")),
            ("stretch", within(stretch, 0.01, 10.0), "0.01..=10", format!("{stretch:?}")),
            ("low_pass", orders, "1..=1000", format!("{low_pass:?}")),
            ("noise", within(noise, 0.0, 10.0), "0..=10", format!("{noise:?}")),
        ];
        let broken = rules.into_iter().filter(|(_, ok, ..)| !ok);
        broken.map(|(key, _, range, got)| format!("augment.{key} must list numbers in {range}, got {got}")).collect()
    }

    fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for &shift in &self.shift {
            for &stretch in &self.stretch {
                for &low_pass in &self.low_pass {
                    changes.extend(self.noise.iter().map(|&noise| Change { shift, stretch, low_pass, noise }));
                }
            }
        }
        changes.retain(|change| *change != NOTHING);
        changes
    }

    /// The copies of these bars, in the order of the combinations; the noise is the same in every experiment.
    ///
    /// # Errors
    /// [`MarketDataError::Bar`] for a number that is not finite.
    pub fn copies(&self, bars: &Bars) -> Result<Vec<Bars>, MarketDataError> {
        let copy = |(number, change): (usize, Change)| change.apply(bars, number as u64);
        self.changes().into_iter().enumerate().map(copy).collect()
    }
}

impl Change {
    fn apply(self, bars: &Bars, number: u64) -> Result<Bars, MarketDataError> {
        let mut columns = [bars.open(), bars.high(), bars.low(), bars.close()].map(<[f64]>::to_vec);
        let mut volume = bars.volume().to_vec();
        self.shift(&mut volume);
        self.stretch(&mut columns);
        columns.iter_mut().chain([&mut volume]).for_each(|values| low_pass(values, self.low_pass));
        self.add_noise(&mut columns, &mut volume, number);
        let [open, high, low, close] = columns;
        let columns = BarColumns { times: bars.times().to_vec(), open, high, low, close, volume };
        let policy = BarPolicy { inconsistent: OnFault::Keep, non_positive: OnFault::Keep };
        Bars::new(bars.symbol(), bars.interval_ns(), columns, &policy)
    }

    fn shift(self, volume: &mut [f64]) {
        let added = self.shift * volume.iter().sum::<f64>() / volume.len().max(1) as f64;
        volume.iter_mut().for_each(|volume| *volume = (*volume + added).max(0.0));
    }

    /// Each close by the stretched return from the one before; the other prices of a bar move as its close does.
    fn stretch(self, columns: &mut [Vec<f64>; 4]) {
        const CLOSE: usize = 3;
        let mut factor = 1.0;
        for row in 1..columns[CLOSE].len() {
            // The close before is stretched already, so its own factor is taken off again.
            let before = columns[CLOSE][row - 1] / factor;
            let change = columns[CLOSE][row] / before;
            factor *= (1.0 + self.stretch * (change - 1.0)) / change;
            columns.iter_mut().for_each(|values| values[row] *= factor);
        }
    }

    fn add_noise(self, columns: &mut [Vec<f64>; 4], volume: &mut [f64], number: u64) {
        if self.noise == 0.0 {
            return;
        }
        let mut rng = RngTree::new(0).child("augment").stream("noise", number);
        for (row, volume) in volume.iter_mut().enumerate() {
            let [price, traded] = [(); 2].map(|()| 1.0 + self.noise / 100.0 * normal(&mut rng));
            columns.iter_mut().for_each(|values| values[row] *= price);
            *volume = (*volume * traded).max(0.0);
        }
    }
}

/// The mean of the last `order` values, of as many as there are at the beginning.
fn low_pass(values: &mut [f64], order: usize) {
    if order == 1 {
        return;
    }
    let original = values.to_vec();
    for (row, value) in values.iter_mut().enumerate() {
        let last = &original[(row + 1).saturating_sub(order)..=row];
        *value = last.iter().sum::<f64>() / last.len() as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(closes: &[f64]) -> Bars {
        let rows = closes.len();
        let moved = |by: f64| closes.iter().map(|close| close + by).collect::<Vec<f64>>();
        let columns = BarColumns {
            times: (1..=rows as i64).collect(),
            open: moved(0.5),
            high: moved(1.0),
            low: moved(-1.0),
            close: closes.to_vec(),
            volume: (0..rows).map(|row| 10.0 * row as f64).collect(),
        };
        Bars::new("X", 1, columns, &BarPolicy::default()).unwrap()
    }

    fn copies(text: &str, bars: &Bars) -> Vec<Bars> {
        let augment: Augment = toml::from_str(text).unwrap();
        assert_eq!(augment.validate(), Vec::<String>::new());
        augment.copies(bars).unwrap()
    }

    #[test]
    fn returns_are_stretched_and_bars_keep_their_shape() {
        let original = bars(&[100.0, 110.0, 99.0, 99.0]);
        let stretched = &copies("stretch = [2.0]", &original)[0];
        let expected = [100.0, 120.0, 96.0, 96.0];
        for (row, expected) in expected.into_iter().enumerate() {
            let (bar, before) = (stretched.bar(row), original.bar(row));
            assert!((bar.close - expected).abs() < 1e-9, "{row}: {}", bar.close);
            for (price, was) in [(bar.open, before.open), (bar.high, before.high), (bar.low, before.low)] {
                assert!((price / bar.close - was / before.close).abs() < 1e-12, "{row}");
            }
        }
        let undone = &copies("stretch = [0.5]", stretched)[0];
        assert!((undone.close()[3] - 99.0).abs() < 1e-9, "half of the double");
    }

    #[test]
    fn a_filter_takes_means_of_the_past_alone() {
        let original = bars(&[100.0, 110.0, 90.0, 130.0]);
        let filtered = &copies("low_pass = [2]", &original)[0];
        assert_eq!(filtered.close(), [100.0, 105.0, 100.0, 110.0]);
        assert_eq!(filtered.volume(), [0.0, 5.0, 15.0, 25.0]);
        let shorter = &copies("low_pass = [2]", &original.slice(0..3))[0];
        assert_eq!(shorter.close(), &filtered.close()[..3], "what comes later changes nothing");
    }

    #[test]
    fn volumes_are_shifted_by_their_mean_and_never_below_zero() {
        let shifted = copies("shift = [1.0, -1.0]", &bars(&[100.0, 110.0, 90.0]));
        assert_eq!(shifted[0].volume(), [10.0, 20.0, 30.0]);
        assert_eq!(shifted[1].volume(), [0.0, 0.0, 10.0]);
    }

    #[test]
    fn noise_is_as_large_as_asked_and_the_same_again() {
        let original = bars(&vec![100.0; 4000]);
        let once = &copies("noise = [2.0]", &original)[0];
        let relative: Vec<f64> = once.close().iter().map(|close| close / 100.0 - 1.0).collect();
        let mean = relative.iter().sum::<f64>() / 4000.0;
        let deviation = (relative.iter().map(|r| r * r).sum::<f64>() / 4000.0).sqrt();
        assert!(mean.abs() < 0.001 && (deviation - 0.02).abs() < 0.001, "{mean} {deviation}");
        assert_eq!(once, &copies("noise = [2.0]", &original)[0]);
        let two = copies("noise = [2.0, 2.0]", &original);
        assert_ne!(two[0].close(), two[1].close(), "each copy has its own");
    }

    #[test]
    fn all_combinations_but_the_one_that_changes_nothing() {
        let original = bars(&[100.0, 110.0, 90.0]);
        assert_eq!(copies("", &original).len(), 0);
        assert_eq!(copies("stretch = [0.9, 1.0, 1.1]\nlow_pass = [1, 5]\nnoise = [0.0, 0.5]", &original).len(), 11);
        let wrong: Augment = toml::from_str("stretch = []\nnoise = [-1.0]").unwrap();
        let problems = wrong.validate();
        assert_eq!(problems[0], "augment.stretch must list numbers in 0.01..=10, got []");
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
