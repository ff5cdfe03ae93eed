use candle_core::Tensor;
use candle_core::backprop::GradStore;
use pavlov_rl_core::{AgentError, Checkpoint, Frame, Rng};

use super::ManagerOrder;
use super::acting::{Acting, Scratch};
use super::config::Manager;
use super::network::{Net, Outputs};
use crate::losses::{DoubleQLoss, DoubleQRows, double_q, forecast_huber};
use crate::nn::{self, host};
use crate::optim::{clip_factor, global_norm};
use crate::q_learning::mean_of_best;
use crate::replay::ReplayBatch;

/// Buffers of a gradient step, and the sum of an update's forecast losses.
#[derive(Default)]
pub(super) struct Work {
    pub(super) forecast_loss: f64,
    batch: ReplayBatch,
    scratch: Scratch,
    q: Vec<f32>,
    next_online: Vec<f32>,
    next_target: Vec<f32>,
    d_q: Vec<f32>,
    errors: Vec<f32>,
}

impl ManagerOrder {
    /// One gradient step of both networks on a drawn batch.
    pub(super) fn learn(&mut self, rng: &mut Rng) -> Result<(), AgentError> {
        let n = self.config.batch_size;
        let Work { batch, scratch, next_online, next_target, .. } = &mut self.work;
        self.learner.sample(n, rng, batch);
        let (frame, spec) = (self.learner.frame(), self.learner.observation());
        for (acting, values) in self.acting.iter().zip([&mut *next_online, &mut *next_target]) {
            acting.infer(batch.after.view(frame, spec), scratch);
            values.clear();
            values.extend_from_slice(scratch.q());
        }
        let outputs = self.online.forward(batch.before.view(frame, spec), &mut self.windows)?;
        let (loss, grads) = self.losses(&outputs)?;
        let norm = self.descend(&grads)?;
        let Work { batch, q, next_target, errors, .. } = &self.work;
        let follows = |row: usize| batch.discounts[row] != 0.0;
        let highest = [mean_of_best(q, n, |_| true), mean_of_best(next_target, n, follows)];
        self.tally.add(&loss, norm, highest);
        self.learner.learnt(&batch.places, errors);
        self.follow()
    }

    /// The order network's loss, and the gradients of `(1 - w)` of it and `w` of the manager's, which is a plain mean; `w` is
    /// 0 unless both learn.
    fn losses(&mut self, outputs: &Outputs) -> Result<(DoubleQLoss, GradStore), AgentError> {
        let (n, delta) = (self.config.batch_size, self.config.huber_delta);
        let weight = if self.config.manager == Manager::Joint { self.config.manager_weight } else { 0.0 };
        let Work { batch, q, next_online, next_target, d_q, errors, .. } = &mut self.work;
        *q = host(&outputs.q)?;
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
        let loss = double_q(&rows, delta, d_q, errors);
        let slopes = d_q.iter().map(|d| (1.0 - weight as f32) * d).collect();
        let mut slopes: Vec<(&Tensor, Vec<f32>)> = vec![(&outputs.q, slopes)];
        let mut forecast_loss = 0.0;
        if let Some(forecast) = &outputs.forecast {
            let expected = host(forecast)?;
            let came = next_rows(self.learner.frame(), batch, &expected);
            let mut d = vec![0.0; came.len()];
            forecast_loss = forecast_huber(&expected, &came, delta, &mut d);
            if self.config.manager == Manager::Joint {
                d.iter_mut().for_each(|d| *d *= weight as f32);
                slopes.push((forecast, d));
            }
        }
        let total = (1.0 - weight) * loss.loss + weight * forecast_loss;
        self.work.forecast_loss += forecast_loss;
        self.require_finite("the loss", total)?;
        Ok((loss, nn::backward(slopes)?))
    }

    /// Moves each network that learns, its gradient no longer than the limit; the norm of all gradients together.
    fn descend(&mut self, grads: &GradStore) -> Result<f64, AgentError> {
        let (update, updates) = (self.learner.update(), self.learner.total_updates());
        let rate = self.config.learning_rate * self.config.schedule.factor(update, updates);
        let norms = self.learning().map(|net| global_norm(&net.params, grads)).collect::<Result<Vec<_>, _>>()?;
        let norm = norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt();
        self.require_finite("the norm of the gradient", norm)?;
        let mut adams = std::mem::take(&mut self.adams);
        let stepped = adams.iter_mut().zip(self.learning()).zip(&norms).try_for_each(|((adam, net), norm)| {
            let scale = match self.config.max_grad_norm {
                0.0 => 1.0,
                limit => clip_factor(*norm, limit),
            };
            adam.step(&net.params, grads, rate, scale)
        });
        self.adams = adams;
        stepped.map(|()| norm)
    }

    /// The networks that learn.
    fn learning(&self) -> impl Iterator<Item = &Net> {
        let manager = self.online.manager.as_ref().filter(|_| self.config.manager == Manager::Joint);
        manager.into_iter().chain([&self.online.order])
    }

    /// Takes up the new weights, and moves the target networks where it is due.
    fn follow(&mut self) -> Result<(), AgentError> {
        self.acting[0] = Acting::new(&self.online)?;
        let share = self.learner.target_share();
        if share > 0.0 {
            for ((_, to), (_, from)) in self.target.nets_mut().zip(self.online.nets()) {
                to.params.move_towards(&from.params, share)?;
            }
            self.acting[1] = Acting::new(&self.target)?;
        }
        Ok(())
    }

    /// An error with everything that went into the number, if it is not finite.
    fn require_finite(&self, what: &'static str, value: f64) -> Result<(), AgentError> {
        if value.is_finite() {
            return Ok(());
        }
        let Work { batch, q, next_online, next_target, .. } = &self.work;
        let (n, num_actions) = (batch.actions.len(), self.learner.num_actions());
        let mut saved = Checkpoint::default();
        for (prefix, pair) in [("weights/", &self.online), ("target/", &self.target)] {
            pair.nets().try_for_each(|(name, net)| net.params.save(&format!("{prefix}{name}"), &mut saved))?;
        }
        let (frame, spec) = (self.learner.frame(), self.learner.observation());
        for (name, seen) in [("observations", &batch.before), ("next_observations", &batch.after)] {
            let mut numbers = Vec::new();
            seen.view(frame, spec).flatten(&mut numbers);
            saved.put_f32(name, &[n, spec.flat_len()], &numbers);
        }
        let actions: Vec<f32> = batch.actions.iter().map(|action| *action as f32).collect();
        let columns = [
            ("actions", &actions),
            ("rewards", &batch.rewards),
            ("discounts", &batch.discounts),
            ("weights", &batch.weights),
        ];
        for (name, column) in columns {
            saved.put_f32(name, &[n], column);
        }
        for (name, numbers) in [("q", q), ("next_online", next_online), ("next_target", next_target)] {
            saved.put_f32(name, &[n, num_actions], numbers);
        }
        Err(AgentError::NotFinite { what, value, update: self.learner.update(), batch: Box::new(saved) })
    }
}

/// The row behind what was seen first in each transition, `[B, F]`; where the game did not go on to it, as at the end of data
/// that begin anew, what was `expected`, so that nothing is learned of a row that was never reached.
fn next_rows(frame: &Frame, batch: &ReplayBatch, expected: &[f32]) -> Vec<f32> {
    let rows = batch.before.last_row.iter().zip(&batch.after.last_row);
    let rows = rows.zip(expected.chunks_exact(frame.cols()));
    rows.flat_map(|((before, after), expected)| if before < after { frame.window(before + 1, 1) } else { expected })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_the_game_did_not_go_on_to_is_not_forecast() {
        let frame = Frame::new(2, (0..12).map(|x| x as f32).collect());
        let mut batch = ReplayBatch::default();
        // A step, two steps, and the last row, after which the data begin anew.
        (batch.before.last_row, batch.after.last_row) = (vec![1, 2, 5], vec![2, 4, 0]);
        let expected = [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0];
        assert_eq!(next_rows(&frame, &batch, &expected), [4.0, 5.0, 6.0, 7.0, -5.0, -6.0]);
    }
}
