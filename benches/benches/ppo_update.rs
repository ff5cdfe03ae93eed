//! LSTM-PPO on the Bitcoin environment: environment steps per second on one thread, learning included.
//!
//! `ppo_update/whole/<envs>x<rollout>/fc<F>-lstm<H>` acts, steps and observes one rollout and learns from it in three
//! epochs; `ppo_update/acting/...` plays the same rollout with a fresh agent that never learns. The difference is the
//! price of the gradient. `ppo_update/gemm/<M>x<K>x<N>` is candle's matrix product alone, in floating-point operations
//! per second: what the arithmetic of the gradient is measured against.

use std::hint::black_box;
use std::sync::Arc;

use candle_core::Tensor;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pavlov_agents::lstm_ppo::{LstmPpo, LstmPpoConfig, Schedule};
use pavlov_agents::{Agent, AgentContext, Device, RolloutLen};
use pavlov_envs::{BatchFactory, EpisodeMode, environment};
use pavlov_rl_core::{ActMode, BatchEnv, Decisions, Experience, Memory, Policy, Rng, RngTree, Snapshot, StepBatch};
use pavlov_testkit::synthetic;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 10_000;
const FEATURES: usize = 5;
const REWARD_SCALE: f64 = 0.01;
const NEVER: u32 = u32::MAX;

/// Environments, steps of a rollout and units of the two layers.
#[derive(Clone, Copy)]
struct Size {
    envs: usize,
    rollout: u32,
    fc: usize,
    hidden: usize,
}

/// The article's two networks with its rollout of one episode and in batches.
const SIZES: [Size; 4] = [
    Size { envs: 1, rollout: 500, fc: 10, hidden: 10 },
    Size { envs: 1, rollout: 500, fc: 64, hidden: 32 },
    Size { envs: 64, rollout: 128, fc: 10, hidden: 10 },
    Size { envs: 64, rollout: 128, fc: 64, hidden: 32 },
];

impl Size {
    fn id(self) -> BenchmarkId {
        let Self { envs, rollout, fc, hidden } = self;
        BenchmarkId::new(format!("{envs}x{rollout}"), format!("fc{fc}-lstm{hidden}"))
    }

    fn throughput(self) -> Throughput {
        Throughput::Elements(self.envs as u64 * u64::from(self.rollout))
    }
}

fn bitcoin() -> Box<dyn BatchFactory> {
    let config = environment("bitcoin").expect("registered").parse_text("").expect("the defaults");
    let market = Arc::new(synthetic::random_walk(ROWS, 1, FEATURES, 1));
    let segment = market.segments[0];
    config.build(market, &[segment], EpisodeMode::Sampled).expect("a game")
}

/// The training loop without its logs and checkpoints.
struct Training {
    env: Box<dyn BatchEnv>,
    agent: LstmPpo,
    memory: Memory,
    memory_before: Memory,
    before: Snapshot,
    decisions: Decisions,
    rewards: Vec<f64>,
    policy_rng: Rng,
    update_rng: Rng,
}

impl Training {
    /// An agent that learns every `due` steps.
    fn new(game: &dyn BatchFactory, size: Size, due: u32) -> Self {
        let rng = RngTree::new(2);
        let env = game.batch(0..size.envs as u64, &rng);
        let context = AgentContext {
            spec: env.spec(),
            num_envs: size.envs,
            rollout_len: RolloutLen::Steps(due),
            updates: 1,
            device: Device::Cpu,
        };
        let config =
            LstmPpoConfig { fc: size.fc, hidden: size.hidden, schedule: Schedule::Constant, ..Default::default() };
        let agent = LstmPpo::new(config, &context, &rng).expect("three actions");
        Self {
            decisions: Decisions::new(&env.spec().action, size.envs),
            memory: agent.memory(size.envs),
            memory_before: Memory::default(),
            before: Snapshot::default(),
            rewards: vec![0.0; size.envs],
            policy_rng: rng.stream("policy", 0),
            update_rng: rng.stream("shuffle", 0),
            env,
            agent,
        }
    }

    /// Whether the agent learnt after this step.
    fn step(&mut self) -> bool {
        let seen = self.env.observations();
        self.before.copy_from(seen);
        self.memory_before.copy_from(&self.memory);
        let acted = self.agent.act(seen, &mut self.memory, ActMode::Sample, &mut self.policy_rng, &mut self.decisions);
        acted.expect("finite numbers");
        let after = self.env.step(&self.decisions.actions);
        for (scaled, reward) in self.rewards.iter_mut().zip(after.rewards) {
            *scaled = reward * REWARD_SCALE;
        }
        let step = Experience {
            before: &self.before,
            memory_before: &self.memory_before,
            decisions: &self.decisions,
            memory_after: &self.memory,
            mirrored: None,
            after: StepBatch { rewards: &self.rewards, ..after },
        };
        self.agent.observe(step).expect("finite numbers");
        self.memory.forget_ended(after.statuses);
        self.agent.update(&mut self.update_rng).expect("finite numbers").is_some()
    }

    fn rollout(&mut self, steps: u32) -> bool {
        (0..steps).fold(false, |_, _| self.step())
    }
}

fn ppo_update(c: &mut Criterion) {
    let game = bitcoin();
    for size in SIZES {
        let mut group = c.benchmark_group("ppo_update/whole");
        group.sample_size(30).throughput(size.throughput());
        group.bench_function(size.id(), |b| {
            let mut training = Training::new(&*game, size, size.rollout);
            b.iter(|| assert!(training.rollout(size.rollout), "every rollout is learnt from"));
        });
        group.finish();
        let mut group = c.benchmark_group("ppo_update/acting");
        group.sample_size(30).throughput(size.throughput());
        group.bench_function(size.id(), |b| {
            let fresh = || Training::new(&*game, size, NEVER);
            b.iter_batched_ref(fresh, |training| black_box(training.rollout(size.rollout)), BatchSize::LargeInput);
        });
        group.finish();
    }
}

/// A large square, the input product of the batched LSTM over a whole rollout, and its recurrent product of one step.
const PRODUCTS: [[usize; 3]; 3] = [[512, 512, 512], [129 * 64, 64, 128], [64, 32, 128]];

fn gemm(c: &mut Criterion) {
    let mut group = c.benchmark_group("ppo_update/gemm");
    for [m, k, n] in PRODUCTS {
        let numbers = |rows, cols| Tensor::full(0.5f32, (rows, cols), &Device::Cpu).expect("memory").contiguous();
        let (a, b) = (numbers(m, k).expect("memory"), numbers(k, n).expect("memory"));
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function(format!("{m}x{k}x{n}"), |bench| bench.iter(|| black_box(a.matmul(&b).expect("shapes"))));
    }
    group.finish();
}

criterion_group!(benches, ppo_update, gemm);
criterion_main!(benches);
