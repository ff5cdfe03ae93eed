use pavlov_rl_core::{AgentError, Checkpoint, Rng};

use super::DoubleDqn;
use crate::losses::{DoubleQRows, double_q};
use crate::nn::{Inference, MlpGradient, Pass};
use crate::optim::clip_factor;
use crate::q_learning::mean_of_best;
use crate::replay::ReplayBatch;

/// Buffers of a gradient step.
#[derive(Default)]
pub(super) struct Work {
    pub(super) batch: ReplayBatch,
    /// Flattened observations before and after `[B, O]`.
    pub(super) before: Vec<f32>,
    pub(super) after: Vec<f32>,
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
        let (head, n) = (self.head, self.config.batch_size);
        let Work { batch, before, after, pass, scratch, gradient, q, next_online, next_target, d_q, d_outputs, errors } =
            &mut self.work;
        let gradient = gradient.as_mut().expect("it is made with the agent");
        self.learner.sample(n, rng, batch);
        let (frame, spec) = (self.learner.frame(), self.learner.observation());
        batch.before.view(frame, spec).flatten(before);
        batch.after.view(frame, spec).flatten(after);
        for (network, values) in [(&self.online, &mut *next_online), (&self.target, &mut *next_target)] {
            values.clear();
            network.infer(after, scratch).for_each(|outputs| head.extend(outputs, values));
        }
        self.online.train(before, pass, &mut self.dropout_rng);
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
        let (update, updates) = (self.learner.update(), self.learner.total_updates());
        let rate = self.config.learning_rate * self.config.schedule.factor(update, updates);
        self.adam.step(&mut self.online, gradient, rate, scale);
        self.learner.learnt(&self.work.batch.places, &self.work.errors);
        match self.learner.target_share() {
            1.0 => self.target.copy_from(&self.online),
            0.0 => {}
            share => self.target.move_towards(&self.online, share as f32),
        }
    }

    /// An error with everything that went into the number, if it is not finite.
    fn require_finite(&self, what: &'static str, value: f64) -> Result<(), AgentError> {
        if value.is_finite() {
            return Ok(());
        }
        let Work { batch, before, after, q, next_online, next_target, .. } = &self.work;
        let (n, num_actions) = (batch.actions.len(), self.learner.num_actions());
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
        for (name, numbers) in [("observations", before), ("next_observations", after)] {
            saved.put_f32(name, &[n, numbers.len() / n], numbers);
        }
        for (name, numbers) in [("q", q), ("next_online", next_online), ("next_target", next_target)] {
            saved.put_f32(name, &[n, num_actions], numbers);
        }
        Err(AgentError::NotFinite { what, value, update: self.learner.update(), batch: Box::new(saved) })
    }
}
