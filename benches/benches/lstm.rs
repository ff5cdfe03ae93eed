//! LSTM 64 -> 32 in microseconds: one fused operation against candle's unrolled layer, and one acting step.
//!
//! `lstm_sequence/<kind>/<T>x<B>x<I>x<H>` is forward and backward through candle's graph of the mean square of `h`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::rnn::{LSTM, LSTMConfig, RNN};
use candle_nn::{VarBuilder, lstm};
use criterion::{BenchmarkId, Criterion};
use pavlov_agents::nn::lstm::{Cell, Dims, backward, forward, sequence};
use pavlov_agents::nn::numerics::Isa;
use pavlov_agents::nn::{Activation, DenseLayer};
use pavlov_rl_core::{Rng, RngTree, uniform_f32};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DIMS: Dims = Dims { inputs: 64, hidden: 32 };
const STEPS: usize = 500;

fn numbers(rng: &mut Rng, len: usize, bound: f32) -> Vec<f32> {
    (0..len).map(|_| (2.0 * uniform_f32(rng) - 1.0) * bound).collect()
}

struct Case {
    batch: usize,
    x: Vec<f32>,
    packed: Vec<f32>,
    state: Vec<f32>,
}

impl Case {
    fn new(batch: usize) -> Self {
        let mut rng = RngTree::new(1).stream("bench", batch as u64);
        let x = numbers(&mut rng, STEPS * batch * DIMS.inputs, 1.0);
        let packed = numbers(&mut rng, DIMS.packed_len(), 0.17);
        Self { batch, x, packed, state: vec![0.0; 2 * batch * DIMS.hidden] }
    }

    fn id(&self, kind: &str) -> BenchmarkId {
        BenchmarkId::new(kind, format!("{STEPS}x{}x{}x{}", self.batch, DIMS.inputs, DIMS.hidden))
    }

    fn tensors(&self) -> (Tensor, Var, Tensor) {
        let x = Tensor::from_slice(&self.x, (STEPS, self.batch, DIMS.inputs), &Device::Cpu).unwrap();
        let packed = Var::from_slice(&self.packed, self.packed.len(), &Device::Cpu).unwrap();
        let state = Tensor::from_slice(&self.state, (2, self.batch, DIMS.hidden), &Device::Cpu).unwrap();
        (x, packed, state)
    }

    /// candle's layer with the same parameters as variables.
    fn candle_layer(&self) -> LSTM {
        let gates = 4 * DIMS.hidden;
        let mut rest = self.packed.as_slice();
        let mut tensors = Vec::new();
        for (name, shape) in [
            ("weight_ih_l0", vec![gates, DIMS.inputs]),
            ("weight_hh_l0", vec![gates, DIMS.hidden]),
            ("bias_ih_l0", vec![gates]),
            ("bias_hh_l0", vec![gates]),
        ] {
            let (values, after) = rest.split_at(shape.iter().product());
            let var = Var::from_slice(values, shape, &Device::Cpu).unwrap();
            tensors.push((name.to_owned(), var.as_tensor().clone()));
            rest = after;
        }
        let builder = VarBuilder::from_tensors(tensors.into_iter().collect(), DType::F32, &Device::Cpu);
        lstm(DIMS.inputs, DIMS.hidden, LSTMConfig::default(), builder).unwrap()
    }
}

fn learn(y: &Tensor) {
    black_box(y.sqr().unwrap().mean_all().unwrap().backward().unwrap());
}

fn sequences(c: &mut Criterion, batch: usize) {
    let case = Case::new(batch);
    let (x, packed, state) = case.tensors();
    let mut group = c.benchmark_group("lstm_sequence");
    if batch > 1 {
        group.sample_size(10).measurement_time(Duration::from_secs(8));
    }
    group.bench_function(case.id("fused"), |b| b.iter(|| learn(&sequence(&x, &packed, &state, None).unwrap())));
    let starts: Arc<[bool]> = (0..STEPS * batch).map(|i| i / batch % 100 == 99).collect();
    group.bench_function(case.id("fused_5_starts"), |b| {
        b.iter(|| learn(&sequence(&x, &packed, &state, Some(starts.clone())).unwrap()));
    });
    let x_var = Var::from_tensor(&x).unwrap();
    group.bench_function(case.id("fused_with_dx"), |b| {
        b.iter(|| learn(&sequence(&x_var, &packed, &state, None).unwrap()));
    });
    group.bench_function(case.id("fused_forward"), |b| {
        b.iter(|| black_box(sequence(&x, &packed.as_detached_tensor(), &state, None).unwrap()));
    });
    let layer = case.candle_layer();
    let by_row = x.transpose(0, 1).unwrap().contiguous().unwrap();
    group.bench_function(case.id("candle_unrolled"), |b| {
        b.iter(|| {
            let states = layer.seq(&by_row).unwrap();
            let h: Vec<Tensor> = states.iter().map(|s| s.h().clone()).collect();
            learn(&Tensor::stack(&h, 0).unwrap());
        });
    });
    group.finish();
}

/// The functions under the operation, on every instruction set of the machine.
fn slices(c: &mut Criterion, batch: usize) {
    let case = Case::new(batch);
    let grad = vec![0.01; STEPS * batch * DIMS.hidden];
    let mut group = c.benchmark_group("lstm_slices");
    if batch > 1 {
        group.sample_size(10).measurement_time(Duration::from_secs(5));
    }
    for isa in Isa::available() {
        group.bench_function(case.id(&format!("{isa:?}")), |b| {
            b.iter(|| {
                let (y, saved) = forward(DIMS, isa, &case.x, &case.packed, &case.state, None);
                black_box((y, backward(&saved, isa, &case.x, &case.packed, None, &grad, false)));
            });
        });
    }
    group.finish();
}

/// One acting step of `batch` environments: the cell alone, and with a dense layer before and two after it.
fn steps(c: &mut Criterion, batch: usize) {
    let case = Case::new(batch);
    let mut rng = RngTree::new(2).stream("bench", 0);
    let mut dense = |inputs: usize, outputs: usize, activation| {
        let (weight, bias) = (numbers(&mut rng, inputs * outputs, 0.1), numbers(&mut rng, outputs, 0.1));
        DenseLayer::new(inputs, outputs, &weight, &bias, activation)
    };
    let (body, policy) = (dense(7, DIMS.inputs, Activation::Relu), dense(DIMS.hidden, 3, Activation::Identity));
    let value = dense(DIMS.hidden, 1, Activation::Identity);
    let cell = Cell::new(DIMS.inputs, DIMS.hidden, &case.packed);
    let (mut h, mut cells) = (vec![0.0; batch * DIMS.hidden], vec![0.0; batch * DIMS.hidden]);
    let (mut x, mut logits, mut values, mut scratch) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let seen = vec![0.3; batch * 7];
    let mut group = c.benchmark_group("lstm_step");
    group.bench_function(BenchmarkId::new("cell", batch), |b| {
        b.iter(|| cell.step(&case.x[..batch * DIMS.inputs], &mut h, &mut cells, &mut scratch));
    });
    group.bench_function(BenchmarkId::new("network", batch), |b| {
        b.iter(|| {
            body.forward(&seen, &mut x);
            cell.step(&x, &mut h, &mut cells, &mut scratch);
            policy.forward(&h, &mut logits);
            value.forward(&h, &mut values);
            black_box((&logits, &values));
        });
    });
    let layer = case.candle_layer();
    let x = Tensor::zeros((batch, DIMS.inputs), DType::F32, &Device::Cpu).unwrap();
    let state = layer.zero_state(batch).unwrap();
    group.bench_function(BenchmarkId::new("candle_cell", batch), |b| {
        b.iter(|| black_box(layer.step(&x, &state).unwrap()))
    });
    group.finish();
}

fn all() {
    let mut criterion = Criterion::default().configure_from_args();
    for batch in [1, 64] {
        sequences(&mut criterion, batch);
        slices(&mut criterion, batch);
        steps(&mut criterion, batch);
    }
    criterion.final_summary();
}

/// candle's backward pass of an unrolled network recurses over its nodes and needs a deep stack.
fn main() {
    let deep = std::thread::Builder::new().stack_size(256 << 20).spawn(all);
    deep.expect("a thread can be started").join().expect("the benches end without a panic");
}
