//! The fused operation against candle's own operations in `f64`, on every instruction set.

use candle_core::{DType, Device, Result, Tensor, Var};
use pavlov_rl_core::{Rng, RngTree, normal};

use super::op::{affine, composed};
use super::*;

struct Case {
    /// Rows, inputs, outputs.
    shape: [usize; 3],
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    /// Weights of the outputs in the scalar that is differentiated.
    mix: Tensor,
}

fn draw(rng: &mut Rng, shape: &[usize]) -> Tensor {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| normal(rng) as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn cases() -> impl Iterator<Item = Case> {
    let shapes = [1, 3, 129].into_iter().flat_map(|r| [1, 7, 64].map(|i| [1, 3, 65].map(|o| [r, i, o])));
    shapes.flatten().map(|[rows, inputs, outputs]| {
        let mut rng = RngTree::new(5).stream("test", (rows * 10_000 + inputs * 100 + outputs) as u64);
        Case {
            shape: [rows, inputs, outputs],
            x: draw(&mut rng, &[rows, inputs]),
            weight: draw(&mut rng, &[outputs, inputs]),
            bias: draw(&mut rng, &[outputs]),
            mix: draw(&mut rng, &[rows, outputs]),
        }
    })
}

impl Case {
    /// Outputs, then gradients of `x`, weight and bias, of `sum(mix * y)`.
    fn results(&self, dtype: DType, run: impl Fn(&[Var; 3]) -> Result<Tensor>) -> Result<[Vec<f64>; 4]> {
        let var = |t: &Tensor| Var::from_tensor(&t.to_dtype(dtype)?);
        let vars = [var(&self.x)?, var(&self.weight)?, var(&self.bias)?];
        let y = run(&vars)?;
        let grads = (&y * self.mix.to_dtype(dtype)?)?.sum_all()?.backward()?;
        let host = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        let grad = |v: &Var| host(grads.get(v).expect("a gradient"));
        Ok([host(&y)?, grad(&vars[0])?, grad(&vars[1])?, grad(&vars[2])?])
    }
}

/// Largest difference, as a share of the largest number; of 1, the size of the summands, if these cancel.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(1f64, |m, v| m.max(v.abs()));
    a.iter().zip(b).fold(0f64, |m, (a, b)| m.max((a - b).abs())) / largest
}

fn layer(weight: &[f32], bias: &[f32]) -> Params {
    let mut params = Params::new(&Device::Cpu);
    params.insert("fc.weight", &[bias.len(), weight.len() / bias.len()], weight.to_vec()).unwrap();
    params.insert("fc.bias", &[bias.len()], bias.to_vec()).unwrap();
    params
}

fn numbers(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn outputs_and_gradients_equal_candles_f64_operations_on_every_instruction_set() {
    for case in cases() {
        for activation in [Activation::Identity, Activation::Relu, Activation::Tanh] {
            let expected = case.results(DType::F64, |[x, w, b]| composed(x, w, b, activation)).unwrap();
            for isa in Isa::available() {
                let got = case.results(DType::F32, |[x, w, b]| affine(x, w, b, activation, isa)).unwrap();
                for (what, (a, b)) in ["y", "dx", "dweight", "dbias"].iter().zip(got.iter().zip(&expected)) {
                    let error = difference(a, b);
                    assert!(error < 5e-6, "{what} of {:?}, {activation:?}, {isa:?}: {error:e}", case.shape);
                }
            }
        }
    }
}

#[test]
fn rows_of_any_shape_are_mapped_and_gradients_reach_weight_bias_and_input() {
    let params = layer(&[1.0, 2.0, 3.0, -1.0, 0.0, 1.0], &[10.0, 20.0]);
    let x = Var::new(&[[[1f32, 0.0, 0.0]], [[1.0, 1.0, 1.0]]], &Device::Cpu).unwrap();
    let y = Linear::new("fc").forward(&params, &x).unwrap();
    assert_eq!(y.to_vec3::<f32>().unwrap(), [[[11.0, 19.0]], [[16.0, 20.0]]]);
    let fallback = composed(&x, params.tensor("fc.weight"), params.tensor("fc.bias"), Activation::Identity).unwrap();
    assert_eq!(fallback.to_vec3::<f32>().unwrap(), y.to_vec3::<f32>().unwrap());
    let grads = y.sum_all().unwrap().backward().unwrap();
    let of = |t: &Tensor| numbers(grads.get(t).unwrap());
    assert_eq!(of(params.tensor("fc.weight")), [2.0, 1.0, 1.0, 2.0, 1.0, 1.0]);
    assert_eq!(of(params.tensor("fc.bias")), [2.0, 2.0]);
    assert_eq!(of(&x), [0.0, 2.0, 4.0, 0.0, 2.0, 4.0]);
}

#[test]
fn strided_inputs_are_read_in_order() {
    let params = layer(&[1.0, 10.0], &[0.0]);
    let x = Var::new(&[[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]], &Device::Cpu).unwrap();
    let y = Linear::new("fc").forward(&params, &x.t().unwrap()).unwrap();
    assert_eq!(numbers(&y), [41.0, 52.0, 63.0]);
    let grads = y.sum_all().unwrap().backward().unwrap();
    assert_eq!(numbers(grads.get(&x).unwrap()), [1.0, 1.0, 1.0, 10.0, 10.0, 10.0]);
}

#[test]
fn no_gradient_passes_where_relu_gives_zero_even_at_exactly_zero() {
    let params = layer(&[1.0], &[0.0]);
    let x = Var::new(&[[-1f32], [-0.0], [0.0], [2.0]], &Device::Cpu).unwrap();
    let y = Linear::new("fc").then(Activation::Relu).forward(&params, &x).unwrap();
    assert_eq!(numbers(&y), [0.0, 0.0, 0.0, 2.0]);
    let grads = y.sum_all().unwrap().backward().unwrap();
    assert_eq!(numbers(grads.get(&x).unwrap()), [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(numbers(grads.get(params.tensor("fc.weight")).unwrap()), [2.0]);
    assert_eq!(numbers(grads.get(params.tensor("fc.bias")).unwrap()), [1.0]);
}

#[test]
fn a_gradient_that_is_not_a_number_is_not_hidden_by_relu() {
    let params = layer(&[1.0], &[f32::NAN]);
    let x = Tensor::new(&[[1f32]], &Device::Cpu).unwrap();
    let y = Linear::new("fc").then(Activation::Relu).forward(&params, &x).unwrap();
    let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    assert!(numbers(grads.get(params.tensor("fc.weight")).unwrap())[0].is_nan());
}

#[test]
fn the_gradient_of_an_input_that_tracks_none_is_not_computed() {
    let params = layer(&[1.0, 2.0], &[0.5]);
    let x = Tensor::new(&[[3f32, 4.0]], &Device::Cpu).unwrap();
    let y = Linear::new("fc").forward(&params, &x).unwrap();
    let grads = y.sum_all().unwrap().backward().unwrap();
    assert!(grads.get(&x).is_none());
    assert_eq!(numbers(grads.get(params.tensor("fc.weight")).unwrap()), [3.0, 4.0]);
}

#[test]
fn shapes_and_types_that_do_not_fit_are_errors() {
    let params = layer(&[0.0; 3], &[0.0]);
    let wrong = [
        (Tensor::zeros((3, 2), DType::F32, &Device::Cpu), "expected 3 inputs"),
        (Tensor::zeros((2, 3), DType::F64, &Device::Cpu), "unexpected dtype"),
    ];
    for (x, part) in wrong {
        let message = Linear::new("fc").forward(&params, &x.unwrap()).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}
