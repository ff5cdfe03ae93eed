//! What other draws of the market of the same kind would have given: the stationary block bootstrap.

use crate::stats::random::Draws;

/// Resamples periods in blocks of random length, so that their dependence over some periods is kept.
///
/// Politis and Romano, "The Stationary Bootstrap", JASA 89 (1994): blocks start anywhere with equal chance, have geometric
/// lengths and run on from the last period to the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockBootstrap {
    /// Mean length of a block, in periods, 1 or above; [`optimal_block_length`] finds one.
    pub mean_length: f64,
    /// Number of replicates.
    pub replicates: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl BlockBootstrap {
    /// A statistic of the sums of columns that are resampled together, one number a replicate.
    ///
    /// `columns` is `[C][n]`, one row a period; `statistic` gets the `C` sums over `n` resampled rows. A sum over a block
    /// is a difference of two prefix sums, so a replicate costs a step a block and not a step a period.
    ///
    /// # Panics
    /// If the columns differ in length.
    pub fn totals(&self, columns: &[&[f64]], statistic: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let n = columns.first().map_or(0, |c| c.len());
        assert!(columns.iter().all(|c| c.len() == n), "columns must have the same number of periods");
        if n == 0 {
            return Vec::new();
        }
        let (width, prefixes) = (columns.len(), prefixes(columns, n));
        let row = |t: usize| &prefixes[t * width..(t + 1) * width];
        let mut sums = vec![0.0; width];
        let replicate = |mut draws: Draws| {
            sums.fill(0.0);
            self.blocks(n, &mut draws, |start, len| {
                let end = start + len;
                let (from, to, wrapped) = (row(start), row(end.min(n)), row(end.saturating_sub(n)));
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum += to[i] - from[i] + wrapped[i];
                }
            });
            statistic(&sums)
        };
        Draws::streams(self.seed, self.replicates).map(replicate).collect()
    }

    /// Calls `visit(start, len)` for blocks of `n` periods in all; a block may run over the end to the start.
    fn blocks(&self, n: usize, draws: &mut Draws, mut visit: impl FnMut(usize, usize)) {
        let lengths = Lengths::new(self.mean_length);
        let mut left = n;
        while left > 0 {
            let (start, unit) = draws.below_and_unit(n);
            let len = lengths.at(unit).min(left);
            visit(start, len);
            left -= len;
        }
    }
}

/// Geometric lengths: one more than the `k` with `q^(k + 1) < u <= q^k`, `q` being 1 less 1 over the mean.
struct Lengths {
    powers: [f64; 8],
    decay: f64,
}

impl Lengths {
    fn new(mean: f64) -> Self {
        let longer = 1.0 - 1.0 / mean.max(1.0);
        Self { powers: std::array::from_fn(|k| longer.powi(k as i32 + 1)), decay: longer.ln() }
    }

    /// Short lengths are looked up: most are, and a logarithm takes longer than the sums of a block.
    fn at(&self, unit: f64) -> usize {
        match self.powers.iter().position(|power| unit > *power) {
            Some(k) => k + 1,
            None => 1 + (unit.ln() / self.decay) as usize,
        }
    }
}

/// Sums of every column over the first `t` periods, `[n + 1, C]`, a row after the other.
fn prefixes(columns: &[&[f64]], n: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns.len()];
    let mut rows = sums.clone();
    for t in 0..n {
        sums.iter_mut().zip(columns).for_each(|(sum, column)| *sum += column[t]);
        rows.extend(&sums);
    }
    rows
}

/// The mean block length that estimates the variance of the mean best, in periods, from 1 to `ceil(min(3 sqrt n, n / 3))`.
///
/// Politis and White, "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews 23 (2004),
/// with the correction of Patton, Politis and White (2009): `(G / g(0))^(2/3) * n^(1/3)` for the stationary
/// bootstrap, with their flat-top window and their rule for its width. 1 below 10 values and for values
/// that do not vary.
pub fn optimal_block_length(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 10 {
        return 1.0;
    }
    let size = n as f64;
    let centre = values.iter().sum::<f64>() / size;
    let deviations: Vec<f64> = values.iter().map(|x| x - centre).collect();
    let covariance = |k: usize| deviations[k..].iter().zip(&deviations).map(|(a, b)| a * b).sum::<f64>() / size;
    let variance = covariance(0);
    let largest = size.sqrt().ceil() as usize;
    let in_a_row = size.log10().sqrt().ceil().max(5.0) as usize;
    let covariances: Vec<f64> = (0..n.min(largest + in_a_row + 1)).map(covariance).collect();
    let limit = 2.0 * (size.log10() / size).sqrt() * variance;
    let small = |m: usize| covariances[m + 1..].iter().take(in_a_row).all(|c| c.abs() < limit);
    let width = (0..=largest.min(covariances.len() - 1)).find(|m| small(*m)).unwrap_or(largest);
    let lags = (2 * width.max(1)).min(covariances.len() - 1);
    let window = |k: usize| (2.0 * (1.0 - k as f64 / lags as f64)).clamp(0.0, 1.0);
    let terms = |k: usize| 2.0 * window(k) * covariances[k];
    let spectrum: f64 = variance + (1..=lags).map(terms).sum::<f64>();
    let slope: f64 = (1..=lags).map(|k| k as f64 * terms(k)).sum();
    let length = (slope / spectrum).powi(2).cbrt() * size.cbrt();
    let most = (3.0 * size.sqrt()).min(size / 3.0).ceil();
    if length.is_finite() { length.clamp(1.0, most) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws() -> Draws {
        Draws::streams(1, 1).next().unwrap()
    }

    #[test]
    fn block_sums_are_the_sums_of_their_periods() {
        let values: Vec<f64> = (0..37).map(|i| f64::from(i * i % 23) - 7.0).collect();
        let bootstrap = BlockBootstrap { mean_length: 4.0, replicates: 200, seed: 5 };
        let got = bootstrap.totals(&[&values], |sums| sums[0]);
        for (got, mut draws) in got.iter().zip(Draws::streams(5, 200)) {
            let mut direct = Vec::new();
            bootstrap.blocks(37, &mut draws, |start, len| direct.extend((start..start + len).map(|i| values[i % 37])));
            assert_eq!(direct.len(), 37);
            assert!((got - direct.iter().sum::<f64>()).abs() < 1e-9);
        }
    }

    #[test]
    fn blocks_have_their_mean_length_and_start_everywhere() {
        let bootstrap = BlockBootstrap { mean_length: 8.0, replicates: 1, seed: 0 };
        let (mut blocks, mut starts) = (0, [0_u32; 10]);
        let n = 100_000;
        bootstrap.blocks(n, &mut draws(), |start, _| {
            blocks += 1;
            starts[start * 10 / n] += 1;
        });
        assert!((n as f64 / f64::from(blocks) - 8.0).abs() < 0.25, "{blocks} blocks");
        assert!(starts.iter().all(|s| (f64::from(*s) / f64::from(blocks) - 0.1).abs() < 0.01), "{starts:?}");
        let single = BlockBootstrap { mean_length: 1.0, ..bootstrap };
        single.blocks(50, &mut draws(), |_, len| assert_eq!(len, 1));
    }
}
