use super::forward::{unblock_rows, zero_rows};
use super::{Dims, Saved};
use crate::nn::numerics::{Isa, Kernel, Lane, Outer, Panels, Product, Simd, ZERO, add_rows, copy_column};

/// Gradients of a scalar with respect to the inputs of a forward pass.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// With respect to `x` `[T, B, I]`, if asked for.
    pub x: Option<Vec<f32>>,
    /// With respect to the flat parameters.
    pub packed: Vec<f32>,
    /// With respect to the first state `[2, B, H]`.
    pub state: Vec<f32>,
}

/// Carries the gradient `grad_y` `[T, B, H]` of every `h` back through time (Werbos 1990, "Backpropagation through time").
///
/// `x`, `packed` and `starts` are those of the forward pass that `saved` is from.
///
/// # Panics
/// If the lengths do not fit.
pub fn backward(
    saved: &Saved,
    isa: Isa,
    x: &[f32],
    packed: &[f32],
    starts: Option<&[bool]>,
    grad_y: &[f32],
    need_x: bool,
) -> Gradients {
    let (dims, rows) = (saved.dims, saved.steps * saved.batch);
    assert_eq!(x.len(), rows * dims.inputs, "x is [T, B, I]");
    assert_eq!(grad_y.len(), rows * dims.hidden, "the gradient of y is [T, B, H]");
    assert!(starts.is_none_or(|s| s.len() == rows), "starts are [T, B]");
    let weights = Transposed::new(dims, packed, need_x);
    let blocks = dims.blocks();
    let mut sums = Sums {
        gates: vec![ZERO; Dims::chunk_steps(saved.batch).min(saved.steps) * saved.batch * blocks * 4],
        hidden: vec![ZERO; saved.batch * blocks],
        cell: vec![ZERO; saved.batch * blocks],
        bias: vec![ZERO; blocks * 4],
        input: vec![ZERO; dims.inputs * blocks * 4],
        recurrent: vec![ZERO; 16 * blocks * blocks * 4],
        x: vec![0.0; if need_x { x.len() } else { 0 }],
    };
    isa.run(Backward { saved, weights: &weights, x, starts, grad_y, sums: &mut sums });
    let state = [unblock_rows(dims, &sums.hidden), unblock_rows(dims, &sums.cell)].concat();
    Gradients { packed: sums.pack(dims), state, x: need_x.then_some(sums.x) }
}

/// The weights as the products of the backward pass want them.
struct Transposed {
    /// `W_ih` `[gate columns, I]`, if the gradient of `x` is wanted.
    input: Option<Panels>,
    /// `W_hh` `[gate columns, 16 blocks]`.
    recurrent: Panels,
}

impl Transposed {
    fn new(dims: Dims, packed: &[f32], need_x: bool) -> Self {
        let parts = dims.parts(packed);
        let rows = |weight: &[f32], len: usize, cols: usize| {
            Panels::from_rows(dims.gate_cols(), cols, |k| Some(&weight[dims.gate_row(k)? * len..][..len]))
        };
        Self {
            input: need_x.then(|| rows(parts.weight_ih, dims.inputs, dims.inputs)),
            recurrent: rows(parts.weight_hh, dims.hidden, 16 * dims.blocks()),
        }
    }
}

/// Gradients while they are summed.
struct Sums {
    /// Of the gates before their activation, for the steps of one chunk `[steps, B, blocks, 4]`.
    gates: Vec<Lane>,
    /// Of the `h` that a step started from `[B, blocks]`.
    hidden: Vec<Lane>,
    /// Of the `c` that a step started from `[B, blocks]`.
    cell: Vec<Lane>,
    /// Of `b_ih` and `b_hh` alike `[blocks, 4]`.
    bias: Vec<Lane>,
    /// Of `W_ih^T` `[I, blocks, 4]`.
    input: Vec<Lane>,
    /// Of `W_hh^T` `[16 blocks, blocks, 4]`.
    recurrent: Vec<Lane>,
    /// Of `x` `[T, B, I]`, or empty.
    x: Vec<f32>,
}

impl Sums {
    /// The parameters' gradients in the parameters' order.
    fn pack(&self, dims: Dims) -> Vec<f32> {
        let (gates, cols) = (4 * dims.hidden, dims.gate_cols());
        let mut packed = vec![0.0; dims.packed_len()];
        let (weight_ih, rest) = packed.split_at_mut(gates * dims.inputs);
        let (weight_hh, bias) = rest.split_at_mut(gates * dims.hidden);
        for col in 0..cols {
            let Some(row) = dims.gate_row(col) else { continue };
            copy_column(&self.input, cols / 16, col, &mut weight_ih[row * dims.inputs..][..dims.inputs]);
            copy_column(&self.recurrent, cols / 16, col, &mut weight_hh[row * dims.hidden..][..dims.hidden]);
            bias[row] = self.bias[col / 16][col % 16];
            bias[gates + row] = bias[row];
        }
        packed
    }
}

struct Backward<'a> {
    saved: &'a Saved,
    weights: &'a Transposed,
    x: &'a [f32],
    starts: Option<&'a [bool]>,
    grad_y: &'a [f32],
    sums: &'a mut Sums,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (steps, chunk) = (self.saved.steps, Dims::chunk_steps(self.saved.batch));
        for first in (0..steps).step_by(chunk).rev() {
            let end = (first + chunk).min(steps);
            for t in (first..end).rev() {
                self.step::<S>(t, t - first);
            }
            self.weights::<S>(first, end);
        }
    }
}

impl Backward<'_> {
    /// Takes the gradients of `h` and `c` from after step `t` to before it.
    #[inline(always)]
    fn step<S: Simd>(&mut self, t: usize, t_in_chunk: usize) {
        let (dims, batch) = (self.saved.dims, self.saved.batch);
        let (blocks, row) = (dims.blocks(), batch * dims.blocks());
        let d_gates = &mut self.sums.gates[t_in_chunk * row * 4..][..row * 4];
        let saved_gates = self.saved.gates[t * row * 4..][..row * 4].as_chunks::<4>().0;
        let (cell, tanh_cell) = (&self.saved.cell[t * row..][..row], &self.saved.tanh_cell[t * row..][..row]);
        let grad_y = &self.grad_y[t * batch * dims.hidden..][..batch * dims.hidden];
        let mut i = 0;
        for grad_y in grad_y.chunks(dims.hidden) {
            for part in grad_y.chunks(16) {
                let unit = Unit { gates: &saved_gates[i], cell: &cell[i], tanh_cell: &tanh_cell[i] };
                let d_gates = &mut d_gates.as_chunks_mut::<4>().0[i];
                *d_gates = unit.backward::<S>(&S::load(part), &self.sums.hidden[i], &mut self.sums.cell[i]);
                i += 1;
            }
        }
        self.sums.hidden.fill(ZERO);
        let d_hidden = self.sums.hidden.as_flattened_mut();
        S::add_product(Product::new(d_gates.as_flattened(), dims.gate_cols(), &self.weights.recurrent, d_hidden));
        if let Some(starts) = self.starts {
            zero_rows(&starts[t * batch..][..batch], blocks, &mut self.sums.hidden);
            zero_rows(&starts[t * batch..][..batch], blocks, &mut self.sums.cell);
        }
    }

    /// Adds what steps `first..end` contribute to the gradients of the parameters and of `x`.
    #[inline(always)]
    fn weights<S: Simd>(&mut self, first: usize, end: usize) {
        let Dims { inputs, .. } = self.saved.dims;
        let (first, end) = (first * self.saved.batch, end * self.saved.batch);
        let (blocks, sums) = (self.saved.dims.blocks(), &mut *self.sums);
        let d_gates = &sums.gates[..(end - first) * blocks * 4];
        add_rows(d_gates, &mut sums.bias);
        let hidden = self.saved.hidden[first * blocks..end * blocks].as_flattened();
        S::add_outer(Outer::new(&self.x[first * inputs..end * inputs], inputs, d_gates, &mut sums.input));
        S::add_outer(Outer::new(hidden, 16 * blocks, d_gates, &mut sums.recurrent));
        if let Some(weight) = &self.weights.input {
            let d_x = &mut sums.x[first * inputs..end * inputs];
            S::add_product(Product::new(d_gates.as_flattened(), blocks * 64, weight, d_x));
        }
    }
}

/// What the forward pass kept of 16 hidden units at one step.
struct Unit<'a> {
    gates: &'a [Lane; 4],
    cell: &'a Lane,
    tanh_cell: &'a Lane,
}

impl Unit<'_> {
    /// Gradients of the gates before their activation, from those of `h` (through `y` and through time) and `c`;
    /// `d_cell` becomes the gradient of the `c` that the step started from.
    #[inline(always)]
    fn backward<S: Simd>(&self, d_y: &Lane, d_hidden: &Lane, d_cell: &mut Lane) -> [Lane; 4] {
        let [i, f, g, o] = self.gates;
        let (tanh_c, c) = (self.tanh_cell, self.cell);
        let [mut di, mut df, mut dg, mut d_o] = [ZERO; 4];
        for k in 0..16 {
            let dh = d_y[k] + d_hidden[k];
            let dc = S::fma(dh * o[k], S::fma(-tanh_c[k], tanh_c[k], 1.0), d_cell[k]);
            d_o[k] = dh * tanh_c[k] * o[k] * (1.0 - o[k]);
            di[k] = dc * g[k] * i[k] * (1.0 - i[k]);
            df[k] = dc * c[k] * f[k] * (1.0 - f[k]);
            dg[k] = dc * i[k] * S::fma(-g[k], g[k], 1.0);
            d_cell[k] = dc * f[k];
        }
        [di, df, dg, d_o]
    }
}
