//! What the agents of proximal policy optimisation share: when an update is due, its passes over the rollout, the way
//! back through the graph, and the figures that are logged.

use pavlov_rl_core::{AgentError, Checkpoint, ObservationSpec, Rng, Status, UpdateStats, below};

use crate::losses::PpoLoss;
use crate::registry::{AgentContext, RolloutLen, Rule};
use crate::returns::{self, Steps};
use crate::rollout::{Rollout, RolloutBatch};

/// The hyper-parameters that every agent of this family has.
pub(crate) struct Common<'a> {
    pub(crate) learning_rate: f64,
    pub(crate) discount: f64,
    pub(crate) gae_lambda: f64,
    pub(crate) clip: f64,
    pub(crate) epochs: u32,
    /// Weights and limits by key, which must not be negative.
    pub(crate) weights: &'a [(&'static str, f64)],
}

impl Common<'_> {
    /// The bounds of the values.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let Self { learning_rate, discount, gae_lambda, clip, epochs, weights } = *self;
        let share = [("discount", discount), ("gae_lambda", gae_lambda)];
        let share = share.map(|(key, x)| (key, (0.0..=1.0).contains(&x), "lie in 0..=1", x.to_string()));
        let weights = weights.iter().map(|(k, x)| (*k, x.is_finite() && *x >= 0.0, "not be negative", x.to_string()));
        let rate_fits = learning_rate > 0.0 && learning_rate.is_finite();
        let rules = [
            ("epochs", epochs >= 1, "be at least 1", epochs.to_string()),
            ("learning_rate", rate_fits, "be positive", learning_rate.to_string()),
        ];
        let clip = ("clip", clip > 0.0 && clip < 1.0, "lie between 0 and 1", clip.to_string());
        rules.into_iter().chain(share).chain([clip]).chain(weights).collect()
    }
}

/// What is wrong with a context, if anything: minibatches are made of environments, and an episode is that of one.
pub(crate) fn mismatch(context: &AgentContext<'_>, num_minibatches: usize) -> Option<String> {
    let envs = context.num_envs;
    if num_minibatches > envs {
        return Some(format!("{num_minibatches} minibatches need as many environments, train.num_envs is {envs}"));
    }
    let episode = matches!(context.rollout_len, RolloutLen::Episode(_));
    (episode && envs != 1).then(|| "train.rollout_len = \"episode\" needs train.num_envs = 1".into())
}

/// Whether enough steps were taken for an update.
pub(crate) fn is_due(rollout: &Rollout, rollout_len: RolloutLen) -> bool {
    match rollout_len {
        RolloutLen::Steps(steps) => rollout.steps() >= steps as usize,
        RolloutLen::Episode(_) => rollout.all_ended(),
    }
}

/// How often an update goes over its rollout.
pub(crate) struct Passes {
    pub(crate) epochs: u32,
    /// Parts of a pass, by environment.
    pub(crate) parts: usize,
    /// Mean divergence of a pass beyond which there is no further one; 0 for no limit.
    pub(crate) target_kl: f64,
}

impl Passes {
    /// Gives every part of every pass to `learn`, with its environments; `learn` returns the divergence.
    pub(crate) fn run(
        &self,
        rollout: &Rollout,
        spec: ObservationSpec,
        rng: &mut Rng,
        mut learn: impl FnMut(&RolloutBatch, &[usize]) -> Result<f64, AgentError>,
    ) -> Result<(), AgentError> {
        let (envs, parts) = (rollout.num_envs(), self.parts);
        let mut order: Vec<usize> = (0..envs).collect();
        let whole = (parts == 1).then(|| rollout.batch(&order, spec));
        for _ in 0..self.epochs {
            let mut divergence = 0.0;
            if let Some(batch) = &whole {
                divergence = learn(batch, &order)?;
            } else {
                shuffle(&mut order, rng);
                for part in 0..parts {
                    let chosen = &order[part * envs / parts..(part + 1) * envs / parts];
                    divergence += learn(&rollout.batch(chosen, spec), chosen)? / parts as f64;
                }
            }
            if self.target_kl > 0.0 && divergence > self.target_kl {
                break;
            }
        }
        Ok(())
    }
}

/// Fisher and Yates.
fn shuffle(order: &mut [usize], rng: &mut Rng) {
    for i in (1..order.len()).rev() {
        order.swap(i, below(rng, i as u32 + 1) as usize);
    }
}

/// Advantages and value targets, `[T, B]`.
pub(crate) struct Estimates {
    pub(crate) advantages: Vec<f32>,
    pub(crate) targets: Vec<f32>,
}

impl Estimates {
    /// By generalised advantage estimation from the values `[T + 1, B]` of this pass.
    pub(crate) fn gae(batch: &RolloutBatch, values: &[f32], discount: f64, lambda: f64, cut: bool) -> Self {
        let rows = batch.steps * batch.envs;
        let next = (0..rows).map(|row| match batch.statuses[row] {
            Status::Running => values[row + batch.envs],
            Status::Terminated => 0.0,
            Status::Truncated => batch.end_values[row],
        });
        let next: Vec<f32> = next.collect();
        let alive: Vec<f32> = batch.statuses.iter().map(|s| f32::from(*s != Status::Terminated)).collect();
        let cut: Vec<bool> = batch.statuses.iter().map(|s| cut && *s != Status::Running).collect();
        let steps = Steps {
            num_envs: batch.envs,
            rewards: &batch.rewards,
            values: &values[..rows],
            next_values: &next,
            alive: &alive,
            cut: &cut,
        };
        let mut estimates = Self { advantages: vec![0.0; rows], targets: vec![0.0; rows] };
        returns::gae(&steps, discount, lambda, &mut estimates.advantages, &mut estimates.targets);
        estimates
    }
}

/// An error with everything that went into the number, if it is not finite.
pub(crate) fn require_finite(
    (what, value): (&'static str, f64),
    update: u64,
    batch: &RolloutBatch,
    save: impl FnOnce(&mut Checkpoint) -> Result<(), AgentError>,
) -> Result<(), AgentError> {
    if value.is_finite() {
        return Ok(());
    }
    let mut saved = Checkpoint::default();
    save(&mut saved)?;
    batch.save(&mut saved);
    Err(AgentError::NotFinite { what, value, update, batch: Box::new(saved) })
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
pub(crate) struct Tally {
    steps: f64,
    sums: [f64; STATS.len()],
}

const STATS: [&str; 10] = [
    "loss",
    "policy_loss",
    "value_loss",
    "entropy",
    "approx_kl",
    "clip_frac",
    "grad_norm",
    "explained_variance",
    "advantage_max",
    "advantage_min",
];

impl Tally {
    /// Takes in a gradient step: its loss, the norm of its gradient, and its values `[R]` and estimates.
    pub(crate) fn add(&mut self, loss: &PpoLoss, grad_norm: f64, values: &[f32], estimates: &Estimates) {
        let PpoLoss { loss, policy_loss, value_loss, entropy, approx_kl, clip_frac } = *loss;
        let Estimates { advantages, targets } = estimates;
        let fold = |from: f32, of: fn(f32, f32) -> f32| f64::from(advantages.iter().copied().fold(from, of));
        let most = [fold(f32::NEG_INFINITY, f32::max), fold(f32::INFINITY, f32::min)];
        let explained = explained_variance(values, targets);
        let losses = [loss, policy_loss, value_loss, entropy, approx_kl, clip_frac, grad_norm, explained];
        let values = losses.into_iter().chain(most);
        self.steps += 1.0;
        self.sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }

    pub(crate) fn stats(&self, learning_rate: f64) -> UpdateStats {
        let means = STATS.iter().zip(self.sums).map(|(name, sum)| (*name, sum / self.steps));
        means.chain([("learning_rate", learning_rate)]).collect()
    }
}
