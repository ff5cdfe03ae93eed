//! Deep Q-learning with a target network and double estimates.
//!
//! Source: van Hasselt, Guez and Silver 2016, "Deep reinforcement learning with double Q-learning"; Mnih et al. 2015,
//! "Human-level control through deep reinforcement learning" (replay, target network); Théate and Ernst 2021, "An
//! application of deep reinforcement learning to algorithmic trading" (network, constants, and the outcome of the
//! opposite action, which a market lets one compute: section 4.3).
//!
//! The network learns in training mode from first states; next states are valued by both networks in evaluation mode. A
//! truncated episode is bootstrapped, a terminated one is not.

mod config;
mod head;
mod learn;

use std::cell::RefCell;

use pavlov_rl_core::{
    ActMode, ActionBatch, ActionSpec, Agent, AgentError, Checkpoint, CheckpointError, Decisions, Experience,
    Explanation, Frame, Memory, ObservationSpec, Observations, Policy, Rng, RngTree, Status, UpdateStats, below,
    uniform_f64,
};

pub(crate) use self::config::parse;
pub use self::config::{DoubleDqnConfig, Epsilon, EpsilonDecay, Optimiser, Target};
use self::head::Head;
use self::learn::{Tally, Work};
use crate::losses::best;
use crate::nn::{Inference, Mlp, MlpShape};
use crate::optim::{AdamConfig, Decay, PackedAdam};
use crate::registry::{AgentContext, RolloutLen};
use crate::replay::{Horizon, Replay, Seen, Transition};

const NAME: &str = "double_dqn";

/// Actions that are each other's opposite, by name.
const OPPOSITES: [[&str; 2]; 2] = [["short", "long"], ["sell", "buy"]];

/// The agent: both networks, optimiser, replay and counters.
pub struct DoubleDqn {
    config: DoubleDqnConfig,
    observation: ObservationSpec,
    /// The opposite of each action; the action itself where there is none.
    opposites: Vec<u32>,
    rollout_len: RolloutLen,
    total_updates: u64,
    head: Head,
    online: Mlp,
    target: Mlp,
    adam: PackedAdam,
    replay: Replay,
    horizons: Vec<Horizon>,
    dropout_rng: Rng,
    counters: Counters,
    /// The table that the rows of the replay lie in; known from the first step on.
    frame: Option<Frame>,
    tally: Tally,
    work: Work,
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Counters {
    updates: u64,
    gradient_steps: u64,
    /// Steps of all environments together.
    env_steps: u64,
    /// Steps of each environment since it was last learnt.
    since_learnt: u32,
    /// Steps of each environment since the last update.
    since_update: u32,
}

impl DoubleDqn {
    /// A fresh agent, its weights drawn from the stream `"init"`.
    ///
    /// # Errors
    /// [`AgentError::Mismatch`] if the environment's actions are not discrete, the device is not the host, or a rollout
    /// of one episode has several environments.
    pub fn new(config: DoubleDqnConfig, context: &AgentContext<'_>, rng: &RngTree) -> Result<Self, AgentError> {
        let mismatch = |reason: &str| AgentError::Mismatch { agent: NAME, reason: reason.to_owned() };
        let ActionSpec::Discrete { names } = &context.spec.action else {
            return Err(mismatch("it needs discrete actions; choose an agent for continuous ones"));
        };
        if matches!(context.rollout_len, RolloutLen::Episode(_)) && context.num_envs != 1 {
            return Err(mismatch("train.rollout_len = \"episode\" needs train.num_envs = 1"));
        }
        if !context.device.is_cpu() {
            return Err(mismatch("it computes on the host; use --device cpu"));
        }
        let observation = context.spec.observation;
        let head = Head::new(names.len(), config.duelling);
        let shape = MlpShape {
            inputs: observation.flat_len(),
            hidden: config.sizes.clone(),
            outputs: head.outputs(),
            batch_norm: config.batch_norm,
            leaky_slope: config.leaky_slope as f32,
            dropout: config.dropout as f32,
        };
        let online = Mlp::new(shape, config.init, &mut rng.stream("init", 0));
        let decay = match config.optimiser {
            Optimiser::Adam => Decay::L2,
            Optimiser::Adamw => Decay::Decoupled,
        };
        let adam = AdamConfig { weight_decay: config.weight_decay, decay, ..AdamConfig::default() };
        Ok(Self {
            observation,
            opposites: opposites(names),
            rollout_len: context.rollout_len,
            total_updates: context.updates,
            head,
            target: online.clone(),
            adam: PackedAdam::new(&online, adam),
            replay: Replay::new(config.replay_len, observation.account, config.sampling),
            horizons: vec![Horizon::new(config.n_steps, config.discount); context.num_envs],
            dropout_rng: rng.stream("dropout", 0),
            counters: Counters::default(),
            frame: None,
            tally: Tally::default(),
            work: Work { gradient: Some(online.gradient()), ..Work::default() },
            online,
            config,
        })
    }

    /// Values of the actions in each state, `[N, A]`, by the online network.
    pub fn values(&self, seen: Observations<'_>) -> Vec<f32> {
        let mut q = Vec::new();
        SCRATCH.with_borrow_mut(|scratch| {
            self.infer(seen, scratch);
            q.extend_from_slice(&scratch.q);
        });
        q
    }

    fn infer(&self, seen: Observations<'_>, scratch: &mut Scratch) {
        let Scratch { x, network, q } = scratch;
        seen.flatten(x);
        q.clear();
        self.online.infer(x, network).for_each(|outputs| self.head.extend(outputs, q));
    }

    fn num_actions(&self) -> usize {
        self.opposites.len()
    }
}

/// The opposite of each action; the action itself where there is none.
fn opposites(names: &[&str]) -> Vec<u32> {
    let place = |name: &str| names.iter().position(|other| *other == name);
    let opposite = |(i, name): (usize, &&str)| {
        let pairs = OPPOSITES.iter().flat_map(|[a, b]| [(a, b), (b, a)]);
        pairs.filter(|(one, _)| *one == name).find_map(|(_, other)| place(other)).unwrap_or(i) as u32
    };
    names.iter().enumerate().map(opposite).collect()
}

/// Buffers of acting.
#[derive(Default)]
struct Scratch {
    x: Vec<f32>,
    network: Inference,
    q: Vec<f32>,
}

thread_local! {
    /// Each thread that acts has its buffers: acting takes `&self` and allocates nothing.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Policy for DoubleDqn {
    fn memory(&self, n: usize) -> Memory {
        Memory::zeros(n, 0)
    }

    fn act(
        &self,
        seen: Observations<'_>,
        _: &mut Memory,
        mode: ActMode,
        rng: &mut Rng,
        out: &mut Decisions,
    ) -> Result<(), AgentError> {
        let ActionBatch::Discrete(actions) = &mut out.actions else {
            unreachable!("the agent refused other actions when it was built")
        };
        let epsilon = match mode {
            ActMode::Sample => self.config.epsilon.at(self.counters.env_steps),
            ActMode::Greedy => 0.0,
        };
        SCRATCH.with_borrow_mut(|scratch| {
            self.infer(seen, scratch);
            for (i, q) in scratch.q.chunks_exact(self.num_actions()).enumerate() {
                let greedy = best(q);
                let explores = mode == ActMode::Sample && uniform_f64(rng) < epsilon;
                actions[i] = if explores { below(rng, q.len() as u32) } else { greedy as u32 };
                (out.log_prob[i], out.value[i]) = (0.0, q[greedy]);
            }
        });
        Ok(())
    }
}

impl Agent for DoubleDqn {
    fn mirror(&self, decisions: &Decisions, out: &mut ActionBatch) -> bool {
        let (ActionBatch::Discrete(actions), ActionBatch::Discrete(out)) = (&decisions.actions, out) else {
            unreachable!("the agent refused other actions when it was built")
        };
        let twins = actions.iter().map(|action| self.opposites[*action as usize]);
        out.iter_mut().zip(twins).for_each(|(to, twin)| *to = twin);
        self.config.mirrored && out != actions
    }

    fn observe(&mut self, step: Experience<'_>) -> Result<(), AgentError> {
        let ActionBatch::Discrete(actions) = &step.decisions.actions else {
            unreachable!("the agent refused other actions when it was built")
        };
        self.frame.get_or_insert_with(|| step.after.next.frame.clone());
        let account = self.observation.account;
        let clip = |reward: f64| match self.config.reward_clip {
            0.0 => reward as f32,
            limit => reward.clamp(-limit, limit) as f32,
        };
        for (i, &action) in actions.iter().enumerate() {
            let before = Seen { row: step.before.last_row[i], account: &step.before.account[i * account..][..account] };
            let status = step.after.statuses[i];
            let shown = if status == Status::Running { step.after.next } else { step.after.end };
            let after = Seen { row: shown.last_row[i], account: shown.account(i) };
            let reward = clip(step.after.rewards[i]);
            let new = Transition { before, action, reward, steps: 1, status, after };
            self.horizons[i].push(&new, &mut self.replay);
            if let Some((ActionBatch::Discrete(twins), outcomes)) = step.mirrored
                && twins[i] != action
            {
                let account = &outcomes.account[i * account..][..account];
                let after = Seen { row: outcomes.last_row[i], account };
                let (reward, status) = (clip(outcomes.rewards[i]), outcomes.statuses[i]);
                self.replay.push(&Transition { before, action: twins[i], reward, steps: 1, status, after });
            }
        }
        self.counters.env_steps += actions.len() as u64;
        self.counters.since_learnt += 1;
        self.counters.since_update += 1;
        self.tally.all_ended = step.after.statuses.iter().all(|status| *status != Status::Running);
        Ok(())
    }

    fn update(&mut self, rng: &mut Rng) -> Result<Option<UpdateStats>, AgentError> {
        let filled = self.replay.len() >= self.config.warm_up.max(1);
        if filled && self.counters.since_learnt >= self.config.learn_every {
            self.counters.since_learnt = 0;
            for _ in 0..self.config.gradient_steps {
                self.learn(rng)?;
            }
        }
        let due = match self.rollout_len {
            RolloutLen::Steps(steps) => self.counters.since_update >= steps,
            RolloutLen::Episode(_) => self.tally.all_ended,
        };
        if !due || self.tally.steps == 0.0 {
            return Ok(None);
        }
        self.counters.since_update = 0;
        self.counters.updates += 1;
        let epsilon = self.config.epsilon.at(self.counters.env_steps);
        Ok(Some(std::mem::take(&mut self.tally).stats(epsilon, self.replay.len())))
    }

    fn explain(&self, seen: Observations<'_>, _: &Memory) -> Result<Explanation, AgentError> {
        let mut q = self.values(seen);
        q.truncate(self.num_actions());
        Ok(Explanation { of_actions: vec![("q", q)], ..Explanation::default() })
    }

    fn save(&self, to: &mut Checkpoint) -> Result<(), AgentError> {
        assert_eq!(self.tally.steps, 0.0, "checkpoints are taken between updates");
        self.online.save("weights/", to);
        self.target.save("target/", to);
        self.adam.save("adam/", &self.online, to);
        self.replay.save("replay/", to);
        to.put_value("horizons", &self.horizons);
        to.put_value("dropout_rng", &self.dropout_rng);
        to.put_value("counters", &self.counters);
        Ok(())
    }

    fn restore(&mut self, from: &Checkpoint) -> Result<(), AgentError> {
        let horizons: Vec<Horizon> = from.value("horizons")?;
        let fits = |(now, saved): (&Horizon, &Horizon)| now.fits(saved, self.observation.account);
        if horizons.len() != self.horizons.len() || !self.horizons.iter().zip(&horizons).all(fits) {
            return Err(CheckpointError::Decode("entry `horizons`: of other environments or steps".into()).into());
        }
        self.dropout_rng = from.value("dropout_rng")?;
        self.counters = from.value("counters")?;
        self.online.restore("weights/", from)?;
        self.target.restore("target/", from)?;
        self.adam.restore("adam/", &self.online, from)?;
        self.replay.restore("replay/", from)?;
        (self.horizons, self.tally) = (horizons, Tally::default());
        Ok(())
    }
}
