use pavlov_rl_core::AgentError;

use super::Params;
use super::numerics::{CHUNK_ROWS, Isa, Kernel, Panels, Product, Simd, tanhs};

/// What follows a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(0, y)`; NaN stays NaN.
    Relu,
    /// `tanh y`, absolute error below `3e-7`.
    Tanh,
}

/// A fully connected layer for acting: `y = x W^T + b` on slices, without allocation after the first call.
///
/// ```
/// use pavlov_agents::nn::{Activation, DenseLayer};
/// let layer = DenseLayer::new(2, 1, &[1.0, -1.0], &[0.5], Activation::Relu);
/// let mut y = Vec::new();
/// layer.forward(&[3.0, 1.0, 1.0, 3.0], &mut y);
/// assert_eq!(y, [2.5, 0.0]);
/// ```
#[derive(Clone, Debug)]
pub struct DenseLayer {
    inputs: usize,
    weight: Panels,
    bias: Vec<f32>,
    activation: Activation,
    isa: Isa,
}

impl DenseLayer {
    /// A layer of `weight` `[outputs, inputs]` and `bias` `[outputs]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn new(inputs: usize, outputs: usize, weight: &[f32], bias: &[f32], activation: Activation) -> Self {
        assert_eq!((weight.len(), bias.len()), (outputs * inputs, outputs), "lengths of a dense layer's parameters");
        let weight = Panels::from_columns(inputs, outputs, |n| Some(&weight[n * inputs..][..inputs]));
        Self { inputs, weight, bias: bias.to_vec(), activation, isa: Isa::best() }
    }

    /// The same layer computed with another instruction set.
    pub(super) fn on(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// A copy of the parameters `<name>.weight` and `<name>.bias`, as they are now.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if they cannot be read from the device.
    ///
    /// # Panics
    /// If there are no such parameters.
    pub fn from_params(params: &Params, name: &str, activation: Activation) -> Result<Self, AgentError> {
        let (weight, bias) = (params.host(&format!("{name}.weight"))?, params.host(&format!("{name}.bias"))?);
        Ok(Self::new(weight.len() / bias.len(), bias.len(), &weight, &bias, activation))
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Maps `x` `[B, inputs]` to `[B, outputs]`, which takes the place of what is in `y`.
    ///
    /// # Panics
    /// If `x` does not make whole rows.
    pub fn forward(&self, x: &[f32], y: &mut Vec<f32>) {
        assert!(x.len().is_multiple_of(self.inputs), "{} numbers in rows of {}", x.len(), self.inputs);
        y.clear();
        y.reserve(x.len() / self.inputs * self.outputs());
        self.isa.run(Forward { layer: self, x, y });
    }
}

struct Forward<'a> {
    layer: &'a DenseLayer,
    x: &'a [f32],
    y: &'a mut Vec<f32>,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let DenseLayer { inputs, weight, bias, activation, .. } = self.layer;
        for x in self.x.chunks(CHUNK_ROWS * inputs) {
            let first = self.y.len();
            self.y.resize(first + x.len() / inputs * bias.len(), 0.0);
            for row in self.y[first..].chunks_exact_mut(bias.len()) {
                for (to, bias) in row.chunks_mut(16).zip(bias.chunks(16)) {
                    S::store(to, &S::load(bias));
                }
            }
            let y = S::add_product(Product::new(x, *inputs, weight, &mut self.y[first..]));
            match activation {
                Activation::Identity => {}
                Activation::Relu => y.iter_mut().for_each(|v| *v = if *v < 0.0 { 0.0 } else { *v }),
                // Not a closure: that would be compiled without the instruction set.
                Activation::Tanh => {
                    for part in y.chunks_mut(16) {
                        S::store(part, &tanhs::<S>(S::load(part)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use pavlov_rl_core::RngTree;

    use super::*;
    use crate::nn::{Linear, init};

    #[test]
    fn acting_and_learning_layers_agree_for_batches_of_any_size() {
        for (batch, inputs, outputs) in [(1, 6, 3), (3, 64, 10), (64, 7, 128)] {
            let mut rng = RngTree::new(9).stream("init", batch);
            let mut params = Params::new(&Device::Cpu);
            init::linear(&mut params, "fc", inputs, outputs, &mut rng).unwrap();
            init::linear(&mut params, "x", 1, batch as usize * inputs, &mut rng).unwrap();
            let x = params.host("x.weight").unwrap();
            let mut y = vec![f32::NAN; 5];
            DenseLayer::from_params(&params, "fc", Activation::Relu).unwrap().forward(&x, &mut y);
            let x = Tensor::from_vec(x, (batch as usize, inputs), &Device::Cpu).unwrap();
            let z = Linear::new("fc").then(Activation::Relu).forward(&params, &x).unwrap();
            assert_eq!(y.len(), batch as usize * outputs);
            for (a, b) in y.iter().zip(z.flatten_all().unwrap().to_vec1::<f32>().unwrap()) {
                assert!((a - b).abs() < 1e-5, "{a} against {b}");
            }
        }
    }

    #[test]
    fn a_weight_that_is_not_a_number_is_not_hidden_by_relu() {
        let mut y = Vec::new();
        DenseLayer::new(1, 1, &[f32::NAN], &[0.0], Activation::Relu).forward(&[1.0], &mut y);
        assert!(y[0].is_nan());
    }
}
