use super::Simd;

/// Sixteen numbers that are computed side by side: one AVX-512 register, two of AVX2, four of SSE or NEON.
pub(crate) type Lane = [f32; 16];

pub(crate) const ZERO: Lane = [0.0; 16];

/// The first 16 numbers; what a shorter slice lacks is 0.
#[inline(always)]
pub(crate) fn load(from: &[f32]) -> Lane {
    match from.first_chunk::<16>() {
        Some(full) => *full,
        None => {
            let mut lane = ZERO;
            lane[..from.len()].copy_from_slice(from);
            lane
        }
    }
}

/// Writes as many of the 16 numbers as the slice holds.
#[inline(always)]
pub(crate) fn store(to: &mut [f32], lane: &Lane) {
    match to.first_chunk_mut::<16>() {
        Some(full) => *full = *lane,
        None => to.copy_from_slice(&lane[..to.len()]),
    }
}

/// `e^x` with a relative error below `2e-7`; saturates outside `[-87, 88]`, NaN stays NaN.
///
/// `x = n ln 2 + r` with `ln 2` in two parts (Cody and Waite 1980, section 6), a polynomial of degree 7 in `r`
/// (coefficients of Moshier's Cephes `expf`), then `2^n` through the exponent bits. Branch-free.
#[inline(always)]
pub(crate) fn exp<S: Simd>(x: f32) -> f32 {
    const ROUND_TO_INTEGER: f32 = 12_582_912.0; // 1.5 * 2^23
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = S::fma(x, std::f32::consts::LOG2_E, ROUND_TO_INTEGER);
    let n = shifted - ROUND_TO_INTEGER;
    let r = S::fma(n, -0.693_359_4, x);
    let r = S::fma(n, 2.121_944_4e-4, r);
    let p = S::fma(1.987_569_1e-4, r, 1.398_199_9e-3);
    let p = S::fma(p, r, 8.333_452e-3);
    let p = S::fma(p, r, 4.166_579_6e-2);
    let p = S::fma(p, r, 1.666_666_5e-1);
    let p = S::fma(p, r, 0.5);
    let p = S::fma(p, r * r, r + 1.0);
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}

/// The logistic function `1 / (1 + e^-x)`, absolute error below `1.5e-7`.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<S>(-x))
}

/// `tanh x = 2 sigmoid(2x) - 1`, absolute error below `3e-7`.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(x: f32) -> f32 {
    2.0 / (1.0 + exp::<S>(-2.0 * x)) - 1.0
}

#[inline(always)]
pub(crate) fn sigmoids<S: Simd>(mut lane: Lane) -> Lane {
    for x in &mut lane {
        *x = sigmoid::<S>(*x);
    }
    lane
}

#[inline(always)]
pub(crate) fn tanhs<S: Simd>(mut lane: Lane) -> Lane {
    for x in &mut lane {
        *x = tanh::<S>(*x);
    }
    lane
}

#[cfg(test)]
mod tests {
    use super::super::{Isa, Kernel};
    use super::*;

    /// `[exp, sigmoid, tanh]` of each number.
    struct All<'a>(&'a [f32]);
    impl Kernel for All<'_> {
        type Output = Vec<[f32; 3]>;
        #[inline(always)]
        fn run<S: Simd>(self) -> Self::Output {
            self.0.iter().map(|&x| [exp::<S>(x), sigmoid::<S>(x), tanh::<S>(x)]).collect()
        }
    }

    #[test]
    fn exp_sigmoid_and_tanh_are_within_their_stated_errors() {
        let grid: Vec<f32> = (-870_000..=880_000).map(|i| i as f32 * 1e-4).collect();
        for isa in Isa::available() {
            let mut worst = [0f64; 3];
            for (x, got) in grid.iter().zip(isa.run(All(&grid))) {
                let x = f64::from(*x);
                let [e, s, t] = got.map(f64::from);
                let errors = [(e - x.exp()) / x.exp(), s - 1.0 / (1.0 + (-x).exp()), t - x.tanh()];
                worst = std::array::from_fn(|i| worst[i].max(errors[i].abs()));
            }
            assert!(worst[0] < 2e-7 && worst[1] < 1.5e-7 && worst[2] < 3e-7, "{isa:?}: {worst:?}");
        }
    }

    #[test]
    fn extremes_saturate_and_nan_stays_nan() {
        let inputs = [f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, 0.0, f32::NAN];
        for isa in Isa::available() {
            let out = isa.run(All(&inputs));
            assert!(out[..5].iter().flatten().all(|v| v.is_finite()));
            assert!(out[0][1] == 1.0 && out[1][1] < 1e-37);
            assert_eq!([out[2][2], out[3][2], out[4][2]], [1.0, -1.0, 0.0]);
            assert!(out[5].iter().all(|v| v.is_nan()));
        }
    }

    #[test]
    fn a_short_slice_is_padded_with_zeros_and_written_only_as_far_as_it_reaches() {
        let lane = load(&[1.0, 2.0, 3.0]);
        assert_eq!((lane[2], lane[3]), (3.0, 0.0));
        let mut two = [9.0; 2];
        store(&mut two, &lane);
        assert_eq!(two, [1.0, 2.0]);
    }
}
