//! Splits: examples by hand, and over all parameters that no training row knows what a test row is judged by.

#![allow(clippy::single_range_in_vec_init)]

use std::ops::Range;

use pavlov_evaluation::splits::{
    Reach, Rule, Split, SplitError, TrainingWindow, combinatorial_purged, date_split, purged_k_fold, walk_forward,
};
use proptest::prelude::*;

const PLAIN: Reach = Reach { window: 1, warm_up: 0, horizon: 1, embargo: 0 };

#[test]
fn a_date_split_ends_training_where_its_outcomes_are_known() {
    let times: Vec<i64> = (0..100).map(|t| t * 10).collect();
    let reach = Reach { window: 5, warm_up: 6, horizon: 3, embargo: 4 };
    let split = date_split(&times, 10..99, 0, 500..700, &reach).unwrap();
    // Row 50 tests first; 3 rows until an outcome and 4 of embargo: row 43 is the last whose outcome was known 4 ago.
    assert_eq!((split.train, split.test, split.rule), (vec![10..44], vec![50..70], Rule::Past));
    let plain = date_split(&times, 10..99, 205, 500..701, &PLAIN).unwrap();
    assert_eq!((plain.train, plain.test), (vec![21..50], vec![50..71]));
    let refusal = |rows, test| date_split(&times, rows, 0, test, &reach).unwrap_err().to_string();
    assert!(refusal(9..99, 500..700).contains("row 9 looks back on 10 rows before it; start at row 10"));
    assert!(refusal(10..99, 5000..7000).contains("no rows are left to test on"));
    assert!(refusal(10..99, 150..700).contains("no rows are left to train on"));
}

#[test]
fn walking_forward_tests_every_row_once() {
    let reach = Reach { horizon: 2, ..PLAIN };
    let rolling = walk_forward(0..20, TrainingWindow::Rolling(6), 5, &reach).unwrap();
    let rows: Vec<_> = rolling.iter().map(|s| (s.train[0].clone(), s.test[0].clone())).collect();
    assert_eq!(rows, [(0..6, 7..12), (5..11, 12..17), (10..16, 17..20)]);
    let expanding = walk_forward(0..20, TrainingWindow::Expanding(6), 5, &reach).unwrap();
    let rows: Vec<_> = expanding.iter().map(|s| (s.train[0].clone(), s.test[0].clone())).collect();
    assert_eq!(rows, [(0..6, 7..12), (0..11, 12..17), (0..16, 17..20)]);
    let error = walk_forward(0..20, TrainingWindow::Rolling(19), 5, &reach).unwrap_err();
    assert_eq!(error.to_string(), "the training length must lie in 1..=18, got 19");
}

#[test]
fn a_purge_covers_outcome_window_warm_up_and_embargo_on_both_sides() {
    let reach = Reach { window: 3, warm_up: 4, horizon: 1, embargo: 2 };
    let folds = purged_k_fold(10..70, 3, &reach).unwrap();
    // 1 + 2 + 4 + 2 = 9 rows on either side of the test.
    assert_eq!((&folds[1].train, &folds[1].test), (&vec![10..21, 59..70], &vec![30..50]));
    assert_eq!((&folds[0].train, &folds[2].train), (&vec![39..70], &vec![10..41]));
    let error = purged_k_fold(10..40, 2, &Reach { warm_up: 8, embargo: 9, ..reach }).unwrap_err();
    assert!(matches!(error, SplitError::Empty { to: "train", .. }), "{error}");
}

#[test]
fn six_groups_two_at_a_time_make_the_books_fifteen_splits_and_five_paths() {
    let found = combinatorial_purged(0..60, 6, 2, &PLAIN).unwrap();
    assert_eq!((found.splits.len(), found.paths.len()), (15, 5));
    for path in &found.paths {
        assert_eq!(path.len(), 6);
        for (group, split) in path.iter().enumerate() {
            assert!(found.splits[*split].test.contains(&found.groups[group]));
        }
    }
    let mut used: Vec<(usize, usize)> = found.paths.iter().flat_map(|p| p.iter().copied().enumerate()).collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), 30, "every test of every split belongs to one path");
    let error = combinatorial_purged(0..600, 40, 20, &PLAIN).unwrap_err().to_string();
    assert!(error.contains("the number of splits must lie in 1..=100000"), "{error}");
}

#[test]
fn a_split_that_leaks_is_refused_with_the_rows_and_the_distance() {
    let reach = Reach { window: 3, warm_up: 0, horizon: 1, embargo: 0 };
    let split = |train: Range<usize>, test: Range<usize>, rule| Split { train: vec![train], test: vec![test], rule };
    let refusal = |s: Split| s.check(&reach).unwrap_err().to_string();
    assert_eq!(split(2..10, 10..20, Rule::Past).check(&reach), Ok(()));
    assert!(refusal(split(2..11, 10..20, Rule::Past)).contains("rows 2..11 to train on leak into rows 10..20"));
    assert!(refusal(split(30..40, 10..20, Rule::Past)).contains("only the past may train"));
    assert!(refusal(split(2..10, 10..20, Rule::Apart)).contains("leave at least 3 rows between them"));
    assert!(refusal(split(22..40, 10..20, Rule::Apart)).contains("leave at least 3 rows"));
    assert!(refusal(split(12..15, 10..20, Rule::Apart)).contains("leak"));
    assert!(refusal(split(1..5, 10..20, Rule::Past)).contains("looks back on 2 rows"));
    assert!(refusal(split(5..5, 10..20, Rule::Past)).contains("no rows are left to train on"));
}

fn reach() -> impl Strategy<Value = Reach> {
    (1..6_usize, 0..8_usize, 1..4_usize, 0..5_usize).prop_map(|(window, warm_up, horizon, embargo)| Reach {
        window,
        warm_up,
        horizon,
        embargo,
    })
}

fn rows(ranges: &[Range<usize>]) -> Vec<usize> {
    ranges.iter().cloned().flatten().collect()
}

/// Row by row: what a decision looks at, and the rows its outcome depends on.
fn leaks(split: &Split, reach: &Reach) -> bool {
    let back = reach.window - 1 + reach.warm_up;
    let touched = |t: usize| t - back..=t + reach.horizon;
    rows(&split.train).iter().any(|&a| {
        rows(&split.test).iter().any(|&b| match split.rule {
            Rule::Past => a + reach.horizon + reach.embargo > b,
            Rule::Apart if a < b => *touched(a).end() + reach.embargo >= *touched(b).start(),
            Rule::Apart => *touched(b).end() + reach.embargo >= *touched(a).start(),
        })
    })
}

/// All rows that may train beside a test, found row by row.
fn allowed(all: Range<usize>, split: &Split, reach: &Reach) -> Vec<usize> {
    let alone = |a: usize| Split { train: vec![a..a + 1], ..split.clone() };
    all.filter(|&a| !leaks(&alone(a), reach)).collect()
}

proptest! {
    #[test]
    fn purged_splits_leak_nowhere_and_waste_nothing(
        reach in reach(), len in 20..160_usize, groups in 2..7_usize, k in 1..4_usize,
    ) {
        let all = reach.lookback()..reach.lookback() + len;
        let Ok(found) = combinatorial_purged(all.clone(), groups, k.min(groups - 1), &reach) else { return Ok(()) };
        for split in &found.splits {
            prop_assert!(!leaks(split, &reach), "{:?}", split);
            prop_assert_eq!(rows(&split.train), allowed(all.clone(), split, &reach));
        }
        for path in &found.paths {
            let mut tested: Vec<usize> = path.iter().enumerate().flat_map(|(g, _)| found.groups[g].clone()).collect();
            tested.sort_unstable();
            prop_assert!(tested.into_iter().eq(all.clone()));
        }
    }

    #[test]
    fn walking_forward_leaks_nowhere_and_tests_each_row_once(
        reach in reach(), len in 20..160_usize, first in 5..30_usize, test_len in 1..30_usize, rolling in any::<bool>(),
    ) {
        let all = reach.lookback()..reach.lookback() + len;
        let window = if rolling { TrainingWindow::Rolling(first) } else { TrainingWindow::Expanding(first) };
        let Ok(splits) = walk_forward(all.clone(), window, test_len, &reach) else { return Ok(()) };
        let tested: Vec<usize> = splits.iter().flat_map(|s| rows(&s.test)).collect();
        prop_assert!(tested.iter().copied().eq(tested[0]..all.end));
        for split in &splits {
            prop_assert!(!leaks(split, &reach), "{:?}", split);
            let last = allowed(all.clone(), split, &reach).into_iter().max();
            prop_assert_eq!(rows(&split.train).into_iter().max(), last, "no row is wasted");
            let as_asked = if rolling { split.train_len() == first } else { split.train[0].start == all.start };
            prop_assert!(as_asked, "{:?}", split);
        }
    }

    #[test]
    fn the_check_sees_what_a_look_at_every_row_sees(
        reach in reach(), train in (0..60_usize, 1..20_usize), test in (0..60_usize, 1..20_usize), apart in any::<bool>(),
    ) {
        let shift = reach.lookback();
        let range = |(start, len): (usize, usize)| shift + start..shift + start + len;
        let rule = if apart { Rule::Apart } else { Rule::Past };
        let split = Split { train: vec![range(train)], test: vec![range(test)], rule };
        prop_assert_eq!(split.check(&reach).is_err(), leaks(&split, &reach), "{:?}", split);
    }
}
