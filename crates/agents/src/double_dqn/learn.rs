use pavlov_rl_core::{AgentError, Checkpoint, Rng, UpdateStats};

use super::{DoubleDqn, Target};
use crate::losses::{DoubleQLoss, DoubleQRows, best, double_q};
use crate::nn::{Inference, MlpGradient, Pass};
use crate::optim::clip_factor;
use crate::replay::ReplayBatch;

/// Buffers of a gradient step.
#[derive(Default)]
pub(super) struct Work {
    pub(super) batch: ReplayBatch,
    pub(super) pass: Pass,
    pub(super) scratch: Inference,
    pub(super) gradient: Option<MlpGradient>,
    pub(super) q: Vec<f32>,
    pub(super) next_online: Vec<f32>,
    pub(super) next_target: Vec<f32>,
    pub(super) d_q: Vec<f32>,
    pub(super) d_outputs: Vec<f32>,
    pub(super) errors: Vec<f32>,
}

impl DoubleDqn {
    /// One gradient step on a drawn batch.
    pub(super) fn learn(&mut self, rng: &mut Rng) -> Result<(), AgentError> {
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
        let Work { batch, q, next_target, .. } = &self.work;
        let follows = |row: usize| batch.discounts[row] != 0.0;
        let highest = [mean_of_best(q, n, |_| true), mean_of_best(next_target, n, follows)];
        self.tally.add(&loss, norm, highest);
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
            Target::Soft(share) => self.target.move_towards(&self.online, share as f32),
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

/// Mean over `n` rows of their highest value; one that does not count adds 0.
fn mean_of_best(values: &[f32], n: usize, counts: impl Fn(usize) -> bool) -> f64 {
    let rows = values.chunks_exact(values.len() / n).enumerate().filter(|(row, _)| counts(*row));
    rows.map(|(_, values)| f64::from(values[best(values)])).sum::<f64>() / n as f64
}

/// Means over the gradient steps of an update.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) steps: f64,
    loss: DoubleQLoss,
    /// Highest values of the online network in the first states and of the target network in the next ones.
    highest: [f64; 2],
    grad_norm: f64,
    /// Whether every environment's episode ended with the last step.
    pub(super) all_ended: bool,
}

impl Tally {
    fn add(&mut self, loss: &DoubleQLoss, grad_norm: f64, highest: [f64; 2]) {
        let sum = &mut self.loss;
        self.steps += 1.0;
        self.grad_norm += grad_norm;
        self.highest.iter_mut().zip(highest).for_each(|(sum, value)| *sum += value);
        sum.loss += loss.loss;
        sum.q_online += loss.q_online;
        sum.q_target += loss.q_target;
        sum.abs_error += loss.abs_error;
    }

    pub(super) fn stats(&self, epsilon: f64, replay_len: usize) -> UpdateStats {
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
}
