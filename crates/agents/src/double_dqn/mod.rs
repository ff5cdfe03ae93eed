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
    ActMode, ActionBatch, ActionSpec, Agent, AgentError, Checkpoint, Decisions, Experience, Explanation, Memory,
    Observations, Policy, Rng, RngTree, UpdateStats,
};

pub(crate) use self::config::parse;
pub use self::config::{DoubleDqnConfig, Optimiser};
use self::head::Head;
use self::learn::Work;
use crate::nn::{Inference, Mlp, MlpShape};
use crate::optim::{AdamConfig, Decay, PackedAdam};
use crate::q_learning::{Choice, Learner, Tally};
pub use crate::q_learning::{Epsilon, EpsilonDecay, Target};
use crate::registry::{AgentContext, RolloutLen};

const NAME: &str = "double_dqn";

/// The agent: both networks, optimiser and experience.
pub struct DoubleDqn {
    config: DoubleDqnConfig,
    learner: Learner,
    head: Head,
    online: Mlp,
    target: Mlp,
    adam: PackedAdam,
    dropout_rng: Rng,
    tally: Tally,
    work: Work,
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
        let pace = (context.rollout_len, context.updates);
        Ok(Self {
            learner: Learner::new(config.common(), observation, names, context.num_envs, pace),
            head,
            target: online.clone(),
            adam: PackedAdam::new(&online, adam),
            dropout_rng: rng.stream("dropout", 0),
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
        SCRATCH.with_borrow_mut(|scratch| {
            self.infer(seen, scratch);
            for (i, q) in scratch.q.chunks_exact(self.learner.num_actions()).enumerate() {
                let Choice { taken, value, .. } = self.learner.choose(q, mode, rng);
                (actions[i], out.log_prob[i], out.value[i]) = (taken, 0.0, value);
            }
        });
        Ok(())
    }
}

impl Agent for DoubleDqn {
    fn mirror(&self, decisions: &Decisions, out: &mut ActionBatch) -> bool {
        self.learner.mirror(decisions, out)
    }

    fn observe(&mut self, step: Experience<'_>) -> Result<(), AgentError> {
        let ActionBatch::Discrete(actions) = &step.decisions.actions else {
            unreachable!("the agent refused other actions when it was built")
        };
        self.learner.observe(&step, |i| actions[i]);
        Ok(())
    }

    fn update(&mut self, rng: &mut Rng) -> Result<Option<UpdateStats>, AgentError> {
        for _ in 0..self.learner.gradient_steps_due() {
            self.learn(rng)?;
        }
        if !self.learner.ends_update(self.tally.steps) {
            return Ok(None);
        }
        let (epsilon, replay_len) = (self.learner.epsilon(), self.learner.replay_len());
        Ok(Some(std::mem::take(&mut self.tally).stats(epsilon, replay_len)))
    }

    fn explain(&self, seen: Observations<'_>, _: &Memory) -> Result<Explanation, AgentError> {
        let mut q = self.values(seen);
        q.truncate(self.learner.num_actions());
        Ok(Explanation { of_actions: vec![("q", q)], ..Explanation::default() })
    }

    fn save(&self, to: &mut Checkpoint) -> Result<(), AgentError> {
        assert_eq!(self.tally.steps, 0.0, "checkpoints are taken between updates");
        self.online.save("weights/", to);
        self.target.save("target/", to);
        self.adam.save("adam/", &self.online, to);
        self.learner.save(to);
        to.put_value("dropout_rng", &self.dropout_rng);
        Ok(())
    }

    fn restore(&mut self, from: &Checkpoint) -> Result<(), AgentError> {
        let dropout_rng = from.value("dropout_rng")?;
        self.online.restore("weights/", from)?;
        self.target.restore("target/", from)?;
        self.adam.restore("adam/", &self.online, from)?;
        self.learner.restore(from)?;
        (self.dropout_rng, self.tally) = (dropout_rng, Tally::default());
        Ok(())
    }
}
