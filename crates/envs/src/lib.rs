//! Market environments: account, costs, fills, rewards and the games built from them.
//!
//! They stand between the data and the learners: `features` and `market-data` make a
//! [`Market`](pavlov_rl_core::Market), an [`EnvironmentConfig`] turns one of its segments into copies of a game, and an
//! agent plays them without ever seeing a price. [`ENVIRONMENTS`] lists every game; a game is one file and one entry.
//!
//! Prices are taken as they are: whoever builds the market has decided what a valid bar is. Money moves through
//! [`Account::trade`] only, which reports every fill that it books.
//!
//! ```
//! use std::sync::Arc;
//! use pavlov_envs::{EpisodeMode, environment};
//! use pavlov_rl_core::{ActionBatch, Frame, Market, PriceTable, RngTree, Segment};
//!
//! let close: Vec<f64> = (0..50).map(|t| 9_000.0 + f64::from(t)).collect();
//! let prices = PriceTable {
//!     assets: 1,
//!     open: close.clone(),
//!     high: close.clone(),
//!     low: close.clone(),
//!     volume: vec![1.0; 50],
//!     close,
//!     vwap: None,
//! };
//! let all = Segment { start: 0, first: 0, end: 50 };
//! let market = Market::new(Frame::new(1, vec![0.0; 50]), prices, (0..50).collect(), vec![all])?;
//!
//! let config = environment("bitcoin").expect("a registered name").parse_text("initial_cash = 20_000")?;
//! let copies = config.build(Arc::new(market), &[all], EpisodeMode::Whole)?;
//! let mut env = copies.batch(0..4, &RngTree::new(1));
//! let step = env.step(&ActionBatch::Discrete(vec![0, 1, 2, 1]));
//! assert_eq!(step.rewards[0], 0.0); // holding is what the relative reward compares with
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
pub mod bitcoin;
mod chunks;
mod costs;
mod episodes;
mod error;
mod fills;
pub mod leverage_inverse;
pub mod long_short;
mod orders;
mod quotes;
mod rebalance;
mod registry;
mod reward;
mod short_bound;
mod slippage;
pub mod stock_order;
mod variant;

pub use account::Account;
pub use chunks::Chunks;
pub use costs::{Borrowing, Commission};
pub use episodes::{EpisodeMode, Episodes};
pub use error::EnvError;
pub use fills::{Draws, FillRule};
pub use orders::{Order, OrderActions};
pub use quotes::{Quote, quotes};
pub use registry::{BatchFactory, ENVIRONMENTS, EnvironmentConfig, EnvironmentEntry, Passive, Sides, environment};
pub use reward::{Reward, RewardConfig, RewardKind, RewardState};
pub use short_bound::{Bound, ShortBound};
pub use slippage::{AssetSlippage, Slippage};
pub use variant::Variant;
