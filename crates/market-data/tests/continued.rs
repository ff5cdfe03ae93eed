//! One history out of files that follow each other in time.

mod support;

use std::path::Path;
use std::sync::Arc;

use pavlov_market_data::{Dataset, Manifest, MarketDataError, Sources, load_dataset, manifest_text};
use pavlov_store::OsDisk;
use support::{DATASET, HEADER, csv, sources, with_file};

/// The rows of the example file, some of them changed, as a dataset of its own.
fn part(rows: std::ops::Range<usize>, change: impl Fn(&str) -> String, manifest: &str) -> Dataset {
    let place = tempfile::tempdir().unwrap();
    let text = csv(rows.end);
    let rows: String = text.lines().skip(1).skip(rows.start).map(|row| change(row) + "\n").collect();
    with_file(&OsDisk, place.path(), &(HEADER.to_owned() + &rows));
    let manifest = Manifest::parse(manifest, Path::new("example.toml")).unwrap();
    load_dataset(&manifest, &sources(Arc::new(OsDisk), place.path())).unwrap()
}

fn rows(rows: std::ops::Range<usize>) -> Dataset {
    part(rows, str::to_owned, DATASET)
}

fn refused(before: Dataset, next: Dataset) -> String {
    let error = before.continued_by(next).unwrap_err();
    assert!(matches!(error, MarketDataError::NotContinued { .. }), "{error}");
    error.to_string()
}

#[test]
fn pieces_that_touch_or_overlap_are_the_whole_again() {
    let whole = rows(0..60);
    for cut in [(20, 20), (20, 15), (40, 1), (10, 10)] {
        let joined = rows(0..cut.0).continued_by(rows(cut.1..60)).unwrap();
        assert_eq!((&joined.bars, joined.hash), (&whole.bars, whole.hash), "{cut:?}");
        let [a, b] = [&joined, &whole].map(|dataset| &dataset.provenance);
        assert_eq!((a.span, a.bars, a.gaps), (b.span, b.bars, b.gaps));
    }
    let with_gap = rows(0..20).continued_by(rows(30..60)).unwrap();
    assert_eq!((with_gap.bars.len(), with_gap.provenance.gaps.missing_bars), (50, 10));
}

#[test]
fn a_history_that_was_rewritten_or_is_another_one_is_refused() {
    let changed = part(15..60, |row| row.replace(",104.25,", ",104.5,"), DATASET);
    let text = refused(rows(0..20), changed);
    assert!(text.contains("the bar closing at 2018-01-01T17:00:00Z is not the same in both"), "{text}");
    let text = refused(rows(0..60), rows(30..50));
    assert!(text.contains("the bar closing at 2018-01-03T03:00:00Z is not the same in both"), "{text}");
    let other = part(20..60, str::to_owned, &DATASET.replace("BTCUSD", "ETHUSD"));
    assert!(refused(rows(0..20), other).ends_with("their symbols are BTCUSD and ETHUSD"));
    let split = part(20..60, str::to_owned, &DATASET.replace("adjustment = \"none\"", "adjustment = \"split\""));
    assert!(refused(rows(0..20), split).ends_with("their adjustments are none and split"));
}

#[test]
fn the_training_files_of_the_tdqn_paper_go_on_in_its_test_files() {
    let Some(data_dir) = pavlov_testkit::data_dir() else { return };
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(data_dir) };
    let load = |name: &str| {
        let (path, text) = manifest_text(&datasets, name, &OsDisk).unwrap();
        load_dataset(&Manifest::parse(&text, &path).unwrap(), &sources).unwrap()
    };
    // Hong Kong and Tokyo overlap by one and two days.
    for (ticker, shared) in [("AAPL", 0), ("TSLA", 0), ("0700.HK", 1), ("6758.T", 2)] {
        let [train, test] = ["train", "test"].map(|span| load(&format!("tdqn-{span}/{ticker}")));
        let expected = train.bars.len() + test.bars.len() - shared;
        assert_eq!(train.continued_by(test).unwrap().bars.len(), expected, "{ticker}");
    }
}
