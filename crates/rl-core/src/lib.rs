//! The contract between markets and learners.
//!
//! Data flows through it once: an [`Environment`] states the rules of a market game, a
//! [`Batch`] steps many copies of it, a [`Policy`] turns [`Observations`] into [`Decisions`] and
//! an [`Agent`] learns from the [`Experience`] that follows. The crate knows no tensor library,
//! no file and no clock.
//!
//! An observation is a *window* of the last `W` rows of one shared [`Frame`] `[T, F]` and a short
//! account row `[A]`; stepping returns a row index and `A` numbers, so nothing is copied.
//!
//! ```
//! use pavlov_rl_core::{below, RngTree};
//! let tree = RngTree::new(7);
//! let (mut env, mut policy) = (tree.stream("env", 0), tree.stream("policy", 0));
//! assert_ne!(below(&mut env, 1_000_000), below(&mut policy, 1_000_000));
//! ```

mod batch;
mod checkpoint;
mod environment;
mod market;
mod observation;
mod policy;
mod reward_scaler;
mod rng;
mod sticky;

pub use batch::{Batch, BatchEnv, Outcomes, StepBatch};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use environment::{
    Action, ActionBatch, ActionSpec, EnvSpec, Environment, Fill, Fills, Ledger, NoFills, StateError, Status, Step,
    StepColumns,
};
pub use market::{Market, MarketError, PriceTable, Segment};
pub use observation::{Frame, ObservationSpec, Observations, Snapshot};
pub use policy::{
    ActMode, Agent, AgentError, Attention, Decisions, Experience, Explanation, Memory, Policy, UpdateStats,
};
pub use reward_scaler::RewardScaler;
pub use rng::{Rng, RngTree, below, normal, uniform_f32, uniform_f64};
pub use sticky::StickyActions;
