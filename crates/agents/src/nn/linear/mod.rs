//! A fully connected layer as one operation of candle's graph.

mod backward;
mod op;

use candle_core::Tensor;
use pavlov_rl_core::AgentError;

use super::numerics::Isa;
use super::{Activation, Params, host::compute_error};

/// A fully connected layer for learning: `y = act(x W^T + b)`, without an activation unless [`Linear::then`] names one.
///
/// Its parameters are `<name>.weight` `[out, in]` and `<name>.bias` `[out]`, unless it is [`Linear::without_bias`].
#[derive(Clone, Debug)]
pub struct Linear<'a> {
    name: &'a str,
    activation: Activation,
    has_bias: bool,
}

impl<'a> Linear<'a> {
    /// The layer of this name.
    pub fn new(name: &'a str) -> Self {
        Self { name, activation: Activation::Identity, has_bias: true }
    }

    /// The layer followed by `activation`.
    pub fn then(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// The layer with `b = 0`.
    pub fn without_bias(self) -> Self {
        Self { has_bias: false, ..self }
    }

    /// Maps `[.., in]` to `[.., out]`.
    ///
    /// In host memory this is one node of the graph with an explicit backward pass; the gradient of `x` is computed
    /// only if `x` tracks one. That of ReLU is 0 where its output is 0. On another device candle's own operations run.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the last dimension is not `in`, or `x` is not `f32`.
    ///
    /// # Panics
    /// If `params` does not hold the layer.
    pub fn forward(&self, params: &Params, x: &Tensor) -> Result<Tensor, AgentError> {
        let part = |part| params.tensor(&format!("{}.{part}", self.name));
        let (weight, failed) = (part("weight"), compute_error("linear layer"));
        let bias = match self.has_bias {
            true => part("bias").clone(),
            false => weight.dim(0).and_then(|n| Tensor::zeros(n, weight.dtype(), weight.device())).map_err(&failed)?,
        };
        op::affine(x, weight, &bias, self.activation, Isa::best()).map_err(failed)
    }
}

#[cfg(test)]
mod tests;
