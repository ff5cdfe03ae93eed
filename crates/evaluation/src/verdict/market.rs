//! The difference to the benchmark over other draws of the same market.

use crate::error::EvaluationError;
use crate::stats::{BlockBootstrap, optimal_block_length, percentile_interval};

/// Net worth of the agent's seeds and of the benchmark at the same bars.
#[derive(Clone, Copy, Debug)]
pub struct Paths<'a> {
    /// Net worth of each seed, in money, `[S][T]`.
    pub agent: &'a [Vec<f64>],
    /// Net worth of the benchmark, `[1][T]`, or `[S][T]` if it depends on the seed.
    pub benchmark: &'a [Vec<f64>],
    /// Number of resampled histories.
    pub replicates: usize,
    /// Seed of the resampling.
    pub seed: u64,
}

/// 95 % interval over time of the agent's mean total return less the benchmark's, as fractions.
///
/// Log returns of all seeds and of the benchmark are resampled together by the stationary bootstrap, with the automatic
/// block length of their mean difference, and compounded over as many periods as the span has; the interval is that of the
/// percentiles. It assumes that the market stays as it was in the span and that the policy trades as it did. `None` if an
/// account was ruined, since its returns mean nothing.
///
/// # Errors
/// [`EvaluationError`] if the number of paths is not `seeds`, they differ in length, have fewer than 2 bars or a value is
/// not finite.
pub fn interval_over_time(paths: &Paths<'_>, seeds: usize) -> Result<Option<[f64; 2]>, EvaluationError> {
    check(paths, seeds)?;
    let all = || paths.agent.iter().chain(paths.benchmark);
    if all().any(|path| path.iter().any(|w| *w <= 0.0)) {
        return Ok(None);
    }
    let columns: Vec<Vec<f64>> = all().map(|path| path.windows(2).map(|w| (w[1] / w[0]).ln()).collect()).collect();
    let difference = |sums: &[f64]| {
        let (agent, benchmark) = sums.split_at(seeds);
        mean_growth(agent) - mean_growth(benchmark)
    };
    let mean = |rows: &[Vec<f64>], t: usize| rows.iter().map(|row| row[t]).sum::<f64>() / rows.len() as f64;
    let (agent, benchmark) = columns.split_at(seeds);
    let gap: Vec<f64> = (0..columns[0].len()).map(|t| mean(agent, t) - mean(benchmark, t)).collect();
    let Paths { replicates, seed, .. } = *paths;
    let bootstrap = BlockBootstrap { mean_length: optimal_block_length(&gap), replicates, seed };
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let interval = percentile_interval(&bootstrap.totals(&columns, difference));
    Ok(interval.filter(|ci| ci.iter().all(|x| x.is_finite())))
}

/// Mean of the growth factors of several sums of log returns.
fn mean_growth(sums: &[f64]) -> f64 {
    sums.iter().map(|sum| sum.exp()).sum::<f64>() / sums.len() as f64
}

fn check(paths: &Paths<'_>, seeds: usize) -> Result<(), EvaluationError> {
    let refuse = |reason: String| Err(EvaluationError::Paths { reason });
    if paths.agent.len() != seeds || ![1, seeds].contains(&paths.benchmark.len()) {
        let (agent, benchmark) = (paths.agent.len(), paths.benchmark.len());
        return refuse(format!(
            "{seeds} seeds need as many paths, and 1 or as many of the benchmark, got {agent} and {benchmark}"
        ));
    }
    let bars = paths.benchmark[0].len();
    for path in paths.agent.iter().chain(paths.benchmark) {
        if path.len() != bars || bars < 2 {
            return refuse(format!("every path needs the same bars, 2 or more, got {} and {bars}", path.len()));
        }
        if let Some(value) = path.iter().find(|w| !w.is_finite()) {
            return refuse(format!("net worth must be finite, got {value}"));
        }
    }
    Ok(())
}
