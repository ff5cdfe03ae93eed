//! Splits in which rows after a test train too, kept apart by a purge and an embargo.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::splits::{Reach, Rule, Split, SplitError, check_rows, needed};

/// Most splits of a combinatorial cross-validation.
const MOST_SPLITS: usize = 100_000;

/// Every choice of test groups, and how their results join to whole histories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Combinatorial {
    /// The groups of rows, in order.
    pub groups: Vec<Range<usize>>,
    /// The splits; the ranges of `test` are whole groups.
    pub splits: Vec<Split>,
    /// The test groups of every split, rising.
    pub test_groups: Vec<Vec<usize>>,
    /// Paths through all groups: `paths[p][g]` is the split whose test of group `g` is part of path `p`.
    pub paths: Vec<Vec<usize>>,
}

/// `folds` tests of equal length that together are all rows; all other rows train, as far as they are apart.
///
/// Lopez de Prado, "Advances in Financial Machine Learning" (2018), section 7.4. His purge drops training rows whose
/// outcomes overlap those of the test; this one also counts the window and the warm-up of the features, on both sides,
/// so that no row is touched by both ([`Rule::Apart`]).
///
/// # Errors
/// [`SplitError`] if `folds` is not in `2..=rows.len()`, nothing is left to train on or a row has no full window.
pub fn purged_k_fold(rows: Range<usize>, folds: usize, reach: &Reach) -> Result<Vec<Split>, SplitError> {
    Ok(combinatorial_purged(rows, folds, 1, reach)?.splits)
}

/// Tests on every choice of `test_groups` out of `groups` groups of rows of equal length, purged like [`purged_k_fold`].
///
/// Lopez de Prado (2018), section 12.4: `C(N, k)` splits give `C(N - 1, k - 1)` paths, each of which tests every row once.
///
/// # Errors
/// [`SplitError`] if `groups` is not in `2..=rows.len()`, `test_groups` not in `1..groups`, there are more than 100,000
/// splits, nothing is left to train on or a row has no full window.
pub fn combinatorial_purged(
    rows: Range<usize>,
    groups: usize,
    test_groups: usize,
    reach: &Reach,
) -> Result<Combinatorial, SplitError> {
    check_rows(&rows, reach)?;
    between("the number of groups", 2, rows.len(), groups)?;
    between("the number of test groups", 1, groups - 1, test_groups)?;
    between("the number of splits", 1, MOST_SPLITS, choose(groups, test_groups))?;
    let edge = |g: usize| rows.start + g * rows.len() / groups;
    let groups: Vec<Range<usize>> = (0..groups).map(|g| edge(g)..edge(g + 1)).collect();
    let chosen = choices(groups.len(), test_groups);
    let split = |chosen: &Vec<usize>| {
        let test: Vec<Range<usize>> = chosen.iter().map(|g| groups[*g].clone()).collect();
        let split = Split { train: purge(&rows, &test, reach), test, rule: Rule::Apart };
        if split.train.is_empty() {
            let cure = "take fewer folds or test groups, or shorten window, warm-up, horizon or embargo";
            return Err(SplitError::Empty { to: "train", rows: rows.clone(), cure });
        }
        split.check(reach)?;
        Ok(split)
    };
    let splits = chosen.iter().map(split).collect::<Result<_, _>>()?;
    let paths = paths(groups.len(), &chosen);
    Ok(Combinatorial { groups, splits, test_groups: chosen, paths })
}

/// What is left of the rows when the tests and all that is not apart from them are taken out.
fn purge(rows: &Range<usize>, tests: &[Range<usize>], reach: &Reach) -> Vec<Range<usize>> {
    let (before, after) = needed(Rule::Apart, reach);
    let mut left = Vec::new();
    let mut from = rows.start;
    for test in tests {
        let until = test.start.saturating_sub(before);
        if from < until {
            left.push(from..until);
        }
        from = from.max(test.end + after);
    }
    if from < rows.end {
        left.push(from..rows.end);
    }
    left
}

/// The `p`-th split that tests a group belongs to path `p`.
fn paths(groups: usize, chosen: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let testing = |g: usize| (0..chosen.len()).filter(move |split| chosen[*split].contains(&g)).collect::<Vec<_>>();
    let by_group: Vec<Vec<usize>> = (0..groups).map(testing).collect();
    (0..by_group[0].len()).map(|p| by_group.iter().map(|splits| splits[p]).collect()).collect()
}

/// Every rising choice of `k` of `0..n`, in the order of a dictionary.
fn choices(n: usize, k: usize) -> Vec<Vec<usize>> {
    let mut current: Vec<usize> = (0..k).collect();
    let mut all = vec![current.clone()];
    while let Some(i) = (0..k).rev().find(|i| current[*i] < n - k + i) {
        current[i] += 1;
        for j in i + 1..k {
            current[j] = current[j - 1] + 1;
        }
        all.push(current.clone());
    }
    all
}

fn choose(n: usize, k: usize) -> usize {
    (0..k.min(n - k)).fold(1_usize, |all, i| all.saturating_mul(n - i) / (i + 1))
}

fn between(name: &'static str, least: usize, most: usize, got: usize) -> Result<(), SplitError> {
    if (least..=most).contains(&got) { Ok(()) } else { Err(SplitError::Parameter { name, least, most, got }) }
}
