//! Networks: parameters by name, initialisation, layers for learning (candle tensors) and for acting (slices).
//!
//! Learning runs on candle's graph with two fused operations, [`Linear`] and [`lstm::sequence`]; acting runs on plain
//! slices without allocation, [`DenseLayer`] and [`lstm::Cell`]. An [`Mlp`] needs no graph for either: its passes are
//! explicit. Only this module looks into a tensor's memory.

mod dense;
mod host;
pub mod init;
mod linear;
pub mod lstm;
mod mlp;
pub mod numerics;
mod params;

pub use dense::{Activation, DenseLayer};
pub use host::host;
pub(crate) use host::{compute_error, slice, with_slice};
pub use linear::Linear;
pub use mlp::{Inference, Mlp, MlpGradient, MlpShape, Pass};
pub use params::Params;
