use pavlov_rl_core::{Rng, normal};

use super::config::{Bound, GaussianPpoConfig, MeanHead};
use crate::losses::{action_log_prob, squash};

/// How the outputs of the actor become actions: a Gaussian law over shares of the range of each number of an action,
/// or over what is squashed into them.
#[derive(Clone, Debug)]
pub(super) struct Law {
    mean: MeanHead,
    bound: Bound,
    low: Box<[f32]>,
    high: Box<[f32]>,
}

impl Law {
    pub(super) fn new(config: &GaussianPpoConfig, low: &[f32], high: &[f32]) -> Self {
        Self { mean: config.mean, bound: config.bound, low: low.into(), high: high.into() }
    }

    /// Numbers of an action.
    pub(super) fn width(&self) -> usize {
        self.low.len()
    }

    pub(super) fn squashed(&self) -> bool {
        self.bound == Bound::Squash
    }

    /// The mean for an output of the actor.
    pub(super) fn mean(&self, output: f32) -> f32 {
        match self.mean {
            MeanHead::Sigmoid => 1.0 / (1.0 + (-output).exp()),
            MeanHead::Tanh => 0.5 + 0.5 * output.tanh(),
            MeanHead::Linear if self.squashed() => output,
            MeanHead::Linear => 0.5 + output,
        }
    }

    /// How fast the mean moves with the output that gave it.
    pub(super) fn slope(&self, mean: f32) -> f32 {
        match self.mean {
            MeanHead::Sigmoid => mean * (1.0 - mean),
            MeanHead::Tanh => 2.0 * mean * (1.0 - mean),
            MeanHead::Linear => 1.0,
        }
    }

    /// Draws numbers around the means, or takes the means if there is no `rng`; returns their log-probability.
    pub(super) fn draw(&self, means: &[f32], log_std: &[f32], rng: Option<&mut Rng>, drawn: &mut [f32]) -> f32 {
        drawn.copy_from_slice(means);
        if let Some(rng) = rng {
            for (x, log_std) in drawn.iter_mut().zip(log_std) {
                *x = (f64::from(*x) + f64::from(*log_std).exp() * normal(rng)) as f32;
            }
        }
        if self.bound == Bound::AsPublished {
            drawn.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
        }
        action_log_prob(means, log_std, drawn, self.squashed()) as f32
    }

    /// The action that drawn numbers stand for.
    pub(super) fn action(&self, drawn: &[f32], action: &mut [f32]) {
        for (i, (to, x)) in action.iter_mut().zip(drawn).enumerate() {
            let share = match self.bound {
                Bound::Squash => squash(f64::from(*x)) as f32,
                Bound::Clip | Bound::AsPublished => x.clamp(0.0, 1.0),
            };
            let (low, high) = (self.low[i], self.high[i]);
            *to = (low + (high - low) * share).clamp(low, high);
        }
    }
}
