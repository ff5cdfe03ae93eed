//! Gaussian PPO on the environment of two funds as the KOSPI notebook plays it, on one thread: 200 steps of one copy, then
//! 80 passes over them; actor and critic are 60-128-64-1 with tanh.
//!
//! `gaussian_ppo/whole` acts, steps, observes and learns; an iteration is 200 environment steps. `gaussian_ppo/acting` is
//! the same without learning.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pavlov_agents::gaussian_ppo::{Bound, GaussianPpo, GaussianPpoConfig};
use pavlov_agents::{Agent, AgentContext, Device, RolloutLen};
use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActMode, BatchEnv, Decisions, Experience, Memory, Policy, Rng, RngTree, Snapshot};
use pavlov_testkit::synthetic;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: u32 = 200;
const ROWS: usize = 3_000;
const FEATURES: usize = 6;
const ASSETS: usize = 2;

/// The notebook's loop.
struct Loop {
    env: Box<dyn BatchEnv>,
    agent: GaussianPpo,
    memory: Memory,
    decisions: Decisions,
    before: Snapshot,
    rngs: [Rng; 2],
}

impl Loop {
    fn new() -> Self {
        let market = Arc::new(synthetic::random_walk(ROWS, ASSETS, FEATURES, 1));
        let segment = pavlov_rl_core::Segment { start: 0, first: 0, end: ROWS as u32 };
        let rules = environment("leverage_inverse").expect("it is registered");
        let rules = rules.parse_text("variant = \"as_published\"").expect("valid keys");
        let game = rules.build(market, &[segment], EpisodeMode::Sampled).expect("a market of two assets");
        let rng = RngTree::new(1);
        let rollout_len = RolloutLen::Steps(STEPS);
        let context = AgentContext { spec: game.spec(), num_envs: 1, rollout_len, updates: 1, device: Device::Cpu };
        let config =
            GaussianPpoConfig { bound: Bound::AsPublished, max_grad_norm: 0.0, ..GaussianPpoConfig::default() };
        let agent = GaussianPpo::new(config, &context, &rng).expect("one number between bounds");
        Self {
            env: game.batch(0..1, &rng),
            memory: agent.memory(1),
            decisions: Decisions::new(&game.spec().action, 1),
            before: Snapshot::default(),
            rngs: [rng.stream("policy", 0), rng.stream("shuffle", 0)],
            agent,
        }
    }

    fn step(&mut self, learns: bool) {
        let seen = self.env.observations();
        self.before.copy_from(seen);
        let memory_before = self.memory.clone();
        let acted = self.agent.act(seen, &mut self.memory, ActMode::Sample, &mut self.rngs[0], &mut self.decisions);
        acted.expect("finite means");
        let after = self.env.step(&self.decisions.actions);
        if !learns {
            return;
        }
        let step = Experience {
            before: &self.before,
            memory_before: &memory_before,
            decisions: &self.decisions,
            memory_after: &self.memory,
            mirrored: None,
            after,
        };
        self.agent.observe(step).expect("finite numbers");
        self.agent.update(&mut self.rngs[1]).expect("finite numbers");
    }
}

fn whole(c: &mut Criterion) {
    let mut group = c.benchmark_group("gaussian_ppo");
    group.throughput(Throughput::Elements(u64::from(STEPS)));
    for (name, learns) in [("whole", true), ("acting", false)] {
        let mut run = Loop::new();
        group.bench_function(name, |b| b.iter(|| (0..STEPS).for_each(|_| run.step(learns))));
    }
    group.finish();
}

criterion_group!(benches, whole);
criterion_main!(benches);
