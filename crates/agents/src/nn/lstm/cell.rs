use pavlov_rl_core::AgentError;

use super::forward::activate;
use super::{Dims, Weights};
use crate::nn::Params;
use crate::nn::numerics::{Isa, Kernel, Product, Simd};

/// One step of an LSTM for acting, over any number of rows, without allocation after the first call.
///
/// ```
/// use pavlov_agents::nn::lstm::Cell;
/// let cell = Cell::new(1, 1, &[0.0; 16]);
/// let (mut h, mut c, mut scratch) = ([0.0], [1.0], Vec::new());
/// cell.step(&[2.0], &mut h, &mut c, &mut scratch);
/// assert_eq!(c, [0.5]); // all gates half open, nothing new to remember
/// ```
#[derive(Clone, Debug)]
pub struct Cell {
    weights: Weights,
    isa: Isa,
}

impl Cell {
    /// A cell of flat parameters.
    ///
    /// # Panics
    /// If their length does not fit.
    pub fn new(inputs: usize, hidden: usize, packed: &[f32]) -> Self {
        Self { weights: Weights::new(Dims { inputs, hidden }, packed), isa: Isa::best() }
    }

    /// A copy of the parameters `<name>.packed`, as they are now.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if they cannot be read from the device.
    ///
    /// # Panics
    /// If there are no such parameters, or their number does not fit.
    pub fn from_params(params: &Params, name: &str, inputs: usize, hidden: usize) -> Result<Self, AgentError> {
        Ok(Self::new(inputs, hidden, &params.host(&format!("{name}.packed"))?))
    }

    #[cfg(test)]
    pub(crate) fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// Takes `x` `[B, I]` in and moves `h` and `c` `[B, H]` on by one step.
    ///
    /// # Panics
    /// If the lengths do not make the same number of whole rows.
    pub fn step(&self, x: &[f32], h: &mut [f32], c: &mut [f32], scratch: &mut Vec<f32>) {
        let dims = self.weights.dims;
        let batch = x.len() / dims.inputs;
        assert_eq!(x.len(), batch * dims.inputs, "x is [B, I]");
        assert_eq!((h.len(), c.len()), (batch * dims.hidden, batch * dims.hidden), "h and c are [B, H]");
        scratch.resize(batch * dims.gate_cols(), 0.0);
        self.isa.run(Step { weights: &self.weights, x, h, c, gates: scratch });
    }
}

struct Step<'a> {
    weights: &'a Weights,
    x: &'a [f32],
    h: &'a mut [f32],
    c: &'a mut [f32],
    gates: &'a mut [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Dims { inputs, hidden } = self.weights.dims;
        for row in self.gates.chunks_exact_mut(self.weights.dims.gate_cols()) {
            row.copy_from_slice(self.weights.bias.as_flattened());
        }
        S::add_product(Product::new(self.x, inputs, &self.weights.input, self.gates));
        S::add_product(Product::new(self.h, hidden, &self.weights.recurrent, self.gates));
        let units = self.h.chunks_mut(hidden).zip(self.c.chunks_mut(hidden));
        let units = units.flat_map(|(h, c)| h.chunks_mut(16).zip(c.chunks_mut(16)));
        for ((h, c), gates) in units.zip(self.gates.as_chunks_mut::<16>().0.as_chunks_mut::<4>().0) {
            let (new_c, _, new_h) = activate::<S>(gates, S::load(c));
            S::store(c, &new_c);
            S::store(h, &new_h);
        }
    }
}

/// Writes memory rows `[B, 2 H]` (`h`, then `c`) as a state `[2, B, H]`.
///
/// # Panics
/// If the lengths do not fit.
pub fn split_memory(memory: &[f32], hidden: usize, state: &mut [f32]) {
    assert_eq!(memory.len(), state.len(), "memory and state hold the same numbers");
    let (h, c) = state.split_at_mut(memory.len() / 2);
    let rows = h.chunks_exact_mut(hidden).zip(c.chunks_exact_mut(hidden));
    for (row, (h, c)) in memory.chunks_exact(2 * hidden).zip(rows) {
        h.copy_from_slice(&row[..hidden]);
        c.copy_from_slice(&row[hidden..]);
    }
}

/// Writes a state `[2, B, H]` as memory rows `[B, 2 H]` (`h`, then `c`).
///
/// # Panics
/// If the lengths do not fit.
pub fn join_memory(state: &[f32], hidden: usize, memory: &mut [f32]) {
    assert_eq!(memory.len(), state.len(), "memory and state hold the same numbers");
    let (h, c) = state.split_at(memory.len() / 2);
    let rows = h.chunks_exact(hidden).zip(c.chunks_exact(hidden));
    for (row, (h, c)) in memory.chunks_exact_mut(2 * hidden).zip(rows) {
        row[..hidden].copy_from_slice(h);
        row[hidden..].copy_from_slice(c);
    }
}
