//! What agents that learn the values of choices from a replay have in common: exploration, experience, when to learn.

use pavlov_rl_core::{
    ActMode, ActionBatch, AgentError, Checkpoint, CheckpointError, Decisions, Experience, Frame, ObservationSpec, Rng,
    Status, UpdateStats, below, uniform_f64,
};
use serde::{Deserialize, Serialize};

use crate::losses::{DoubleQLoss, best};
use crate::registry::{RolloutLen, Rule};
use crate::replay::{Horizon, Replay, ReplayBatch, Sampling, Seen, Transition};

/// Actions that are each other's opposite, by name.
const OPPOSITES: [[&str; 2]; 2] = [["short", "long"], ["sell", "buy"]];

/// How the target network follows the online one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A copy after so many gradient steps (Mnih et al. 2015).
    CopyEvery(u64),
    /// This share of the way at every gradient step (Lillicrap et al. 2016).
    Soft(f64),
}

/// The share of random actions over the environment steps of the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Epsilon {
    /// At the start. Default 1: Théate and Ernst 2021.
    pub start: f64,
    /// At the end. Default 0.01: Théate and Ernst 2021.
    pub end: f64,
    /// Environment steps after which all (linear) or 63 % (exponential) of the way is done. Default 10,000: Théate and Ernst
    /// 2021.
    pub decay_steps: f64,
    /// The law. Default exponential: Théate and Ernst 2021.
    pub decay: EpsilonDecay,
}

impl Default for Epsilon {
    fn default() -> Self {
        Self { start: 1.0, end: 0.01, decay_steps: 10_000.0, decay: EpsilonDecay::Exponential }
    }
}

/// How the share of random actions falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpsilonDecay {
    /// `end + (start - end) * e^(-steps / decay_steps)`.
    Exponential,
    /// `end + (start - end) * max(0, 1 - steps / decay_steps)`.
    Linear,
}

impl Epsilon {
    /// The share after so many environment steps.
    fn at(&self, steps: u64) -> f64 {
        let passed = steps as f64 / self.decay_steps;
        let left = match self.decay {
            EpsilonDecay::Exponential => (-passed).exp(),
            EpsilonDecay::Linear => (1.0 - passed).max(0.0),
        };
        self.end + (self.start - self.end) * left
    }
}

/// The hyper-parameters that every agent of this family has, by the keys of their configs.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(crate) learning_rate: f64,
    pub(crate) max_grad_norm: f64,
    pub(crate) discount: f64,
    pub(crate) n_steps: usize,
    pub(crate) reward_clip: f64,
    pub(crate) huber_delta: f64,
    pub(crate) learn_every: u32,
    pub(crate) gradient_steps: u32,
    pub(crate) warm_up: usize,
    pub(crate) replay_len: usize,
    pub(crate) sampling: Sampling,
    pub(crate) mirrored: bool,
    pub(crate) target: Target,
    pub(crate) epsilon: Epsilon,
}

impl Common {
    /// The bounds of the values.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let positive = [("learning_rate", self.learning_rate), ("huber_delta", self.huber_delta)];
        let not_negative = [("max_grad_norm", self.max_grad_norm), ("reward_clip", self.reward_clip)];
        let share =
            [("discount", self.discount), ("epsilon.start", self.epsilon.start), ("epsilon.end", self.epsilon.end)];
        let decay = self.epsilon.decay_steps;
        let positive = positive.map(|(k, v)| (k, v > 0.0 && v.is_finite(), "be positive", v.to_string()));
        let not_negative = not_negative.map(|(k, v)| (k, v >= 0.0 && v.is_finite(), "not be negative", v.to_string()));
        let share = share.map(|(k, v)| (k, (0.0..=1.0).contains(&v), "lie in 0..=1", v.to_string()));
        let decay = ("epsilon.decay_steps", decay >= 1.0 && decay.is_finite(), "be at least 1", decay.to_string());
        positive.into_iter().chain(not_negative).chain(share).chain([decay]).chain(self.replay_rules()).collect()
    }

    fn replay_rules(&self) -> [Rule; 7] {
        let Self { n_steps, learn_every, gradient_steps, warm_up, replay_len, sampling, target, .. } = self;
        let target_ok = match target {
            Target::CopyEvery(steps) => *steps >= 1,
            Target::Soft(share) => *share > 0.0 && *share <= 1.0,
        };
        let sampling_ok = match sampling {
            Sampling::Uniform => true,
            Sampling::Prioritised { alpha, beta } => [alpha, beta].iter().all(|v| (0.0..=1.0).contains(*v)),
        };
        let target_rule = "copy every 1 or more steps, or move by a share above 0 and at most 1";
        [
            ("n_steps", (1..=255).contains(n_steps), "lie in 1..=255", n_steps.to_string()),
            ("learn_every", *learn_every >= 1, "be at least 1", learn_every.to_string()),
            ("gradient_steps", *gradient_steps >= 1, "be at least 1", gradient_steps.to_string()),
            ("replay_len", (1..=100_000_000).contains(replay_len), "lie in 1..=100000000", replay_len.to_string()),
            ("warm_up", warm_up <= replay_len, "be at most replay_len", warm_up.to_string()),
            ("target", target_ok, target_rule, format!("{target:?}")),
            ("sampling", sampling_ok, "have alpha and beta in 0..=1", format!("{sampling:?}")),
        ]
    }
}

/// Takes in experience, says when to learn, and draws what to learn from.
pub(crate) struct Learner {
    common: Common,
    observation: ObservationSpec,
    /// The opposite of each action; the action itself where there is none.
    opposites: Vec<u32>,
    rollout_len: RolloutLen,
    total_updates: u64,
    replay: Replay,
    horizons: Vec<Horizon>,
    counters: Counters,
    /// The table that the rows of the replay lie in; known from the first step on.
    frame: Option<Frame>,
    /// Whether every environment's episode ended with the last step.
    all_ended: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
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

impl Learner {
    /// Nothing seen yet; `names` are those of the actions.
    pub(crate) fn new(
        common: Common,
        observation: ObservationSpec,
        names: &[&str],
        num_envs: usize,
        (rollout_len, total_updates): (RolloutLen, u64),
    ) -> Self {
        Self {
            replay: Replay::new(common.replay_len, observation.account, common.sampling),
            horizons: vec![Horizon::new(common.n_steps, common.discount); num_envs],
            common,
            observation,
            opposites: opposites(names),
            rollout_len,
            total_updates,
            counters: Counters::default(),
            frame: None,
            all_ended: false,
        }
    }

    pub(crate) fn num_actions(&self) -> usize {
        self.opposites.len()
    }

    pub(crate) fn observation(&self) -> ObservationSpec {
        self.observation
    }

    /// Number of the update that is being made, from 0.
    pub(crate) fn update(&self) -> u64 {
        self.counters.updates
    }

    /// Updates of the whole training.
    pub(crate) fn total_updates(&self) -> u64 {
        self.total_updates
    }

    /// The share of random actions now.
    pub(crate) fn epsilon(&self) -> f64 {
        self.common.epsilon.at(self.counters.env_steps)
    }

    /// Transitions in the replay.
    pub(crate) fn replay_len(&self) -> usize {
        self.replay.len()
    }

    /// The table that the drawn rows lie in.
    ///
    /// # Panics
    /// If no step was observed yet.
    pub(crate) fn frame(&self) -> &Frame {
        self.frame.as_ref().expect("a replay that is not empty was observed on a frame")
    }

    /// The choice for an environment with these values: the best one, or a random one where the mode explores. Says which is
    /// the best and whether it explored.
    pub(crate) fn choose(&self, q: &[f32], mode: ActMode, rng: &mut Rng) -> Choice {
        let greedy = best(q);
        let explores = mode == ActMode::Sample && uniform_f64(rng) < self.epsilon();
        let taken = if explores { below(rng, q.len() as u32) } else { greedy as u32 };
        Choice { taken, value: q[greedy], explores }
    }

    /// Writes the opposite choices; `false` if their outcomes are not wanted.
    pub(crate) fn mirror(&self, decisions: &Decisions, out: &mut ActionBatch) -> bool {
        let (ActionBatch::Discrete(actions), ActionBatch::Discrete(out)) = (&decisions.actions, out) else {
            return false;
        };
        let twins = actions.iter().map(|action| self.opposites[*action as usize]);
        out.iter_mut().zip(twins).for_each(|(to, twin)| *to = twin);
        self.common.mirrored && out != actions
    }

    /// Takes in one step, whose choices are `taken`.
    pub(crate) fn observe(&mut self, step: &Experience<'_>, taken: impl Fn(usize) -> u32) {
        self.frame.get_or_insert_with(|| step.after.next.frame.clone());
        let (account, num_envs) = (self.observation.account, self.horizons.len());
        let clip = |reward: f64| match self.common.reward_clip {
            0.0 => reward as f32,
            limit => reward.clamp(-limit, limit) as f32,
        };
        for i in 0..num_envs {
            let action = taken(i);
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
        self.counters.env_steps += num_envs as u64;
        self.counters.since_learnt += 1;
        self.counters.since_update += 1;
        self.all_ended = step.after.statuses.iter().all(|status| *status != Status::Running);
    }

    /// Gradient steps to make now.
    pub(crate) fn gradient_steps_due(&mut self) -> u32 {
        let filled = self.replay.len() >= self.common.warm_up.max(1);
        if !filled || self.counters.since_learnt < self.common.learn_every {
            return 0;
        }
        self.counters.since_learnt = 0;
        self.common.gradient_steps
    }

    /// Draws `n` transitions.
    pub(crate) fn sample(&self, n: usize, rng: &mut Rng, batch: &mut ReplayBatch) {
        let progress = self.counters.updates as f64 / self.total_updates.max(1) as f64;
        self.replay.sample(n, progress, self.common.discount, rng, batch);
    }

    /// Takes in the errors of the drawn transitions and counts the gradient step.
    pub(crate) fn learnt(&mut self, places: &[usize], errors: &[f32]) {
        self.replay.learnt(places, errors);
        self.counters.gradient_steps += 1;
    }

    /// How far the target network moves towards the online one now: 1 for a copy, 0 for nothing.
    pub(crate) fn target_share(&self) -> f64 {
        match self.common.target {
            Target::CopyEvery(steps) if self.counters.gradient_steps.is_multiple_of(steps) => 1.0,
            Target::CopyEvery(_) => 0.0,
            Target::Soft(share) => share,
        }
    }

    /// Whether an update is complete; the next one begins then. An update in which nothing was learnt is none.
    pub(crate) fn ends_update(&mut self, gradient_steps: f64) -> bool {
        let due = match self.rollout_len {
            RolloutLen::Steps(steps) => self.counters.since_update >= steps,
            RolloutLen::Episode(_) => self.all_ended,
        };
        let ends = due && gradient_steps > 0.0;
        if ends {
            self.counters.since_update = 0;
            self.counters.updates += 1;
        }
        ends
    }

    pub(crate) fn save(&self, to: &mut Checkpoint) {
        self.replay.save("replay/", to);
        to.put_value("horizons", &self.horizons);
        to.put_value("counters", &self.counters);
    }

    /// Takes up what [`Learner::save`] wrote; unchanged if an entry does not fit.
    pub(crate) fn restore(&mut self, from: &Checkpoint) -> Result<(), AgentError> {
        let horizons: Vec<Horizon> = from.value("horizons")?;
        let fits = |(now, saved): (&Horizon, &Horizon)| now.fits(saved, self.observation.account);
        if horizons.len() != self.horizons.len() || !self.horizons.iter().zip(&horizons).all(fits) {
            return Err(CheckpointError::Decode("entry `horizons`: of other environments or steps".into()).into());
        }
        let counters = from.value("counters")?;
        self.replay.restore("replay/", from)?;
        (self.horizons, self.counters) = (horizons, counters);
        Ok(())
    }
}

/// A choice of [`Learner::choose`].
pub(crate) struct Choice {
    pub(crate) taken: u32,
    /// Value of the best choice.
    pub(crate) value: f32,
    /// Whether the choice was drawn.
    pub(crate) explores: bool,
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

/// Mean over `n` rows of their highest value; one that does not count adds 0.
pub(crate) fn mean_of_best(values: &[f32], n: usize, counts: impl Fn(usize) -> bool) -> f64 {
    let rows = values.chunks_exact(values.len() / n).enumerate().filter(|(row, _)| counts(*row));
    rows.map(|(_, values)| f64::from(values[best(values)])).sum::<f64>() / n as f64
}

/// Means over the gradient steps of an update.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) steps: f64,
    loss: DoubleQLoss,
    /// Highest values of the online network in the first states and of the target network in the next ones.
    highest: [f64; 2],
    grad_norm: f64,
}

impl Tally {
    pub(crate) fn add(&mut self, loss: &DoubleQLoss, grad_norm: f64, highest: [f64; 2]) {
        let sum = &mut self.loss;
        self.steps += 1.0;
        self.grad_norm += grad_norm;
        self.highest.iter_mut().zip(highest).for_each(|(sum, value)| *sum += value);
        sum.loss += loss.loss;
        sum.q_online += loss.q_online;
        sum.q_target += loss.q_target;
        sum.abs_error += loss.abs_error;
    }

    pub(crate) fn stats(&self, epsilon: f64, replay_len: usize) -> UpdateStats {
        let DoubleQLoss { loss, q_online, q_target, abs_error } = self.loss;
        let sums = [
            ("loss", loss),
            ("q_online", q_online),
            ("q_target", q_target),
            ("q_online_max", self.highest[0]),
            ("q_target_max", self.highest[1]),
            ("abs_td_error", abs_error),
            ("grad_norm", self.grad_norm),
        ];
        let means = sums.into_iter().map(|(name, sum)| (name, sum / self.steps));
        means.chain([("epsilon", epsilon), ("replay_len", replay_len as f64)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_nothing_follows_counts_as_nothing() {
        let values = [1.0, 3.0, f32::NAN, f32::NAN, -2.0, -5.0];
        assert_eq!(mean_of_best(&values, 3, |row| row != 1), 1.0 / 3.0);
        assert_eq!(mean_of_best(&values[..2], 1, |_| true), 3.0);
    }

    #[test]
    fn opposites_are_found_by_name() {
        assert_eq!(opposites(&["hold", "buy", "sell"]), [0, 2, 1]);
        assert_eq!(opposites(&["short", "long"]), [1, 0]);
        assert_eq!(opposites(&["up", "down", "buy"]), [0, 1, 2]);
    }
}
