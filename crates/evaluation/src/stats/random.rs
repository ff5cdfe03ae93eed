//! Draws for resampling.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// A stream of draws: the same for the same seed and number, whatever was drawn from other streams.
pub(super) struct Draws(ChaCha8Rng);

impl Draws {
    /// The first generators of a seed, in order; the key is set up once.
    pub(super) fn streams(seed: u64, count: usize) -> impl Iterator<Item = Self> {
        let first = ChaCha8Rng::seed_from_u64(seed);
        (0..count as u64).map(move |stream| {
            let mut rng = first.clone();
            rng.set_stream(stream);
            Self(rng)
        })
    }

    /// A whole number below `n`, which must be above 0; the bias is below `n / 2^64`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// A whole number below `n` and a number above 0 and at most 1, each from half of one draw.
    ///
    /// The bias of the first is below `n / 2^32`, the step of the second `2^-32`.
    pub(super) fn below_and_unit(&mut self, n: usize) -> (usize, f64) {
        let draw = self.0.next_u64();
        let below = (u128::from(draw >> 32) * n as u128) >> 32;
        (below as usize, ((draw as u32 as f64) + 1.0) / (1_u64 << 32) as f64)
    }
}
