//! Learning agents on candle: networks, losses, returns, rollouts, optimisers and the algorithms.
//!
//! An agent decides from observations and learns from experience through the contract of `pavlov-rl-core`; it knows no
//! environment, price or file. Networks learn on candle's graph and act on plain slices ([`nn`]); losses and returns are
//! pure functions of arrays with explicit gradients ([`losses`], [`returns`]).
//!
//! ```
//! use pavlov_agents::Device;
//! use pavlov_agents::nn::{Linear, Params, init};
//! use pavlov_agents::optim::{Adam, AdamConfig};
//! use pavlov_rl_core::RngTree;
//!
//! let mut params = Params::new(&Device::Cpu);
//! init::linear(&mut params, "value", 2, 1, &mut RngTree::new(1).stream("init", 0))?;
//! let mut adam = Adam::new(&params, AdamConfig::default());
//! let x = candle_core::Tensor::new(&[[1f32, 2.0]], &Device::Cpu).unwrap();
//! for _ in 0..100 {
//!     let value = Linear::new("value").forward(&params, &x)?;
//!     let grads = (value - 3.0).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
//!     adam.step(&params, &grads, 0.1, 1.0)?;
//! }
//! let value = Linear::new("value").forward(&params, &x)?;
//! assert!((value.to_vec2::<f32>().unwrap()[0][0] - 3.0).abs() < 0.1);
//! # Ok::<(), pavlov_agents::AgentError>(())
//! ```

pub mod double_dqn;
pub mod gaussian_ppo;
pub mod losses;
pub mod lstm_ppo;
pub mod manager_order;
pub mod nn;
pub mod optim;
mod ppo;
mod q_learning;
mod registry;
pub mod replay;
pub mod returns;
pub mod rollout;

pub use candle_core::Device;
pub use pavlov_rl_core::{Agent, AgentError};
pub use registry::{AGENTS, AgentConfig, AgentContext, AgentEntry, EpisodeWord, RolloutLen};
