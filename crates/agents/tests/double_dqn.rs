//! Double DQN through its public face: it finds what is best, a saved agent goes on bit for bit, and mirrored experience
//! tells it of what it did not do.

mod common;

use std::sync::Arc;

use common::{Chain, Loop, stat};
use pavlov_agents::double_dqn::{DoubleDqn, DoubleDqnConfig, Epsilon, EpsilonDecay, Optimiser, Target};
use pavlov_agents::replay::Sampling;
use pavlov_agents::{Agent, AgentConfig, AgentContext, AgentError, Device, EpisodeWord, RolloutLen};
use pavlov_rl_core::{ActionBatch, ActionSpec, Checkpoint, Decisions, EnvSpec, RngTree, Status};

fn config() -> DoubleDqnConfig {
    DoubleDqnConfig {
        sizes: vec![32, 32],
        dropout: 0.0,
        learning_rate: 3e-3,
        discount: 0.9,
        warm_up: 100,
        replay_len: 2_000,
        target: Target::CopyEvery(50),
        epsilon: Epsilon { decay_steps: 1_000.0, end: 0.05, ..Epsilon::default() },
        ..DoubleDqnConfig::default()
    }
}

/// For a bandit: where all states are alike, a batch has no deviation to normalise by.
fn bandit() -> DoubleDqnConfig {
    DoubleDqnConfig { batch_norm: false, ..config() }
}

/// What may be chosen beside the plain algorithm.
fn variants() -> Vec<(&'static str, DoubleDqnConfig)> {
    let prioritised = Sampling::Prioritised { alpha: 0.6, beta: 0.4 };
    let linear = Epsilon { decay: EpsilonDecay::Linear, end: 0.05, decay_steps: 3_000.0, ..Epsilon::default() };
    vec![
        ("plain", config()),
        ("without batch norm", DoubleDqnConfig { batch_norm: false, ..config() }),
        ("dropout", DoubleDqnConfig { dropout: 0.2, sizes: vec![64, 64], ..config() }),
        ("duelling", DoubleDqnConfig { duelling: true, ..config() }),
        ("three steps", DoubleDqnConfig { n_steps: 3, mirrored: false, ..config() }),
        ("prioritised", DoubleDqnConfig { sampling: prioritised, ..config() }),
        ("soft target", DoubleDqnConfig { target: Target::Soft(0.02), ..config() }),
        ("linear epsilon, Adam", DoubleDqnConfig { epsilon: linear, optimiser: Optimiser::Adam, ..config() }),
    ]
}

#[test]
fn the_better_arm_of_a_bandit_is_found_and_both_are_valued() {
    for seed in 1..=3 {
        // The end terminates: the right arm is worth 1, the left one 0.02 and then the right one.
        let mut run = Loop::new(&bandit(), Chain::new(1, Status::Terminated), 4, RolloutLen::Steps(50), seed);
        (0..12).for_each(|_| drop(run.until_update()));
        let q = run.values();
        assert!((q[1] - 1.0).abs() < 0.1 && (q[0] - 0.92).abs() < 0.1, "seed {seed}: {q:?}");
    }
}

#[test]
fn the_far_end_of_a_chain_is_found_with_every_option() {
    for (name, config) in variants() {
        let mut run = Loop::new(&config, Chain::new(6, Status::Terminated), 4, RolloutLen::Steps(100), 1);
        (0..40).for_each(|_| drop(run.until_update()));
        let q = run.values();
        assert!(q.chunks(2).all(|q| q[1] > q[0]), "{name}: {q:?}");
        let (first, last) = (0.9f32.powi(5), 1.0);
        assert!((q[1] - first).abs() < 0.15 && (q[11] - last).abs() < 0.15, "{name}: {} and {}", q[1], q[11]);
    }
}

#[test]
fn an_end_that_cuts_the_episode_is_bootstrapped_and_one_that_ends_the_game_is_not() {
    let value = |end| {
        let config = DoubleDqnConfig { discount: 0.5, ..bandit() };
        let mut run = Loop::new(&config, Chain::new(1, end), 4, RolloutLen::Steps(100), 2);
        (0..10).for_each(|_| drop(run.until_update()));
        run.values()[1]
    };
    let (ended, cut) = (value(Status::Terminated), value(Status::Truncated));
    assert!((ended - 1.0).abs() < 0.1 && (cut - 2.0).abs() < 0.2, "{ended} and {cut}");
}

#[test]
fn mirrored_experience_values_an_action_that_is_never_taken() {
    let never = Epsilon { start: 0.0, end: 0.0, ..Epsilon::default() };
    let learnt = |mirrored| {
        let config = DoubleDqnConfig { mirrored, epsilon: never, warm_up: 32, ..bandit() };
        let mut run = Loop::new(&config, Chain::new(1, Status::Terminated), 2, RolloutLen::Steps(200), 1);
        (0..3).for_each(|_| drop(run.until_update()));
        let stats = run.until_update();
        (run.values(), stat(&stats, "replay_len"))
    };
    let (q, len) = learnt(true);
    assert!((q[0] - 0.92).abs() < 0.1 && (q[1] - 1.0).abs() < 0.1, "{q:?}");
    assert_eq!((len, learnt(false).1), (2_000.0, 1_600.0), "each step makes two transitions, or one");
}

#[test]
fn an_action_without_an_opposite_is_not_mirrored() {
    let mut env = Arc::into_inner(Chain::new(1, Status::Terminated)).unwrap();
    env.spec.action = ActionSpec::Discrete { names: &["short", "long", "hold"] };
    let context = AgentContext {
        spec: &env.spec,
        num_envs: 3,
        rollout_len: RolloutLen::Steps(1),
        updates: 1,
        device: Device::Cpu,
    };
    let agent = DoubleDqn::new(config(), &context, &RngTree::new(1)).unwrap();
    let mut decisions = Decisions::new(&env.spec.action, 3);
    let mut twins = decisions.actions.clone();
    for (actions, expected, any) in [([0, 1, 2], [1, 0, 2], true), ([2, 2, 2], [2, 2, 2], false)] {
        decisions.actions = ActionBatch::Discrete(actions.to_vec());
        assert_eq!((agent.mirror(&decisions, &mut twins), &twins), (any, &ActionBatch::Discrete(expected.to_vec())));
    }
}

#[test]
fn a_restored_agent_learns_on_bit_for_bit_with_every_option() {
    for (name, config) in variants() {
        let env = || Chain::new(4, Status::Terminated);
        let mut straight = Loop::new(&config, env(), 3, RolloutLen::Steps(7), 7);
        (0..30).for_each(|_| drop(straight.until_update()));
        let mut resumed = Loop::new(&config, env(), 3, RolloutLen::Steps(7), 8);
        resumed.become_like(&straight);
        assert_eq!(straight.saved(), resumed.saved(), "{name}");
        for _ in 0..5 {
            assert_eq!(straight.until_update(), resumed.until_update(), "{name}");
        }
        assert_eq!(straight.saved(), resumed.saved(), "{name}");
    }
}

#[test]
fn learning_waits_for_the_warm_up_and_keeps_its_period() {
    let config = DoubleDqnConfig { warm_up: 60, learn_every: 4, gradient_steps: 3, mirrored: false, ..config() };
    let mut run = Loop::new(&config, Chain::new(4, Status::Terminated), 2, RolloutLen::Steps(20), 3);
    let steps = |run: &mut Loop| (1..).find(|_| run.step(|r| r).unwrap().is_some()).unwrap();
    // 60 transitions of two environments take 30 steps, and learning is due then.
    assert_eq!(steps(&mut run), 30);
    assert_eq!([steps(&mut run), steps(&mut run)], [20, 20]);
    let checkpoint = Checkpoint::from_bytes(&run.saved()).unwrap();
    assert_eq!(checkpoint.value::<u64>("adam/steps").unwrap(), 3 * (1 + 5 + 5));
}

#[test]
fn a_rollout_of_one_episode_ends_with_it() {
    let one = RolloutLen::Episode(EpisodeWord::Episode);
    let config = DoubleDqnConfig { warm_up: 32, ..config() };
    let mut run = Loop::new(&config, Chain::new(3, Status::Terminated), 1, one, 2);
    for _ in 0..20 {
        run.until_update();
        assert!(run.ended, "an update in the middle of an episode");
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let env = Chain::new(3, Status::Terminated);
    let context =
        |spec, num_envs, rollout_len| AgentContext { spec, num_envs, rollout_len, updates: 1, device: Device::Cpu };
    let refused = |context: &AgentContext<'_>| match config().build(context, &RngTree::new(1)) {
        Err(AgentError::Mismatch { reason, .. }) => reason,
        _ => panic!("must be refused"),
    };
    let box_of_one = ActionSpec::Continuous { low: [0.0].into(), high: [1.0].into() };
    let continuous = EnvSpec { action: box_of_one, ..env.spec.clone() };
    assert!(refused(&context(&continuous, 1, RolloutLen::Steps(8))).contains("discrete actions"));
    let episode = RolloutLen::Episode(EpisodeWord::Episode);
    assert!(refused(&context(&env.spec, 4, episode)).contains("num_envs = 1"));
    let wrong = DoubleDqnConfig { batch_size: 1, dropout: 1.0, target: Target::Soft(0.0), ..config() };
    let problems = wrong.validate();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("batch_size") && p.contains("batch_norm = false")), "{problems:?}");
    assert!(DoubleDqnConfig { batch_size: 1, batch_norm: false, ..config() }.validate().is_empty());
}

#[test]
fn a_reward_that_is_not_a_number_stops_the_learning_with_its_batch() {
    let config = DoubleDqnConfig { mirrored: false, warm_up: 32, ..config() };
    let mut run = Loop::new(&config, Chain::new(3, Status::Terminated), 4, RolloutLen::Steps(8), 3);
    let error = (0..200).find_map(|_| run.step(|_| f64::NAN).err()).expect("NaN must not pass");
    let message = error.to_string();
    assert!(message.contains("the loss") && message.contains("update 0"), "{message}");
    let AgentError::NotFinite { batch, .. } = error else { panic!("another error: {message}") };
    assert!(batch.f32("rewards", &[32]).unwrap().iter().all(|r| r.is_nan()));
    assert!(batch.f32("observations", &[32, 4]).unwrap().iter().all(|x| x.is_finite()));
    assert!(batch.f32("weights/head.weight", &[2, 32]).unwrap().iter().all(|x| x.is_finite()));
}
