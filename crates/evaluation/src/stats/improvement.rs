//! How often one policy beats another.

use serde::{Deserialize, Serialize};

use crate::stats::normal::normal_quantile;

/// How often the agent of a seed did better than the baseline of the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Improvement {
    /// Number of pairs.
    pub n: usize,
    /// Share of the pairs in which the agent was above; a tie counts half.
    pub probability: f64,
    /// 95 % interval of the probability.
    pub ci95: [f64; 2],
}

/// Probability of improvement, paired by seed: `P(X > Y) + P(X = Y) / 2`; `None` without pairs or for lengths that differ.
///
/// Agarwal et al. (2021), section 4.3, who compare all runs with all; runs of one seed share their draws, so here each is
/// compared with its own. The interval is Wilson's ("Probable Inference", 1927), which holds its level for few pairs and
/// near 0 and 1 (Brown, Cai and DasGupta, Statistical Science 16, 2001).
pub fn probability_of_improvement(agent: &[f64], baseline: &[f64]) -> Option<Improvement> {
    if agent.is_empty() || agent.len() != baseline.len() {
        return None;
    }
    let point = |(x, y): (&f64, &f64)| if x > y { 1.0 } else { f64::from(u8::from(x == y)) / 2.0 };
    let n = agent.len() as f64;
    let p = agent.iter().zip(baseline).map(point).sum::<f64>() / n;
    let z = normal_quantile(0.975)?;
    let (centre, weight) = (p + z * z / (2.0 * n), 1.0 + z * z / n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let bounds = [(centre - half) / weight, (centre + half) / weight];
    Some(Improvement { n: agent.len(), probability: p, ci95: bounds.map(|x| x.clamp(0.0, 1.0)) })
}
