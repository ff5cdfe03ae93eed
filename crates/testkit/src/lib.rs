//! Development only: conformance kits, simulated disk, second ledger, golden loader, synthetic worlds,
//! the oracle of the learning gates.
//!
//! It stands beside the pipeline, not in it: tests of every crate use it, nothing that ships depends on it. The kits
//! check promises on anything that implements a contract, so a new environment or agent is tested by one line:
//! [`check_game`] for an environment of your own.
//!
//! ```
//! use pavlov_testkit::{CountingAllocator, FillTiming, check_game, synthetic, toys::Portfolio};
//!
//! #[global_allocator]
//! static COUNTING: CountingAllocator = CountingAllocator;
//!
//! let market = synthetic::random_walk(300, 3, 6, 1);
//! check_game(&market, FillTiming::NEXT_BAR, |market, _| Ok(Portfolio::new(market)));
//! ```

mod book_audit;
mod check_env;
mod counting;
pub mod golden;
mod look_ahead;
pub mod oracle;
pub mod scale;
mod second_ledger;
mod sim_disk;
pub mod synthetic;
pub mod toys;

pub use book_audit::BookAudit;
pub use check_env::{MakeEnv, check_env};
pub use counting::CountingAllocator;
pub use golden::{GoldenCase, assert_close, assert_close_f32, data_dir, golden_cases, golden_group};
pub use look_ahead::{check_game, check_look_ahead};
pub use pavlov_audit::FillTiming;
pub use second_ledger::{BOOK_TOLERANCE, SecondLedger};
pub use sim_disk::{Fault, PowerLoss, SimDisk};
