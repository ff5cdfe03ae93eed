use candle_core::{Device, Tensor, Var};
use pavlov_rl_core::{RngTree, normal};

use super::*;
use crate::nn::host;

fn numbers(n: usize, stream: u64) -> Vec<f32> {
    let mut rng = RngTree::new(5).stream("test", stream);
    (0..n).map(|_| normal(&mut rng) as f32).collect()
}

fn var(values: Vec<f32>, shape: &[usize]) -> Var {
    Var::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Sum of the outputs, each times a fixed number; its gradients with respect to `x` and `asked`.
fn loss(
    attend: impl Fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
    x: &Var,
    asked: &Var,
) -> (f32, [Vec<f32>; 2]) {
    let seen = attend(x, asked).unwrap();
    let mix = Tensor::from_vec(numbers(seen.elem_count(), 9), seen.shape(), &Device::Cpu).unwrap();
    let loss = (seen * mix).unwrap().sum_all().unwrap();
    let grads = loss.backward().unwrap();
    let grads = [x, asked].map(|v| host(grads.get(v.as_tensor()).unwrap()).unwrap());
    (loss.to_scalar().unwrap(), grads)
}

#[test]
fn the_operation_equals_candles_own_for_every_instruction_set_and_width() {
    for isa in Isa::available() {
        for [rows, batch, width] in [[1, 1, 1], [5, 3, 8], [31, 4, 33], [7, 32, 128]] {
            let x = var(numbers(rows * batch * width, 1), &[rows, batch, width]);
            let asked = var(numbers(batch * width, 2), &[batch, width]);
            let (ours, candles) = (loss(|x, a| op::attend(x, a, isa), &x, &asked), loss(op::composed, &x, &asked));
            assert!((ours.0 - candles.0).abs() < 1e-3 * candles.0.abs().max(1.0), "{isa:?}");
            for (a, b) in ours.1.iter().flatten().zip(candles.1.iter().flatten()) {
                assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{isa:?} {rows} x {batch} x {width}: {a} against {b}");
            }
        }
    }
}

#[test]
fn gradients_equal_finite_differences() {
    let shape = [4, 2, 3];
    let (x, asked) = (numbers(24, 1), numbers(6, 2));
    let of = |x: &[f32], asked: &[f32]| {
        let (x, asked) = (var(x.to_vec(), &shape), var(asked.to_vec(), &shape[1..]));
        loss(|x, a| op::attend(x, a, Isa::best()), &x, &asked)
    };
    let [d_x, d_asked] = of(&x, &asked).1;
    let slope = |moved: &dyn Fn(f32) -> f32| (f64::from(moved(1e-2)) - f64::from(moved(-1e-2))) / 2e-2;
    for (i, got) in d_x.iter().enumerate() {
        let at = |h: f32| {
            let mut x = x.clone();
            x[i] += h;
            of(&x, &asked).0
        };
        assert!((f64::from(*got) - slope(&at)).abs() < 2e-3, "x {i}: {got} against {}", slope(&at));
    }
    for (i, got) in d_asked.iter().enumerate() {
        let at = |h: f32| {
            let mut asked = asked.clone();
            asked[i] += h;
            of(&x, &asked).0
        };
        assert!((f64::from(*got) - slope(&at)).abs() < 2e-3, "asked {i}: {got} against {}", slope(&at));
    }
}

#[test]
fn the_acting_layer_equals_the_learning_one_and_its_shares_add_up_to_one() {
    for [rows, batch, width] in [[6, 1, 12], [7, 5, 128]] {
        let mut params = Params::new(&Device::Cpu);
        Attention::new("attention").draw(&mut params, width, &mut RngTree::new(2).stream("init", 0)).unwrap();
        let x = numbers(rows * batch * width, 3);
        let layer = AttentionLayer::from_params(&params, "attention").unwrap();
        let (mut work, mut context) = (Attended::default(), Vec::new());
        layer.forward(&x, batch, &mut work, &mut context);
        for b in 0..batch {
            let sum: f32 = work.shares().iter().skip(b).step_by(batch).sum();
            assert!((sum - 1.0).abs() < 1e-5, "sequence {b}: {sum}");
        }
        let x = Tensor::from_vec(x, (rows, batch, width), &Device::Cpu).unwrap();
        let learnt = host(&Attention::new("attention").forward(&params, &x).unwrap()).unwrap();
        assert!(context.iter().zip(&learnt).all(|(a, b)| (a - b).abs() < 1e-5), "{context:?} {learnt:?}");
    }
}
