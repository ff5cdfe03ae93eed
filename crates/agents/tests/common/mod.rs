//! A game whose best play is known, and an agent in its loop.

use std::sync::Arc;

use pavlov_agents::{Agent, AgentConfig, AgentContext, AgentError, Device, RolloutLen};
use pavlov_rl_core::{
    ActMode, Action, ActionSpec, Batch, BatchEnv, Checkpoint, Decisions, EnvSpec, Environment, Experience, Explanation,
    Fills, Frame, Ledger, Memory, ObservationSpec, Observations, Outcomes, Rng, RngTree, Snapshot, StateError, Status,
    Step, StepBatch, UpdateStats, below,
};

/// A walk on `len` places from the first to the last: "left" pays a little at once, the far end pays much. With one place
/// it is a bandit: "right" pays 1, "left" pays 0. A place shows its number as one column of many; the row behind the last
/// place is all zeros.
pub struct Chain {
    pub spec: EnvSpec,
    frame: Frame,
    len: u32,
    end: Status,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Place {
    at: u32,
    age: u32,
}

const NAMES: &[&str] = &["sell", "buy"];

impl Chain {
    pub fn new(len: u32, end: Status) -> Arc<Self> {
        let observation = ObservationSpec { window: 1, features: len as usize, account: 1 };
        let rows = (0..(len + 1) * len).map(|i| f32::from(i % len == i / len)).collect();
        let spec = EnvSpec { observation, action: ActionSpec::Discrete { names: NAMES } };
        Arc::new(Self { spec, frame: Frame::new(len as usize, rows), len, end })
    }
}

impl Environment for Chain {
    type State = Place;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn new_state(&self) -> Place {
        Place { at: 0, age: 0 }
    }

    fn reset(&self, state: &mut Place, rng: &mut Rng) {
        *state = Place { at: below(rng, self.len), age: 0 };
    }

    fn step<F: Fills>(&self, state: &mut Place, action: Action<'_>, _: &mut F) -> Step {
        let right = action == Action::Discrete(1);
        state.age += 1;
        if right && state.at + 1 == self.len {
            return Step { reward: 1.0, status: self.end };
        }
        state.at = if right { state.at + 1 } else { 0 };
        let status = if state.age >= 3 * self.len { Status::Truncated } else { Status::Running };
        Step { reward: if right { 0.0 } else { 0.02 }, status }
    }

    fn observe(&self, state: &Place, account: &mut [f32]) -> u32 {
        account[0] = 0.0;
        state.at
    }

    fn ledger(&self, _: &Place) -> Ledger {
        Ledger::default()
    }

    fn check(&self, _: &Place) -> Result<(), StateError> {
        Ok(())
    }
}

/// An agent in its loop.
pub struct Loop {
    pub env: Box<dyn BatchEnv>,
    pub agent: Box<dyn Agent>,
    memory: Memory,
    pub policy_rng: Rng,
    pub update_rng: Rng,
    /// Whether the last step ended the episode of the first environment.
    pub ended: bool,
}

impl Loop {
    pub fn new(config: &dyn AgentConfig, env: Arc<Chain>, num_envs: usize, rollout_len: RolloutLen, seed: u64) -> Self {
        let rng = RngTree::new(seed);
        let spec = env.spec.clone();
        let context = AgentContext { spec: &spec, num_envs, rollout_len, updates: 100, device: Device::Cpu };
        let agent = config.build(&context, &rng).unwrap();
        Self {
            env: Box::new(Batch::new(env, 0..num_envs as u64, &rng)),
            memory: agent.memory(num_envs),
            agent,
            policy_rng: rng.stream("policy", 0),
            update_rng: rng.stream("shuffle", 0),
            ended: false,
        }
    }

    pub fn step(&mut self, spoil: impl Fn(f64) -> f64) -> Result<Option<UpdateStats>, AgentError> {
        let mut decisions = Decisions::new(&self.env.spec().action, self.env.len());
        let (mut before, memory_before) = (Snapshot::default(), self.memory.clone());
        before.copy_from(self.env.observations());
        let seen = self.env.observations();
        self.agent.act(seen, &mut self.memory, ActMode::Sample, &mut self.policy_rng, &mut decisions)?;
        let (mut twins, mut outcomes) = (decisions.actions.clone(), Outcomes::default());
        let mirrored = self.agent.mirror(&decisions, &mut twins);
        if mirrored {
            self.env.peek(&twins, &mut outcomes);
        }
        let after = self.env.step(&decisions.actions);
        self.ended = after.statuses[0] != Status::Running;
        let rewards: Vec<f64> = after.rewards.iter().map(|r| spoil(*r)).collect();
        let step = Experience {
            before: &before,
            memory_before: &memory_before,
            decisions: &decisions,
            memory_after: &self.memory,
            mirrored: mirrored.then_some((&twins, &outcomes)),
            after: StepBatch { rewards: &rewards, ..after },
        };
        self.agent.observe(step)?;
        self.agent.update(&mut self.update_rng)
    }

    pub fn until_update(&mut self) -> UpdateStats {
        loop {
            if let Some(stats) = self.step(|r| r).unwrap() {
                return stats;
            }
        }
    }

    /// What the decision at a place rests on.
    pub fn explain(&self, place: u32) -> Explanation {
        let seen = Observations { last_row: &[place], account: &[0.0], ..self.env.observations() };
        self.agent.explain(seen, &self.memory).unwrap()
    }

    /// Values `[len, A]` of every place.
    pub fn values(&self) -> Vec<f32> {
        let len = self.env.spec().observation.features as u32;
        (0..len).flat_map(|place| self.explain(place).of_actions.swap_remove(0).1).collect()
    }

    /// Takes up all that another loop has come to.
    pub fn become_like(&mut self, other: &Self) {
        self.agent.restore(&Checkpoint::from_bytes(&other.saved()).unwrap()).unwrap();
        self.env.restore(&other.env.save()).unwrap();
        (self.policy_rng, self.update_rng) = (other.policy_rng.clone(), other.update_rng.clone());
    }

    pub fn saved(&self) -> Vec<u8> {
        let mut checkpoint = Checkpoint::default();
        self.agent.save(&mut checkpoint).unwrap();
        checkpoint.to_bytes()
    }
}

pub fn stat(stats: &UpdateStats, name: &str) -> f64 {
    stats.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no figure `{name}`")).1
}
