use super::{Dims, Weights};
use crate::nn::numerics::{Isa, Kernel, Lane, Product, Simd, ZERO, load, sigmoids, store, tanhs};

/// What a forward pass keeps for the backward pass, in blocks of 16 hidden units.
#[derive(Clone, Debug)]
pub struct Saved {
    pub(super) dims: Dims,
    pub(super) steps: usize,
    pub(super) batch: usize,
    /// Gates after their activation `[T, B, blocks, 4]`.
    pub(super) gates: Vec<Lane>,
    /// `h` that each step started from, then the last `h`: `[T + 1, B, blocks]`.
    pub(super) hidden: Vec<Lane>,
    /// `c` that each step started from, then the last `c`: `[T + 1, B, blocks]`.
    pub(super) cell: Vec<Lane>,
    /// `tanh(c)` after each step `[T, B, blocks]`.
    pub(super) tanh_cell: Vec<Lane>,
}

impl Saved {
    /// The gates of all steps are their bias, to which the products are added.
    fn new(Weights { dims, bias, .. }: &Weights, steps: usize, state: &[f32]) -> Self {
        let dims = *dims;
        let batch = state.len() / (2 * dims.hidden);
        assert_eq!(state.len(), 2 * batch * dims.hidden, "the state is h and c, [2, B, H]");
        let row = batch * dims.blocks();
        let mut saved = Self {
            dims,
            steps,
            batch,
            gates: bias.repeat(steps * batch),
            hidden: vec![ZERO; (steps + 1) * row],
            cell: vec![ZERO; (steps + 1) * row],
            tanh_cell: vec![ZERO; steps * row],
        };
        let (h, c) = state.split_at(batch * dims.hidden);
        block_rows(dims, h, &mut saved.hidden[..row]);
        block_rows(dims, c, &mut saved.cell[..row]);
        saved
    }

    /// The state after the last step, `h` then `c`: `[2, B, H]`.
    pub fn last_state(&self) -> Vec<f32> {
        let row = self.batch * self.dims.blocks();
        let last = |lanes: &[Lane]| unblock_rows(self.dims, &lanes[self.steps * row..]);
        [last(&self.hidden), last(&self.cell)].concat()
    }
}

/// Runs `x` `[T, B, I]` from `state` `[2, B, H]`; returns `h` of every step `[T, B, H]` and what the backward pass needs.
///
/// `starts` `[T, B]` marks where episodes start.
///
/// # Panics
/// If the lengths do not fit.
pub fn forward(
    dims: Dims,
    isa: Isa,
    x: &[f32],
    packed: &[f32],
    state: &[f32],
    starts: Option<&[bool]>,
) -> (Vec<f32>, Saved) {
    let weights = Weights::new(dims, packed);
    let rows = x.len() / dims.inputs;
    let batch = state.len() / (2 * dims.hidden);
    assert!(
        batch > 0 && rows * dims.inputs == x.len() && rows.is_multiple_of(batch),
        "x is [T, B, I] with B = {batch}"
    );
    assert!(starts.is_none_or(|s| s.len() == rows), "starts are [T, B]");
    let mut saved = Saved::new(&weights, rows / batch, state);
    let mut y = vec![0.0; rows * dims.hidden];
    isa.run(Forward { weights: &weights, x, starts, saved: &mut saved, y: &mut y });
    (y, saved)
}

struct Forward<'a> {
    weights: &'a Weights,
    x: &'a [f32],
    starts: Option<&'a [bool]>,
    saved: &'a mut Saved,
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (steps, batch) = (self.saved.steps, self.saved.batch);
        for first in (0..steps).step_by(Dims::chunk_steps(batch)) {
            let end = (first + Dims::chunk_steps(batch)).min(steps);
            self.input::<S>(first, end);
            for t in first..end {
                self.step::<S>(t);
            }
        }
    }
}

impl Forward<'_> {
    /// Adds the input's part to the gates of steps `first..end`.
    #[inline(always)]
    fn input<S: Simd>(&mut self, first: usize, end: usize) {
        let Dims { inputs, .. } = self.weights.dims;
        let (batch, cols) = (self.saved.batch, self.weights.bias.len());
        let gates = &mut self.saved.gates[first * batch * cols..end * batch * cols];
        let x = &self.x[first * batch * inputs..end * batch * inputs];
        S::add_product(Product::new(x, inputs, &self.weights.input, gates.as_flattened_mut()));
    }

    #[inline(always)]
    fn step<S: Simd>(&mut self, t: usize) {
        let (dims, batch) = (self.weights.dims, self.saved.batch);
        let (blocks, row) = (dims.blocks(), batch * dims.blocks());
        let (hidden, hidden_next) = self.saved.hidden[t * row..][..2 * row].split_at_mut(row);
        let (cell, cell_next) = self.saved.cell[t * row..][..2 * row].split_at_mut(row);
        if let Some(starts) = self.starts {
            zero_rows(&starts[t * batch..][..batch], blocks, hidden);
            zero_rows(&starts[t * batch..][..batch], blocks, cell);
        }
        let gates = &mut self.saved.gates[t * row * 4..][..row * 4];
        let h = hidden.as_flattened();
        S::add_product(Product::new(h, 16 * blocks, &self.weights.recurrent, gates.as_flattened_mut()));
        let gates = gates.as_chunks_mut::<4>().0;
        let tanh_cell = &mut self.saved.tanh_cell[t * row..][..row];
        for i in 0..row {
            let (c, tanh_c, h) = activate::<S>(&mut gates[i], cell[i]);
            cell_next[i] = c;
            tanh_cell[i] = tanh_c;
            hidden_next[i] = h;
        }
        let y = &mut self.y[t * batch * dims.hidden..][..batch * dims.hidden];
        for (y, h) in y.chunks_mut(dims.hidden).zip(hidden_next.chunks(blocks)) {
            for (to, lane) in y.chunks_mut(16).zip(h) {
                S::store(to, lane);
            }
        }
    }
}

/// Activates the gates of 16 units in place; returns their `c`, `tanh(c)` and `h`.
#[inline(always)]
pub(super) fn activate<S: Simd>(gates: &mut [Lane; 4], cell: Lane) -> (Lane, Lane, Lane) {
    let [i, f, g, o] = *gates;
    let (i, f, g, o) = (sigmoids::<S>(i), sigmoids::<S>(f), tanhs::<S>(g), sigmoids::<S>(o));
    let mut c = ZERO;
    for k in 0..16 {
        c[k] = S::fma(f[k], cell[k], i[k] * g[k]);
    }
    let tanh_c = tanhs::<S>(c);
    let mut h = ZERO;
    for k in 0..16 {
        h[k] = o[k] * tanh_c[k];
    }
    *gates = [i, f, g, o];
    (c, tanh_c, h)
}

/// Zeroes the rows of episodes that start.
#[inline(always)]
pub(super) fn zero_rows(starts: &[bool], blocks: usize, rows: &mut [Lane]) {
    for (row, start) in rows.chunks_exact_mut(blocks).zip(starts) {
        if *start {
            row.fill(ZERO);
        }
    }
}

fn unblock(lanes: &[Lane], row: &mut [f32]) {
    for (to, lane) in row.chunks_mut(16).zip(lanes) {
        store(to, lane);
    }
}

fn block_rows(dims: Dims, rows: &[f32], lanes: &mut [Lane]) {
    for (row, lanes) in rows.chunks(dims.hidden).zip(lanes.chunks_mut(dims.blocks())) {
        for (lane, part) in lanes.iter_mut().zip(row.chunks(16)) {
            *lane = load(part);
        }
    }
}

pub(super) fn unblock_rows(dims: Dims, lanes: &[Lane]) -> Vec<f32> {
    let mut rows = vec![0.0; lanes.len() / dims.blocks() * dims.hidden];
    for (row, lanes) in rows.chunks_mut(dims.hidden).zip(lanes.chunks(dims.blocks())) {
        unblock(lanes, row);
    }
    rows
}
