//! Proximal policy optimisation with one LSTM under a policy head and a value head.
//!
//! Source: Schulman et al. 2017, "Proximal Policy Optimization Algorithms" (clipped objective,
//! section 3); Schulman et al. 2016 (generalised advantage estimation); sizes and constants of the
//! Bitcoin LSTM-PPO article. The network is `fc -> ReLU -> LSTM -> {policy, value}`.
//!
//! Differences from the article, each for a reason: one pass gives the policy, the values of all
//! states and the bootstrap value (the article runs the LSTM three times an epoch, and over `s'` from
//! a state one step late); the recursion of the advantages is cut where an episode ends; a truncated
//! episode is bootstrapped, a terminated one is not; memory is zeroed inside a rollout where an
//! episode starts. As in the article, advantages and targets are computed anew in each epoch
//! (Andrychowicz et al. 2021, section 3.4, find that this helps).

mod config;
mod network;

use std::cell::RefCell;

use pavlov_rl_core::{
    ActMode, ActionBatch, ActionSpec, Agent, AgentError, Checkpoint, Decisions, EnvSpec, Experience, Explanation,
    Memory, ObservationSpec, Observations, Policy, Rng, RngTree, UpdateStats,
};

pub(crate) use self::config::parse;
pub use self::config::{Body, LstmPpoConfig, Schedule};
use self::network::{Actor, Network, Scratch};
use crate::losses::{self, PpoLossConfig, PpoRows};
use crate::nn::{self, Windows};
use crate::optim::{self, Adam, AdamConfig};
use crate::ppo::{self, Estimates, Passes, Tally};
use crate::registry::{AgentContext, RolloutLen};
use crate::returns::{self, Deviations};
use crate::rollout::{Rollout, RolloutBatch};

const NAME: &str = "lstm_ppo";
/// The agent: parameters, optimiser, the steps since the last update and a copy of the weights to act with.
pub struct LstmPpo {
    config: LstmPpoConfig,
    observation: ObservationSpec,
    num_actions: usize,
    rollout_len: RolloutLen,
    total_updates: u64,
    network: Network,
    adam: Adam,
    windows: Windows,
    actor: Actor,
    rollout: Rollout,
    updates: u64,
}

impl LstmPpo {
    /// A fresh agent, its weights drawn from the stream `"init"`.
    ///
    /// # Errors
    /// [`AgentError::Mismatch`] if the environment's actions are not discrete or its numbers do not fit the config.
    pub fn new(config: LstmPpoConfig, context: &AgentContext<'_>, rng: &RngTree) -> Result<Self, AgentError> {
        let EnvSpec { observation, action } = context.spec;
        let mismatch = |reason: String| AgentError::Mismatch { agent: NAME, reason };
        let ActionSpec::Discrete { names } = action else {
            return Err(mismatch("it needs discrete actions; choose an agent for continuous ones".into()));
        };
        if let Some(reason) = ppo::mismatch(context, config.num_minibatches) {
            return Err(mismatch(reason));
        }
        let mut init_rng = rng.stream("init", 0);
        let inputs = observation.flat_len();
        let network = Network::new(&config, inputs, names.len(), &context.device, &mut init_rng)?;
        Ok(Self {
            windows: Windows::new(&context.device),
            adam: Adam::new(&network.params, AdamConfig::default()),
            actor: network.actor()?,
            rollout: Rollout::new(context.num_envs),
            observation: *observation,
            num_actions: names.len(),
            rollout_len: context.rollout_len,
            total_updates: context.updates,
            config,
            network,
            updates: 0,
        })
    }
}

thread_local! {
    /// Each thread that acts has its buffers: acting takes `&self` and allocates nothing.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Policy for LstmPpo {
    fn memory(&self, n: usize) -> Memory {
        Memory::zeros(n, self.network.memory_width())
    }

    fn act(
        &self,
        seen: Observations<'_>,
        memory: &mut Memory,
        mode: ActMode,
        rng: &mut Rng,
        out: &mut Decisions,
    ) -> Result<(), AgentError> {
        let ActionBatch::Discrete(actions) = &mut out.actions else {
            unreachable!("the agent refused other actions when it was built")
        };
        SCRATCH.with_borrow_mut(|scratch| {
            let heads = self.actor.step(seen, 0..seen.len(), memory.rows_mut(), scratch);
            for (i, heads) in heads.chunks_exact(self.num_actions + 1).enumerate() {
                let (logits, value) = heads.split_at(self.num_actions);
                let choice = match mode {
                    ActMode::Sample => losses::sample(logits, rng),
                    ActMode::Greedy => losses::greedy(logits),
                };
                (actions[i], out.log_prob[i], out.value[i]) = (choice.action, choice.log_prob, value[0]);
            }
        });
        Ok(())
    }
}

impl Agent for LstmPpo {
    fn mirror(&self, _: &Decisions, _: &mut ActionBatch) -> bool {
        false
    }

    fn observe(&mut self, step: Experience<'_>) -> Result<(), AgentError> {
        let (actor, end, num_actions) = (&self.actor, step.after.end, self.num_actions);
        self.rollout.push(&step, |i| {
            let mut memory = step.memory_after.row(i).to_vec();
            SCRATCH.with_borrow_mut(|scratch| actor.step(end, i..i + 1, &mut memory, scratch)[num_actions])
        });
        Ok(())
    }

    fn update(&mut self, rng: &mut Rng) -> Result<Option<UpdateStats>, AgentError> {
        if !ppo::is_due(&self.rollout, self.rollout_len) {
            return Ok(None);
        }
        let rate = self.config.learning_rate * self.config.schedule.factor(self.updates, self.total_updates);
        let passes = Passes { epochs: self.config.epochs, parts: self.config.num_minibatches, target_kl: 0.0 };
        let (mut rollout, mut tally) = (std::mem::take(&mut self.rollout), Tally::default());
        passes.run(&rollout, self.observation, rng, |batch, _| self.learn(batch, rate, &mut tally))?;
        rollout.clear();
        self.rollout = rollout;
        self.actor = self.network.actor()?;
        self.updates += 1;
        Ok(Some(tally.stats(rate)))
    }

    fn explain(&self, seen: Observations<'_>, memory: &Memory) -> Result<Explanation, AgentError> {
        let mut memory = memory.row(0).to_vec();
        SCRATCH.with_borrow_mut(|scratch| {
            let heads = self.actor.step(seen, 0..1, &mut memory, scratch);
            let (logits, value) = heads.split_at(self.num_actions);
            let (mut probs, mut log_probs) = (vec![0.0; logits.len()], vec![0.0; logits.len()]);
            losses::softmax(logits, &mut probs, &mut log_probs);
            let probs = probs.iter().map(|p| *p as f32).collect();
            Ok(Explanation {
                of_actions: vec![("probability", probs)],
                of_state: vec![("value", value[0])],
                ..Explanation::default()
            })
        })
    }

    fn save(&self, to: &mut Checkpoint) -> Result<(), AgentError> {
        assert_eq!(self.rollout.steps(), 0, "checkpoints are taken between updates");
        self.network.params.save("weights/", to)?;
        self.adam.save("adam/", to)?;
        to.put_value("updates", &self.updates);
        Ok(())
    }

    fn restore(&mut self, from: &Checkpoint) -> Result<(), AgentError> {
        self.network.params.restore("weights/", from)?;
        self.adam.restore("adam/", from)?;
        self.updates = from.value("updates")?;
        self.rollout.clear();
        self.actor = self.network.actor()?;
        Ok(())
    }
}

impl LstmPpo {
    /// One gradient step on a batch; the divergence of its policy from the one that acted.
    fn learn(&mut self, batch: &RolloutBatch, rate: f64, tally: &mut Tally) -> Result<f64, AgentError> {
        let output = self.network.forward(batch, &mut self.windows)?;
        let heads = Heads::split(&nn::host(&output)?, self.num_actions);
        let LstmPpoConfig { discount, gae_lambda, cut_at_episode_end, .. } = self.config;
        let mut estimates = Estimates::gae(batch, &heads.values, discount, gae_lambda, cut_at_episode_end);
        if self.config.normalise_advantages {
            returns::normalise(&mut estimates.advantages, Deviations::POPULATION);
        }
        let ActionBatch::Discrete(actions) = &batch.actions else {
            unreachable!("the agent refused other actions when it was built")
        };
        let rows = batch.steps * batch.envs;
        let mut gradient = Heads { logits: vec![0.0; heads.logits.len()], values: vec![0.0; heads.values.len()] };
        let config = PpoLossConfig {
            clip: self.config.clip,
            value_coef: self.config.value_coef,
            entropy_coef: self.config.entropy_coef,
            value_beta: 1.0,
        };
        let learnt = PpoRows {
            logits: &heads.logits[..rows * self.num_actions],
            actions,
            old_log_prob: &batch.log_probs,
            advantages: &estimates.advantages,
            values: &heads.values[..rows],
            targets: &estimates.targets,
        };
        let d_learnt = (&mut gradient.logits[..rows * self.num_actions], &mut gradient.values[..rows]);
        let loss = losses::ppo_clip(&learnt, &config, d_learnt.0, d_learnt.1);
        self.require_finite("the loss", loss.loss, batch, &learnt)?;
        let grads = nn::backward(vec![(&output, gradient.join())])?;
        let norm = optim::global_norm(&self.network.params, &grads)?;
        self.require_finite("the norm of the gradient", norm, batch, &learnt)?;
        let scale = match self.config.max_grad_norm {
            0.0 => 1.0,
            limit => optim::clip_factor(norm, limit),
        };
        self.adam.step(&self.network.params, &grads, rate, scale)?;
        tally.add(&loss, norm, learnt.values, &estimates);
        Ok(loss.approx_kl)
    }

    /// An error with everything that went into the number, if it is not finite.
    fn require_finite(
        &self,
        what: &'static str,
        value: f64,
        batch: &RolloutBatch,
        rows: &PpoRows<'_>,
    ) -> Result<(), AgentError> {
        let shape = [batch.steps, batch.envs];
        ppo::require_finite((what, value), self.updates, batch, |to| {
            self.network.params.save("weights/", to)?;
            to.put_f32("logits", &[batch.steps, batch.envs, self.num_actions], rows.logits);
            let columns = [("values", rows.values), ("advantages", rows.advantages), ("targets", rows.targets)];
            columns.iter().for_each(|(name, numbers)| to.put_f32(name, &shape, numbers));
            Ok(())
        })
    }
}

/// Logits `[R, A]` and values `[R]`.
struct Heads {
    logits: Vec<f32>,
    values: Vec<f32>,
}

impl Heads {
    /// Takes rows of logits and a value apart.
    fn split(rows: &[f32], num_actions: usize) -> Self {
        let n = rows.len() / (num_actions + 1);
        let mut heads = Self { logits: Vec::with_capacity(n * num_actions), values: Vec::with_capacity(n) };
        for row in rows.chunks_exact(num_actions + 1) {
            let (logits, value) = row.split_at(num_actions);
            heads.logits.extend_from_slice(logits);
            heads.values.push(value[0]);
        }
        heads
    }

    /// Puts them together again.
    fn join(&self) -> Vec<f32> {
        let num_actions = self.logits.len() / self.values.len();
        let mut rows = Vec::with_capacity(self.logits.len() + self.values.len());
        for (logits, value) in self.logits.chunks_exact(num_actions).zip(&self.values) {
            rows.extend_from_slice(logits);
            rows.push(*value);
        }
        rows
    }
}
