//! A long short-term memory over `T` steps as one operation, and as one step for acting.
//!
//! With gates in the order i, f, g, o (the order of PyTorch's `nn.LSTM`, whose documentation states these formulas;
//! Hochreiter and Schmidhuber 1997, forget gate of Gers, Schmidhuber and Cummins 2000):
//!
//! ```text
//! [i f g o] = [sigmoid sigmoid tanh sigmoid](W_ih x_t + b_ih + W_hh h_tm1 + b_hh)
//! c_t = f * c_tm1 + i * g
//! h_t = o * tanh(c_t)
//! ```
//!
//! The parameters are one flat vector, `W_ih` `[4H, I]`, `W_hh` `[4H, H]`, `b_ih` `[4H]`, `b_hh` `[4H]`. Where an
//! episode starts at `(t, b)`, `h_tm1` and `c_tm1` of that row are zero and no gradient passes.
//!
//! Inside, hidden units stand in blocks of 16 with their four gates side by side, `[rows, blocks, 4, 16]`; units
//! that fill up the last block have zero weights and stay zero. Steps are taken in chunks: the input products of a
//! chunk are one matrix product, and so are the weight gradients, while its gates are still in the cache.

mod backward;
mod cell;
mod forward;
mod op;

pub use backward::{Gradients, backward};
pub use cell::{Cell, join_memory, split_memory};
pub use forward::{Saved, forward};
pub(crate) use op::from_memory;
pub use op::sequence;

use super::numerics::{CHUNK_ROWS, Lane, Panels, ZERO};

/// Sizes of an LSTM's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// Number of inputs `I`.
    pub inputs: usize,
    /// Number of hidden units `H`.
    pub hidden: usize,
}

impl Dims {
    /// Length of the flat parameters, `4H (I + H + 2)`.
    pub fn packed_len(self) -> usize {
        4 * self.hidden * (self.inputs + self.hidden + 2)
    }

    /// Blocks of 16 hidden units.
    fn blocks(self) -> usize {
        self.hidden.div_ceil(16)
    }

    /// Columns of the blocked gates.
    fn gate_cols(self) -> usize {
        64 * self.blocks()
    }

    /// Row of `W_ih`, `W_hh` and the biases that belongs to a column of the blocked gates; `None` for padding.
    fn gate_row(self, col: usize) -> Option<usize> {
        let (block, gate, lane) = (col / 64, col % 64 / 16, col % 16);
        let unit = block * 16 + lane;
        (unit < self.hidden).then_some(gate * self.hidden + unit)
    }

    fn parts(self, packed: &[f32]) -> Parts<'_> {
        assert_eq!(packed.len(), self.packed_len(), "length of the packed parameters of {self:?}");
        let gates = 4 * self.hidden;
        let (weight_ih, rest) = packed.split_at(gates * self.inputs);
        let (weight_hh, rest) = rest.split_at(gates * self.hidden);
        let (bias_ih, bias_hh) = rest.split_at(gates);
        Parts { weight_ih, weight_hh, bias_ih, bias_hh }
    }

    /// Steps of a chunk for a batch of `batch` rows.
    fn chunk_steps(batch: usize) -> usize {
        (CHUNK_ROWS / batch).max(1)
    }
}

struct Parts<'a> {
    weight_ih: &'a [f32],
    weight_hh: &'a [f32],
    bias_ih: &'a [f32],
    bias_hh: &'a [f32],
}

/// The parameters as the forward products want them.
#[derive(Clone, Debug)]
struct Weights {
    dims: Dims,
    /// `b_ih + b_hh`, `[4 blocks]` lanes.
    bias: Vec<Lane>,
    /// `W_ih^T`, `[I, gate columns]`.
    input: Panels,
    /// `W_hh^T`, `[H, gate columns]`.
    recurrent: Panels,
}

impl Weights {
    fn new(dims: Dims, packed: &[f32]) -> Self {
        let parts = dims.parts(packed);
        let mut bias = vec![ZERO; 4 * dims.blocks()];
        for (col, b) in bias.as_flattened_mut().iter_mut().enumerate() {
            *b = dims.gate_row(col).map_or(0.0, |row| parts.bias_ih[row] + parts.bias_hh[row]);
        }
        let columns = |weight: &[f32], depth: usize| {
            Panels::from_columns(depth, dims.gate_cols(), |col| Some(&weight[dims.gate_row(col)? * depth..][..depth]))
        };
        let (input, recurrent) = (columns(parts.weight_ih, dims.inputs), columns(parts.weight_hh, dims.hidden));
        Self { dims, bias, input, recurrent }
    }
}

#[cfg(test)]
mod tests;
