//! Gaussian PPO through its public face: it hits what it aims at, whatever bounds it; a saved agent goes on bit for bit;
//! the best weights are those that earned most.

use std::sync::Arc;

use pavlov_agents::gaussian_ppo::{
    Advantages, Bound, Deviation, GaussianPpo, GaussianPpoConfig, Hidden, Judged, MeanHead,
};
use pavlov_agents::lstm_ppo::Body;
use pavlov_agents::{Agent, AgentConfig, AgentContext, AgentError, Device, RolloutLen};
use pavlov_rl_core::{
    ActMode, Action, ActionBatch, ActionSpec, Batch, BatchEnv, Checkpoint, Decisions, EnvSpec, Environment, Experience,
    Fills, Frame, Ledger, Memory, ObservationSpec, Policy, Rng, RngTree, Snapshot, StateError, Status, Step, StepBatch,
    UpdateStats, uniform_f32,
};

/// A place is shown; `delay` steps later two numbers are to be that place and its mirror image: the nearer, the dearer.
struct Aim {
    spec: EnvSpec,
    frame: Frame,
    delay: u32,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Shown {
    age: u32,
    place: f32,
}

const LOW: [f32; 2] = [-1.0, 2.0];
const HIGH: [f32; 2] = [1.0, 6.0];

impl Aim {
    fn new(delay: u32) -> Arc<Self> {
        let observation = ObservationSpec { window: 1, features: 1, account: 2 };
        let action = ActionSpec::Continuous { low: LOW.into(), high: HIGH.into() };
        Arc::new(Self { spec: EnvSpec { observation, action }, frame: Frame::new(1, vec![0.5; 8]), delay })
    }
}

impl Environment for Aim {
    type State = Shown;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn new_state(&self) -> Shown {
        Shown { age: 0, place: 0.0 }
    }

    fn reset(&self, state: &mut Shown, rng: &mut Rng) {
        *state = Shown { age: 0, place: 0.2 + 0.6 * uniform_f32(rng) };
    }

    fn step<F: Fills>(&self, state: &mut Shown, action: Action<'_>, _: &mut F) -> Step {
        let Action::Continuous(&[a, b]) = action else { panic!("two numbers, got {action:?}") };
        assert!((LOW[0]..=HIGH[0]).contains(&a) && (LOW[1]..=HIGH[1]).contains(&b), "{action:?} is out of bounds");
        let share = |x: f32, i: usize| (x - LOW[i]) / (HIGH[i] - LOW[i]);
        let miss = (share(a, 0) - state.place).powi(2) + (share(b, 1) - 1.0 + state.place).powi(2);
        let last = state.age == self.delay;
        state.age += 1;
        let reward = if last { 1.0 - 4.0 * f64::from(miss) } else { 0.0 };
        Step { reward, status: if last { Status::Terminated } else { Status::Running } }
    }

    fn observe(&self, state: &Shown, account: &mut [f32]) -> u32 {
        let place = if state.age == 0 { 2.0 * state.place - 1.0 } else { 0.0 };
        account.copy_from_slice(&[place, f32::from(state.age == self.delay)]);
        state.age.min(7)
    }

    fn ledger(&self, _: &Shown) -> Ledger {
        Ledger::default()
    }

    fn check(&self, _: &Shown) -> Result<(), StateError> {
        Ok(())
    }
}

/// An agent in its loop.
struct Loop {
    env: Box<dyn BatchEnv>,
    agent: GaussianPpo,
    memory: Memory,
    rngs: [Rng; 2],
    earned: f64,
    ended: u32,
}

const ENVS: usize = 32;
const UPDATES: u64 = 120;

fn config() -> GaussianPpoConfig {
    GaussianPpoConfig {
        sizes: vec![16, 16],
        std: Deviation::Fixed(0.2),
        learning_rate: 5e-3,
        epochs: 8,
        num_minibatches: 2,
        ..GaussianPpoConfig::default()
    }
}

impl Loop {
    fn new(config: GaussianPpoConfig, delay: u32, seed: u64) -> Self {
        let (env, rng) = (Aim::new(delay), RngTree::new(seed));
        let spec = env.spec.clone();
        let rollout_len = RolloutLen::Steps(8);
        let context = AgentContext { spec: &spec, num_envs: ENVS, rollout_len, updates: UPDATES, device: Device::Cpu };
        let agent = GaussianPpo::new(config, &context, &rng).unwrap();
        Self {
            env: Box::new(Batch::new(env, 0..ENVS as u64, &rng)),
            memory: agent.memory(ENVS),
            agent,
            rngs: [rng.stream("policy", 0), rng.stream("shuffle", 0)],
            earned: 0.0,
            ended: 0,
        }
    }

    fn step(&mut self, mode: ActMode, spoil: impl Fn(f64) -> f64) -> Result<Option<UpdateStats>, AgentError> {
        let mut decisions = Decisions::new(&self.env.spec().action, ENVS);
        let (mut before, memory_before) = (Snapshot::default(), self.memory.clone());
        before.copy_from(self.env.observations());
        self.agent.act(self.env.observations(), &mut self.memory, mode, &mut self.rngs[0], &mut decisions)?;
        let after = self.env.step(&decisions.actions);
        self.earned += after.rewards.iter().sum::<f64>();
        self.ended += after.statuses.iter().filter(|s| **s != Status::Running).count() as u32;
        let rewards: Vec<f64> = after.rewards.iter().map(|reward| spoil(*reward)).collect();
        let step = Experience {
            before: &before,
            memory_before: &memory_before,
            decisions: &decisions,
            memory_after: &self.memory,
            mirrored: None,
            after: StepBatch { rewards: &rewards, ..after },
        };
        if mode == ActMode::Sample {
            self.agent.observe(step)?;
        }
        self.memory.forget_ended(after.statuses);
        if mode == ActMode::Greedy { Ok(None) } else { self.agent.update(&mut self.rngs[1]) }
    }

    fn until_update(&mut self) -> UpdateStats {
        loop {
            if let Some(stats) = self.step(ActMode::Sample, |reward| reward).unwrap() {
                return stats;
            }
        }
    }

    /// Mean reward of an episode without noise.
    fn judged(&mut self) -> f64 {
        (self.earned, self.ended) = (0.0, 0);
        (0..40).for_each(|_| drop(self.step(ActMode::Greedy, |reward| reward).unwrap()));
        self.earned / f64::from(self.ended)
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
fn what_is_shown_is_aimed_at_whatever_bounds_the_numbers() {
    let squashed = GaussianPpoConfig {
        bound: Bound::Squash,
        mean: MeanHead::Linear,
        std: Deviation::Learned(0.5),
        advantages: Advantages::Gae,
        max_grad_norm: 0.0,
        ..config()
    };
    let relu = GaussianPpoConfig {
        activation: Hidden::Relu,
        mean: MeanHead::Linear,
        schedule: pavlov_agents::lstm_ppo::Schedule::Linear,
        num_minibatches: 1,
        ..config()
    };
    let published = GaussianPpoConfig { bound: Bound::AsPublished, ..config() };
    let tanh = GaussianPpoConfig { mean: MeanHead::Tanh, lam_a: 0.01, ..config() };
    for (i, config) in [config(), squashed, relu, published, tanh].into_iter().enumerate() {
        let mut run = Loop::new(config.clone(), 0, 1 + i as u64);
        let untrained = run.judged();
        (0..UPDATES).for_each(|_| drop(run.until_update()));
        let trained = run.judged();
        assert!(trained > 0.97 && untrained < 0.9, "{config:?}: {untrained:.3}, then {trained:.3}");
        if matches!(config.std, Deviation::Learned(_)) {
            assert!(stat(&run.until_update(), "std") < 0.4, "where noise costs, the deviation falls");
        }
    }
}

#[test]
fn a_place_is_remembered_by_an_lstm_and_by_nothing_else() {
    for (body, right) in [(Body::Lstm, 0.93..1.0), (Body::Dense, 0.5..0.8)] {
        for seed in 1..=2 {
            let mut run = Loop::new(GaussianPpoConfig { body, ..config() }, 2, seed);
            (0..UPDATES).for_each(|_| drop(run.until_update()));
            let got = run.judged();
            assert!(right.contains(&got), "{body:?}, seed {seed}: {got:.3}");
        }
    }
}

#[test]
fn the_learning_pass_sees_the_probabilities_that_were_acted_on() {
    for body in [Body::Lstm, Body::Dense] {
        for (bound, mean) in
            [(Bound::Clip, MeanHead::Sigmoid), (Bound::Squash, MeanHead::Linear), (Bound::AsPublished, MeanHead::Tanh)]
        {
            let config = GaussianPpoConfig { body, bound, mean, learning_rate: 1e-12, epochs: 2, ..config() };
            let mut run = Loop::new(config, 2, 1);
            for update in 0..3 {
                let stats = run.until_update();
                let (kl, clipped) = (stat(&stats, "approx_kl"), stat(&stats, "clip_frac"));
                assert!(kl.abs() < 1e-8 && clipped == 0.0, "{body:?}, {bound:?}, update {update}: {kl}, {clipped}");
            }
        }
    }
}

#[test]
fn an_update_ends_where_the_policy_has_moved_far_enough() {
    let config = GaussianPpoConfig { epochs: 40, num_minibatches: 1, ..config() };
    let (mut free, mut bound) =
        (Loop::new(config.clone(), 0, 3), Loop::new(GaussianPpoConfig { target_kl: 1e-4, ..config }, 0, 3));
    let [free, bound] = [&mut free, &mut bound].map(|run| stat(&run.until_update(), "approx_kl"));
    assert!(bound < 0.2 * free, "{bound} against {free}");
}

#[test]
fn a_restored_agent_learns_on_bit_for_bit() {
    let learned = GaussianPpoConfig { std: Deviation::Learned(0.3), judged: Judged::Best, ..config() };
    for config in [GaussianPpoConfig { body: Body::Lstm, ..learned.clone() }, learned] {
        let mut straight = Loop::new(config.clone(), 2, 7);
        (0..3).for_each(|_| drop(straight.until_update()));
        let mut resumed = Loop::new(config, 2, 8);
        resumed.agent.restore(&Checkpoint::from_bytes(&straight.saved()).unwrap()).unwrap();
        resumed.env.restore(&straight.env.save()).unwrap();
        (resumed.memory, resumed.rngs) = (straight.memory.clone(), straight.rngs.clone());
        for _ in 0..3 {
            assert_eq!(straight.until_update(), resumed.until_update());
        }
        assert_eq!(straight.saved(), resumed.saved());
    }
}

#[test]
fn the_best_weights_act_when_the_training_has_ended_and_both_are_saved() {
    // Learning that overshoots: what comes last is not what was best.
    let wild = GaussianPpoConfig { learning_rate: 0.3, judged: Judged::Best, ..config() };
    let mut best = Loop::new(wild.clone(), 0, 5);
    let mut last = Loop::new(GaussianPpoConfig { judged: Judged::Last, ..wild.clone() }, 0, 5);
    for _ in 0..UPDATES {
        best.until_update();
        last.until_update();
    }
    let saved = Checkpoint::from_bytes(&best.saved()).unwrap();
    let weights = |prefix: &str| saved.f32(&format!("{prefix}/actor.0.weight"), &[16, 3]).unwrap();
    assert_ne!(weights("weights"), weights("best"));
    let [a, b] = [best.judged(), last.judged()];
    assert!(a > b + 0.05, "the best {a:.3}, the last {b:.3}");
    let mut restored = Loop::new(wild, 0, 6);
    restored.agent.restore(&saved).unwrap();
    restored.env.restore(&best.env.save()).unwrap();
    assert_eq!(restored.judged(), best.judged(), "a restored agent acts with the best weights too");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let env = Aim::new(0);
    let choices = EnvSpec { action: ActionSpec::Discrete { names: &["buy", "sell"] }, ..env.spec.clone() };
    let refused = |spec, num_envs, config: GaussianPpoConfig| {
        let rollout_len = RolloutLen::Steps(8);
        let context = AgentContext { spec, num_envs, rollout_len, updates: 1, device: Device::Cpu };
        match config.build(&context, &RngTree::new(1)) {
            Err(AgentError::Mismatch { reason, .. }) => reason,
            _ => panic!("must be refused"),
        }
    };
    assert!(refused(&choices, 4, config()).contains("actions that are numbers"));
    assert!(refused(&env.spec, 1, config()).contains("2 minibatches"));
    let squashed = GaussianPpoConfig { bound: Bound::Squash, ..config() };
    assert!(squashed.validate()[0].contains("mean must be linear"));
    let published = GaussianPpoConfig { bound: Bound::AsPublished, ..config() };
    assert!(published.notes()[0].starts_with("bound = as_published: ") && config().notes().is_empty());
}

#[test]
fn a_reward_that_is_not_a_number_stops_the_learning_with_its_name() {
    let mut run = Loop::new(config(), 0, 3);
    let error = (0..8).find_map(|_| run.step(ActMode::Sample, |_| f64::NAN).err()).expect("NaN must not pass");
    assert!(error.to_string().contains("the loss") && error.to_string().contains("update 0"), "{error}");
    let AgentError::NotFinite { batch, .. } = error else { panic!("another error: {error}") };
    assert!(batch.f32("actions", &[8, 16, 2]).unwrap().iter().all(|x| x.is_finite()));
    assert!(batch.f32("weights/actor.head.weight", &[2, 16]).unwrap().iter().all(|x| x.is_finite()));
}

#[test]
fn greedy_decisions_take_the_mean_and_are_explained_by_it() {
    let run = Loop::new(config(), 0, 4);
    let (mut decisions, mut memory) = (Decisions::new(&run.env.spec().action, ENVS), run.memory.clone());
    let seen = run.env.observations();
    let explanation = run.agent.explain(seen, &memory).unwrap();
    run.agent.act(seen, &mut memory, ActMode::Greedy, &mut run.rngs[0].clone(), &mut decisions).unwrap();
    let ActionBatch::Continuous { values, .. } = &decisions.actions else { panic!("numbers") };
    let [(mean, means), (std, stds)] = &explanation.of_actions[..] else { panic!("{explanation:?}") };
    let [(value, number)] = explanation.of_state[..] else { panic!("{explanation:?}") };
    assert_eq!((*mean, *std, value), ("mean", "std", "value"));
    // One row at a time, sums are rounded otherwise.
    let close = |a: f32, b: f32| assert!((a - b).abs() < 1e-6, "{a} against {b}");
    means.iter().zip(&decisions.drawn).for_each(|(a, b)| close(*a, *b));
    stds.iter().for_each(|std| close(*std, 0.2));
    close(number, decisions.value[0]);
    for i in 0..2 {
        assert!((values[i] - LOW[i] - (HIGH[i] - LOW[i]) * decisions.drawn[i]).abs() < 1e-6);
    }
}
