//! The recursive check: after its warm-up a column does not depend on where the history begins.

use std::collections::BTreeMap;

use pavlov_audit::{Change, Check, Difference, Findings, Future, Shown};
use pavlov_features::{FeatureConfig, FeatureTable, Inputs, fold};
use pavlov_rl_core::{RngTree, below};

use super::futures::Futures;
use crate::error::ExperimentError;
use crate::world::Joined;

/// What a column may differ by after its warm-up, in parts of its largest value: `docs/features.md`.
pub(super) const TOLERANCE: f64 = 1e-6;

/// How far a column depends on where the history begins.
#[derive(Clone, Debug, PartialEq)]
pub struct WarmUp {
    /// Its name.
    pub column: String,
    /// Bars before its values count.
    pub warm_up: usize,
    /// The largest difference after them, in parts of its largest value.
    pub largest: f64,
}

/// Whether a user chose the warm-up of a feature; then it promises nothing.
pub(super) fn is_chosen(feature: &dyn FeatureConfig) -> bool {
    feature.to_toml().contains_key("warm_up")
}

/// Columns and warm-ups in the order of a table.
fn columns(features: &[Box<dyn FeatureConfig>]) -> Vec<(String, usize, bool)> {
    let of = |feature: &dyn FeatureConfig| -> Vec<(String, usize, bool)> {
        let (warm_up, chosen) = (feature.warm_up(), is_chosen(feature));
        feature.columns().into_iter().map(|column| (column, warm_up, chosen)).collect()
    };
    features.iter().flat_map(|feature| of(&**feature)).collect()
}

/// Folds the features over histories that begin at other bars.
pub(super) fn check(
    features: &[Box<dyn FeatureConfig>],
    joined: &Joined,
    seed: u64,
    findings: &mut Findings,
) -> Result<Vec<WarmUp>, ExperimentError> {
    let columns = columns(features);
    let full = fold(joined.inputs(), features)?;
    let rows = full.rows();
    let size = |col: usize| column(&full, col, 0).fold(0.0_f64, |size, x| size.max(x.abs()));
    let sizes: Vec<f64> = (0..columns.len()).map(size).collect();
    let mut found: Vec<WarmUp> = columns
        .iter()
        .map(|(column, warm_up, _)| WarmUp { column: column.clone(), warm_up: *warm_up, largest: 0.0 })
        .collect();
    for start in starts(&columns, rows, seed) {
        let bars = joined.bars.slice(start..rows);
        let values: BTreeMap<String, Vec<f64>> =
            joined.values.iter().map(|(name, values)| (name.clone(), values[start..].to_vec())).collect();
        let late = fold(Inputs::new(&bars, &values), features)?;
        for (col, (name, warm_up, chosen)) in columns.iter().enumerate() {
            let pairs = column(&full, col, start + warm_up).zip(column(&late, col, *warm_up)).enumerate();
            findings.compared(Check::WarmUp, rows.saturating_sub(start + warm_up));
            let worst = pairs
                .map(|(i, (one, other))| (i, one, other))
                .max_by(|(_, a, b), (_, c, d)| (a - b).abs().total_cmp(&(c - d).abs()));
            let Some((i, one, other)) = worst else { continue };
            let part = if one == other { 0.0 } else { (one - other).abs() / sizes[col] };
            found[col].largest = found[col].largest.max(part);
            if part > TOLERANCE && !chosen {
                let difference = Difference {
                    check: Check::WarmUp,
                    what: format!("column `{name}`"),
                    row: (start + warm_up + i) as u32,
                    before: one.to_string(),
                    after: other.to_string(),
                };
                let shown = Shown::By(format!("the history begins at row {start} (its warm-up is {warm_up})"));
                let Ok(()) = findings.found("warm-up", difference, shown, |_| Ok::<_, std::convert::Infallible>(None));
            }
        }
    }
    Ok(found)
}

/// First bars of other histories: the second one, multiples of the warm-ups, a random one.
fn starts(columns: &[(String, usize, bool)], rows: usize, seed: u64) -> Vec<usize> {
    let mut starts: Vec<usize> = columns.iter().flat_map(|(_, warm_up, _)| [warm_up + 1, 2 * warm_up + 1]).collect();
    let mut rng = RngTree::new(seed).child("audit").stream("start", 0);
    starts.extend([1, below(&mut rng, rows.max(2) as u32) as usize]);
    starts.retain(|start| *start < rows);
    starts.sort_unstable();
    starts.dedup();
    starts
}

fn column(table: &FeatureTable, col: usize, from: usize) -> impl Iterator<Item = f64> {
    table.values.iter().skip(from * table.columns.len() + col).step_by(table.columns.len()).copied()
}

/// The columns that stay as they are whatever bars and series say.
pub(super) fn unmoved(
    features: &[Box<dyn FeatureConfig>],
    (futures, joined): (&Futures<'_>, &Joined),
    seed: u64,
) -> Result<Vec<String>, ExperimentError> {
    let full = fold(joined.inputs(), features)?;
    let change = Change { future: Future::Replaced, first: 0, kept: &[], seed };
    let changed = futures.joined(&change)?;
    let other = fold(changed.inputs(), features)?;
    let same = |col: &usize| column(&full, *col, 0).eq(column(&other, *col, 0));
    Ok((0..full.columns.len()).filter(same).map(|col| full.columns[col].clone()).collect())
}
