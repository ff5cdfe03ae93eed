//! Honest numbers: equity curve and fills in, metrics and statistics over runs out.
//!
//! Place in the flow: `Checkpoint -> EquityCurve -> Report`. The crate depends on none of ours: it sees what an account was
//! worth at every bar and which trades were made, never an agent, a price file or an environment. Three steps:
//!
//! 1. [`evaluate`] turns one episode into the numbers of [`METRICS`]. What is undefined is `Err` with its reason
//!    ([`Undefined`]), never NaN and never a silent 0. Periods per year are counted in the data ([`PeriodsPerYear`]).
//!    [`compat`] has two published sets of definitions where they differ.
//! 2. [`Summary`] joins the same number of several seeds: mean, spread and a Student t interval. [`stats`] goes further:
//!    interquartile means, resampling over runs and over time, deflated Sharpe ratios, the probability of overfitting.
//! 3. [`Verdict`] compares the agent with its baselines and says in plain English what can and cannot be claimed.
//!
//! [`splits`] says which rows train and which test, so that none leaks.
//!
//! ```
//! use pavlov_evaluation::{Episode, EquityCurve, Summary, TradeRecord, Undefined, evaluate};
//!
//! const HOUR: i64 = 3_600_000_000_000;
//! let curve = EquityCurve::new(vec![0, HOUR, 2 * HOUR], vec![100.0, 110.0, 99.0], vec![0.0, 55.0, 0.0])?;
//! let trades = [TradeRecord { time: 0, shares: 0.5, price: 100.0, fee: 0.05 }];
//! let metrics = evaluate(&Episode::new(&curve, &trades, 0.0));
//!
//! assert!((curve.periods_per_year().get() - 8766.0).abs() < 1e-9, "a market that never closes, by the hour");
//! assert!((metrics["maximum_drawdown"]? - 0.1).abs() < 1e-12);
//! assert_eq!(metrics["trades"], Ok(1.0));
//!
//! let over_seeds = Summary::of([0.10, 0.12, 0.11]);
//! assert_eq!(over_seeds.n, 3);
//! assert!(over_seeds.ci95.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod compat;
pub mod metrics;
pub mod splits;
pub mod stats;

mod curve;
mod error;
mod periods;
mod student_t;
mod summary;
mod verdict;
mod wording;

pub use curve::{EquityCurve, TradeRecord};
pub use error::EvaluationError;
pub use metrics::{Benchmark, Better, Episode, METRICS, Metric, MetricEntry, Undefined, Unit, evaluate};
pub use periods::PeriodsPerYear;
pub use student_t::student_t_quantile;
pub use summary::Summary;
pub use verdict::{
    Baseline, BaselineReturns, Comparison, Covers, Evidence, Level, Outcome, Paths, Quoted, Skill, TestSpan, Verdict,
    interval_over_time,
};
