use pavlov_rl_core::Rng;
use rand_core::RngCore;

use super::between::{Activate, Deactivate, Dropped, NormGradient, Normalise, Scale, Settle};
use super::layout::{Layer, Norm};
use super::products::{Affine, InputGradient, Lines, Rows, WeightGradient, row_len};
use super::{Mlp, MlpGradient};
use crate::nn::numerics::Line;

/// Buffers of [`Mlp::infer`], kept between calls.
#[derive(Clone, Debug, Default)]
pub struct Inference {
    x: Vec<Line>,
    y: Vec<Line>,
}

/// Buffers of [`Mlp::train`] and [`Mlp::backward`], kept between calls: what the way back needs.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    rows: usize,
    x: Vec<f32>,
    layers: Vec<LayerPass>,
    bits: Vec<u16>,
    outputs: Vec<f32>,
}

#[derive(Clone, Debug, Default)]
struct LayerPass {
    /// Sums, normalised if the layer is, `[rows, row]`.
    z: Vec<Line>,
    inv_std: Vec<Line>,
    gate: Vec<Line>,
    y: Vec<Line>,
    /// Gradient of `y`, then of the sums.
    d: Vec<Line>,
}

impl LayerPass {
    fn resize(&mut self, rows: usize, layer: &Layer) {
        let len = rows * row_len(layer.outputs);
        for buffer in [&mut self.z, &mut self.gate, &mut self.y, &mut self.d] {
            buffer.resize(len, Line::ZERO);
        }
        self.inv_std.resize(layer.panels, Line::ZERO);
    }
}

impl Pass {
    /// Outputs of the last training pass, `[B, outputs]`.
    pub fn outputs(&self) -> &[f32] {
        &self.outputs
    }

    #[cfg(test)]
    pub(super) fn gates(&self, layer: usize) -> &[Line] {
        &self.layers[layer].gate
    }
}

impl Mlp {
    fn scale(&self, norm: Norm, panels: usize) -> Scale<'_> {
        Scale { gamma: &self.params[norm.gamma..][..panels], beta: &self.params[norm.beta..][..panels] }
    }

    fn affine<'a>(&'a self, layer: &Layer, x: Rows<'a>, z: &'a mut [Line]) -> Affine<'a> {
        Affine {
            x,
            inputs: layer.inputs,
            weight: &self.params[layer.weight..layer.bias],
            bias: &self.params[layer.bias..][..layer.panels],
            z,
            stride: row_len(layer.outputs),
        }
    }

    /// The outputs for inputs `[B, inputs]`, row by row: running statistics, no dropout.
    ///
    /// Allocates only while the buffers grow.
    ///
    /// # Panics
    /// If `x` does not make whole rows.
    pub fn infer<'s>(&self, x: &[f32], scratch: &'s mut Inference) -> impl Iterator<Item = &'s [f32]> {
        let inputs = self.shape.inputs;
        assert!(x.len().is_multiple_of(inputs), "{} numbers in rows of {inputs}", x.len());
        let (rows, last) = (x.len() / inputs, self.layout.layers.len() - 1);
        let mut stride = inputs;
        for (i, layer) in self.layout.layers.iter().enumerate() {
            let len = rows * row_len(layer.outputs);
            scratch.y.resize(len, Line::ZERO);
            let from = Rows { numbers: if i == 0 { x } else { Line::flat(&scratch.x) }, stride };
            self.isa.run(self.affine(layer, from, &mut scratch.y));
            if i < last {
                let panels = layer.panels;
                let running = |at: usize| &self.running[at..][..panels];
                let norm = layer.norm.map(|n| (self.scale(n, panels), [running(n.mean), running(n.var)]));
                let slope = self.shape.leaky_slope;
                let stride = row_len(layer.outputs);
                self.isa.run(Settle { z: &mut scratch.y, stride, panels, norm, slope });
            }
            std::mem::swap(&mut scratch.x, &mut scratch.y);
            scratch.x.truncate(len);
            stride = 16 * row_len(layer.outputs);
        }
        Line::flat(&scratch.x).chunks_exact(stride).map(|row| &row[..self.shape.outputs])
    }

    /// A training pass over inputs `[B, inputs]`: statistics of the batch, dropout drawn from `rng`; moves the running
    /// statistics.
    ///
    /// # Panics
    /// If `x` does not make whole rows, or is a single row of a network with batch normalisation, which has no deviation.
    pub fn train(&mut self, x: &[f32], pass: &mut Pass, rng: &mut Rng) {
        let inputs = self.shape.inputs;
        assert!(!x.is_empty() && x.len().is_multiple_of(inputs), "{} numbers in rows of {inputs}", x.len());
        let (rows, last) = (x.len() / inputs, self.layout.layers.len() - 1);
        assert!(rows > 1 || !self.shape.batch_norm, "a batch of one row has no deviation to normalise by");
        pass.rows = rows;
        pass.x.clear();
        pass.x.extend_from_slice(x);
        pass.layers.resize_with(last + 1, LayerPass::default);
        for i in 0..=last {
            let layer = self.layout.layers[i];
            let (before, rest) = pass.layers.split_at_mut(i);
            let now = &mut rest[0];
            now.resize(rows, &layer);
            let from = input(&pass.x, inputs, before, layer.inputs);
            self.isa.run(self.affine(&layer, from, &mut now.z));
            if i < last {
                self.activate(&layer, now, &mut pass.bits, rng);
            }
        }
        pass.outputs.clear();
        for row in Line::flat(&pass.layers[last].z).chunks_exact(16 * row_len(self.shape.outputs)) {
            pass.outputs.extend_from_slice(&row[..self.shape.outputs]);
        }
    }

    fn activate(&mut self, layer: &Layer, pass: &mut LayerPass, bits: &mut Vec<u16>, rng: &mut Rng) {
        let (stride, panels) = (row_len(layer.outputs), layer.panels);
        if let Some(norm) = layer.norm {
            let (mean, var) = self.running.split_at_mut(norm.var);
            self.isa.run(Normalise {
                z: &mut pass.z,
                stride,
                running_mean: &mut mean[norm.mean..][..panels],
                running_var: &mut var[..panels],
                inv_std: &mut pass.inv_std,
            });
        }
        let threshold = (self.shape.dropout * 65_536.0).round() as u16;
        let dropped = (threshold > 0).then(|| {
            draw_bits(bits, pass.z.len() / stride * panels * 16, rng);
            Dropped { bits, threshold, scale: 65_536.0 / (65_536.0 - f32::from(threshold)) }
        });
        self.isa.run(Activate {
            x: Lines { lines: &pass.z, stride },
            norm: layer.norm.map(|norm| self.scale(norm, panels)),
            slope: self.shape.leaky_slope,
            dropped,
            gate: &mut pass.gate,
            y: &mut pass.y,
            panels,
        });
    }

    /// Carries the gradient `d_outputs` `[B, outputs]` of a scalar back through the last [`Mlp::train`], into `gradient`
    /// and, if asked for, `d_inputs` `[B, inputs]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn backward(
        &self,
        d_outputs: &[f32],
        pass: &mut Pass,
        gradient: &mut MlpGradient,
        mut d_inputs: Option<&mut [f32]>,
    ) {
        let given = d_inputs.as_ref().map_or(pass.x.len(), |d| d.len());
        assert_eq!(given, pass.x.len(), "one gradient per input");
        let (outputs, last) = (self.shape.outputs, self.layout.layers.len() - 1);
        assert_eq!(d_outputs.len(), pass.rows * outputs, "one gradient per output");
        let head = Line::flat_mut(&mut pass.layers[last].d).chunks_exact_mut(16 * row_len(outputs));
        head.zip(d_outputs.chunks_exact(outputs)).for_each(|(to, from)| to[..outputs].copy_from_slice(from));
        for i in (0..=last).rev() {
            let layer = self.layout.layers[i];
            let (before, rest) = pass.layers.split_at_mut(i);
            let now = &mut rest[0];
            if i < last {
                self.deactivate(&layer, now, gradient);
            }
            let d_z = Lines { lines: &now.d, stride: row_len(layer.outputs) };
            let (weight, bias) =
                gradient.0[layer.weight..layer.bias + layer.panels].split_at_mut(layer.bias - layer.weight);
            let x = input(&pass.x, self.shape.inputs, before, layer.inputs);
            self.isa.run(WeightGradient { x, inputs: layer.inputs, d_z, weight, bias });
            let d_x = match before.last_mut() {
                Some(before) => Some((Line::flat_mut(&mut before.d), 16 * row_len(layer.inputs))),
                None => d_inputs.take().map(|d| (d, layer.inputs)),
            };
            let Some((d_x, stride)) = d_x else { continue };
            let (weight, panels) = (&self.params[layer.weight..layer.bias], layer.panels);
            self.isa.run(InputGradient { d_z, panels, weight, inputs: layer.inputs, d_x, stride });
        }
    }

    fn deactivate(&self, layer: &Layer, pass: &mut LayerPass, gradient: &mut MlpGradient) {
        let panels = layer.panels;
        let norm = layer.norm.map(|norm| {
            let (d_gamma, d_beta) = gradient.0[norm.gamma..].split_at_mut(norm.beta - norm.gamma);
            NormGradient {
                x: &pass.z,
                inv_std: &pass.inv_std,
                gamma: self.scale(norm, panels).gamma,
                d_gamma: &mut d_gamma[..panels],
                d_beta: &mut d_beta[..panels],
            }
        });
        self.isa.run(Deactivate { d: &mut pass.d, gate: &pass.gate, stride: row_len(layer.outputs), norm });
    }
}

/// What a layer reads: the outputs of the one before it, or the inputs of the network.
fn input<'a>(x: &'a [f32], inputs: usize, before: &'a [LayerPass], width: usize) -> Rows<'a> {
    match before.last() {
        Some(before) => Rows { numbers: Line::flat(&before.y), stride: 16 * row_len(width) },
        None => Rows { numbers: x, stride: inputs },
    }
}

/// Fills `bits` with `len` random numbers of 16 bits.
fn draw_bits(bits: &mut Vec<u16>, len: usize, rng: &mut Rng) {
    bits.resize(len, 0);
    let mut bytes = [0; 1024];
    for part in bits.chunks_mut(512) {
        rng.fill_bytes(&mut bytes);
        for (bits, pair) in part.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *bits = u16::from_le_bytes(*pair);
        }
    }
}
