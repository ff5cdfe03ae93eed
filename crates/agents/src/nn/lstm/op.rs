use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp3, Layout, Shape, Tensor, bail};
use pavlov_rl_core::AgentError;

use super::{Dims, Saved, backward, forward, split_memory};
use crate::nn::host::{compute_error, slice, with_slice};
use crate::nn::numerics::Isa;

/// Runs an LSTM over `x` `[T, B, I]` from `state` `[2, B, H]` (`h`, then `c`); returns every `h`, `[T, B, H]`.
///
/// `packed` are the flat parameters of [`crate::nn::init::lstm`]. `starts` `[T, B]` is true where an episode starts:
/// that row's `h` and `c` are zeroed before the step, and no gradient passes. In host memory it is one node of candle's
/// graph with an explicit backward pass, so `T` does not deepen the stack; the gradient of `x` is computed only if `x`
/// tracks one. On another device candle's own operations run.
///
/// # Errors
/// [`AgentError::Compute`] if the shapes do not fit, or the tensors are not `f32`.
pub fn sequence(
    x: &Tensor,
    packed: &Tensor,
    state: &Tensor,
    starts: Option<Arc<[bool]>>,
) -> Result<Tensor, AgentError> {
    apply(x, packed, state, starts, Isa::best()).map_err(compute_error("lstm sequence"))
}

/// [`sequence`] from memory rows `[B, 2 H]` (`h`, then `c`), with the starts of episodes as they lie in a rollout.
///
/// # Errors
/// Those of [`sequence`].
pub(crate) fn from_memory(x: &Tensor, packed: &Tensor, memory: &[f32], starts: &[bool]) -> Result<Tensor, AgentError> {
    let failed = compute_error("lstm sequence");
    let (_, envs, _) = x.dims3().map_err(&failed)?;
    let hidden = memory.len() / (2 * envs);
    let mut state = vec![0.0; memory.len()];
    split_memory(memory, hidden, &mut state);
    let state = Tensor::from_vec(state, (2, envs, hidden), x.device()).map_err(&failed)?;
    let starts = starts.contains(&true).then(|| Arc::from(starts));
    sequence(x, packed, &state, starts)
}

pub(super) fn apply(
    x: &Tensor,
    packed: &Tensor,
    state: &Tensor,
    starts: Option<Arc<[bool]>>,
    isa: Isa,
) -> candle_core::Result<Tensor> {
    let ((steps, batch, inputs), (two, state_batch, hidden)) = (x.dims3()?, state.dims3()?);
    let dims = Dims { inputs, hidden };
    if steps * batch * inputs * hidden == 0 {
        bail!("x {:?} and state {:?} must not be empty", x.dims(), state.dims());
    }
    if two != 2 || state_batch != batch {
        bail!("state must be [2, {batch}, H], got {:?}", state.dims());
    }
    if packed.dims() != [dims.packed_len()] {
        bail!("packed parameters of {dims:?} must be [{}], got {:?}", dims.packed_len(), packed.dims());
    }
    if let Some(starts) = starts.as_ref().filter(|s| s.len() != steps * batch) {
        bail!("starts must be [{steps}, {batch}], got {} flags", starts.len());
    }
    if !x.device().is_cpu() {
        return composed(x, packed, state, starts.as_deref());
    }
    let (need_x, keep) = (x.track_op(), x.track_op() || packed.track_op() || state.track_op());
    let op = SequenceOp { dims, isa, starts, need_x, keep, saved: Mutex::new(None) };
    x.contiguous()?.apply_op3(&packed.contiguous()?, &state.contiguous()?, op)
}

/// The same of candle's own operations, step by step; a row that starts is multiplied by 0.
pub(super) fn composed(
    x: &Tensor,
    packed: &Tensor,
    state: &Tensor,
    starts: Option<&[bool]>,
) -> candle_core::Result<Tensor> {
    let ((steps, batch, inputs), hidden) = (x.dims3()?, state.dim(2)?);
    let gates = 4 * hidden;
    let part = |at: usize, rows: usize, cols: usize| packed.narrow(0, at, rows * cols)?.reshape((rows, cols));
    let (weight_ih, weight_hh) = (part(0, gates, inputs)?.t()?, part(gates * inputs, gates, hidden)?.t()?);
    let at = gates * (inputs + hidden);
    let bias = (part(at, 1, gates)? + part(at + gates, 1, gates)?)?;
    let logistic = |z: &Tensor| (z.neg()?.exp()? + 1.0)?.recip();
    let (mut h, mut c) = (state.get(0)?, state.get(1)?);
    let mut outputs = Vec::with_capacity(steps);
    for step in 0..steps {
        if let Some(starts) = starts {
            let keep: Vec<f32> = starts[step * batch..][..batch].iter().map(|start| f32::from(!start)).collect();
            let keep = Tensor::from_vec(keep, (batch, 1), x.device())?.to_dtype(x.dtype())?;
            (h, c) = (h.broadcast_mul(&keep)?, c.broadcast_mul(&keep)?);
        }
        let z = (x.get(step)?.matmul(&weight_ih)? + h.matmul(&weight_hh)?)?.broadcast_add(&bias)?;
        let z = z.chunk(4, 1)?;
        c = ((logistic(&z[1])? * c)? + (logistic(&z[0])? * z[2].tanh()?)?)?;
        h = (logistic(&z[3])? * c.tanh()?)?;
        outputs.push(h.clone());
    }
    Tensor::stack(&outputs, 0)
}

/// One call of [`sequence`]; what the forward pass keeps is freed with the graph.
struct SequenceOp {
    dims: Dims,
    isa: Isa,
    starts: Option<Arc<[bool]>>,
    need_x: bool,
    keep: bool,
    saved: Mutex<Option<Saved>>,
}

impl CustomOp3 for SequenceOp {
    fn name(&self) -> &'static str {
        "lstm-sequence"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        packed: &CpuStorage,
        packed_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (steps, batch, _) = x_layout.shape().dims3()?;
        let (x, packed, state) = (slice(x, x_layout)?, slice(packed, packed_layout)?, slice(state, state_layout)?);
        let (y, saved) = forward(self.dims, self.isa, x, packed, state, self.starts.as_deref());
        if self.keep {
            *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
        }
        Ok((CpuStorage::F32(y), (steps, batch, self.dims.hidden).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        packed: &Tensor,
        state: &Tensor,
        _y: &Tensor,
        grad_y: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(saved) = saved.as_ref() else { bail!("the lstm's forward pass was not kept") };
        let grads = with_slice(x, |x| {
            with_slice(packed, |packed| {
                with_slice(grad_y, |grad_y| {
                    backward(saved, self.isa, x, packed, self.starts.as_deref(), grad_y, self.need_x)
                })
            })
        })???;
        let device = x.device();
        let grad_x = grads.x.map(|g| Tensor::from_vec(g, x.shape(), device)).transpose()?;
        let grad_packed = Tensor::from_vec(grads.packed, packed.shape(), device)?;
        Ok((grad_x, Some(grad_packed), Some(Tensor::from_vec(grads.state, state.shape(), device)?)))
    }
}
