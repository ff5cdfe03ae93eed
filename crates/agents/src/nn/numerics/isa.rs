#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::{Lane, Outer, Product, math};

/// An instruction set that this machine has; every value proves that it was detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Base,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The widest instruction set of this machine.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx512() {
                return Self(Level::Avx512);
            }
            if has_avx2() {
                return Self(Level::Avx2);
            }
        }
        Self(Level::Base)
    }

    /// Every instruction set of this machine, the narrowest first.
    pub fn available() -> Vec<Self> {
        let mut all = vec![Self(Level::Base)];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(has_avx2().then_some(Self(Level::Avx2)));
            all.extend(has_avx512().then_some(Self(Level::Avx512)));
        }
        all
    }

    /// Runs a kernel compiled for this instruction set.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Level::Base => kernel.run::<Base>(),
            // SAFETY: a value of this level exists only where `has_avx2` found its features.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { run_avx2(kernel) },
            // SAFETY: a value of this level exists only where `has_avx512` found its features.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { run_avx512(kernel) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}

/// A computation that is compiled once per instruction set.
///
/// `run` and all that it calls in a loop must be `#[inline(always)]`, or they are compiled for the base target.
pub(crate) trait Kernel {
    /// What the computation returns.
    type Output;
    /// The computation.
    fn run<S: Simd>(self) -> Self::Output;
}

/// What differs between instruction sets: fused multiply-add, vectors of 16 numbers, and tiles that fill the registers.
///
/// Element-wise loops over a [`Lane`] become vector instructions by themselves; the sums of a product do not reliably,
/// so these are spelled out. The types that implement this are private and named by [`Isa::run`] alone: their
/// functions are inlined into code that is compiled for the set.
pub(crate) trait Simd: Sized {
    /// Whether `f32::mul_add` is one instruction (elsewhere it is a library call).
    const FMA: bool;

    /// `a * b + c`, rounded once where that is one instruction.
    #[inline(always)]
    fn fma(a: f32, b: f32, c: f32) -> f32 {
        if Self::FMA { a.mul_add(b, c) } else { a * b + c }
    }

    /// Sixteen numbers in registers.
    type Vector: Copy;
    /// Whether 32 vectors fit the registers; a quarter of that elsewhere.
    const MANY_REGISTERS: bool;
    /// Sixteen times `x`.
    fn splat(x: f32) -> Self::Vector;
    /// Reads a lane.
    fn read(lane: &Lane) -> Self::Vector;
    /// Writes a lane.
    fn write(vector: Self::Vector) -> Lane;
    /// The first 16 numbers; what a shorter slice lacks is 0.
    #[inline(always)]
    fn load(from: &[f32]) -> Lane {
        math::load(from)
    }
    /// Writes as many of the 16 numbers as the slice holds.
    #[inline(always)]
    fn store(to: &mut [f32], lane: &Lane) {
        math::store(to, lane);
    }
    /// `a * b + c`.
    fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `a + b`.
    fn sum(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The sum of the 16 numbers: halves are added until one number is left.
    fn total(vector: Self::Vector) -> f32;

    /// Adds a matrix product; returns its output.
    fn add_product(product: Product<'_>) -> &mut [f32];
    /// Adds a sum of outer products.
    fn add_outer(outer: Outer<'_>);
}

struct Base;

/// Sweeps `$rows` rows at a time, then single rows; in each, panels in groups of `P` with `U` partial sums.
macro_rules! sweeps {
    ($m:ident, $rows:literal: $($p:literal x $u:literal),+; 1: $($p1:literal x $u1:literal),+) => {{
        let blocked = $m.rows() / $rows * $rows;
        for r in (0..blocked).step_by($rows) {
            let p = 0;
            $(let p = $m.sweep::<Self, $rows, $p, $u>(r, p);)+
            debug_assert_eq!(p, $m.panels());
        }
        for r in blocked..$m.rows() {
            let p = 0;
            $(let p = $m.sweep::<Self, 1, $p1, $u1>(r, p);)+
            debug_assert_eq!(p, $m.panels());
        }
    }};
}

impl Simd for Base {
    const FMA: bool = cfg!(target_arch = "aarch64");
    const MANY_REGISTERS: bool = false;
    type Vector = Lane;

    #[inline(always)]
    fn splat(x: f32) -> Lane {
        [x; 16]
    }

    #[inline(always)]
    fn read(lane: &Lane) -> Lane {
        *lane
    }

    #[inline(always)]
    fn write(vector: Lane) -> Lane {
        vector
    }

    #[inline(always)]
    fn multiply_add(a: Lane, b: Lane, mut c: Lane) -> Lane {
        for k in 0..16 {
            c[k] = Self::fma(a[k], b[k], c[k]);
        }
        c
    }

    #[inline(always)]
    fn sum(mut a: Lane, b: Lane) -> Lane {
        for k in 0..16 {
            a[k] += b[k];
        }
        a
    }

    #[inline(always)]
    fn total(mut vector: Lane) -> f32 {
        for half in [8, 4, 2, 1] {
            for k in 0..half {
                vector[k] += vector[k + half];
            }
        }
        vector[0]
    }

    #[inline(always)]
    fn add_product(mut m: Product<'_>) -> &mut [f32] {
        sweeps!(m, 2: 1 x 1; 1: 2 x 1, 1 x 2);
        m.into_out()
    }

    #[inline(always)]
    fn add_outer(mut m: Outer<'_>) {
        sweeps!(m, 2: 1 x 1; 1: 1 x 1);
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Simd for Avx2 {
    const FMA: bool = true;
    const MANY_REGISTERS: bool = false;
    type Vector = [__m256; 2];

    #[inline(always)]
    fn splat(x: f32) -> Self::Vector {
        // SAFETY: runs only inside `run_avx2`, on a machine that has the instruction.
        unsafe { [_mm256_set1_ps(x); 2] }
    }

    #[inline(always)]
    fn read(lane: &Lane) -> Self::Vector {
        // SAFETY: as in `splat`; a lane is 16 numbers, and the loads need no alignment.
        unsafe { [_mm256_loadu_ps(lane.as_ptr()), _mm256_loadu_ps(lane.as_ptr().add(8))] }
    }

    #[inline(always)]
    fn write(vector: Self::Vector) -> Lane {
        let mut lane = [0.0; 16];
        // SAFETY: as in `splat`; a lane is 16 numbers, and the stores need no alignment.
        unsafe {
            _mm256_storeu_ps(lane.as_mut_ptr(), vector[0]);
            _mm256_storeu_ps(lane.as_mut_ptr().add(8), vector[1]);
        }
        lane
    }

    #[inline(always)]
    fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        // SAFETY: as in `splat`.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn sum(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        // SAFETY: as in `splat`.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn total(vector: Self::Vector) -> f32 {
        // SAFETY: as in `splat`.
        unsafe {
            let eight = _mm256_add_ps(vector[0], vector[1]);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    fn add_product(mut m: Product<'_>) -> &mut [f32] {
        sweeps!(m, 4: 1 x 1; 1: 4 x 1, 2 x 2, 1 x 4);
        m.into_out()
    }

    #[inline(always)]
    fn add_outer(mut m: Outer<'_>) {
        sweeps!(m, 4: 1 x 1; 1: 1 x 1);
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx512;

/// Mask of the first `len` of 16 numbers.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn first_lanes(len: usize) -> __mmask16 {
    ((1u32 << len.min(16)) - 1) as __mmask16
}

#[cfg(target_arch = "x86_64")]
impl Simd for Avx512 {
    const FMA: bool = true;
    const MANY_REGISTERS: bool = true;
    type Vector = __m512;

    #[inline(always)]
    fn splat(x: f32) -> __m512 {
        // SAFETY: runs only inside `run_avx512`, on a machine that has the instruction.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn read(lane: &Lane) -> __m512 {
        // SAFETY: as in `splat`; a lane is 16 numbers, and the load needs no alignment.
        unsafe { _mm512_loadu_ps(lane.as_ptr()) }
    }

    #[inline(always)]
    fn write(vector: __m512) -> Lane {
        let mut lane = [0.0; 16];
        // SAFETY: as in `splat`; a lane is 16 numbers, and the store needs no alignment.
        unsafe { _mm512_storeu_ps(lane.as_mut_ptr(), vector) };
        lane
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Lane {
        // SAFETY: as in `splat`; numbers past the end of the slice are masked out and not read.
        Self::write(unsafe { _mm512_maskz_loadu_ps(first_lanes(from.len()), from.as_ptr()) })
    }

    #[inline(always)]
    fn store(to: &mut [f32], lane: &Lane) {
        // SAFETY: as in `splat`; numbers past the end of the slice are masked out and not written.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), first_lanes(to.len()), Self::read(lane)) }
    }

    #[inline(always)]
    fn multiply_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: as in `splat`.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn sum(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as in `splat`.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn total(vector: __m512) -> f32 {
        // SAFETY: as in `splat`.
        unsafe { _mm512_reduce_add_ps(vector) }
    }

    #[inline(always)]
    fn add_product(mut m: Product<'_>) -> &mut [f32] {
        sweeps!(m, 4: 4 x 1, 2 x 1, 1 x 2; 1: 8 x 1, 4 x 2, 2 x 4, 1 x 8);
        m.into_out()
    }

    #[inline(always)]
    fn add_outer(mut m: Outer<'_>) {
        sweeps!(m, 4: 4 x 1, 1 x 1; 1: 4 x 1, 1 x 1);
    }
}
