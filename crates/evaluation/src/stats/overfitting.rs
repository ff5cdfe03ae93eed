//! Probability of backtest overfitting by combinatorially symmetric cross-validation.

use serde::{Deserialize, Serialize};

use crate::error::EvaluationError;

/// What happens out of sample to the strategy that was best in sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overfitting {
    /// Share of the splits in which the best in sample was no better than the median out of sample.
    pub probability: f64,
    /// Logit of the relative rank out of sample, one a split; below 0 is below the median.
    pub logits: Vec<f64>,
    /// Share of the splits in which the best in sample lost out of sample: its Sharpe ratio there is below 0.
    pub probability_of_loss: f64,
}

/// Most blocks: 184,756 splits.
const MOST_BLOCKS: usize = 20;

/// Splits the periods into `blocks` and judges, for every choice of half of them, the best strategy on the other half.
///
/// Bailey, Borwein, Lopez de Prado and Zhu, "The Probability of Backtest Overfitting", Journal of Computational Finance 20
/// (2017), section 2: the measure is the Sharpe ratio of a period (0 for returns that do not vary), the relative rank is
/// `rank / (N + 1)`, ties share their mean rank. `returns` is `[N][T]`, one row a strategy tried; the first `T % blocks`
/// periods are left out so that blocks are equal. The paper takes 16 blocks.
///
/// # Errors
/// [`EvaluationError::Overfitting`] if there are fewer than 2 strategies, their lengths differ, a return is not finite,
/// `blocks` is odd or not in `2..=20`, or a block has fewer than 2 periods.
pub fn probability_of_overfitting(returns: &[&[f64]], blocks: usize) -> Result<Overfitting, EvaluationError> {
    check(returns, blocks)?;
    let periods = returns[0].len() / blocks;
    let parts: Vec<Vec<[f64; 2]>> = returns.iter().map(|row| block_sums(row, blocks)).collect();
    let half = (periods * blocks / 2) as f64;
    let (mut logits, mut losses) = (Vec::new(), 0);
    for chosen in (0_u32..1 << blocks).filter(|set| set.count_ones() as usize == blocks / 2) {
        let ratios = |inside: bool| -> Vec<f64> {
            parts.iter().map(|sums| sharpe(sums, half, |block| (chosen >> block & 1 == 1) == inside)).collect()
        };
        let (seen, unseen) = (ratios(true), ratios(false));
        let best = (1..seen.len()).fold(0, |best, i| if seen[i] > seen[best] { i } else { best });
        let below = unseen.iter().filter(|x| **x < unseen[best]).count() as f64;
        let ties = unseen.iter().filter(|x| **x == unseen[best]).count() as f64;
        let rank = (below + 0.5 * (ties + 1.0)) / (unseen.len() + 1) as f64;
        logits.push((rank / (1.0 - rank)).ln());
        losses += usize::from(unseen[best] < 0.0);
    }
    let splits = logits.len() as f64;
    let overfit = logits.iter().filter(|logit| **logit <= 0.0).count() as f64;
    Ok(Overfitting { probability: overfit / splits, logits, probability_of_loss: losses as f64 / splits })
}

/// Sum and sum of squares of every block.
fn block_sums(row: &[f64], blocks: usize) -> Vec<[f64; 2]> {
    let periods = row.len() / blocks;
    let used = &row[row.len() - periods * blocks..];
    used.chunks(periods).map(|block| [block.iter().sum(), block.iter().map(|r| r * r).sum()]).collect()
}

fn sharpe(sums: &[[f64; 2]], periods: f64, takes: impl Fn(usize) -> bool) -> f64 {
    let taken = sums.iter().enumerate().filter(|(block, _)| takes(*block));
    let [sum, squares] = taken.fold([0.0; 2], |all, (_, part)| [all[0] + part[0], all[1] + part[1]]);
    let mean = sum / periods;
    let variance = (squares - sum * mean) / (periods - 1.0);
    // What is left of equal returns is the rounding of their squares.
    if variance > 1e-14 * squares / periods { mean / variance.sqrt() } else { 0.0 }
}

fn check(returns: &[&[f64]], blocks: usize) -> Result<(), EvaluationError> {
    let refuse = |reason: String| Err(EvaluationError::Overfitting { reason });
    if returns.len() < 2 {
        return refuse(format!("needs at least 2 strategies, got {}", returns.len()));
    }
    if !blocks.is_multiple_of(2) || !(2..=MOST_BLOCKS).contains(&blocks) {
        return refuse(format!("the number of blocks must be even and in 2..={MOST_BLOCKS}, got {blocks}"));
    }
    let periods = returns[0].len();
    if let Some(row) = returns.iter().find(|row| row.len() != periods) {
        return refuse(format!("every strategy needs the same {periods} periods, got {}", row.len()));
    }
    if periods < 2 * blocks {
        return refuse(format!("{blocks} blocks need at least {} periods, got {periods}", 2 * blocks));
    }
    match returns.iter().copied().flatten().find(|r| !r.is_finite()) {
        Some(value) => refuse(format!("returns must be finite, got {value}")),
        None => Ok(()),
    }
}
