//! Environment steps per second on one thread, episodes started anew included; the window is an index, so nothing is copied.
//!
//! `<environment>/<N>` steps N copies through the contract; `prototype_long_short/4096` is the bare loop that the contract
//! is measured against: one asset, a struct of arrays, a branch on every random action.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pavlov_envs::{ENVIRONMENTS, EnvironmentEntry, EpisodeMode};
use pavlov_rl_core::{ActionBatch, ActionSpec, BatchEnv, Market, Rng, RngTree, below};
use pavlov_testkit::synthetic;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 2_000;
const PLANS: usize = 64;
const MANY: usize = 4_096;

fn market() -> Market {
    synthetic::random_walk(ROWS, 1, 5, 1)
}

/// 64 rounds of uniform random choices, drawn before the clock runs.
fn choices(n: usize, actions: u32) -> Vec<Vec<u32>> {
    let mut rng = RngTree::new(2).stream("actions", 0);
    (0..PLANS).map(|_| (0..n).map(|_| below(&mut rng, actions)).collect()).collect()
}

fn batch(entry: &EnvironmentEntry, n: usize) -> Box<dyn BatchEnv> {
    let config = entry.parse_text("").expect("the defaults");
    let market = Arc::new(market());
    let segment = market.segments[0];
    let copies = config.build(market, segment, EpisodeMode::Sampled).expect("a game");
    copies.batch(0..n as u64, &RngTree::new(3))
}

fn env_step(c: &mut Criterion) {
    for entry in ENVIRONMENTS {
        let mut group = c.benchmark_group(entry.name);
        for n in [1, MANY] {
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(BenchmarkId::from_parameter(n), |b| {
                let mut env = batch(entry, n);
                let ActionSpec::Discrete { names } = &env.spec().action else { panic!("choices are drawn") };
                let plans: Vec<_> = choices(n, names.len() as u32).into_iter().map(ActionBatch::Discrete).collect();
                let mut plans = plans.iter().cycle();
                b.iter(|| black_box(env.step(plans.next().expect("a cycle"))).rewards[0]);
            });
        }
        group.finish();
    }
    let mut group = c.benchmark_group("prototype_long_short");
    group.throughput(Throughput::Elements(MANY as u64));
    group.bench_function(BenchmarkId::from_parameter(MANY), |b| {
        let mut bare = LongShortLoop::new(market().prices.close, MANY);
        let plans = choices(MANY, 3);
        let mut plans = plans.iter().cycle();
        b.iter(|| {
            bare.step(plans.next().expect("a cycle"));
            black_box(&bare.rewards);
        });
    });
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

    fn step(&mut self, choices: &[u32]) {
        let (n, close) = (choices.len(), &self.close[..]);
        let (row, end, ended) = (&mut self.row[..n], &mut self.end[..n], &mut self.ended[..n]);
        let (shares, cash) = (&mut self.shares[..n], &mut self.cash[..n]);
        let (net_worth, rewards) = (&mut self.net_worth[..n], &mut self.rewards[..n]);
        for i in 0..n {
            let (t, held) = (row[i] as usize, shares[i]);
            let price = close[t];
            let side = f64::from(choices[i]) - 1.0;
            let held_side = f64::from(i8::from(held > 0.0) - i8::from(held < 0.0));
            if held_side != side {
                let flat = cash[i] + held * price - held.abs() * price * COST;
                let size = (flat / (price * (1.0 + COST))).floor().max(0.0) * side.abs();
                shares[i] = size * side;
                cash[i] = flat - (size * side * price + size * price * COST);
            }
            let worth = cash[i] + shares[i] * close[t + 1];
            rewards[i] = ((worth - net_worth[i]) / net_worth[i]) as f32;
            ended[i] = t as u32 + 1 >= end[i] || worth <= 0.0;
            if ended[i] {
                end[i] = EPISODE_LEN + below(&mut self.rng, ROWS as u32 - EPISODE_LEN);
                (row[i], shares[i], cash[i], net_worth[i]) = (end[i] - EPISODE_LEN, 0.0, CASH, CASH);
            } else {
                (row[i], net_worth[i]) = (t as u32 + 1, worth);
            }
        }
    }
}

criterion_group!(benches, env_step);
criterion_main!(benches);
