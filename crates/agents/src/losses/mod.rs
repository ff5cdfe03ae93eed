//! Losses and distributions with explicit gradients, as pure functions of arrays: no graph, sums in `f64` in a
//! fixed order.

mod categorical;
mod double_q;
mod forecast;
mod gaussian;
mod ppo;
mod ppo_gauss;

pub use categorical::{Choice, greedy, log_softmax_at, sample, softmax};
pub use double_q::{DoubleQLoss, DoubleQRows, best, double_q};
pub use forecast::forecast_huber;
pub use gaussian::{gaussian_entropy, gaussian_log_prob, log_squash_slope, mean_log_squash_slope, squash};
pub use ppo::{PpoLoss, PpoLossConfig, PpoRows, ppo_clip};
pub use ppo_gauss::{GaussianGradient, GaussianRows, action_log_prob, ppo_gaussian, smoothness};
