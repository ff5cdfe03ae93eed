//! A long short-term memory in both directions over a sequence that starts from nothing.

use candle_core::Tensor;
use pavlov_rl_core::{AgentError, Rng};

use super::host::compute_error;
use super::{Params, init, lstm};

const DIRECTIONS: [&str; 2] = ["forward", "backward"];

/// Adds `<name>.forward.packed` and `<name>.backward.packed`, the parameters of [`bilstm`].
///
/// # Errors
/// [`AgentError::Compute`] if the device cannot hold them.
pub fn draw(params: &mut Params, name: &str, inputs: usize, hidden: usize, rng: &mut Rng) -> Result<(), AgentError> {
    DIRECTIONS.iter().try_for_each(|way| init::lstm(params, &format!("{name}.{way}"), inputs, hidden, rng))
}

/// Runs an LSTM of `hidden` units forwards and another one backwards over `x` `[L, B, I]`, both from zeros; returns both
/// `h` of every row, `[L, B, 2 H]` (Schuster and Paliwal 1997, "Bidirectional recurrent neural networks").
///
/// # Errors
/// [`AgentError::Compute`] if the shapes do not fit.
///
/// # Panics
/// If `params` does not hold the layer.
pub fn bilstm(params: &Params, name: &str, hidden: usize, x: &Tensor) -> Result<Tensor, AgentError> {
    let failed = compute_error("the two-way LSTM");
    let (rows, batch, _) = x.dims3().map_err(&failed)?;
    let turned: Vec<u32> = (0..rows as u32).rev().collect();
    let turned = Tensor::from_vec(turned, rows, x.device()).map_err(&failed)?;
    let turn = |x: &Tensor| x.index_select(&turned, 0).map_err(&failed);
    let zeros = Tensor::zeros((2, batch, hidden), x.dtype(), x.device()).map_err(&failed)?;
    let [ahead, back] = DIRECTIONS.map(|way| params.tensor(&format!("{name}.{way}.packed")));
    let ahead = lstm::sequence(x, ahead, &zeros, None)?;
    let back = turn(&lstm::sequence(&turn(x)?, back, &zeros, None)?)?;
    Tensor::cat(&[ahead, back], 2).map_err(&failed)
}

/// The same for acting, without allocation after the first call.
#[derive(Clone, Debug)]
pub struct BiLstmCells {
    cells: [lstm::Cell; 2],
    hidden: usize,
}

/// Buffers of [`BiLstmCells::forward`].
#[derive(Clone, Debug, Default)]
pub struct BiLstmWork {
    h: Vec<f32>,
    c: Vec<f32>,
    gates: Vec<f32>,
}

impl BiLstmCells {
    /// A copy of the parameters of the layer `name`, as they are now.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if they cannot be read from the device.
    ///
    /// # Panics
    /// If there are no such parameters, or their number does not fit.
    pub fn from_params(params: &Params, name: &str, inputs: usize, hidden: usize) -> Result<Self, AgentError> {
        let [ahead, back] =
            DIRECTIONS.map(|way| lstm::Cell::from_params(params, &format!("{name}.{way}"), inputs, hidden));
        Ok(Self { cells: [ahead?, back?], hidden })
    }

    /// Maps `x` `[L, B, I]` of `batch` sequences of `rows` rows to `[L, B, 2 H]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn forward(&self, x: &[f32], [rows, batch]: [usize; 2], work: &mut BiLstmWork, y: &mut Vec<f32>) {
        let BiLstmWork { h, c, gates } = work;
        let (hidden, inputs) = (self.hidden, x.len() / rows);
        assert_eq!(x.len(), rows * inputs, "x is [L, B, I]");
        y.resize(rows * batch * 2 * hidden, 0.0);
        for (way, cell) in self.cells.iter().enumerate() {
            for state in [&mut *h, &mut *c] {
                state.clear();
                state.resize(batch * hidden, 0.0);
            }
            for step in 0..rows {
                let l = if way == 0 { step } else { rows - 1 - step };
                cell.step(&x[l * inputs..][..inputs], h, c, gates);
                let y = y[l * batch * 2 * hidden..][..batch * 2 * hidden].chunks_exact_mut(2 * hidden);
                y.zip(h.chunks_exact(hidden)).for_each(|(y, h)| y[way * hidden..][..hidden].copy_from_slice(h));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use pavlov_rl_core::{RngTree, normal};

    use super::*;
    use crate::nn::host;

    fn params(inputs: usize, hidden: usize) -> Params {
        let mut params = Params::new(&Device::Cpu);
        draw(&mut params, "body", inputs, hidden, &mut RngTree::new(4).stream("init", 0)).unwrap();
        params
    }

    fn numbers(n: usize) -> Vec<f32> {
        let mut rng = RngTree::new(5).stream("test", 0);
        (0..n).map(|_| normal(&mut rng) as f32).collect()
    }

    #[test]
    fn acting_equals_learning() {
        for [rows, batch, inputs, hidden] in [[1, 1, 1, 1], [6, 3, 5, 20], [7, 32, 6, 64]] {
            let (params, x) = (params(inputs, hidden), numbers(rows * batch * inputs));
            let cells = BiLstmCells::from_params(&params, "body", inputs, hidden).unwrap();
            let mut y = vec![f32::NAN; 3];
            cells.forward(&x, [rows, batch], &mut BiLstmWork::default(), &mut y);
            let x = Tensor::from_vec(x, (rows, batch, inputs), &Device::Cpu).unwrap();
            let learnt = host(&bilstm(&params, "body", hidden, &x).unwrap()).unwrap();
            assert_eq!(y.len(), learnt.len());
            assert!(y.iter().zip(&learnt).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }

    #[test]
    fn each_direction_sees_its_own_side_only() {
        let (rows, hidden) = (5, 3);
        let params = params(2, hidden);
        let run = |x: &[f32]| {
            let x = Tensor::from_slice(x, (rows, 1, 2), &Device::Cpu).unwrap();
            host(&bilstm(&params, "body", hidden, &x).unwrap()).unwrap()
        };
        let mut x = numbers(rows * 2);
        let before = run(&x);
        x[2 * 2] += 1.0;
        let after = run(&x);
        for l in 0..rows {
            let changed = |way: usize| before[(2 * l + way) * hidden] != after[(2 * l + way) * hidden];
            assert_eq!((changed(0), changed(1)), (l >= 2, l <= 2), "row {l}");
        }
    }
}
