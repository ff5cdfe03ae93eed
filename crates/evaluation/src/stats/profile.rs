//! Performance profiles: which share of the runs exceeds which score.

use serde::{Deserialize, Serialize};

use crate::stats::bootstrap::{percentile_interval, resample};
use crate::stats::random::Draws;

/// One point of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfilePoint {
    /// The score to exceed.
    pub threshold: f64,
    /// Mean over the tasks of the share of their runs above it.
    pub share: f64,
    /// 95 % percentile interval of the stratified bootstrap, for this point on its own.
    pub ci95: [f64; 2],
}

/// The run-score distribution of Agarwal et al. (2021), section 4.2, at given thresholds; empty without runs.
///
/// `strata` are the runs of each task, `[S][n_s]`. The share never rises with the threshold.
pub fn performance_profile(strata: &[&[f64]], thresholds: &[f64], replicates: usize, seed: u64) -> Vec<ProfilePoint> {
    if strata.is_empty() || strata.iter().any(|s| s.is_empty()) || replicates == 0 {
        return Vec::new();
    }
    let mut drawn: Vec<f64> = strata.concat();
    let shares = |runs: &[f64]| thresholds.iter().map(|t| share(strata, runs, *t)).collect::<Vec<f64>>();
    let estimate = shares(&drawn);
    let mut replicas = vec![Vec::with_capacity(replicates); thresholds.len()];
    for mut draws in Draws::streams(seed, replicates) {
        resample(strata, &mut draws, &mut drawn);
        replicas.iter_mut().zip(shares(&drawn)).for_each(|(replica, share)| replica.push(share));
    }
    let point = |((threshold, share), replica): ((&f64, f64), &Vec<f64>)| {
        let ci95 = percentile_interval(replica).unwrap_or([share; 2]);
        ProfilePoint { threshold: *threshold, share, ci95 }
    };
    thresholds.iter().zip(estimate).zip(&replicas).map(point).collect()
}

/// Mean over the strata of the share of `runs`, in their order, above a threshold.
fn share(strata: &[&[f64]], runs: &[f64], threshold: f64) -> f64 {
    let mut rest = runs;
    let mut sum = 0.0;
    for stratum in strata {
        let (own, others) = rest.split_at(stratum.len());
        sum += own.iter().filter(|x| **x > threshold).count() as f64 / own.len() as f64;
        rest = others;
    }
    sum / strata.len() as f64
}
