//! Development only: conformance kits, simulated disk, second ledger, golden loader, synthetic worlds,
//! the oracle of the learning gates.
//!
//! It stands beside the pipeline, not in it: tests of every crate use it, nothing that ships depends on it. The kits
//! check promises on anything that implements a contract, so a new environment or agent is tested by one line.
//!
//! ```
//! use std::sync::Arc;
//! use pavlov_rl_core::{Batch, BatchEnv, RngTree};
//! use pavlov_testkit::{check_env, synthetic, toys::Portfolio, CountingAllocator};
//!
//! #[global_allocator]
//! static COUNTING: CountingAllocator = CountingAllocator;
//!
//! let game = Arc::new(Portfolio::new(Arc::new(synthetic::random_walk(300, 3, 6, 1))));
//! check_env(&|copies, rng| Box::new(Batch::new(game.clone(), copies, rng)));
//! ```

mod book_audit;
mod check_env;
mod counting;
pub mod golden;
pub mod oracle;
pub mod scale;
mod second_ledger;
mod sim_disk;
pub mod synthetic;
pub mod toys;

pub use book_audit::BookAudit;
pub use check_env::{MakeEnv, check_env};
pub use counting::CountingAllocator;
pub use golden::{GoldenCase, assert_close, assert_close_f32, data_dir, golden_cases};
pub use second_ledger::{BOOK_TOLERANCE, SecondLedger};
pub use sim_disk::{Fault, PowerLoss, SimDisk};
