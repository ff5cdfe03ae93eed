use candle_core::{CpuStorage, CustomOp3, D, Layout, Shape, Tensor, bail};

use super::backward::backward;
use crate::nn::host::{slice, with_slice};
use crate::nn::numerics::Isa;
use crate::nn::{Activation, DenseLayer};

/// `act(x W^T + b)` of `x` `[.., in]`, `weight` `[out, in]` and `bias` `[out]`.
pub(super) fn affine(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    isa: Isa,
) -> candle_core::Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    if x.dim(D::Minus1)? != inputs {
        bail!("expected {inputs} inputs, got {:?}", x.dims());
    }
    if inputs * outputs == 0 || bias.dims() != [outputs] {
        bail!("expected weight [out, in] and bias [out], got {:?} and {:?}", weight.dims(), bias.dims());
    }
    if !x.device().is_cpu() {
        return composed(x, weight, bias, activation);
    }
    let op = AffineOp { activation, isa, need_x: x.track_op() };
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
}

/// The same of candle's own operations.
pub(super) fn composed(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
) -> candle_core::Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    let y = x.reshape(((), inputs))?.matmul(&weight.t()?)?.broadcast_add(bias)?;
    let y = y.reshape(output_dims(x.dims(), outputs))?;
    match activation {
        Activation::Identity => Ok(y),
        Activation::Relu => y.relu(),
        Activation::Tanh => y.tanh(),
    }
}

/// `[.., out]` for `[.., in]`.
fn output_dims(x: &[usize], outputs: usize) -> Vec<usize> {
    [&x[..x.len() - 1], &[outputs]].concat()
}

/// One call of [`affine`].
struct AffineOp {
    activation: Activation,
    isa: Isa,
    need_x: bool,
}

impl CustomOp3 for AffineOp {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (outputs, inputs) = weight_layout.shape().dims2()?;
        let (x, weight, bias) = (slice(x, x_layout)?, slice(weight, weight_layout)?, slice(bias, bias_layout)?);
        let mut y = Vec::new();
        DenseLayer::new(inputs, outputs, weight, bias, self.activation).on(self.isa).forward(x, &mut y);
        Ok((CpuStorage::F32(y), output_dims(x_layout.dims(), outputs).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        grad_y: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (outputs, inputs) = weight.dims2()?;
        let grads = with_slice(x, |x| {
            with_slice(weight, |weight| {
                with_slice(y, |y| {
                    let weight = self.need_x.then_some(weight);
                    let output = (self.activation, y);
                    with_slice(grad_y, |grad_y| backward([inputs, outputs], self.isa, x, weight, output, grad_y))
                })
            })
        })????;
        let device = x.device();
        let grad_x = grads.x.map(|g| Tensor::from_vec(g, x.shape(), device)).transpose()?;
        let grad_weight = Tensor::from_vec(grads.weight, weight.shape(), device)?;
        Ok((grad_x, Some(grad_weight), Some(Tensor::from_vec(grads.bias, bias.shape(), device)?)))
    }
}
