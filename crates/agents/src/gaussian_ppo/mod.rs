//! Proximal policy optimisation of actions that are numbers, with a Gaussian policy.
//!
//! Source: Schulman et al. 2017, "Proximal Policy Optimization Algorithms" (clipped objective, section 3); sizes and
//! constants of the KOSPI ratio notebook; Andrychowicz et al. 2021, "What matters in on-policy reinforcement learning?"
//! (choices about actions and deviations, section 3.2). Actor and critic are networks of their own, dense or with an
//! LSTM.
//!
//! The law of an action lives in shares of its range, 0 at the lower and 1 at the upper bound, so that one deviation
//! fits all of its numbers. Differences from the notebook, each for a reason: the probability of a clipped action is
//! that of the number that was drawn, not the density at the bound; the penalty on jumps is on the means, which have a
//! gradient, not on the actions taken, which have none.

mod config;
mod law;
mod network;

use std::cell::RefCell;

use pavlov_rl_core::{
    ActMode, ActionBatch, ActionSpec, Agent, AgentError, Checkpoint, Decisions, EnvSpec, Experience, Explanation,
    Memory, ObservationSpec, Observations, Policy, Rng, RngTree, Status, UpdateStats,
};

pub(crate) use self::config::parse;
pub use self::config::{Advantages, Bound, Deviation, GaussianPpoConfig, Hidden, Judged, MeanHead};
use self::law::Law;
use self::network::{Acting, Network, Scratch};
use crate::losses::{GaussianRows, PpoLossConfig, ppo_gaussian, smoothness};
use crate::nn::{self, Windows, compute_error};
use crate::optim::{self, Adam, AdamConfig};
use crate::ppo::{self, Estimates, Passes, Tally};
use crate::registry::{AgentContext, RolloutLen};
use crate::returns::{self, Deviations};
use crate::rollout::{Rollout, RolloutBatch, pick};

const NAME: &str = "gaussian_ppo";
const BEST: &str = "best/";

/// The agent: parameters, optimiser, the steps since the last update and a copy of the weights to act with.
pub struct GaussianPpo {
    config: GaussianPpoConfig,
    observation: ObservationSpec,
    law: Law,
    rollout_len: RolloutLen,
    total_updates: u64,
    network: Network,
    adam: Adam,
    windows: Windows,
    acting: Acting,
    rollout: Rollout,
    updates: u64,
    best: Best,
}

/// The weights that earned most while they acted, and what the running episodes have earned.
#[derive(Default)]
struct Best {
    reward: Option<f64>,
    weights: Checkpoint,
    /// Rewards of each environment since its episode began.
    running: Vec<f64>,
    /// Rewards and number of the episodes that ended since the last update.
    ended: (f64, u64),
}

impl GaussianPpo {
    /// A fresh agent, its weights drawn from the stream `"init"`.
    ///
    /// # Errors
    /// [`AgentError::Mismatch`] if the environment's actions are no numbers or its numbers do not fit the config.
    pub fn new(config: GaussianPpoConfig, context: &AgentContext<'_>, rng: &RngTree) -> Result<Self, AgentError> {
        let EnvSpec { observation, action } = context.spec;
        let mismatch = |reason: String| AgentError::Mismatch { agent: NAME, reason };
        let ActionSpec::Continuous { low, high } = action else {
            return Err(mismatch("it needs actions that are numbers; choose an agent for choices".into()));
        };
        if let Some(reason) = ppo::mismatch(context, config.num_minibatches) {
            return Err(mismatch(reason));
        }
        let sizes = [observation.flat_len(), low.len()];
        let network = Network::new(&config, sizes, &context.device, &mut rng.stream("init", 0))?;
        Ok(Self {
            windows: Windows::new(&context.device),
            adam: Adam::new(&network.params, AdamConfig::default()),
            acting: network.acting()?,
            rollout: Rollout::new(context.num_envs),
            law: Law::new(&config, low, high),
            observation: *observation,
            rollout_len: context.rollout_len,
            total_updates: context.updates,
            best: Best { running: vec![0.0; context.num_envs], ..Best::default() },
            config,
            network,
            updates: 0,
        })
    }
}

thread_local! {
    /// Each thread that acts has its buffers: acting takes `&self` and allocates nothing.
    static SCRATCH: RefCell<(Scratch, Vec<f32>)> = RefCell::default();
}

impl Policy for GaussianPpo {
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
        let Decisions { actions: ActionBatch::Continuous { values: actions, .. }, drawn, log_prob, value } = out else {
            unreachable!("the agent refused other actions when it was built")
        };
        let width = self.law.width();
        SCRATCH.with_borrow_mut(|(scratch, means)| {
            let (outputs, values) = self.acting.step(seen, 0..seen.len(), memory.rows_mut(), scratch);
            means.clear();
            means.extend(outputs.iter().map(|y| self.law.mean(*y)));
            if let Some(mean) = means.iter().find(|mean| !mean.is_finite()) {
                let message = format!("a mean is {mean}; learning diverged: lower the learning rate");
                return Err(AgentError::Compute { what: "acting", message });
            }
            value.copy_from_slice(values);
            for (i, mean) in means.chunks_exact(width).enumerate() {
                let drawn = &mut drawn[i * width..(i + 1) * width];
                let rng = (mode == ActMode::Sample).then_some(&mut *rng);
                log_prob[i] = self.law.draw(mean, &self.acting.log_std, rng, drawn);
                self.law.action(drawn, &mut actions[i * width..(i + 1) * width]);
            }
            Ok(())
        })
    }
}

impl Agent for GaussianPpo {
    fn mirror(&self, _: &Decisions, _: &mut ActionBatch) -> bool {
        false
    }

    fn observe(&mut self, step: Experience<'_>) -> Result<(), AgentError> {
        let (acting, end) = (&self.acting, step.after.end);
        self.rollout.push(&step, |i| {
            let mut memory = step.memory_after.row(i).to_vec();
            SCRATCH.with_borrow_mut(|(scratch, _)| acting.step(end, i..i + 1, &mut memory, scratch).1[0])
        });
        if self.config.judged == Judged::Best {
            self.best.observe(step.after.rewards, step.after.statuses);
        }
        Ok(())
    }

    fn update(&mut self, rng: &mut Rng) -> Result<Option<UpdateStats>, AgentError> {
        if !ppo::is_due(&self.rollout, self.rollout_len) {
            return Ok(None);
        }
        self.best.keep(&self.network)?;
        let rate = self.config.learning_rate * self.config.schedule.factor(self.updates, self.total_updates);
        let passes =
            Passes { epochs: self.config.epochs, parts: self.config.num_minibatches, target_kl: self.config.target_kl };
        let mut rollout = std::mem::take(&mut self.rollout);
        let returns = (self.config.advantages == Advantages::Returns).then(|| self.returns(&rollout));
        let (envs, mut tally) = (rollout.num_envs(), Tally::default());
        passes.run(&rollout, self.observation, rng, |batch, chosen| {
            let returns = returns.as_ref().map(|returns| pick(returns, envs, chosen));
            self.learn(batch, returns, rate, &mut tally)
        })?;
        rollout.clear();
        self.rollout = rollout;
        self.updates += 1;
        self.take_weights()?;
        let std = self.acting.log_std.iter().map(|l| f64::from(*l).exp()).sum::<f64>() / self.law.width() as f64;
        let mut stats = tally.stats(rate);
        stats.push(("std", std));
        Ok(Some(stats))
    }

    fn explain(&self, seen: Observations<'_>, memory: &Memory) -> Result<Explanation, AgentError> {
        let mut memory = memory.row(0).to_vec();
        SCRATCH.with_borrow_mut(|(scratch, _)| {
            let (outputs, values) = self.acting.step(seen, 0..1, &mut memory, scratch);
            let means = outputs.iter().map(|y| self.law.mean(*y)).collect();
            let std = self.acting.log_std.iter().map(|l| l.exp()).collect();
            Ok(Explanation {
                of_actions: vec![("mean", means), ("std", std)],
                of_state: vec![("value", values[0])],
                ..Explanation::default()
            })
        })
    }

    fn save(&self, to: &mut Checkpoint) -> Result<(), AgentError> {
        assert_eq!(self.rollout.steps(), 0, "checkpoints are taken between updates");
        self.network.params.save("weights/", to)?;
        self.adam.save("adam/", to)?;
        to.put_value("updates", &self.updates);
        if self.config.judged == Judged::Best {
            self.best.save(to)?;
        }
        Ok(())
    }

    fn restore(&mut self, from: &Checkpoint) -> Result<(), AgentError> {
        self.network.params.restore("weights/", from)?;
        self.adam.restore("adam/", from)?;
        self.updates = from.value("updates")?;
        if self.config.judged == Judged::Best {
            self.best.restore(&self.network, from)?;
        }
        self.rollout.clear();
        self.take_weights()
    }
}

impl GaussianPpo {
    /// Takes up the weights to act with: the last ones, or the best ones if the training has ended and they are judged.
    fn take_weights(&mut self) -> Result<(), AgentError> {
        self.acting = self.network.acting()?;
        if self.updates >= self.total_updates && self.best.reward.is_some() {
            let mut last = Checkpoint::default();
            self.network.params.save("", &mut last)?;
            self.network.params.restore(BEST, &self.best.weights)?;
            self.acting = self.network.acting()?;
            self.network.params.restore("", &last)?;
        }
        Ok(())
    }

    /// Returns `[T, N]` of a rollout, normalised if the config says so.
    fn returns(&self, rollout: &Rollout) -> Vec<f32> {
        let mut returns = rollout.returns(self.config.discount);
        if self.config.normalise {
            returns::normalise(&mut returns, Deviations::SAMPLE);
        }
        returns
    }

    /// One gradient step on a batch; the divergence of its policy from the one that acted.
    fn learn(
        &mut self,
        batch: &RolloutBatch,
        returns: Option<Vec<f32>>,
        rate: f64,
        tally: &mut Tally,
    ) -> Result<f64, AgentError> {
        let [outputs, values] = self.network.forward(batch, &mut self.windows)?;
        let (means, values_host) = (self.means(&nn::host(&outputs)?), nn::host(&values)?);
        let log_std = self.network.log_std()?;
        let ActionBatch::Continuous { values: drawn, .. } = &batch.actions else {
            unreachable!("the agent refused other actions when it was built")
        };
        let (rows, numbers) = (batch.steps * batch.envs, drawn.len());
        let estimates = self.estimate(batch, returns, &values_host);
        let Estimates { advantages, targets } = &estimates;
        let learnt = GaussianRows {
            means: &means[..numbers],
            log_std: &log_std,
            drawn,
            squashed: self.law.squashed(),
            old_log_prob: &batch.log_probs,
            advantages,
            values: &values_host[..rows],
            targets,
        };
        let (mut loss, mut gradient) = ppo_gaussian(&learnt, &self.loss_config());
        if self.config.lam_a > 0.0 {
            let goes_on: Vec<bool> = batch.statuses.iter().map(|s| *s == Status::Running).collect();
            loss.loss += smoothness(learnt.means, &goes_on, batch.envs, self.config.lam_a, &mut gradient.means);
        }
        let require_finite = |what, value| {
            ppo::require_finite((what, value), self.updates, batch, |to| {
                self.network.params.save("weights/", to)?;
                to.put_f32("means", &[rows, self.law.width()], learnt.means);
                let columns = [("values", learnt.values), ("advantages", advantages), ("targets", targets)];
                columns.iter().for_each(|(name, column)| to.put_f32(name, &[batch.steps, batch.envs], column));
                Ok(())
            })
        };
        require_finite("the loss", loss.loss)?;
        // The row behind the last step only gives values to bootstrap from.
        let slopes = gradient.means.iter().zip(learnt.means).map(|(d, mean)| d * self.law.slope(*mean));
        let d_outputs = slopes.chain(std::iter::repeat(0.0)).take(means.len()).collect();
        gradient.values.resize(values_host.len(), 0.0);
        let mut grads = nn::backward(vec![(&outputs, d_outputs), (&values, gradient.values)])?;
        if let Some(log_std) = self.network.learned_log_std() {
            let gradient = candle_core::Tensor::from_vec(gradient.log_std, log_std.shape(), log_std.device());
            grads.insert(log_std, gradient.map_err(compute_error("the gradient of the deviations"))?);
        }
        let norm = optim::global_norm(&self.network.params, &grads)?;
        require_finite("the norm of the gradient", norm)?;
        let scale = match self.config.max_grad_norm {
            0.0 => 1.0,
            limit => optim::clip_factor(norm, limit),
        };
        self.adam.step(&self.network.params, &grads, rate, scale)?;
        tally.add(&loss, norm, learnt.values, &estimates);
        Ok(loss.approx_kl)
    }

    fn means(&self, outputs: &[f32]) -> Vec<f32> {
        outputs.iter().map(|y| self.law.mean(*y)).collect()
    }

    fn loss_config(&self) -> PpoLossConfig {
        let GaussianPpoConfig { clip, value_coef, entropy_coef, .. } = self.config;
        PpoLossConfig { clip, value_coef, entropy_coef, value_beta: f64::INFINITY }
    }

    /// Advantages and targets from the values `[T + 1, B]` of this pass; `returns` `[T, B]` are those of the batch.
    fn estimate(&self, batch: &RolloutBatch, returns: Option<Vec<f32>>, values: &[f32]) -> Estimates {
        if let Some(targets) = returns {
            let advantages = targets.iter().zip(values).map(|(target, value)| target - value).collect();
            return Estimates { advantages, targets };
        }
        let GaussianPpoConfig { discount, gae_lambda, normalise, .. } = self.config;
        let mut estimates = Estimates::gae(batch, values, discount, gae_lambda, true);
        if normalise {
            returns::normalise(&mut estimates.advantages, Deviations::POPULATION);
        }
        estimates
    }
}

impl Best {
    fn observe(&mut self, rewards: &[f64], statuses: &[Status]) {
        for ((running, reward), status) in self.running.iter_mut().zip(rewards).zip(statuses) {
            *running += reward;
            if *status != Status::Running {
                self.ended.0 += std::mem::take(running);
                self.ended.1 += 1;
            }
        }
    }

    /// Keeps the weights that acted if the episodes that ended are the best so far.
    fn keep(&mut self, network: &Network) -> Result<(), AgentError> {
        let (sum, count) = std::mem::take(&mut self.ended);
        let reward = sum / count as f64;
        if count > 0 && self.reward.is_none_or(|best| reward > best) {
            self.reward = Some(reward);
            self.weights = Checkpoint::default();
            network.params.save(BEST, &mut self.weights)?;
        }
        Ok(())
    }

    fn save(&self, to: &mut Checkpoint) -> Result<(), AgentError> {
        to.put_value("best_reward", &self.reward);
        to.put_value("episode_rewards", &self.running);
        copy(&self.weights, self.weights.names(), to)
    }

    fn restore(&mut self, network: &Network, from: &Checkpoint) -> Result<(), AgentError> {
        let (reward, running): (_, Vec<f64>) = (from.value("best_reward")?, from.value("episode_rewards")?);
        let mut names = Checkpoint::default();
        if Option::is_some(&reward) {
            network.params.save(BEST, &mut names)?;
        }
        let mut weights = Checkpoint::default();
        copy(from, names.names(), &mut weights)?;
        *self = Self { reward, weights, running, ended: (0.0, 0) };
        Ok(())
    }
}

/// Writes some tensors of a checkpoint into another one.
fn copy<'a>(from: &Checkpoint, names: impl Iterator<Item = &'a str>, to: &mut Checkpoint) -> Result<(), AgentError> {
    for name in names {
        let shape = from.shape(name)?.to_vec();
        to.put_f32(name, &shape, &from.f32(name, &shape)?);
    }
    Ok(())
}
