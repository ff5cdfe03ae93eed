use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// The generator of every random number: ChaCha with 8 rounds, portable and serialisable
/// (key, stream, word position).
pub type Rng = ChaCha8Rng;

/// Named random streams that grow from one root seed.
///
/// A stream depends on the seed, its name and its index only: a new consumer does not shift the
/// numbers of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RngTree {
    seed: u64,
    scope: u64,
}

impl RngTree {
    /// The tree of a root seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, scope: 0 }
    }

    /// A sub-tree whose streams are independent of this tree's.
    pub fn child(&self, name: &str) -> Self {
        Self { seed: self.seed, scope: fnv1a(name, self.scope ^ FNV_BASIS) }
    }

    /// The `index`-th stream called `name`.
    pub fn stream(&self, name: &str, index: u64) -> Rng {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&self.scope.to_le_bytes());
        key[16..24].copy_from_slice(&fnv1a(name, FNV_BASIS).to_le_bytes());
        key[24..].copy_from_slice(&fnv1a(name, !FNV_BASIS).to_le_bytes());
        let mut rng = Rng::from_seed(key);
        rng.set_stream(index);
        rng
    }
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a over the bytes of a name (Fowler, Noll, Vo; draft-eastlake-fnv).
fn fnv1a(name: &str, basis: u64) -> u64 {
    name.bytes().fold(basis, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A uniform integer in `0..n`, without bias (Lemire 2019, "Fast random integer generation in an interval").
///
/// # Panics
/// If `n` is 0.
pub fn below(rng: &mut Rng, n: u32) -> u32 {
    assert!(n > 0, "below(0): the range is empty");
    let reject = n.wrapping_neg() % n;
    loop {
        let product = u64::from(rng.next_u32()) * u64::from(n);
        if product as u32 >= reject {
            return (product >> 32) as u32;
        }
    }
}

/// A uniform number in `[0, 1)` with 24 random bits.
pub fn uniform_f32(rng: &mut Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32
}

/// A uniform number in `[0, 1)` with 53 random bits.
pub fn uniform_f64(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A standard normal number (Box and Muller 1958; one of the pair, so that a draw has no hidden state).
pub fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - uniform_f64(rng)).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform_f64(rng)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_scope_name_and_index() {
        let draw = |mut r: Rng| r.next_u64();
        let tree = RngTree::new(1);
        let seen = [
            draw(tree.stream("env", 0)),
            draw(tree.stream("env", 1)),
            draw(tree.stream("policy", 0)),
            draw(RngTree::new(2).stream("env", 0)),
            draw(tree.child("eval").stream("env", 0)),
        ];
        for (i, a) in seen.iter().enumerate() {
            assert!(seen[..i].iter().all(|b| a != b), "streams {i} and an earlier one are equal");
        }
        assert_eq!(seen[0], draw(RngTree::new(1).stream("env", 0)));
    }

    #[test]
    fn a_saved_stream_goes_on_where_it_was() {
        let mut rng = RngTree::new(3).stream("policy", 2);
        for _ in 0..37 {
            rng.next_u32();
        }
        let bytes = postcard::to_stdvec(&rng).unwrap();
        let mut again: Rng = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(
            (0..100).map(|_| rng.next_u32()).collect::<Vec<_>>(),
            (0..100).map(|_| again.next_u32()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn draws_have_the_right_moments() {
        let mut rng = RngTree::new(5).stream("test", 0);
        let n = 200_000;
        let mut count = [0u32; 3];
        let (mut sum, mut square) = (0.0, 0.0);
        for _ in 0..n {
            count[below(&mut rng, 3) as usize] += 1;
            let z = normal(&mut rng);
            sum += z;
            square += z * z;
            assert!((0.0..1.0).contains(&uniform_f32(&mut rng)));
        }
        for c in count {
            assert!((f64::from(c) / f64::from(n) - 1.0 / 3.0).abs() < 0.005);
        }
        assert!((sum / f64::from(n)).abs() < 0.01 && (square / f64::from(n) - 1.0).abs() < 0.02);
    }
}
