//! The stratified bootstrap: every task keeps its number of runs, and runs are drawn with replacement inside a task.

use crate::stats::normal::{normal_cdf, normal_quantile};
use crate::stats::random::Draws;
use crate::student_t::student_t_quantile;

/// 95 % BCa interval of a statistic of runs in strata (tasks, symbols), `[S][n_s]`; the order of the values is free.
///
/// Strata as Agarwal et al., "Deep RL at the Edge of the Statistical Precipice" (NeurIPS 2021), section 4.1. They take
/// percentiles; the bias-corrected and accelerated quantiles of Efron, "Better Bootstrap Confidence Intervals" (1987),
/// with the acceleration of several samples (Davison and Hinkley, "Bootstrap Methods and Their Application", chapter 5),
/// also follow the skew of returns. Plain quantiles are too narrow by `sqrt((n - 1) / n)` and by normal instead of t; they
/// are widened as Hesterberg, "What Teachers Should Know About the Bootstrap" (2015), does.
/// `None` if a stratum has fewer than 2 runs or a value is not finite. 50,000 replicates are the number of Agarwal et al.
pub fn stratified_bootstrap(
    strata: &[&[f64]],
    statistic: impl Fn(&mut [f64]) -> f64,
    replicates: usize,
    seed: u64,
) -> Option<[f64; 2]> {
    let pooled: Vec<f64> = strata.concat();
    if replicates == 0
        || strata.is_empty()
        || strata.iter().any(|s| s.len() < 2)
        || !pooled.iter().all(|x| x.is_finite())
    {
        return None;
    }
    let estimate = statistic(&mut pooled.clone());
    let mut drawn = pooled.clone();
    let replicate = |mut draws: Draws| {
        resample(strata, &mut draws, &mut drawn);
        statistic(&mut drawn)
    };
    let mut found: Vec<f64> = Draws::streams(seed, replicates).map(replicate).collect();
    found.sort_unstable_by(f64::total_cmp);
    let below = |test: &dyn Fn(f64) -> bool| found.iter().filter(|x| test(**x)).count() as f64;
    let share = (below(&|x| x < estimate) + 0.5 * below(&|x| x == estimate)) / replicates as f64;
    let edge = 0.5 / replicates as f64;
    let bias = normal_quantile(share.clamp(edge, 1.0 - edge))?;
    let acceleration = acceleration(strata, &pooled, &statistic, estimate);
    let runs = pooled.len() as f64 / strata.len() as f64;
    let wide = student_t_quantile(0.95, pooled.len() - strata.len())? * (runs / (runs - 1.0)).sqrt();
    let level = |z: f64| normal_cdf(bias + (bias + z) / (1.0 - acceleration * (bias + z)));
    Some([quantile(&found, level(-wide)), quantile(&found, level(wide))])
}

/// The middle 95 % of replicates, which may come in any order; `None` of none.
pub fn percentile_interval(replicates: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = replicates.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| [quantile(&sorted, 0.025), quantile(&sorted, 0.975)])
}

/// Fills `drawn` with as many runs of every stratum as it has, drawn with replacement.
pub(super) fn resample(strata: &[&[f64]], draws: &mut Draws, drawn: &mut [f64]) {
    let mut slots = drawn.iter_mut();
    for stratum in strata {
        for slot in slots.by_ref().take(stratum.len()) {
            *slot = stratum[draws.below(stratum.len())];
        }
    }
}

/// A sixth of the skewness of the influence of single runs, taken by leaving each out.
fn acceleration(strata: &[&[f64]], pooled: &[f64], statistic: &impl Fn(&mut [f64]) -> f64, estimate: f64) -> f64 {
    let (mut squares, mut cubes, mut start) = (0.0, 0.0, 0);
    for stratum in strata {
        let n = stratum.len() as f64;
        for i in start..start + stratum.len() {
            let mut rest = [&pooled[..i], &pooled[i + 1..]].concat();
            let influence = (n - 1.0) * (estimate - statistic(&mut rest));
            squares += influence.powi(2) / n.powi(2);
            cubes += influence.powi(3) / n.powi(3);
        }
        start += stratum.len();
    }
    let skew = cubes / (6.0 * squares.powf(1.5));
    if skew.is_finite() { skew } else { 0.0 }
}

/// Linear between the neighbours of `p * (n - 1)`.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (here, next) = (sorted[at as usize], sorted[(at as usize + 1).min(sorted.len() - 1)]);
    here + at.fract() * (next - here)
}
