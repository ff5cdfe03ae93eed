//! What stands between two fully connected layers: batch normalisation, leaky ReLU and dropout, row by row.
//!
//! Source: Ioffe and Szegedy 2015, "Batch normalization" (algorithm 1 and section 3); PyTorch, `torch.nn.BatchNorm1d`
//! (the variance of the batch is the biased one, that of the running statistics the unbiased one).

use super::products::Lines;
use crate::nn::numerics::{Kernel, Line, Simd, ZERO};

/// Added to a variance; PyTorch's default.
const EPS: f32 = 1e-5;
/// Weight of a batch in the running statistics; PyTorch's default.
const MOMENTUM: f32 = 0.1;

/// Scale and shift of a normalisation, a line per 16 units.
#[derive(Clone, Copy)]
pub(super) struct Scale<'a> {
    pub(super) gamma: &'a [Line],
    pub(super) beta: &'a [Line],
}

/// Normalises a batch by its own statistics and moves the running ones: `z` becomes `(z - mean) / deviation`.
pub(super) struct Normalise<'a> {
    /// `[rows, stride]`, two rows or more.
    pub(super) z: &'a mut [Line],
    pub(super) stride: usize,
    pub(super) running_mean: &'a mut [Line],
    pub(super) running_var: &'a mut [Line],
    /// One over the deviation of each unit.
    pub(super) inv_std: &'a mut [Line],
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let n = (self.z.len() / self.stride) as f32;
        let panels = self.inv_std.len();
        let (mut mean, mut var) = (vec![Line::ZERO; panels], vec![Line::ZERO; panels]);
        for row in self.z.chunks_exact(self.stride) {
            each(&mut mean, row, |sum, z| sum + z);
        }
        mean.iter_mut().for_each(|line| line.0 = line.0.map(|sum| sum / n));
        for row in self.z.chunks_exact_mut(self.stride) {
            each(row, &mean, |z, mean| z - mean);
            each(&mut var, row, |sum, z| sum + z * z);
        }
        var.iter_mut().for_each(|line| line.0 = line.0.map(|sum| sum / n));
        each(self.inv_std, &var, |_, var| 1.0 / (var + EPS).sqrt());
        for row in self.z.chunks_exact_mut(self.stride) {
            each(row, self.inv_std, |z, inv| z * inv);
        }
        each(self.running_mean, &mean, |running, mean| (1.0 - MOMENTUM) * running + MOMENTUM * mean);
        let unbiased = n / (n - 1.0);
        each(self.running_var, &var, |running, var| (1.0 - MOMENTUM) * running + MOMENTUM * (var * unbiased));
    }
}

/// `to[i] = f(to[i], from[i])` over the lines that both have.
#[inline(always)]
fn each(to: &mut [Line], from: &[Line], f: impl Fn(f32, f32) -> f32) {
    for (to, from) in to.iter_mut().zip(from) {
        for k in 0..16 {
            to.0[k] = f(to.0[k], from.0[k]);
        }
    }
}

/// Random bits of a dropout: a unit whose bits are below `threshold` gives 0, the others count `scale` times.
#[derive(Clone, Copy)]
pub(super) struct Dropped<'a> {
    /// `[rows, panels, 16]`.
    pub(super) bits: &'a [u16],
    pub(super) threshold: u16,
    pub(super) scale: f32,
}

/// Scale and shift if normalised, leaky ReLU, dropout; keeps the factor of each unit for the way back.
pub(super) struct Activate<'a> {
    pub(super) x: Lines<'a>,
    pub(super) norm: Option<Scale<'a>>,
    pub(super) slope: f32,
    pub(super) dropped: Option<Dropped<'a>>,
    pub(super) gate: &'a mut [Line],
    pub(super) y: &'a mut [Line],
    pub(super) panels: usize,
}

impl Kernel for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (stride, panels) = (self.x.stride, self.panels);
        let rows = self.x.lines.chunks_exact(stride).zip(self.gate.chunks_exact_mut(stride));
        for (r, ((x, gate), y)) in rows.zip(self.y.chunks_exact_mut(stride)).enumerate() {
            for p in 0..panels {
                let mut pre = x[p].0;
                if let Some(Scale { gamma, beta }) = self.norm {
                    for (k, pre) in pre.iter_mut().enumerate() {
                        *pre = *pre * gamma[p].0[k] + beta[p].0[k];
                    }
                }
                let mut factor = ZERO;
                for k in 0..16 {
                    factor[k] = if pre[k] > 0.0 { 1.0 } else { self.slope };
                }
                if let Some(Dropped { bits, threshold, scale }) = self.dropped {
                    let bits = &bits[(r * panels + p) * 16..][..16];
                    for k in 0..16 {
                        factor[k] *= if bits[k] < threshold { 0.0 } else { scale };
                    }
                }
                for k in 0..16 {
                    y[p].0[k] = pre[k] * factor[k];
                }
                gate[p].0 = factor;
            }
        }
    }
}

/// The way back through [`Activate`] and [`Normalise`]: `d` becomes the gradient of the layer's sums.
///
/// With `g = dy * factor`: `d_beta = sum(g)`, `d_gamma = sum(g x)` and, over `n` rows,
/// `dz = gamma / deviation * (g - (d_beta + x d_gamma) / n)`.
pub(super) struct Deactivate<'a> {
    pub(super) d: &'a mut [Line],
    pub(super) gate: &'a [Line],
    pub(super) stride: usize,
    pub(super) norm: Option<NormGradient<'a>>,
}

pub(super) struct NormGradient<'a> {
    /// What was normalised, `[rows, stride]`.
    pub(super) x: &'a [Line],
    pub(super) inv_std: &'a [Line],
    pub(super) gamma: &'a [Line],
    pub(super) d_gamma: &'a mut [Line],
    pub(super) d_beta: &'a mut [Line],
}

impl Kernel for Deactivate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        each(self.d, self.gate, |d, gate| d * gate);
        let Some(NormGradient { x, inv_std, gamma, d_gamma, d_beta }) = self.norm else { return };
        d_gamma.fill(Line::ZERO);
        d_beta.fill(Line::ZERO);
        let n = (self.d.len() / self.stride) as f32;
        for (d, x) in self.d.chunks_exact(self.stride).zip(x.chunks_exact(self.stride)) {
            for (p, (d_gamma, d_beta)) in d_gamma.iter_mut().zip(d_beta.iter_mut()).enumerate() {
                for k in 0..16 {
                    d_beta.0[k] += d[p].0[k];
                    d_gamma.0[k] += d[p].0[k] * x[p].0[k];
                }
            }
        }
        for (d, x) in self.d.chunks_exact_mut(self.stride).zip(x.chunks_exact(self.stride)) {
            for p in 0..inv_std.len() {
                let (d, x) = (&mut d[p].0, &x[p].0);
                for k in 0..16 {
                    let mean = (d_beta[p].0[k] + x[k] * d_gamma[p].0[k]) / n;
                    d[k] = gamma[p].0[k] * inv_std[p].0[k] * (d[k] - mean);
                }
            }
        }
    }
}

/// Normalisation by the running statistics, then leaky ReLU, in place.
pub(super) struct Settle<'a> {
    pub(super) z: &'a mut [Line],
    pub(super) stride: usize,
    pub(super) panels: usize,
    pub(super) norm: Option<(Scale<'a>, [&'a [Line]; 2])>,
    pub(super) slope: f32,
}

impl Kernel for Settle<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let rows = self.z.len() / self.stride;
        for p in 0..self.panels {
            let (mut factor, mut shift) = ([1.0; 16], ZERO);
            if let Some((Scale { gamma, beta }, [mean, var])) = self.norm {
                for k in 0..16 {
                    factor[k] = gamma[p].0[k] / (var[p].0[k] + EPS).sqrt();
                    shift[k] = beta[p].0[k] - mean[p].0[k] * factor[k];
                }
            }
            for r in 0..rows {
                let z = &mut self.z[r * self.stride + p].0;
                for k in 0..16 {
                    let pre = z[k] * factor[k] + shift[k];
                    z[k] = if pre > 0.0 { pre } else { self.slope * pre };
                }
            }
        }
    }
}
