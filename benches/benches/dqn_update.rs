//! Double DQN with the paper's network (330 -> 5 x 512 -> 2, batch norm, dropout 0.2) on one thread.
//!
//! `dqn_update/gradient/<B>` is a training pass, the way back and a step of AdamW; `dqn_update/step/<B>` a whole learning
//! step of the agent: drawing from the replay, both networks on next states, the gradient with its norm, AdamW.
//! `dqn_update/greedy/<N>` decides for `N` states.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pavlov_agents::double_dqn::{DoubleDqn, DoubleDqnConfig};
use pavlov_agents::nn::{Mlp, MlpShape, Pass, init::Init};
use pavlov_agents::optim::{AdamConfig, Decay, PackedAdam};
use pavlov_agents::{Agent, AgentContext, Device, RolloutLen};
use pavlov_rl_core::{
    ActMode, ActionBatch, ActionSpec, Decisions, EnvSpec, Experience, Frame, Memory, ObservationSpec, Observations,
    Policy, RngTree, Snapshot, Status, StepBatch, normal,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OBSERVATION: ObservationSpec = ObservationSpec { window: 30, features: 11, account: 0 };
const ROWS: usize = 500;

fn gradient(c: &mut Criterion) {
    let mut group = c.benchmark_group("dqn_update/gradient");
    for batch in [8, 32] {
        let mut rng = RngTree::new(1).stream("init", 0);
        let shape = MlpShape {
            inputs: OBSERVATION.flat_len(),
            hidden: vec![512; 5],
            outputs: 2,
            batch_norm: true,
            leaky_slope: 0.01,
            dropout: 0.2,
        };
        let mut mlp = Mlp::new(shape, Init::GlorotUniform, &mut rng);
        let config = AdamConfig { weight_decay: 1e-5, decay: Decay::Decoupled, ..AdamConfig::default() };
        let mut adam = PackedAdam::new(&mlp, config);
        let x: Vec<f32> = (0..batch * OBSERVATION.flat_len()).map(|_| normal(&mut rng) as f32).collect();
        let (mut pass, mut gradient) = (Pass::default(), mlp.gradient());
        group.bench_function(BenchmarkId::from_parameter(batch), |b| {
            b.iter(|| {
                mlp.train(&x, &mut pass, &mut rng);
                let d: Vec<f32> = pass.outputs().iter().map(|y| y / batch as f32).collect();
                mlp.backward(&d, &mut pass, &mut gradient, None);
                adam.step(&mut mlp, &gradient, 1e-4, 1.0);
            });
        });
    }
    group.finish();
}

fn agent(batch_size: usize) -> (DoubleDqn, EnvSpec) {
    let spec = EnvSpec { observation: OBSERVATION, action: ActionSpec::Discrete { names: &["short", "long"] } };
    let context =
        AgentContext { spec: &spec, num_envs: 1, rollout_len: RolloutLen::Steps(1), updates: 1, device: Device::Cpu };
    let config = DoubleDqnConfig { batch_size, warm_up: batch_size, ..DoubleDqnConfig::default() };
    (DoubleDqn::new(config, &context, &RngTree::new(1)).expect("two actions"), spec)
}

fn frame() -> Frame {
    let mut rng = RngTree::new(2).stream("test", 0);
    Frame::new(OBSERVATION.features, (0..ROWS * OBSERVATION.features).map(|_| normal(&mut rng) as f32).collect())
}

fn step(c: &mut Criterion) {
    let mut group = c.benchmark_group("dqn_update/step");
    for batch in [8, 32] {
        let ((mut agent, spec), frame) = (agent(batch), frame());
        let mut rng = RngTree::new(1).stream("shuffle", 0);
        let (decisions, memory, mut row) = (Decisions::new(&spec.action, 1), Memory::zeros(1, 0), 30);
        let mut learn = || {
            row = 30 + (row - 29) % (ROWS as u32 - 31);
            let before = Snapshot { last_row: vec![row], account: Vec::new() };
            let last_row = [row + 1];
            let next = Observations { frame: &frame, spec: OBSERVATION, last_row: &last_row, account: &[] };
            let (rewards, statuses) = ([f64::from(row % 7) - 3.0], [Status::Running]);
            let after = StepBatch { rewards: &rewards, statuses: &statuses, next, end: next, end_ledgers: &[] };
            let step = Experience {
                before: &before,
                memory_before: &memory,
                decisions: &decisions,
                memory_after: &memory,
                mirrored: None,
                after,
            };
            agent.observe(step).expect("finite numbers");
            agent.update(&mut rng).expect("finite numbers").is_some()
        };
        while !learn() {}
        group.bench_function(BenchmarkId::from_parameter(batch), |b| b.iter(|| assert!(learn())));
    }
    group.finish();
}

fn greedy(c: &mut Criterion) {
    let mut group = c.benchmark_group("dqn_update/greedy");
    let ((agent, spec), frame) = (agent(32), frame());
    let mut rng = RngTree::new(1).stream("policy", 0);
    for n in [1, 8] {
        let rows: Vec<u32> = (40..40 + n).collect();
        let seen = Observations { frame: &frame, spec: OBSERVATION, last_row: &rows, account: &[] };
        let (mut memory, mut out) = (Memory::zeros(n as usize, 0), Decisions::new(&spec.action, n as usize));
        group.bench_function(BenchmarkId::from_parameter(n), |b| {
            b.iter(|| {
                agent.act(seen, &mut memory, ActMode::Greedy, &mut rng, &mut out).expect("finite numbers");
                let ActionBatch::Discrete(actions) = &out.actions else { unreachable!("two actions") };
                black_box(actions[0])
            });
        });
    }
    group.finish();
}

criterion_group!(benches, gradient, step, greedy);
criterion_main!(benches);
