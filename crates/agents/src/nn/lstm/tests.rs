//! The fused operation against candle's own gradients of an unrolled LSTM in `f64`, on every instruction set.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor, Var};
use pavlov_rl_core::{Rng, RngTree, below, normal};

use super::op::{apply, composed};
use super::*;
use crate::nn::numerics::Isa;

/// `[T, B, I, H]`: one step, odd sizes, several blocks, several chunks, more rows than a chunk has.
const SHAPES: [[usize; 4]; 8] = [
    [1, 1, 1, 1],
    [7, 3, 5, 4],
    [11, 2, 3, 13],
    [50, 5, 64, 32],
    [300, 1, 6, 10],
    [20, 9, 6, 64],
    [9, 65, 7, 17],
    [3, 130, 2, 16],
];

struct Case {
    shape: [usize; 4],
    x: Tensor,
    packed: Tensor,
    state: Tensor,
    /// Weights of the outputs in the scalar that is differentiated.
    mix: Tensor,
    starts: Arc<[bool]>,
}

fn draw(rng: &mut Rng, shape: &[usize], sd: f64) -> Tensor {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| (sd * normal(rng)) as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

impl Case {
    fn new(shape: [usize; 4]) -> Self {
        let [t, b, i, h] = shape;
        let mut rng = RngTree::new(17).stream("test", t as u64);
        let dims = Dims { inputs: i, hidden: h };
        Self {
            shape,
            x: draw(&mut rng, &[t, b, i], 1.0),
            packed: draw(&mut rng, &[dims.packed_len()], 0.3),
            state: draw(&mut rng, &[2, b, h], 0.5),
            mix: draw(&mut rng, &[t, b, h], 1.0),
            starts: (0..t * b).map(|_| below(&mut rng, 5) == 0).collect(),
        }
    }

    fn vars(&self, dtype: DType) -> Result<[Var; 3]> {
        let var = |t: &Tensor| Var::from_tensor(&t.to_dtype(dtype)?);
        Ok([var(&self.x)?, var(&self.packed)?, var(&self.state)?])
    }

    /// Outputs, then gradients of `x`, the parameters and the state, of `sum(mix * y)`.
    fn results(&self, dtype: DType, run: impl Fn(&[Var; 3]) -> Result<Tensor>) -> Result<[Vec<f64>; 4]> {
        let vars = self.vars(dtype)?;
        let y = run(&vars)?;
        let grads = (&y * self.mix.to_dtype(dtype)?)?.sum_all()?.backward()?;
        let host = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        let grad = |v: &Var| host(grads.get(v).expect("a gradient"));
        Ok([host(&y)?, grad(&vars[0])?, grad(&vars[1])?, grad(&vars[2])?])
    }

    fn fused(&self, starts: Option<&Arc<[bool]>>, isa: Isa) -> Result<[Vec<f64>; 4]> {
        self.results(DType::F32, |[x, packed, state]| apply(x, packed, state, starts.cloned(), isa))
    }

    fn unrolled(&self, starts: Option<&Arc<[bool]>>) -> Result<[Vec<f64>; 4]> {
        self.results(DType::F64, |[x, packed, state]| composed(x, packed, state, starts.map(|s| &**s)))
    }
}

/// Largest difference, as a share of the largest number.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(1e-12f64, |m, v| m.max(v.abs()));
    a.iter().zip(b).fold(0f64, |m, (a, b)| m.max((a - b).abs())) / largest
}

/// candle's backward pass recurses over the unrolled steps.
fn with_deep_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn outputs_and_gradients_equal_an_unrolled_f64_lstm_on_every_instruction_set() {
    with_deep_stack(|| {
        for case in SHAPES.map(Case::new) {
            for starts in [None, Some(&case.starts)] {
                let expected = case.unrolled(starts).unwrap();
                for isa in Isa::available() {
                    let got = case.fused(starts, isa).unwrap();
                    for (what, (a, b)) in ["y", "dx", "dparams", "dstate"].iter().zip(got.iter().zip(&expected)) {
                        let error = difference(a, b);
                        let flagged = starts.is_some();
                        assert!(error < 1e-5, "{what} of {:?}, starts {flagged}, {isa:?}: {error:e}", case.shape);
                    }
                }
            }
        }
    });
}

#[test]
fn gradients_equal_finite_differences_of_the_operation_itself() {
    let case = Case::new([7, 3, 5, 4]);
    let [_, dx, dparams, dstate] = case.fused(Some(&case.starts), Isa::best()).unwrap();
    let value = |inputs: [&Tensor; 3]| {
        let y = sequence(inputs[0], inputs[1], inputs[2], Some(case.starts.clone())).unwrap();
        let (y, mix) = (y.to_dtype(DType::F64).unwrap(), case.mix.to_dtype(DType::F64).unwrap());
        (y * mix).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap()
    };
    let inputs = [&case.x, &case.packed, &case.state];
    for (which, gradient) in [dx, dparams, dstate].iter().enumerate() {
        let largest = gradient.iter().fold(0f64, |m, g| m.max(g.abs()));
        let start = inputs[which].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (k, expected) in gradient.iter().enumerate() {
            let moved = |by: f32| {
                let mut values = start.clone();
                values[k] += by;
                let tensor = Tensor::from_vec(values, inputs[which].shape(), &Device::Cpu).unwrap();
                let mut inputs = inputs;
                inputs[which] = &tensor;
                value(inputs)
            };
            let slope = (moved(4e-3) - moved(-4e-3)) / 8e-3;
            assert!(
                (slope - expected).abs() < 2e-4 * largest.max(1.0),
                "input {which}, number {k}: {slope} {expected}"
            );
        }
    }
}

#[test]
fn an_episode_start_inside_a_sequence_equals_a_new_sequence_from_zero_state() {
    let case = Case::new([20, 1, 6, 10]);
    let starts: Arc<[bool]> = (0..20).map(|t| t == 12).collect();
    let whole = sequence(&case.x, &case.packed, &case.state, Some(starts)).unwrap();
    let zero = case.state.zeros_like().unwrap();
    let first = sequence(&case.x.narrow(0, 0, 12).unwrap(), &case.packed, &case.state, None).unwrap();
    let second = sequence(&case.x.narrow(0, 12, 8).unwrap(), &case.packed, &zero, None).unwrap();
    let host = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let apart: Vec<f64> = [host(&first), host(&second)].concat().iter().map(|v| f64::from(*v)).collect();
    let whole: Vec<f64> = host(&whole).iter().map(|v| f64::from(*v)).collect();
    assert!(difference(&whole, &apart) < 1e-6);
}

#[test]
fn acting_step_by_step_equals_the_sequence_on_every_instruction_set() {
    for case in SHAPES.map(Case::new) {
        let [t, b, inputs, hidden] = case.shape;
        let host = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (x, packed, state) = (host(&case.x), host(&case.packed), host(&case.state));
        for isa in Isa::available() {
            let (y, saved) = forward(Dims { inputs, hidden }, isa, &x, &packed, &state, None);
            let cell = Cell::new(inputs, hidden, &packed).with_isa(isa);
            let (h, c) = state.split_at(b * hidden);
            let (mut h, mut c, mut scratch) = (h.to_vec(), c.to_vec(), Vec::new());
            for s in 0..t {
                cell.step(&x[s * b * inputs..][..b * inputs], &mut h, &mut c, &mut scratch);
                for (a, b) in h.iter().zip(&y[s * b * hidden..]) {
                    assert!((a - b).abs() < 1e-6, "step {s} of {:?} on {isa:?}: {a} against {b}", case.shape);
                }
            }
            for (a, b) in [h, c].concat().iter().zip(saved.last_state()) {
                assert!((a - b).abs() < 1e-5, "last state of {:?} on {isa:?}: {a} against {b}", case.shape);
            }
        }
    }
}

#[test]
fn five_thousand_steps_do_not_overflow_a_test_threads_stack() {
    let case = Case::new([5000, 1, 2, 3]);
    let packed = Var::from_tensor(&case.packed).unwrap();
    let y = sequence(&case.x, &packed, &case.state, None).unwrap();
    let grads = y.sum_all().unwrap().backward().unwrap();
    assert!(grads.get(&packed).unwrap().to_vec1::<f32>().unwrap().iter().all(|g| g.is_finite()));
    assert!(grads.get(&case.x).is_none(), "the gradient of an input that tracks none is not computed");
}

#[test]
fn a_repeated_run_gives_the_same_bits() {
    let case = Case::new([50, 5, 64, 32]);
    let run = || {
        case.fused(Some(&case.starts), Isa::best()).unwrap().map(|v| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
    };
    assert_eq!(run(), run());
}

#[test]
fn memory_rows_and_states_hold_the_same_numbers() {
    let memory = [1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0];
    let (mut state, mut again) = ([0.0; 8], [0.0; 8]);
    split_memory(&memory, 2, &mut state);
    assert_eq!(state, [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0]);
    join_memory(&state, 2, &mut again);
    assert_eq!(again, memory);
}

#[test]
fn shapes_that_do_not_fit_are_errors_that_say_what_is_expected() {
    let case = Case::new([2, 3, 5, 4]);
    let flags: Arc<[bool]> = vec![false; 5].into();
    let wrong = [
        sequence(&case.x, &case.x.flatten_all().unwrap(), &case.state, None),
        sequence(&case.x, &case.packed, &case.state.narrow(1, 0, 2).unwrap(), None),
        sequence(&case.x, &case.packed, &case.state, Some(flags)),
        sequence(&case.x.to_dtype(DType::F64).unwrap(), &case.packed, &case.state, None),
    ];
    for (result, part) in wrong.into_iter().zip(["must be [176]", "[2, 3, H]", "[2, 3], got 5", "unexpected dtype"]) {
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with("lstm sequence failed") && message.contains(part), "{message}");
    }
}
