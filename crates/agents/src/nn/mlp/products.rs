//! The three products of a fully connected layer, all on one layout of the weight.
//!
//! A weight lies in panels of 16 outputs, `[panels, depth]` lines: line `k` of a panel holds what input `k` gives to its
//! 16 outputs. The output reads panels front to back, the gradient of the weight is written in the same order, and the
//! gradient of the input adds products of whole lines; so no step of a training rearranges a weight. `depth` is odd, and
//! so are the lines of a row of numbers: columns do not fall on the same few lines of the cache.

use std::ops::Range;

use crate::nn::numerics::{Kernel, Line, Simd};

/// Rows of numbers `[rows, stride]`, of which a product takes the first of each.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) stride: usize,
}

/// Rows of lines `[rows, stride]`.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub(super) lines: &'a [Line],
    pub(super) stride: usize,
}

/// Lines of a panel of a weight with `inputs` inputs.
pub(super) fn depth(inputs: usize) -> usize {
    inputs | 1
}

/// Lines of a row of `width` numbers.
pub(super) fn row_len(width: usize) -> usize {
    width.div_ceil(16) | 1
}

/// `z = x W + b`.
pub(super) struct Affine<'a> {
    pub(super) x: Rows<'a>,
    pub(super) inputs: usize,
    pub(super) weight: &'a [Line],
    pub(super) bias: &'a [Line],
    /// `[rows, stride]`.
    pub(super) z: &'a mut [Line],
    pub(super) stride: usize,
}

impl Kernel for Affine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let rows = self.z.len() / self.stride;
        if S::MANY_REGISTERS {
            let (eights, fours) = (rows / 8 * 8, rows / 4 * 4);
            self.sweep::<S, 8, 2>(0..eights);
            self.sweep::<S, 4, 4>(eights..fours);
            self.sweep::<S, 1, 8>(fours..rows);
        } else {
            let fours = rows / 4 * 4;
            self.sweep::<S, 4, 1>(0..fours);
            self.sweep::<S, 1, 4>(fours..rows);
        }
    }
}

impl Affine<'_> {
    /// Loops are spelled out here: a closure is not always inlined into code for the instruction set.
    #[inline(always)]
    fn sweep<S: Simd, const R: usize, const P: usize>(&mut self, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        let mut p = 0;
        while p + P <= self.bias.len() {
            for r in rows.clone().step_by(R) {
                self.tile::<S, R, P>(r, p);
            }
            p += P;
        }
        while p < self.bias.len() {
            for r in rows.clone().step_by(R) {
                self.tile::<S, R, 1>(r, p);
            }
            p += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const P: usize>(&mut self, r: usize, p: usize) {
        let (inputs, depth) = (self.inputs, depth(self.inputs));
        let (mut x, mut w): ([&[f32]; R], [&[Line]; P]) = ([&[]; R], [&[]; P]);
        for (i, x) in x.iter_mut().enumerate() {
            *x = &self.x.numbers[(r + i) * self.x.stride..][..inputs];
        }
        for (j, w) in w.iter_mut().enumerate() {
            *w = &self.weight[(p + j) * depth..][..inputs];
        }
        let mut sums = [[S::splat(0.0); P]; R];
        for row in &mut sums {
            for (sum, bias) in row.iter_mut().zip(&self.bias[p..p + P]) {
                *sum = S::read(&bias.0);
            }
        }
        for k in 0..inputs {
            let mut lanes = [S::splat(0.0); P];
            for j in 0..P {
                lanes[j] = S::read(&w[j][k].0);
            }
            for i in 0..R {
                let x = S::splat(x[i][k]);
                for j in 0..P {
                    sums[i][j] = S::multiply_add(x, lanes[j], sums[i][j]);
                }
            }
        }
        for (i, row) in sums.iter().enumerate() {
            for (line, sum) in self.z[(r + i) * self.stride + p..][..P].iter_mut().zip(row) {
                line.0 = S::write(*sum);
            }
        }
    }
}

/// `dW = x^T dz` and `db = sum of the rows of dz`, which take the place of what is there.
pub(super) struct WeightGradient<'a> {
    pub(super) x: Rows<'a>,
    pub(super) inputs: usize,
    pub(super) d_z: Lines<'a>,
    pub(super) weight: &'a mut [Line],
    pub(super) bias: &'a mut [Line],
}

impl Kernel for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        for (p, bias) in self.bias.iter_mut().enumerate() {
            let mut sum = S::splat(0.0);
            for row in self.d_z.lines.chunks_exact(self.d_z.stride) {
                sum = S::sum(sum, S::read(&row[p].0));
            }
            bias.0 = S::write(sum);
        }
        if S::MANY_REGISTERS { self.sweep::<S, 8, 2>() } else { self.sweep::<S, 4, 1>() }
    }
}

impl WeightGradient<'_> {
    #[inline(always)]
    fn sweep<S: Simd, const R: usize, const P: usize>(&mut self) {
        let (panels, blocked) = (self.bias.len(), self.inputs / R * R);
        let mut p = 0;
        while p + P <= panels {
            for k in (0..blocked).step_by(R) {
                self.tile::<S, R, P>(k, p);
            }
            for k in blocked..self.inputs {
                self.tile::<S, 1, P>(k, p);
            }
            p += P;
        }
        while p < panels {
            for k in (0..blocked).step_by(R) {
                self.tile::<S, R, 1>(k, p);
            }
            for k in blocked..self.inputs {
                self.tile::<S, 1, 1>(k, p);
            }
            p += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const P: usize>(&mut self, k: usize, p: usize) {
        let mut sums = [[S::splat(0.0); P]; R];
        let rows = self.x.numbers.chunks_exact(self.x.stride).zip(self.d_z.lines.chunks_exact(self.d_z.stride));
        for (x, d_z) in rows {
            let (x, d_z) = (&x[k..k + R], &d_z[p..p + P]);
            let mut lanes = [S::splat(0.0); P];
            for j in 0..P {
                lanes[j] = S::read(&d_z[j].0);
            }
            for i in 0..R {
                let x = S::splat(x[i]);
                for j in 0..P {
                    sums[i][j] = S::multiply_add(x, lanes[j], sums[i][j]);
                }
            }
        }
        for (i, row) in sums.iter().enumerate() {
            for (j, sum) in row.iter().enumerate() {
                self.weight[(p + j) * depth(self.inputs) + k + i].0 = S::write(*sum);
            }
        }
    }
}

/// `dx = dz W^T`.
pub(super) struct InputGradient<'a> {
    pub(super) d_z: Lines<'a>,
    pub(super) panels: usize,
    pub(super) weight: &'a [Line],
    pub(super) inputs: usize,
    /// `[rows, stride]`; the first `inputs` numbers of each row are written.
    pub(super) d_x: &'a mut [f32],
    pub(super) stride: usize,
}

impl Kernel for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        if S::MANY_REGISTERS { self.sweep::<S, 4, 4>() } else { self.sweep::<S, 2, 2>() }
    }
}

impl InputGradient<'_> {
    #[inline(always)]
    fn sweep<S: Simd, const R: usize, const C: usize>(&mut self) {
        let rows = self.d_x.len() / self.stride;
        let blocked = rows / R * R;
        let mut k = 0;
        while k + C <= self.inputs {
            for r in (0..blocked).step_by(R) {
                self.tile::<S, R, C>(r, k);
            }
            for r in blocked..rows {
                self.tile::<S, 1, C>(r, k);
            }
            k += C;
        }
        while k < self.inputs {
            for r in (0..blocked).step_by(R) {
                self.tile::<S, R, 1>(r, k);
            }
            for r in blocked..rows {
                self.tile::<S, 1, 1>(r, k);
            }
            k += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const C: usize>(&mut self, r: usize, k: usize) {
        let panels = self.panels;
        let mut d_z: [&[Line]; R] = [&[]; R];
        for (i, d_z) in d_z.iter_mut().enumerate() {
            *d_z = &self.d_z.lines[(r + i) * self.d_z.stride..][..panels];
        }
        let mut sums = [[S::splat(0.0); C]; R];
        for (p, w) in self.weight.chunks_exact(depth(self.inputs)).enumerate().take(panels) {
            let w = &w[k..k + C];
            let mut lanes = [S::splat(0.0); C];
            for c in 0..C {
                lanes[c] = S::read(&w[c].0);
            }
            for i in 0..R {
                let d = S::read(&d_z[i][p].0);
                for c in 0..C {
                    sums[i][c] = S::multiply_add(d, lanes[c], sums[i][c]);
                }
            }
        }
        for (i, row) in sums.iter().enumerate() {
            for (to, sum) in self.d_x[(r + i) * self.stride + k..][..C].iter_mut().zip(row) {
                *to = S::total(*sum);
            }
        }
    }
}
