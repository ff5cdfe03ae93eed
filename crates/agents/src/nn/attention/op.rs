use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, D, Layout, Shape, Tensor, bail};

use super::rows;
use crate::nn::host::{slice, with_slice};
use crate::nn::numerics::Isa;

/// `sum over l of softmax_l(x_l . asked) x_l` of `x` `[L, B, D]` and `asked` `[B, D]`, `[B, D]`.
pub(super) fn attend(x: &Tensor, asked: &Tensor, isa: Isa) -> candle_core::Result<Tensor> {
    let (rows, batch, width) = x.dims3()?;
    if rows * batch * width == 0 || asked.dims() != [batch, width] {
        bail!("expected x [L, B, D] and a question [B, D], got {:?} and {:?}", x.dims(), asked.dims());
    }
    if !x.device().is_cpu() {
        return composed(x, asked);
    }
    x.contiguous()?.apply_op2(&asked.contiguous()?, AttendOp { isa, shares: Mutex::new(Vec::new()) })
}

/// The same of candle's own operations.
pub(super) fn composed(x: &Tensor, asked: &Tensor) -> candle_core::Result<Tensor> {
    let scores = x.broadcast_mul(asked)?.sum_keepdim(D::Minus1)?;
    let powers = scores.broadcast_sub(&scores.max_keepdim(0)?.detach())?.exp()?;
    let shares = powers.broadcast_div(&powers.sum_keepdim(0)?)?;
    x.broadcast_mul(&shares)?.sum(0)
}

/// One call of [`attend`].
struct AttendOp {
    isa: Isa,
    shares: Mutex<Vec<f32>>,
}

impl CustomOp2 for AttendOp {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        asked: &CpuStorage,
        asked_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (batch, width) = asked_layout.shape().dims2()?;
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = Vec::new();
        rows::attend(self.isa, slice(x, x_layout)?, slice(asked, asked_layout)?, batch, &mut shares, &mut seen);
        Ok((CpuStorage::F32(seen), (batch, width).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        asked: &Tensor,
        _seen: &Tensor,
        d_seen: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let (d_x, d_asked) = with_slice(x, |x| {
            with_slice(asked, |asked| with_slice(d_seen, |d_seen| rows::backward(self.isa, x, asked, &shares, d_seen)))
        })???;
        let tensor = |values, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device()).map(Some);
        Ok((tensor(d_x, x)?, tensor(d_asked, asked)?))
    }
}
