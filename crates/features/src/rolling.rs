//! Mean and spread of the last `n` values, without a running sum.
//!
//! A sum that values are added to and taken from keeps the rounding errors of everything it ever held. Here nothing is
//! taken away: the series is cut into blocks of `n`, and a window is the rest of one block and the beginning of the
//! next (van Herk 1992). The moments of the rests are computed when a block is full, so that a bar costs O(1) on
//! average, and two parts are joined as Chan, Golub and LeVeque 1983 do.

use serde::{Deserialize, Serialize};

use crate::parameters::{Change, ChangeKind};

/// Number, mean and sum of squared distances from the mean of some values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes in one more value (Welford 1962).
    fn push(&mut self, x: f64) {
        self.count += 1.0;
        let distance = x - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (x - self.mean);
    }

    fn join(self, other: Moments) -> Moments {
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        let share = other.count / count;
        Moments {
            count,
            mean: self.mean + distance * share,
            squares: self.squares + other.squares + distance * distance * self.count * share,
        }
    }

    /// The mean; 0 without a value.
    pub(crate) fn mean(self) -> f64 {
        self.mean
    }

    /// Standard deviation with `n - 1`; 0 for fewer than two values.
    pub(crate) fn sample_deviation(self) -> f64 {
        (self.squares / (self.count - 1.0).max(1.0)).sqrt()
    }

    /// Standard deviation with `n`; 0 without a value.
    pub(crate) fn deviation(self) -> f64 {
        (self.squares / self.count.max(1.0)).sqrt()
    }
}

/// The moments of the last `window` values, or of all if there are fewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Decoded")]
pub(crate) struct Rolling {
    window: u32,
    /// Values of the block that is being filled, fewer than `window`.
    block: Vec<f64>,
    /// Moments of `block`.
    begun: Moments,
    /// Moments of the full block before, from its `i`-th value on; empty before there is one.
    rests: Vec<Moments>,
}

impl Rolling {
    pub(crate) fn new(window: u32) -> Self {
        Self { window, block: Vec::new(), begun: Moments::default(), rests: Vec::new() }
    }

    pub(crate) fn update(&mut self, x: f64) -> Moments {
        self.begun.push(x);
        self.block.push(x);
        if self.block.len() == self.window as usize {
            return self.begin_block();
        }
        match self.rests.get(self.block.len()) {
            Some(rest) => rest.join(self.begun),
            None => self.begun,
        }
    }

    /// Makes the rests of the block that has just become full; its own moments.
    fn begin_block(&mut self) -> Moments {
        self.rests.resize(self.block.len(), Moments::default());
        let mut rest = Moments::default();
        for (value, slot) in self.block.drain(..).zip(&mut self.rests).rev() {
            rest.push(value);
            *slot = rest;
        }
        std::mem::take(&mut self.begun)
    }
}

/// The moments of the last simple returns of a series.
#[derive(Serialize, Deserialize)]
pub(crate) struct RollingReturns {
    change: Change,
    returns: Rolling,
    begun: bool,
}

impl RollingReturns {
    pub(crate) fn new(window: u32) -> Self {
        Self { change: Change::new(ChangeKind::Simple, None), returns: Rolling::new(window), begun: false }
    }

    /// The moments after one more price; none at the first one, which has no return.
    pub(crate) fn update(&mut self, price: f64) -> Moments {
        let change = self.change.update(price);
        match std::mem::replace(&mut self.begun, true) {
            true => self.returns.update(change),
            false => Moments::default(),
        }
    }
}

/// A [`Rolling`] from foreign bytes.
#[derive(Deserialize)]
struct Decoded {
    window: u32,
    block: Vec<f64>,
    begun: Moments,
    rests: Vec<Moments>,
}

impl TryFrom<Decoded> for Rolling {
    type Error = String;

    fn try_from(decoded: Decoded) -> Result<Self, String> {
        let Decoded { window, block, begun, rests } = decoded;
        let (len, full) = (block.len(), window as usize);
        if len >= full || begun.count != len as f64 || !(rests.is_empty() || rests.len() == full) {
            return Err(format!("{len} values and {} rests do not make a window of {window}", rests.len()));
        }
        Ok(Self { window, block, begun, rests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_last_values_though_huge_ones_went_before() {
        let values: Vec<f64> = (0..200).map(|i| if i == 50 { 1e15 } else { f64::from(i * i % 37) }).collect();
        for window in [1, 2, 7, 20] {
            let mut rolling = Rolling::new(window as u32);
            for (i, &x) in values.iter().enumerate() {
                let got = rolling.update(x);
                let last = &values[(i + 1).saturating_sub(window)..=i];
                let mean = last.iter().sum::<f64>() / last.len() as f64;
                let squares = last.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
                assert!((got.mean() - mean).abs() <= 1e-12 * mean.abs(), "{window} {i}: {got:?} {mean}");
                assert!((got.squares - squares).abs() <= 1e-12 * squares, "{window} {i}: {got:?} {squares}");
                assert_eq!(got.count, last.len() as f64);
            }
        }
    }

    #[test]
    fn bytes_that_do_not_make_a_window_are_refused() {
        let sound = Rolling { rests: vec![Moments::default(); 3], ..Rolling::new(3) };
        let read = |rolling: &Rolling| postcard::from_bytes::<Rolling>(&postcard::to_stdvec(rolling).unwrap());
        assert_eq!(read(&sound), Ok(sound.clone()));
        for broken in [
            Rolling { rests: vec![Moments::default(); 2], ..sound.clone() },
            Rolling { block: vec![1.0; 3], ..sound.clone() },
            Rolling { block: vec![1.0; 2], ..sound.clone() },
            Rolling { window: 0, rests: Vec::new(), ..sound },
        ] {
            assert!(read(&broken).is_err(), "{broken:?}");
        }
    }
}
