//! Shares of attention over the seeds, by label and through time.

use pavlov_evaluation::Summary;

use super::{Insight, PartAttention};
use crate::report::{AttentionCurve, AttentionReport, LabelShare};

/// Cells that a picture has at most, about.
const CELLS: usize = 9_600;
/// Parts of time that a picture has at most, and at least if there are as many decisions.
const BLOCKS: [usize; 2] = [40, 240];

/// Each part of the agents, in their order.
pub(super) fn over_seeds(seeds: &[&Insight]) -> Vec<(AttentionReport, AttentionCurve)> {
    let parts = seeds.first().map_or(0, |seed| seed.attention.len());
    (0..parts).map(|part| of_part(&seeds.iter().map(|seed| &seed.attention[part]).collect::<Vec<_>>())).collect()
}

fn of_part(seeds: &[&PartAttention]) -> (AttentionReport, AttentionCurve) {
    let PartAttention { of, labels, .. } = seeds[0];
    let decisions = seeds.iter().map(|seed| seed.shares.len() / labels.len()).max().unwrap_or(0);
    let most = (CELLS / labels.len()).clamp(BLOCKS[0], BLOCKS[1]);
    let num_blocks = most.min(decisions);
    let bounds: Vec<usize> = (0..=num_blocks).map(|i| i * decisions / num_blocks.max(1)).collect();
    let mean = |label: usize, seed: &PartAttention| mean(seed.rows(0..decisions).map(|row| row[label]));
    let share = |(i, label): (usize, &String)| LabelShare {
        label: label.clone(),
        share: Summary::of(seeds.iter().map(|seed| mean(i, seed))),
    };
    let report = AttentionReport {
        of: (*of).to_owned(),
        even: 1.0 / labels.len() as f64,
        labels: labels.iter().enumerate().map(share).collect(),
    };
    let blocks: Vec<Vec<f64>> = bounds.windows(2).map(|pair| block(seeds, pair[0]..pair[1])).collect();
    let of_label = |label: usize| blocks.iter().map(|block| block[label]).collect();
    let shares = (0..labels.len()).map(of_label).collect();
    (report, AttentionCurve { bounds, shares })
}

/// Mean share of each label in some decisions of all seeds.
fn block(seeds: &[&PartAttention], decisions: std::ops::Range<usize>) -> Vec<f64> {
    let labels = seeds[0].labels.len();
    let rows = || seeds.iter().flat_map(|seed| seed.rows(decisions.clone()));
    (0..labels).map(|label| mean(rows().map(|row| row[label]))).collect()
}

impl PartAttention {
    /// The shares of some decisions, as far as the episode goes.
    fn rows(&self, decisions: std::ops::Range<usize>) -> impl Iterator<Item = &[f32]> {
        self.shares.chunks_exact(self.labels.len()).skip(decisions.start).take(decisions.len())
    }
}

fn mean(values: impl Iterator<Item = f32>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + f64::from(value), n + 1.0));
    sum / n
}
