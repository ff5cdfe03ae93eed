//! Look-ahead audit of a game: everything known at a row against the same game with another future.
//!
//! It stands beside the pipeline: it plays any [`BatchEnv`](pavlov_rl_core::BatchEnv) twice with the same random
//! actions, once on a market as it is and once on one whose rows behind a cut are perturbed, replaced or gone, and
//! compares what was known at the cut bit for bit: columns, windows, account numbers, books, rewards, ends of episodes
//! and fills. What differs looks ahead, and bisection says by how many rows.
//!
//! Which row a decision stands at is not taken from the game's own word: an order cannot fill before it was decided,
//! so a game whose fills lie before the last row that it shows has shown too much ([`Game::read_clock`]).
//!
//! ```
//! use pavlov_audit::{Change, Future};
//!
//! let mut bars = vec![[10.0, 11.0, 9.0, 10.5, 100.0]; 4];
//! Change { future: Future::Perturbed, first: 2, kept: &[], seed: 1 }.apply(&mut bars, 0);
//! assert_eq!(bars[1], [10.0, 11.0, 9.0, 10.5, 100.0]);
//! assert_ne!(bars[2], [10.0, 11.0, 9.0, 10.5, 100.0]);
//! ```

mod change;
mod findings;
mod game;
mod survey;
mod trace;

pub use change::{Change, Field, Future, changed_vwap};
pub use findings::{Check, Count, Difference, Findings, Leak, Shown};
pub use game::{Build, Clock, FillTiming, Game, MakeMarket, Stretch, last_that_matters};
pub use survey::{Survey, survey};
pub use trace::{Seen, Taken, Trace};
