//! LSTM-PPO through its public face: acting and learning agree, memory is learnt, a saved agent goes on bit for bit.

use std::sync::Arc;

use pavlov_agents::lstm_ppo::{Body, LstmPpo, LstmPpoConfig, Schedule};
use pavlov_agents::{Agent, AgentConfig, AgentContext, AgentError, Device, EpisodeWord, RolloutLen};
use pavlov_rl_core::{
    ActMode, Action, ActionSpec, Batch, BatchEnv, Checkpoint, Decisions, EnvSpec, Environment, Experience, Fills,
    Frame, Ledger, Memory, ObservationSpec, Policy, Rng, RngTree, Snapshot, StateError, Status, Step, UpdateStats,
    below,
};

/// A cue is shown once; naming it `delay` steps later earns 1, anything else nothing. Only memory can solve it.
struct Recall {
    spec: EnvSpec,
    frame: Frame,
    delay: u32,
    end: Status,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Cue {
    age: u32,
    cue: u32,
}

impl Recall {
    fn new(delay: u32, end: Status) -> Arc<Self> {
        let observation = ObservationSpec { window: 1, features: 1, account: 2 };
        let spec = EnvSpec { observation, action: ActionSpec::Discrete { names: &["left", "right"] } };
        Arc::new(Self { spec, frame: Frame::new(1, vec![0.5; 8]), delay, end })
    }
}

impl Environment for Recall {
    type State = Cue;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn new_state(&self) -> Cue {
        Cue { age: 0, cue: 0 }
    }

    fn reset(&self, state: &mut Cue, rng: &mut Rng) {
        *state = Cue { age: 0, cue: below(rng, 2) };
    }

    fn step<F: Fills>(&self, state: &mut Cue, action: Action<'_>, _: &mut F) -> Step {
        let last = state.age == self.delay;
        let right = action == Action::Discrete(state.cue);
        state.age += 1;
        Step { reward: f64::from(last && right), status: if last { self.end } else { Status::Running } }
    }

    fn observe(&self, state: &Cue, account: &mut [f32]) -> u32 {
        let cue = if state.age == 0 { 2.0 * state.cue as f32 - 1.0 } else { 0.0 };
        account.copy_from_slice(&[cue, f32::from(state.age == self.delay)]);
        state.age.min(7)
    }

    fn ledger(&self, _: &Cue) -> Ledger {
        Ledger::default()
    }

    fn check(&self, _: &Cue) -> Result<(), StateError> {
        Ok(())
    }
}

/// An agent in its loop.
struct Loop {
    env: Box<dyn BatchEnv>,
    agent: LstmPpo,
    memory: Memory,
    policy_rng: Rng,
    update_rng: Rng,
    earned: f64,
    ended: u32,
}

fn config() -> LstmPpoConfig {
    LstmPpoConfig {
        fc: 16,
        hidden: 16,
        learning_rate: 1e-2,
        clip: 0.2,
        schedule: Schedule::Constant,
        ..Default::default()
    }
}

impl Loop {
    fn new(config: LstmPpoConfig, env: Arc<Recall>, num_envs: usize, rollout_len: RolloutLen, seed: u64) -> Self {
        let rng = RngTree::new(seed);
        let spec = env.spec.clone();
        let context = AgentContext { spec: &spec, num_envs, rollout_len, updates: 100, device: Device::Cpu };
        let agent = LstmPpo::new(config, &context, &rng).unwrap();
        Self {
            env: Box::new(Batch::new(env, 0..num_envs as u64, &rng)),
            memory: agent.memory(num_envs),
            agent,
            policy_rng: rng.stream("policy", 0),
            update_rng: rng.stream("shuffle", 0),
            earned: 0.0,
            ended: 0,
        }
    }

    fn until_update(&mut self) -> UpdateStats {
        (self.earned, self.ended) = (0.0, 0);
        let mut decisions = Decisions::new(&self.env.spec().action, self.env.len());
        loop {
            let mut before = Snapshot::default();
            before.copy_from(self.env.observations());
            let memory_before = self.memory.clone();
            let seen = self.env.observations();
            self.agent.act(seen, &mut self.memory, ActMode::Sample, &mut self.policy_rng, &mut decisions).unwrap();
            let after = self.env.step(&decisions.actions);
            self.earned += after.rewards.iter().sum::<f64>();
            self.ended += after.statuses.iter().filter(|s| **s != Status::Running).count() as u32;
            let step = Experience {
                before: &before,
                memory_before: &memory_before,
                decisions: &decisions,
                memory_after: &self.memory,
                mirrored: None,
                after,
            };
            self.agent.observe(step).unwrap();
            self.memory.forget_ended(after.statuses);
            if let Some(stats) = self.agent.update(&mut self.update_rng).unwrap() {
                return stats;
            }
        }
    }

    fn saved(&self) -> Vec<u8> {
        let mut checkpoint = Checkpoint::default();
        self.agent.save(&mut checkpoint).unwrap();
        checkpoint.to_bytes()
    }
}

fn stat(stats: &UpdateStats, name: &str) -> f64 {
    stats.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no figure `{name}`")).1
}

#[test]
fn the_learning_pass_sees_the_probabilities_that_were_acted_on() {
    // Episodes of 4 steps in rollouts of 11: memory is carried over rollouts and zeroed inside them.
    for minibatches in [1, 3] {
        let config = LstmPpoConfig { learning_rate: 1e-12, epochs: 2, num_minibatches: minibatches, ..config() };
        let mut run = Loop::new(config, Recall::new(3, Status::Truncated), 6, RolloutLen::Steps(11), 1);
        for update in 0..3 {
            let stats = run.until_update();
            let (kl, clipped) = (stat(&stats, "approx_kl"), stat(&stats, "clip_frac"));
            assert!(kl.abs() < 1e-9 && clipped == 0.0, "update {update}: divergence {kl}, clipped {clipped}");
        }
    }
}

#[test]
fn a_cue_is_remembered_over_five_steps_on_three_of_three_seeds() {
    for seed in 1..=3 {
        let mut run = Loop::new(config(), Recall::new(5, Status::Terminated), 32, RolloutLen::Steps(24), seed);
        for _ in 0..150 {
            run.until_update();
        }
        let share = run.earned / f64::from(run.ended);
        assert!(share > 0.9, "seed {seed}: right in {share:.2} of the episodes, chance is 0.5");
    }
}

#[test]
fn without_memory_a_cue_of_five_steps_ago_is_worth_nothing_and_one_in_sight_everything() {
    let config = LstmPpoConfig { body: Body::Dense, ..config() };
    for (delay, right) in [(5, 0.4..0.6), (0, 0.9..1.01)] {
        let mut run = Loop::new(config.clone(), Recall::new(delay, Status::Terminated), 32, RolloutLen::Steps(24), 1);
        (0..100).for_each(|_| drop(run.until_update()));
        let (mut earned, mut ended) = (0.0, 0);
        for _ in 0..10 {
            run.until_update();
            (earned, ended) = (earned + run.earned, ended + run.ended);
        }
        let share = earned / f64::from(ended);
        assert!(right.contains(&share), "delay {delay}: right in {share:.2} of the episodes, chance is 0.5");
    }
}

#[test]
fn a_restored_agent_learns_on_bit_for_bit() {
    for body in [Body::Lstm, Body::Dense] {
        restored_agent_learns_on(LstmPpoConfig { body, ..config() });
    }
}

fn restored_agent_learns_on(config: LstmPpoConfig) {
    let env = || Recall::new(3, Status::Terminated);
    let mut straight = Loop::new(config.clone(), env(), 4, RolloutLen::Steps(10), 7);
    (0..3).for_each(|_| drop(straight.until_update()));
    let mut resumed = Loop::new(config, env(), 4, RolloutLen::Steps(10), 8);
    resumed.agent.restore(&Checkpoint::from_bytes(&straight.saved()).unwrap()).unwrap();
    resumed.env.restore(&straight.env.save()).unwrap();
    resumed.memory = straight.memory.clone();
    (resumed.policy_rng, resumed.update_rng) = (straight.policy_rng.clone(), straight.update_rng.clone());
    for _ in 0..3 {
        assert_eq!(straight.until_update(), resumed.until_update());
    }
    assert_eq!(straight.saved(), resumed.saved());
}

#[test]
fn a_truncated_episode_is_bootstrapped_and_a_terminated_one_is_not() {
    // With the same seed both runs act alike up to the first update; only the targets of the last steps differ.
    let config = LstmPpoConfig { epochs: 1, ..config() };
    let loss = |end| {
        stat(&Loop::new(config.clone(), Recall::new(3, end), 4, RolloutLen::Steps(8), 5).until_update(), "value_loss")
    };
    assert_ne!(loss(Status::Terminated), loss(Status::Truncated));
}

#[test]
fn a_rollout_of_one_episode_ends_with_it() {
    let mut run =
        Loop::new(config(), Recall::new(9, Status::Terminated), 1, RolloutLen::Episode(EpisodeWord::Episode), 2);
    for _ in 0..3 {
        run.until_update();
        assert_eq!(run.ended, 1);
    }
}

#[test]
fn an_environment_that_does_not_fit_is_refused_by_name() {
    let env = Recall::new(3, Status::Terminated);
    let context =
        |spec, num_envs, rollout_len| AgentContext { spec, num_envs, rollout_len, updates: 1, device: Device::Cpu };
    let refused = |config: LstmPpoConfig, context: &AgentContext<'_>| match config.build(context, &RngTree::new(1)) {
        Err(AgentError::Mismatch { reason, .. }) => reason,
        _ => panic!("must be refused"),
    };
    let box_of_one = ActionSpec::Continuous { low: [0.0].into(), high: [1.0].into() };
    let continuous = EnvSpec { action: box_of_one, ..env.spec.clone() };
    assert!(refused(config(), &context(&continuous, 1, RolloutLen::Steps(8))).contains("discrete actions"));
    let parts = LstmPpoConfig { num_minibatches: 5, ..config() };
    assert!(refused(parts, &context(&env.spec, 4, RolloutLen::Steps(8))).contains("5 minibatches"));
    let episode = RolloutLen::Episode(EpisodeWord::Episode);
    assert!(refused(config(), &context(&env.spec, 4, episode)).contains("num_envs = 1"));
}

#[test]
fn a_reward_that_is_not_a_number_stops_the_learning_with_its_name() {
    let mut run = Loop::new(
        LstmPpoConfig { learning_rate: 1e30, ..config() },
        Recall::new(3, Status::Terminated),
        4,
        RolloutLen::Steps(8),
        3,
    );
    let mut decisions = Decisions::new(&run.env.spec().action, 4);
    let error = (0..200).find_map(|_| {
        let mut before = Snapshot::default();
        before.copy_from(run.env.observations());
        let memory_before = run.memory.clone();
        run.agent
            .act(run.env.observations(), &mut run.memory, ActMode::Sample, &mut run.policy_rng, &mut decisions)
            .unwrap();
        let after = run.env.step(&decisions.actions);
        let step = Experience {
            before: &before,
            memory_before: &memory_before,
            decisions: &decisions,
            memory_after: &run.memory,
            mirrored: None,
            after: pavlov_rl_core::StepBatch { rewards: &[f64::NAN; 4], ..after },
        };
        run.agent.observe(step).unwrap();
        run.agent.update(&mut run.update_rng).err()
    });
    let error = error.expect("NaN must not pass");
    let message = error.to_string();
    assert!(message.contains("the loss") && message.contains("update 0"), "{message}");
    let AgentError::NotFinite { batch, .. } = error else { panic!("another error: {message}") };
    assert!(batch.f32("rewards", &[8, 4]).unwrap().iter().all(|r| r.is_nan()));
    assert!(batch.f32("observations", &[9, 4, 3]).unwrap().iter().all(|x| x.is_finite()));
    assert!(batch.f32("weights/policy.weight", &[2, 16]).unwrap().iter().all(|x| x.is_finite()));
}
