//! Learning agents on candle: networks, losses, returns, rollouts, optimisers and the algorithms.

pub mod losses;
pub mod lstm_ppo;
pub mod nn;
pub mod optim;
mod registry;
pub mod returns;
pub mod rollout;

pub use candle_core::Device;
pub use pavlov_rl_core::{Agent, AgentError};
pub use registry::{AGENTS, AgentConfig, AgentContext, AgentEntry, EpisodeWord, RolloutLen};
