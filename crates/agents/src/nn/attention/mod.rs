//! Scaled dot-product attention of the last row of a sequence over all its rows.
//!
//! Source: Vaswani et al. 2017, "Attention is all you need", section 3.2.1, of a sequence over itself. Only the context
//! of the last row is made, and only what it depends on:
//!
//! ```text
//! share_l = softmax over l of (W_k x_l) . (W_q x_last + b_q) / sqrt(D)
//! context = sum over l of share_l (W_v x_l + b_v) = W_v (sum over l of share_l x_l) + b_v
//! ```
//!
//! A bias of the keys would add the same number to every score, so there is none. With `asked = W_k^T (W_q x_last + b_q)
//! / sqrt(D)` a score is `x_l . asked` (the parameter `key` is `W_k^T`): keys and values of the rows are never made, which
//! leaves three products of a row with a matrix where the textbook has three of every row.

mod op;
mod rows;

use candle_core::Tensor;
use pavlov_rl_core::{AgentError, Rng};

use super::host::compute_error;
use super::numerics::Isa;
use super::{Activation, DenseLayer, Linear, Params, init};

/// The layer for learning; its parameters are `<name>.query.{weight,bias}`, `<name>.key.weight` and
/// `<name>.value.{weight,bias}`, weights `[D, D]`.
#[derive(Clone, Debug)]
pub struct Attention<'a> {
    name: &'a str,
}

impl<'a> Attention<'a> {
    /// The layer of this name.
    pub fn new(name: &'a str) -> Self {
        Self { name }
    }

    /// Adds the parameters, drawn as those of linear layers.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the device cannot hold them.
    pub fn draw(&self, params: &mut Params, width: usize, rng: &mut Rng) -> Result<(), AgentError> {
        init::linear(params, &self.part("query"), width, width, rng)?;
        init::weight(params, &self.part("key.weight"), width, width, rng)?;
        init::linear(params, &self.part("value"), width, width, rng)
    }

    /// Maps `x` `[L, B, D]` to the context of the last row, `[B, D]`.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if `x` does not fit the parameters.
    ///
    /// # Panics
    /// If `params` does not hold the layer.
    pub fn forward(&self, params: &Params, x: &Tensor) -> Result<Tensor, AgentError> {
        let failed = compute_error("attention");
        let (rows, _, width) = x.dims3().map_err(&failed)?;
        let last = x.get(rows - 1).map_err(&failed)?;
        let query = Linear::new(&self.part("query")).forward(params, &last)?;
        let asked = Linear::new(&self.part("key")).without_bias().forward(params, &query)?;
        let asked = (asked * scale(width)).map_err(&failed)?;
        let seen = op::attend(x, &asked, Isa::best()).map_err(&failed)?;
        Linear::new(&self.part("value")).forward(params, &seen)
    }

    fn part(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }
}

/// The same layer for acting, without allocation after the first call.
#[derive(Clone, Debug)]
pub struct AttentionLayer {
    query: DenseLayer,
    key: DenseLayer,
    value: DenseLayer,
    isa: Isa,
}

/// Buffers of [`AttentionLayer::forward`].
#[derive(Clone, Debug, Default)]
pub struct Attended {
    query: Vec<f32>,
    asked: Vec<f32>,
    seen: Vec<f32>,
    shares: Vec<f32>,
}

impl Attended {
    /// Shares of the last call, `[L, B]`.
    pub fn shares(&self) -> &[f32] {
        &self.shares
    }

    /// Forgets the last call.
    pub fn clear(&mut self) {
        self.shares.clear();
    }
}

impl AttentionLayer {
    /// A copy of the parameters of the layer `name`, as they are now.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if they cannot be read from the device.
    ///
    /// # Panics
    /// If there are no such parameters.
    pub fn from_params(params: &Params, name: &str) -> Result<Self, AgentError> {
        let layer = |part: &str| DenseLayer::from_params(params, &format!("{name}.{part}"), Activation::Identity);
        let (query, value) = (layer("query")?, layer("value")?);
        let (width, key) = (query.inputs(), params.host(&format!("{name}.key.weight"))?);
        let key = DenseLayer::new(width, width, &key, &vec![0.0; width], Activation::Identity);
        Ok(Self { query, key, value, isa: Isa::best() })
    }

    /// Maps `x` `[L, B, D]` of `batch` sequences to the contexts of their last rows, `[B, D]`.
    ///
    /// # Panics
    /// If `x` is not made of whole rows.
    pub fn forward(&self, x: &[f32], batch: usize, work: &mut Attended, context: &mut Vec<f32>) {
        let Attended { query, asked, seen, shares } = work;
        let row = batch * self.query.inputs();
        assert!(!x.is_empty() && x.len().is_multiple_of(row), "{} numbers in rows of {row}", x.len());
        self.query.forward(&x[x.len() - row..], query);
        self.key.forward(query, asked);
        let scale = scale(self.query.inputs()) as f32;
        asked.iter_mut().for_each(|x| *x *= scale);
        rows::attend(self.isa, x, asked, batch, shares, seen);
        self.value.forward(seen, context);
    }
}

fn scale(width: usize) -> f64 {
    1.0 / (width as f64).sqrt()
}

#[cfg(test)]
mod tests;
