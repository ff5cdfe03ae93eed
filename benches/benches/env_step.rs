//! Environment steps per second on one thread, episodes started anew included; the window is an index, so nothing is copied.
//!
//! `<environment>/<N>` steps N copies through the contract with random actions, in a market of 11 features. Beside them in
//! one run are the bounds that they are measured against: `prototype_long_short/4096`, the bare loop of one asset (a
//! struct of arrays, selects for branches) without any contract around it, and for `long_short_windows/4096`, which
//! copies out every window of 30 x 11, `memcpy_windows/4096`, which copies as many bytes.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pavlov_envs::{Chunks, ENVIRONMENTS, EnvironmentEntry, EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, ActionSpec, BatchEnv, Rng, RngTree, Segment, below, uniform_f32};
use pavlov_testkit::synthetic;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 2_000;
const FEATURES: usize = 11;
const PLANS: usize = 64;
const MANY: usize = 4_096;

/// 64 rounds of uniform random actions, drawn before the clock runs.
fn plans(spec: &ActionSpec, n: usize) -> Vec<ActionBatch> {
    let mut rng = RngTree::new(2).stream("actions", 0);
    let draw = |rng: &mut Rng| match spec {
        ActionSpec::Discrete { names } => {
            ActionBatch::Discrete((0..n).map(|_| below(rng, names.len() as u32)).collect())
        }
        ActionSpec::Continuous { low, high } => {
            let number = |k: usize, rng: &mut Rng| low[k] + (high[k] - low[k]) * uniform_f32(rng);
            let width = low.len();
            ActionBatch::Continuous { width, values: (0..n * width).map(|i| number(i % width, rng)).collect() }
        }
    };
    (0..PLANS).map(|_| draw(&mut rng)).collect()
}

fn batch(entry: &EnvironmentEntry, n: usize) -> Box<dyn BatchEnv> {
    let config = entry.parse_text("").expect("the defaults");
    let market = Arc::new(synthetic::random_walk(ROWS, config.assets(), FEATURES, 1));
    let segment = Segment { first: config.window() as u32 - 1, ..market.segments[0] };
    let copies = config.build(market, &[segment], EpisodeMode::Sampled).expect("a game");
    copies.batch(0..n as u64, &RngTree::new(3))
}

fn env_step(c: &mut Criterion) {
    for entry in ENVIRONMENTS {
        let mut group = c.benchmark_group(entry.name);
        for n in [1, MANY] {
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(BenchmarkId::from_parameter(n), |b| {
                let mut env = batch(entry, n);
                let plans = plans(&env.spec().action, n);
                let mut plans = plans.iter().cycle();
                b.iter(|| black_box(env.step(plans.next().expect("a cycle"))).rewards[0]);
            });
        }
        group.finish();
    }
    prototype(c);
    windows(c);
    rollouts(c);
}

fn prototype(c: &mut Criterion) {
    let mut group = c.benchmark_group("prototype_long_short");
    group.throughput(Throughput::Elements(MANY as u64));
    group.bench_function(BenchmarkId::from_parameter(MANY), |b| {
        let mut bare = LongShortLoop::new(synthetic::random_walk(ROWS, 1, FEATURES, 1).prices.close, MANY);
        let plans: Vec<Vec<u8>> = plans(&ActionSpec::Discrete { names: &["short", "flat", "long"] }, MANY)
            .iter()
            .map(|plan| match plan {
                ActionBatch::Discrete(choices) => choices.iter().map(|&choice| choice as u8).collect(),
                ActionBatch::Continuous { .. } => unreachable!("choices were drawn"),
            })
            .collect();
        let mut plans = plans.iter().cycle();
        b.iter(|| {
            bare.step(plans.next().expect("a cycle"));
            black_box(&bare.rewards);
        });
    });
    group.finish();
}

/// Steps and copies out every observation, beside a plain copy of as many bytes.
fn windows(c: &mut Criterion) {
    let mut env = batch(environment("long_short").expect("registered"), MANY);
    let plans = plans(&env.spec().action, MANY);
    let mut plans = plans.iter().cycle();
    let mut flat = Vec::new();
    let mut group = c.benchmark_group("long_short_windows");
    group.throughput(Throughput::Elements(MANY as u64));
    group.bench_function(BenchmarkId::from_parameter(MANY), |b| {
        b.iter(|| {
            let seen = env.step(plans.next().expect("a cycle")).next;
            seen.flatten(&mut flat);
            black_box(&flat);
        });
    });
    group.finish();
    let mut group = c.benchmark_group("memcpy_windows");
    group.throughput(Throughput::Elements(MANY as u64));
    group.bench_function(BenchmarkId::from_parameter(MANY), |b| {
        let source = vec![1.0_f32; flat.len()];
        b.iter(|| {
            flat.copy_from_slice(&source);
            black_box(&flat);
        });
    });
    group.finish();
}

/// Rollouts of 64 steps of 4,096 copies in 8 chunks, on one thread and on two.
fn rollouts(c: &mut Criterion) {
    let entry = environment("long_short").expect("registered");
    let config = entry.parse_text("").expect("the defaults");
    let market = Arc::new(synthetic::random_walk(ROWS, 1, FEATURES, 1));
    let segment = Segment { first: config.window() as u32 - 1, ..market.segments[0] };
    let copies = config.build(market, &[segment], EpisodeMode::Sampled).expect("a game");
    let plans = plans(&copies.spec().action, MANY / 8);
    let mut group = c.benchmark_group("long_short_rollouts");
    group.throughput(Throughput::Elements((MANY * PLANS) as u64));
    for threads in [1, 2] {
        let mut chunks = Chunks::new(&*copies, 0..MANY as u64, MANY as u64 / 8, &RngTree::new(3));
        let play = |_, env: &mut dyn BatchEnv| plans.iter().map(|plan| env.step(plan).rewards[0]).sum::<f64>();
        group.bench_function(BenchmarkId::new("threads", threads), |b| b.iter(|| chunks.play(threads, play)));
    }
    group.finish();
}

const CASH: f64 = 100_000.0;
const COST: f64 = 0.001;
const EPISODE_LEN: u32 = 252;

/// Short, flat or long in whole shares: what a step costs without any contract around it.
struct LongShortLoop {
    close: Vec<f64>,
    rng: Rng,
    row: Vec<u32>,
    end: Vec<u32>,
    shares: Vec<f64>,
    cash: Vec<f64>,
    net_worth: Vec<f64>,
    rewards: Vec<f32>,
    ended: Vec<bool>,
}

impl LongShortLoop {
    fn new(close: Vec<f64>, n: usize) -> Self {
        let mut rng = RngTree::new(4).stream("prototype", 0);
        let end: Vec<u32> = (0..n).map(|_| EPISODE_LEN + below(&mut rng, ROWS as u32 - EPISODE_LEN)).collect();
        let row = end.iter().map(|end| end - EPISODE_LEN).collect();
        let (shares, cash, net_worth) = (vec![0.0; n], vec![CASH; n], vec![CASH; n]);
        Self { close, rng, row, end, shares, cash, net_worth, rewards: vec![0.0; n], ended: vec![false; n] }
    }

    fn step(&mut self, choices: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            #[target_feature(enable = "avx2")]
            fn step_avx2(bare: &mut LongShortLoop, choices: &[u8]) {
                bare.step_all(choices);
            }
            // SAFETY: the machine has AVX2.
            return unsafe { step_avx2(self, choices) };
        }
        self.step_all(choices);
    }

    /// Every copy computes the turn, and takes it if its side changes; ended episodes start anew in a second pass.
    #[inline(always)]
    fn step_all(&mut self, choices: &[u8]) {
        let (n, close) = (choices.len(), &self.close[..ROWS]);
        let (row, end, ended) = (&mut self.row[..n], &self.end[..n], &mut self.ended[..n]);
        let (shares, cash) = (&mut self.shares[..n], &mut self.cash[..n]);
        let (net_worth, rewards) = (&mut self.net_worth[..n], &mut self.rewards[..n]);
        for i in 0..n {
            let (t, held) = ((row[i] as usize).min(ROWS - 2), shares[i]);
            let (price, next) = (close[t], close[t + 1]);
            let side = f64::from(choices[i]) - 1.0;
            let held_side = f64::from(i32::from(held > 0.0) - i32::from(held < 0.0));
            let flat = cash[i] + held * price - held.abs() * price * COST;
            let size = (flat / (price * (1.0 + COST))).floor().max(0.0) * side.abs();
            let turns = held_side != side;
            shares[i] = if turns { size * side } else { held };
            cash[i] = if turns { flat - (size * side * price + size * price * COST) } else { cash[i] };
            let worth = cash[i] + shares[i] * next;
            rewards[i] = ((worth - net_worth[i]) / net_worth[i]) as f32;
            row[i] = t as u32 + 1;
            net_worth[i] = worth;
            ended[i] = (row[i] >= end[i]) | (worth <= 0.0);
        }
        for i in 0..n {
            if self.ended[i] {
                self.end[i] = EPISODE_LEN + below(&mut self.rng, ROWS as u32 - EPISODE_LEN);
                (self.row[i], self.shares[i]) = (self.end[i] - EPISODE_LEN, 0.0);
                (self.cash[i], self.net_worth[i]) = (CASH, CASH);
            }
        }
    }
}

criterion_group!(benches, env_step);
criterion_main!(benches);
