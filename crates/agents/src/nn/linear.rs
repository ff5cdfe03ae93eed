use candle_core::{D, Tensor};
use pavlov_rl_core::AgentError;

use super::{Params, host::compute_error};

/// A fully connected layer for learning: `y = x W^T + b`.
///
/// Its parameters are `<name>.weight` `[out, in]` and `<name>.bias` `[out]`.
#[derive(Clone, Debug)]
pub struct Linear<'a> {
    name: &'a str,
}

impl<'a> Linear<'a> {
    /// The layer of this name.
    pub fn new(name: &'a str) -> Self {
        Self { name }
    }

    /// Maps `[.., in]` to `[.., out]`.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the last dimension is not `in`.
    ///
    /// # Panics
    /// If `params` does not hold the layer.
    pub fn forward(&self, params: &Params, x: &Tensor) -> Result<Tensor, AgentError> {
        let part = |part| params.tensor(&format!("{}.{part}", self.name));
        affine(part("weight"), part("bias"), x).map_err(compute_error("linear layer"))
    }
}

fn affine(weight: &Tensor, bias: &Tensor, x: &Tensor) -> candle_core::Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    if x.dim(D::Minus1)? != inputs {
        candle_core::bail!("expected {inputs} inputs, got {:?}", x.dims());
    }
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    x.reshape(((), inputs))?.matmul(&weight.t()?)?.broadcast_add(bias)?.reshape(shape)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn rows_of_any_shape_are_mapped_and_gradients_reach_weight_bias_and_input() {
        let mut params = Params::new(&Device::Cpu);
        params.insert("fc.weight", &[2, 3], vec![1.0, 2.0, 3.0, -1.0, 0.0, 1.0]).unwrap();
        params.insert("fc.bias", &[2], vec![10.0, 20.0]).unwrap();
        let x = candle_core::Var::new(&[[[1f32, 0.0, 0.0]], [[1.0, 1.0, 1.0]]], &Device::Cpu).unwrap();
        let y = Linear::new("fc").forward(&params, &x).unwrap();
        assert_eq!(y.to_vec3::<f32>().unwrap(), [[[11.0, 19.0]], [[16.0, 20.0]]]);
        let grads = y.sum_all().unwrap().backward().unwrap();
        let of = |t: &Tensor| grads.get(t).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(of(params.tensor("fc.weight")), [2.0, 1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(of(params.tensor("fc.bias")), [2.0, 2.0]);
        assert_eq!(of(&x), [0.0, 2.0, 4.0, 0.0, 2.0, 4.0]);
    }

    #[test]
    fn another_number_of_inputs_is_an_error() {
        let mut params = Params::new(&Device::Cpu);
        params.insert("fc.weight", &[1, 3], vec![0.0; 3]).unwrap();
        params.insert("fc.bias", &[1], vec![0.0]).unwrap();
        let x = Tensor::zeros((3, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(Linear::new("fc").forward(&params, &x).unwrap_err().to_string().contains("expected 3 inputs"));
    }
}
