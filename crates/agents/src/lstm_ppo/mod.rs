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

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use pavlov_rl_core::{
    ActMode, ActionBatch, ActionSpec, Agent, AgentError, Checkpoint, Decisions, EnvSpec, Experience, Explanation,
    Memory, ObservationSpec, Observations, Policy, Rng, RngTree, Status, UpdateStats, below,
};

pub(crate) use self::config::parse;
pub use self::config::{Body, LstmPpoConfig, Schedule};
use self::network::{Actor, Network, Scratch};
use crate::losses::{self, PpoLoss, PpoLossConfig, PpoRows};
use crate::nn::{self, compute_error};
use crate::optim::{self, Adam, AdamConfig};
use crate::registry::{AgentContext, RolloutLen};
use crate::returns::{self, Steps};
use crate::rollout::{Rollout, RolloutBatch};

const NAME: &str = "lstm_ppo";
/// The agent: parameters, optimiser, the steps since the last update and a copy of the weights to act with.
pub struct LstmPpo {
    config: LstmPpoConfig,
    observation: ObservationSpec,
    num_actions: usize,
    num_envs: usize,
    rollout_len: RolloutLen,
    total_updates: u64,
    network: Network,
    adam: Adam,
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
        if config.num_minibatches > context.num_envs {
            let (parts, envs) = (config.num_minibatches, context.num_envs);
            return Err(mismatch(format!("{parts} minibatches need as many environments, train.num_envs is {envs}")));
        }
        if matches!(context.rollout_len, RolloutLen::Episode(_)) && context.num_envs != 1 {
            return Err(mismatch("train.rollout_len = \"episode\" needs train.num_envs = 1".into()));
        }
        let mut init_rng = rng.stream("init", 0);
        let inputs = observation.flat_len();
        let network = Network::new(&config, inputs, names.len(), &context.device, &mut init_rng)?;
        Ok(Self {
            adam: Adam::new(&network.params, AdamConfig::default()),
            actor: network.actor()?,
            rollout: Rollout::new(context.num_envs),
            observation: *observation,
            num_actions: names.len(),
            num_envs: context.num_envs,
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
        let due = match self.rollout_len {
            RolloutLen::Steps(steps) => self.rollout.steps() >= steps as usize,
            RolloutLen::Episode(_) => self.rollout.all_ended(),
        };
        if !due {
            return Ok(None);
        }
        let rate = self.config.learning_rate * self.config.schedule.factor(self.updates, self.total_updates);
        let mut order: Vec<usize> = (0..self.num_envs).collect();
        let (envs, parts) = (self.num_envs, self.config.num_minibatches);
        let whole = (parts == 1).then(|| self.rollout.batch(&order, self.observation));
        let mut tally = Tally::default();
        for _ in 0..self.config.epochs {
            if let Some(batch) = &whole {
                self.learn(batch, rate, &mut tally)?;
                continue;
            }
            shuffle(&mut order, rng);
            for part in 0..parts {
                let chosen = &order[part * envs / parts..(part + 1) * envs / parts];
                let batch = self.rollout.batch(chosen, self.observation);
                self.learn(&batch, rate, &mut tally)?;
            }
        }
        self.rollout.clear();
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
            Ok(Explanation { of_actions: vec![("probability", probs)], of_state: vec![("value", value[0])] })
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
    /// One gradient step on a batch.
    fn learn(&mut self, batch: &RolloutBatch, rate: f64, tally: &mut Tally) -> Result<(), AgentError> {
        let output = self.network.forward(batch)?;
        let heads = Heads::split(&nn::host(&output)?, self.num_actions);
        let Estimates { mut advantages, targets } = self.estimate(batch, &heads.values);
        if self.config.normalise_advantages {
            normalise(&mut advantages);
        }
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
            actions: &batch.actions,
            old_log_prob: &batch.log_probs,
            advantages: &advantages,
            values: &heads.values[..rows],
            targets: &targets,
        };
        let d_learnt = (&mut gradient.logits[..rows * self.num_actions], &mut gradient.values[..rows]);
        let loss = losses::ppo_clip(&learnt, &config, d_learnt.0, d_learnt.1);
        self.require_finite("the loss", loss.loss, batch, &learnt)?;
        let grads = backward(&output, gradient.join())?;
        let norm = optim::global_norm(&self.network.params, &grads)?;
        self.require_finite("the norm of the gradient", norm, batch, &learnt)?;
        let scale = match self.config.max_grad_norm {
            0.0 => 1.0,
            limit => optim::clip_factor(norm, limit),
        };
        self.adam.step(&self.network.params, &grads, rate, scale)?;
        tally.add(&loss, norm, explained_variance(&heads.values[..rows], &targets));
        Ok(())
    }

    /// An error with everything that went into the number, if it is not finite.
    fn require_finite(
        &self,
        what: &'static str,
        value: f64,
        batch: &RolloutBatch,
        rows: &PpoRows<'_>,
    ) -> Result<(), AgentError> {
        if value.is_finite() {
            return Ok(());
        }
        let mut saved = Checkpoint::default();
        self.network.params.save("weights/", &mut saved)?;
        batch.save(self.observation, &mut saved);
        let shape = [batch.steps, batch.envs];
        saved.put_f32("logits", &[batch.steps, batch.envs, self.num_actions], rows.logits);
        for (name, numbers) in [("values", rows.values), ("advantages", rows.advantages), ("targets", rows.targets)] {
            saved.put_f32(name, &shape, numbers);
        }
        Err(AgentError::NotFinite { what, value, update: self.updates, batch: Box::new(saved) })
    }

    /// Advantages and value targets `[T, B]` from the values `[T + 1, B]` of this pass.
    fn estimate(&self, batch: &RolloutBatch, values: &[f32]) -> Estimates {
        let rows = batch.steps * batch.envs;
        let next = (0..rows).map(|row| match batch.statuses[row] {
            Status::Running => values[row + batch.envs],
            Status::Terminated => 0.0,
            Status::Truncated => batch.end_values[row],
        });
        let next: Vec<f32> = next.collect();
        let alive: Vec<f32> = batch.statuses.iter().map(|s| f32::from(*s != Status::Terminated)).collect();
        let ended = |s: &Status| self.config.cut_at_episode_end && *s != Status::Running;
        let cut: Vec<bool> = batch.statuses.iter().map(ended).collect();
        let steps = Steps {
            num_envs: batch.envs,
            rewards: &batch.rewards,
            values: &values[..rows],
            next_values: &next,
            alive: &alive,
            cut: &cut,
        };
        let mut estimates = Estimates { advantages: vec![0.0; rows], targets: vec![0.0; rows] };
        let Estimates { advantages, targets } = &mut estimates;
        returns::gae(&steps, self.config.discount, self.config.gae_lambda, advantages, targets);
        estimates
    }
}

struct Estimates {
    advantages: Vec<f32>,
    targets: Vec<f32>,
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

/// Gradients of `sum(output * gradient of the loss with respect to it)`: the chain rule through the graph.
fn backward(output: &Tensor, gradient: Vec<f32>) -> Result<GradStore, AgentError> {
    let gradient = Tensor::from_vec(gradient, output.shape(), output.device());
    let total = gradient.and_then(|gradient| (output * gradient)?.sum_all());
    total.and_then(|total| total.backward()).map_err(compute_error("the backward pass"))
}

/// Mean 0 and deviation 1 (population), in f64.
fn normalise(values: &mut [f32]) {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    let factor = 1.0 / (variance.sqrt() + 1e-8);
    values.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) * factor) as f32);
}

/// Fisher and Yates.
fn shuffle(order: &mut [usize], rng: &mut Rng) {
    for i in (1..order.len()).rev() {
        order.swap(i, below(rng, i as u32 + 1) as usize);
    }
}

/// `1 - var(target - value) / var(target)`; 0 where the targets do not vary.
fn explained_variance(values: &[f32], targets: &[f32]) -> f64 {
    let variance = |numbers: &dyn Fn(usize) -> f64| {
        let n = targets.len() as f64;
        let mean = (0..targets.len()).map(numbers).sum::<f64>() / n;
        (0..targets.len()).map(|i| (numbers(i) - mean).powi(2)).sum::<f64>() / n
    };
    let total = variance(&|i| f64::from(targets[i]));
    let rest = variance(&|i| f64::from(targets[i]) - f64::from(values[i]));
    if total > 0.0 { 1.0 - rest / total } else { 0.0 }
}

/// Means over the gradient steps of an update.
#[derive(Default)]
struct Tally {
    steps: f64,
    sums: [f64; STATS.len()],
}

const STATS: [&str; 8] =
    ["loss", "policy_loss", "value_loss", "entropy", "approx_kl", "clip_frac", "grad_norm", "explained_variance"];

impl Tally {
    fn add(&mut self, loss: &PpoLoss, grad_norm: f64, explained_variance: f64) {
        let PpoLoss { loss, policy_loss, value_loss, entropy, approx_kl, clip_frac } = *loss;
        let values = [loss, policy_loss, value_loss, entropy, approx_kl, clip_frac, grad_norm, explained_variance];
        self.steps += 1.0;
        self.sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }

    fn stats(&self, learning_rate: f64) -> UpdateStats {
        let means = STATS.iter().zip(self.sums).map(|(name, sum)| (*name, sum / self.steps));
        means.chain([("learning_rate", learning_rate)]).collect()
    }
}
