//! Networks: parameters by name, initialisation, layers for learning (candle tensors) and for acting (slices).
//!
//! Learning runs on candle's graph with fused operations, [`Linear`], [`lstm::sequence`] and the one under
//! [`attention::Attention`]; acting runs on plain slices without allocation, [`DenseLayer`], [`lstm::Cell`],
//! [`bilstm::BiLstmCells`] and [`attention::AttentionLayer`]. An [`Mlp`] needs no graph for either: its passes are
//! explicit. Only this module looks into a tensor's memory.

pub mod attention;
pub mod bilstm;
mod dense;
mod host;
pub mod init;
mod linear;
pub mod lstm;
mod mlp;
pub mod numerics;
mod params;
mod windows;

pub use dense::{Activation, DenseLayer};
pub use host::host;
pub(crate) use host::{backward, compute_error, slice, with_slice};
pub use linear::Linear;
pub use mlp::{Inference, Mlp, MlpGradient, MlpShape, Pass};
pub use params::Params;
pub(crate) use windows::Windows;
