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

use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};
use pavlov_rl_core::{
    ActMode, ActionBatch, ActionSpec, Agent, AgentError, Checkpoint, Decisions, EnvSpec, Experience, Memory,
    ObservationSpec, Observations, Policy, Rng, RngTree, Status, UpdateStats, below,
};
use serde::{Deserialize, Serialize};

use crate::losses::{self, PpoLoss, PpoLossConfig, PpoRows};
use crate::nn::{self, Activation, DenseLayer, Linear, Params, compute_error, init, lstm};
use crate::optim::{self, Adam, AdamConfig};
use crate::registry::{AgentConfig, AgentContext, RolloutLen};
use crate::returns::{self, Steps};
use crate::rollout::{Rollout, RolloutBatch};

/// Hyper-parameters of LSTM-PPO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LstmPpoConfig {
    /// Units of the first layer. Default 64: the article's GPU text (its CPU text: 10).
    pub fc: usize,
    /// Units of the LSTM. Default 32: the article's GPU text (its CPU text: 10).
    pub hidden: usize,
    /// Learning rate of Adam. Default 5e-4: the article.
    pub learning_rate: f64,
    /// How the learning rate moves over the training. Default linear to 0: Andrychowicz et al. 2021.
    pub schedule: Schedule,
    /// Discount. Default 0.98: the article.
    pub discount: f64,
    /// Decay of the advantage estimator (lambda). Default 0.95: the article.
    pub gae_lambda: f64,
    /// Bound of the probability ratio. Default 0.1: the article.
    pub clip: f64,
    /// Passes over a rollout. Default 3: the article.
    pub epochs: u32,
    /// Parts of a pass, by environment. Default 1: the article.
    pub num_minibatches: usize,
    /// Weight of the value loss. Default 1: the article.
    pub value_coef: f64,
    /// Weight of the entropy bonus. Default 0.01: Mnih et al. 2016 (the article: 0).
    pub entropy_coef: f64,
    /// Largest norm of the gradient; 0 for no limit. Default 0.5: the reference implementation of PPO (the article: none).
    pub max_grad_norm: f64,
    /// Whether advantages are brought to mean 0 and deviation 1 in each batch. Default true: the reference
    /// implementation of PPO (the article: false).
    pub normalise_advantages: bool,
    /// Whether the advantage recursion stops where an episode ends. Default true (the article: false).
    pub cut_at_episode_end: bool,
}

impl Default for LstmPpoConfig {
    fn default() -> Self {
        Self {
            fc: 64,
            hidden: 32,
            learning_rate: 5e-4,
            schedule: Schedule::Linear,
            discount: 0.98,
            gae_lambda: 0.95,
            clip: 0.1,
            epochs: 3,
            num_minibatches: 1,
            value_coef: 1.0,
            entropy_coef: 0.01,
            max_grad_norm: 0.5,
            normalise_advantages: true,
            cut_at_episode_end: true,
        }
    }
}

/// How a rate moves over the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It falls linearly to 0 at the last update.
    Linear,
}

impl Schedule {
    /// Factor of the rate in update `update` of `updates`.
    fn factor(self, update: u64, updates: u64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Linear => 1.0 - update.min(updates) as f64 / updates.max(1) as f64,
        }
    }
}

pub(crate) fn parse(from: toml::de::ValueDeserializer<'_>) -> Result<Box<dyn AgentConfig>, toml::de::Error> {
    LstmPpoConfig::deserialize(from).map(|config| Box::new(config) as Box<dyn AgentConfig>)
}

impl AgentConfig for LstmPpoConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut require = |ok: bool, key: &str, rule: &str, got: String| {
            if !ok {
                problems.push(format!("{key} must {rule}, got {got}"));
            }
        };
        let sizes = [("fc", self.fc), ("hidden", self.hidden), ("num_minibatches", self.num_minibatches)];
        for (key, value) in sizes {
            require((1..=4096).contains(&value), key, "lie in 1..=4096", value.to_string());
        }
        require(self.epochs >= 1, "epochs", "be at least 1", self.epochs.to_string());
        require(
            self.learning_rate > 0.0 && self.learning_rate.is_finite(),
            "learning_rate",
            "be positive",
            self.learning_rate.to_string(),
        );
        for (key, value) in [("discount", self.discount), ("gae_lambda", self.gae_lambda)] {
            require((0.0..=1.0).contains(&value), key, "lie in 0..=1", value.to_string());
        }
        require(self.clip > 0.0 && self.clip < 1.0, "clip", "lie between 0 and 1", self.clip.to_string());
        let weights = [
            ("value_coef", self.value_coef),
            ("entropy_coef", self.entropy_coef),
            ("max_grad_norm", self.max_grad_norm),
        ];
        for (key, value) in weights {
            require(value.is_finite() && value >= 0.0, key, "not be negative", value.to_string());
        }
        problems
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::try_from(self).expect("plain fields make a table")
    }

    fn build(&self, context: &AgentContext<'_>, rng: &RngTree) -> Result<Box<dyn Agent>, AgentError> {
        Ok(Box::new(LstmPpo::new(self.clone(), context, rng)?))
    }
}

const NAME: &str = "lstm_ppo";
const FC: &str = "fc";
const LSTM: &str = "lstm";
const POLICY: &str = "policy";
const VALUE: &str = "value";

/// The agent: parameters, optimiser, the steps since the last update and a copy of the weights to act with.
pub struct LstmPpo {
    config: LstmPpoConfig,
    observation: ObservationSpec,
    num_actions: usize,
    num_envs: usize,
    rollout_len: RolloutLen,
    total_updates: u64,
    device: Device,
    params: Params,
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
        let mut params = Params::new(&context.device);
        init::linear(&mut params, FC, observation.flat_len(), config.fc, &mut init_rng)?;
        init::lstm(&mut params, LSTM, config.fc, config.hidden, &mut init_rng)?;
        init::linear(&mut params, POLICY, config.hidden, names.len(), &mut init_rng)?;
        init::linear(&mut params, VALUE, config.hidden, 1, &mut init_rng)?;
        Ok(Self {
            adam: Adam::new(&params, AdamConfig::default()),
            actor: Actor::new(&config, &params)?,
            rollout: Rollout::new(context.num_envs),
            observation: *observation,
            num_actions: names.len(),
            num_envs: context.num_envs,
            rollout_len: context.rollout_len,
            total_updates: context.updates,
            device: context.device.clone(),
            config,
            params,
            updates: 0,
        })
    }
}

impl Policy for LstmPpo {
    fn memory(&self, n: usize) -> Memory {
        Memory::zeros(n, 2 * self.config.hidden)
    }

    fn act(
        &self,
        seen: Observations<'_>,
        memory: &mut Memory,
        mode: ActMode,
        rng: &mut Rng,
        out: &mut Decisions,
    ) -> Result<(), AgentError> {
        let n = seen.len();
        let mut x = Vec::with_capacity(n * self.observation.flat_len());
        (0..n).for_each(|i| seen.extend_flat(i, &mut x));
        let heads = self.actor.step(&x, memory.rows_mut());
        let ActionBatch::Discrete(actions) = &mut out.actions else {
            unreachable!("the agent refused other actions when it was built")
        };
        for (i, logits) in heads.logits.chunks_exact(self.num_actions).enumerate() {
            let action = match mode {
                ActMode::Sample => losses::sample(logits, rng),
                ActMode::Greedy => losses::argmax(logits),
            };
            actions[i] = action;
            out.log_prob[i] = losses::log_softmax_at(logits, action);
            out.value[i] = heads.values[i];
        }
        Ok(())
    }
}

impl Agent for LstmPpo {
    fn mirror(&self, _: &Decisions, _: &mut ActionBatch) -> bool {
        false
    }

    fn observe(&mut self, step: Experience<'_>) -> Result<(), AgentError> {
        let (actor, end) = (&self.actor, step.after.end);
        self.rollout.push(&step, |i| {
            let mut x = Vec::with_capacity(end.spec.flat_len());
            end.extend_flat(i, &mut x);
            let mut memory = step.memory_after.row(i).to_vec();
            actor.step(&x, &mut memory).values[0]
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
        let mut tally = Tally::default();
        for _ in 0..self.config.epochs {
            if self.config.num_minibatches > 1 {
                shuffle(&mut order, rng);
            }
            for part in 0..parts {
                let chosen = &order[part * envs / parts..(part + 1) * envs / parts];
                let batch = self.rollout.batch(chosen, self.observation);
                self.learn(&batch, rate, &mut tally)?;
            }
        }
        self.rollout.clear();
        self.actor = Actor::new(&self.config, &self.params)?;
        self.updates += 1;
        Ok(Some(tally.stats(rate)))
    }

    fn save(&self, to: &mut Checkpoint) -> Result<(), AgentError> {
        assert_eq!(self.rollout.steps(), 0, "checkpoints are taken between updates");
        self.params.save("weights/", to)?;
        self.adam.save("adam/", to)?;
        to.put_value("updates", &self.updates);
        Ok(())
    }

    fn restore(&mut self, from: &Checkpoint) -> Result<(), AgentError> {
        self.params.restore("weights/", from)?;
        self.adam.restore("adam/", from)?;
        self.updates = from.value("updates")?;
        self.rollout.clear();
        self.actor = Actor::new(&self.config, &self.params)?;
        Ok(())
    }
}

impl LstmPpo {
    /// One gradient step on a batch.
    fn learn(&mut self, batch: &RolloutBatch, rate: f64, tally: &mut Tally) -> Result<(), AgentError> {
        let (logits, values) = self.forward(batch)?;
        let (host_logits, host_values) = (nn::host(&logits)?, nn::host(&values)?);
        let Estimates { mut advantages, targets } = self.estimate(batch, &host_values);
        if self.config.normalise_advantages {
            normalise(&mut advantages);
        }
        let rows = batch.steps * batch.envs;
        let (mut d_logits, mut d_values) = (vec![0.0; host_logits.len()], vec![0.0; host_values.len()]);
        let config = PpoLossConfig {
            clip: self.config.clip,
            value_coef: self.config.value_coef,
            entropy_coef: self.config.entropy_coef,
            value_beta: 1.0,
        };
        let learnt = PpoRows {
            logits: &host_logits[..rows * self.num_actions],
            actions: &batch.actions,
            old_log_prob: &batch.log_probs,
            advantages: &advantages,
            values: &host_values[..rows],
            targets: &targets,
        };
        let d_learnt = (&mut d_logits[..rows * self.num_actions], &mut d_values[..rows]);
        let loss = losses::ppo_clip(&learnt, &config, d_learnt.0, d_learnt.1);
        let update = self.updates;
        let finite = |what: &'static str, value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(AgentError::NotFinite { what, value, update }),
        };
        finite("the loss", loss.loss)?;
        let grads = backward([(&logits, d_logits), (&values, d_values)])?;
        let norm = optim::global_norm(&self.params, &grads)?;
        finite("the norm of the gradient", norm)?;
        let scale = match self.config.max_grad_norm {
            0.0 => 1.0,
            limit => optim::clip_factor(norm, limit),
        };
        self.adam.step(&self.params, &grads, rate, scale)?;
        tally.add(&loss, norm, explained_variance(&host_values[..rows], &targets));
        Ok(())
    }

    /// Logits `[T + 1, B, A]` and values `[T + 1, B, 1]` in one pass.
    fn forward(&self, batch: &RolloutBatch) -> Result<(Tensor, Tensor), AgentError> {
        let (time, envs, hidden) = (batch.steps + 1, batch.envs, self.config.hidden);
        let failed = compute_error("the forward pass");
        let inputs = self.observation.flat_len();
        let x = Tensor::from_slice(&batch.observations, (time, envs, inputs), &self.device).map_err(&failed)?;
        let mut state = vec![0.0; 2 * envs * hidden];
        lstm::split_memory(&batch.memory, hidden, &mut state);
        let state = Tensor::from_vec(state, (2, envs, hidden), &self.device).map_err(&failed)?;
        let x = Linear::new(FC).then(Activation::Relu).forward(&self.params, &x)?;
        let starts: Arc<[bool]> = batch.starts.as_slice().into();
        let starts = starts.contains(&true).then_some(starts);
        let y = lstm::sequence(&x, self.params.tensor(&format!("{LSTM}.packed")), &state, starts)?;
        let logits = Linear::new(POLICY).forward(&self.params, &y)?;
        let values = Linear::new(VALUE).forward(&self.params, &y)?;
        Ok((logits, values))
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

/// A copy of the weights on the host, laid out for acting.
struct Actor {
    hidden: usize,
    fc: DenseLayer,
    cell: lstm::Cell,
    policy: DenseLayer,
    value: DenseLayer,
}

/// What the heads say about `N` observations.
struct Heads {
    logits: Vec<f32>,
    values: Vec<f32>,
}

impl Actor {
    fn new(config: &LstmPpoConfig, params: &Params) -> Result<Self, AgentError> {
        Ok(Self {
            hidden: config.hidden,
            fc: DenseLayer::from_params(params, FC, Activation::Relu)?,
            cell: lstm::Cell::from_params(params, LSTM, config.fc, config.hidden)?,
            policy: DenseLayer::from_params(params, POLICY, Activation::Identity)?,
            value: DenseLayer::from_params(params, VALUE, Activation::Identity)?,
        })
    }

    /// One step for observations `[N, O]`; moves the memory rows `[N, 2 H]` (h, then c) on.
    fn step(&self, x: &[f32], memory: &mut [f32]) -> Heads {
        let mut state = vec![0.0; memory.len()];
        lstm::split_memory(memory, self.hidden, &mut state);
        let (mut features, mut scratch) = (Vec::new(), Vec::new());
        self.fc.forward(x, &mut features);
        let (h, c) = state.split_at_mut(memory.len() / 2);
        self.cell.step(&features, h, c, &mut scratch);
        let mut heads = Heads { logits: Vec::new(), values: Vec::new() };
        self.policy.forward(h, &mut heads.logits);
        self.value.forward(h, &mut heads.values);
        lstm::join_memory(&state, self.hidden, memory);
        heads
    }
}

/// Gradients of `sum(output * gradient of the loss with respect to it)`: the chain rule through the graph.
fn backward(outputs: [(&Tensor, Vec<f32>); 2]) -> Result<GradStore, AgentError> {
    let failed = compute_error("the backward pass");
    let seeded = outputs.map(|(output, gradient)| {
        let gradient = Tensor::from_vec(gradient, output.shape(), output.device())?;
        (output * gradient)?.sum_all()
    });
    let [logits, values] = seeded;
    let total = logits.and_then(|l| values.and_then(|v| l + v)).map_err(&failed)?;
    total.backward().map_err(&failed)
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
