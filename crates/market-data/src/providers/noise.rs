//! Random numbers that are the same on every machine.
//!
//! Only `+ - * /` and the generator's integers are used: `exp`, `ln` and `cos` differ in their last bit between
//! systems, and a market's content hash would with them.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// The `index`-th stream of a seed; streams are independent, so one consumer does not shift another.
pub(crate) fn stream(seed: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..24].copy_from_slice(b"pavlov synthetic");
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(index);
    rng
}

/// A number in `[0, 1)`.
pub(crate) fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A uniform number of mean 0 and variance 1, in `(-sqrt 3, sqrt 3)`; every value is as likely as its negative.
pub(crate) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    const SQRT_3: f64 = 1.732_050_807_568_877_2;
    let odd = 2 * (rng.next_u64() >> 12) as i64 + 1 - (1 << 52);
    odd as f64 / (1_u64 << 52) as f64 * SQRT_3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_noise_is_symmetric_with_variance_one() {
        let mut rng = stream(1, 0);
        let n = 400_000;
        let (mut sum, mut square) = (0.0, 0.0);
        for _ in 0..n {
            let x = unit(&mut rng);
            assert!(x.abs() < 1.733 && x != 0.0);
            sum += x;
            square += x * x;
        }
        let n = f64::from(n);
        // Standard errors: 1 / sqrt(n) of the mean, sqrt(0.8 / n) of the variance.
        assert!((sum / n).abs() < 4.0 / n.sqrt() && (square / n - 1.0).abs() < 4.0 * (0.8 / n).sqrt());
    }

    #[test]
    fn streams_differ_by_seed_and_index() {
        let first = |seed, index| stream(seed, index).next_u64();
        assert_eq!(first(1, 0), first(1, 0));
        assert!(first(1, 0) != first(1, 1) && first(1, 0) != first(2, 0));
    }
}
