//! Losses and distributions with explicit gradients, as pure functions of arrays: no graph, sums in `f64` in a
//! fixed order.

mod categorical;
mod double_q;
mod ppo;

pub use categorical::{Choice, greedy, log_softmax_at, sample, softmax};
pub use double_q::{DoubleQLoss, DoubleQRows, best, double_q};
pub use ppo::{PpoLoss, PpoLossConfig, PpoRows, ppo_clip};
