//! Statistics that say how far a number carries: over runs, over time and over the strategies that were tried.
//!
//! All randomness comes from a seed that the caller passes. Every replicate draws from its own stream of that seed, one
//! after the other, so that the numbers are the same on every machine.

mod bootstrap;
mod difference;
mod improvement;
mod normal;
mod over_runs;
mod over_time;
mod overfitting;
mod profile;
mod random;
mod sharpe;

pub use bootstrap::{percentile_interval, stratified_bootstrap};
pub use difference::{Difference, holm, paired_difference, welch_difference};
pub use improvement::{Improvement, probability_of_improvement};
pub use normal::{normal_cdf, normal_quantile};
pub use over_runs::{Estimate, IntervalMethod, OverRuns, iqm, median, over_runs};
pub use over_time::{BlockBootstrap, optimal_block_length};
pub use overfitting::{Overfitting, probability_of_overfitting};
pub use profile::{ProfilePoint, performance_profile};
pub use sharpe::{SharpeEvidence, expected_maximum_sharpe};
