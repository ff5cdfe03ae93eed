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

use std::cell::RefCell;

use pavlov_rl_core::{
    ActMode, ActionBatch, ActionSpec, Agent, AgentError, Checkpoint, CheckpointError, Decisions, Experience, Frame,
    Memory, ObservationSpec, Observations, Policy, Rng, RngTree, Status, UpdateStats, below, uniform_f64,
};

pub(crate) use self::config::parse;
pub use self::config::{DoubleDqnConfig, Epsilon, EpsilonDecay, Optimiser, Target};
use self::head::Head;
use crate::losses::{DoubleQLoss, DoubleQRows, best, double_q};
use crate::nn::{Inference, Mlp, MlpGradient, MlpShape, Pass};
use crate::optim::{AdamConfig, Decay, PackedAdam, clip_factor};
use crate::registry::{AgentContext, RolloutLen};
use crate::replay::{Horizon, Replay, ReplayBatch, Seen, Transition};

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

/// Buffers of a gradient step.
#[derive(Default)]
struct Work {
    batch: ReplayBatch,
    pass: Pass,
    scratch: Inference,
    gradient: Option<MlpGradient>,
    q: Vec<f32>,
    next_online: Vec<f32>,
    next_target: Vec<f32>,
    d_q: Vec<f32>,
    d_outputs: Vec<f32>,
    errors: Vec<f32>,
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
            leaky_slope: config.leaky_slope,
            dropout: config.dropout,
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
        let filled = self.replay.len() >= self.config.warm_up.max(self.config.batch_size.min(self.config.replay_len));
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

impl DoubleDqn {
    /// One gradient step on a drawn batch.
    fn learn(&mut self, rng: &mut Rng) -> Result<(), AgentError> {
        let frame = self.frame.as_ref().expect("a replay that is not empty was observed on a frame");
        let (head, n) = (self.head, self.config.batch_size);
        let Work { batch, pass, scratch, gradient, q, next_online, next_target, d_q, d_outputs, errors } =
            &mut self.work;
        let gradient = gradient.as_mut().expect("it is made with the agent");
        let progress = self.counters.updates as f64 / self.total_updates.max(1) as f64;
        self.replay.sample(n, progress, (frame, self.observation, self.config.discount), rng, batch);
        for (network, values) in [(&self.online, &mut *next_online), (&self.target, &mut *next_target)] {
            values.clear();
            network.infer(&batch.after, scratch).for_each(|outputs| head.extend(outputs, values));
        }
        self.online.train(&batch.before, pass, &mut self.dropout_rng);
        q.clear();
        pass.outputs().chunks_exact(head.outputs()).for_each(|outputs| head.extend(outputs, q));
        d_q.resize(q.len(), 0.0);
        errors.resize(n, 0.0);
        let rows = DoubleQRows {
            q,
            actions: &batch.actions,
            rewards: &batch.rewards,
            discounts: &batch.discounts,
            next_online,
            next_target,
            weights: &batch.weights,
        };
        let loss = double_q(&rows, self.config.huber_delta, d_q, errors);
        head.back(d_q, d_outputs);
        self.online.backward(d_outputs, pass, gradient, None);
        let norm = gradient.norm();
        self.require_finite("the loss", loss.loss)?;
        self.require_finite("the norm of the gradient", norm)?;
        self.descend(norm);
        self.replay.learnt(&self.work.batch.places, &self.work.errors);
        self.tally.add(&loss, norm);
        Ok(())
    }

    /// Moves the online network, and the target network where it is due.
    fn descend(&mut self, norm: f64) {
        let scale = match self.config.max_grad_norm {
            0.0 => 1.0,
            limit => clip_factor(norm, limit),
        };
        let gradient = self.work.gradient.as_ref().expect("it is made with the agent");
        let rate = self.config.learning_rate * self.config.schedule.factor(self.counters.updates, self.total_updates);
        self.adam.step(&mut self.online, gradient, rate, scale);
        self.counters.gradient_steps += 1;
        match self.config.target {
            Target::CopyEvery(steps) if self.counters.gradient_steps.is_multiple_of(steps) => {
                self.target.copy_from(&self.online);
            }
            Target::CopyEvery(_) => {}
            Target::Soft(share) => self.target.move_towards(&self.online, share),
        }
    }

    /// An error with everything that went into the number, if it is not finite.
    fn require_finite(&self, what: &'static str, value: f64) -> Result<(), AgentError> {
        if value.is_finite() {
            return Ok(());
        }
        let Work { batch, q, next_online, next_target, .. } = &self.work;
        let (n, inputs, num_actions) = (batch.actions.len(), self.observation.flat_len(), self.num_actions());
        let mut saved = Checkpoint::default();
        self.online.save("weights/", &mut saved);
        self.target.save("target/", &mut saved);
        let actions: Vec<f32> = batch.actions.iter().map(|action| *action as f32).collect();
        let columns = [
            ("actions", &actions),
            ("rewards", &batch.rewards),
            ("discounts", &batch.discounts),
            ("weights", &batch.weights),
        ];
        for (name, numbers) in columns {
            saved.put_f32(name, &[n], numbers);
        }
        for (name, numbers) in [("observations", &batch.before), ("next_observations", &batch.after)] {
            saved.put_f32(name, &[n, inputs], numbers);
        }
        for (name, numbers) in [("q", q), ("next_online", next_online), ("next_target", next_target)] {
            saved.put_f32(name, &[n, num_actions], numbers);
        }
        Err(AgentError::NotFinite { what, value, update: self.counters.updates, batch: Box::new(saved) })
    }
}

/// Means over the gradient steps of an update.
#[derive(Default)]
struct Tally {
    steps: f64,
    loss: DoubleQLoss,
    grad_norm: f64,
    /// Whether every environment's episode ended with the last step.
    all_ended: bool,
}

impl Tally {
    fn add(&mut self, loss: &DoubleQLoss, grad_norm: f64) {
        let sum = &mut self.loss;
        self.steps += 1.0;
        self.grad_norm += grad_norm;
        sum.loss += loss.loss;
        sum.q_online += loss.q_online;
        sum.q_target += loss.q_target;
        sum.abs_error += loss.abs_error;
    }

    fn stats(&self, epsilon: f64, replay_len: usize) -> UpdateStats {
        let DoubleQLoss { loss, q_online, q_target, abs_error } = self.loss;
        let sums = [
            ("loss", loss),
            ("q_online", q_online),
            ("q_target", q_target),
            ("abs_td_error", abs_error),
            ("grad_norm", self.grad_norm),
        ];
        let means = sums.into_iter().map(|(name, sum)| (name, sum / self.steps));
        means.chain([("epsilon", epsilon), ("replay_len", replay_len as f64)]).collect()
    }
}
