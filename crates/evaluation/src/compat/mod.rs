//! Two published sets of definitions, for comparing with their figures; where they differ from ours, ours are [`METRICS`].
//!
//! [`METRICS`]: crate::metrics::METRICS

mod ddqn_article;
mod tdqn_paper;

pub use ddqn_article::{ArticleInput, ddqn_article};
pub use tdqn_paper::{PaperInput, tdqn_paper};

use crate::metrics::{Metric, Undefined};

/// Names as the source prints them, with their values, in its order.
pub type NamedMetrics = Vec<(&'static str, Metric)>;

fn finite_or(value: f64, reason: Undefined) -> Metric {
    if value.is_finite() { Ok(value + 0.0) } else { Err(reason) }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean of the `k`-th powers of the deviations.
fn central(values: &[f64], k: i32) -> f64 {
    let centre = mean(values);
    values.iter().map(|x| (x - centre).powi(k)).sum::<f64>() / values.len() as f64
}

/// Variance with `n - 1`, NaN below 2 values.
fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 { f64::NAN } else { central(values, 2) * n / (n - 1.0) }
}
