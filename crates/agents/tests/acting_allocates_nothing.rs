//! Acting on slices allocates nothing once its buffers have grown.

use pavlov_agents::double_dqn::DoubleDqnConfig;
use pavlov_agents::manager_order::ManagerOrderConfig;
use pavlov_agents::nn::lstm::{Cell, Dims};
use pavlov_agents::nn::{Activation, DenseLayer};
use pavlov_agents::{AgentConfig, AgentContext, Device, RolloutLen};
use pavlov_rl_core::{ActMode, ActionSpec, Decisions, EnvSpec, Frame, Memory, ObservationSpec, Observations, RngTree};
use pavlov_testkit::CountingAllocator;

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

#[test]
fn a_dense_layer_and_an_lstm_cell_allocate_nothing_after_the_first_call() {
    assert!(CountingAllocator::is_installed());
    let dims = Dims { inputs: 10, hidden: 20 };
    let body = DenseLayer::new(7, 10, &[0.1; 70], &[0.0; 10], Activation::Relu);
    let cell = Cell::new(dims.inputs, dims.hidden, &vec![0.1; dims.packed_len()]);
    let (mut features, mut scratch) = (Vec::new(), Vec::new());
    let (seen, mut h, mut c) = ([0.5; 5 * 7], [0.0; 5 * 20], [0.0; 5 * 20]);
    let mut step = || {
        body.forward(&seen, &mut features);
        cell.step(&features, &mut h, &mut c, &mut scratch);
    };
    step();
    let before = CountingAllocator::count();
    (0..100).for_each(|_| step());
    assert_eq!(CountingAllocator::count() - before, 0);
}

#[test]
fn agents_allocate_nothing_after_the_first_decision() {
    let observation = ObservationSpec { window: 3, features: 4, account: 2 };
    let spec = EnvSpec { observation, action: ActionSpec::Discrete { names: &["short", "long"] } };
    let context =
        AgentContext { spec: &spec, num_envs: 8, rollout_len: RolloutLen::Steps(1), updates: 1, device: Device::Cpu };
    let double_dqn = DoubleDqnConfig { sizes: vec![64, 64], ..DoubleDqnConfig::default() };
    let manager_order = ManagerOrderConfig { hidden: 20, ..ManagerOrderConfig::default() };
    for config in [&double_dqn as &dyn AgentConfig, &manager_order] {
        let agent = config.build(&context, &RngTree::new(1)).unwrap();
        let frame = Frame::new(4, vec![0.5; 40]);
        let mut rng = RngTree::new(1).stream("policy", 0);
        for n in [8, 1] {
            let (rows, account) = (vec![5; n], vec![0.1; 2 * n]);
            let seen = Observations { frame: &frame, spec: observation, last_row: &rows, account: &account };
            let (mut memory, mut decisions) = (Memory::zeros(n, 0), Decisions::new(&spec.action, n));
            let mut step = |mode| agent.act(seen, &mut memory, mode, &mut rng, &mut decisions).unwrap();
            step(ActMode::Greedy);
            let before = CountingAllocator::count();
            (0..100).for_each(|i| step(if i % 2 == 0 { ActMode::Greedy } else { ActMode::Sample }));
            assert_eq!(CountingAllocator::count() - before, 0, "{} with {n} copies", config.name());
        }
    }
}
