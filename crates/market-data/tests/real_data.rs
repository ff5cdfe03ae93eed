//! The market files under `PAVLOV_DATA_DIR`, read as the repository's manifests say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{
    Cleaning, Dataset, Gaps, Kind, Manifest, Origin, Sources, load_dataset, load_series, manifests,
};
use pavlov_store::OsDisk;

const HOUR: i64 = 3_600_000_000_000;

/// The folders with market files; `dirty` has its own tests.
const FOLDERS: [&str; 9] = [
    "bars",
    "bars/dow_panel_1d",
    "btc",
    "intraday",
    "kospi",
    "macro/arch",
    "macro/seed_2017_2019",
    "macro/wide",
    "tdqn",
];

fn datasets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets")
}

fn load(name: &str) -> Option<Dataset> {
    let data_dir = pavlov_testkit::data_dir()?;
    let path = datasets().join(name).with_extension("toml");
    let manifest = Manifest::load(&path).unwrap();
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(PathBuf::from(&data_dir)) };
    let dataset = load_dataset(&manifest, &sources).unwrap();
    assert_eq!(dataset.origin, Origin::File(data_dir.join(manifest.file().unwrap())));
    assert_eq!(Some(dataset.hash), manifest.expected_hash());
    Some(dataset)
}

#[test]
fn the_articles_file_is_whole() {
    let Some(dataset) = load("bitfinex-btcusd-1h") else { return };
    assert_eq!(dataset.provenance.cleaning, Cleaning { rows_read: 10_848, ..Cleaning::default() });
    assert_eq!((dataset.bars.len(), dataset.bars.gaps()), (10_848, Gaps::default()));
    let first = dataset.bars.bar(0);
    // The bar that opens at 2018-05-07T00:00Z is stamped one hour later.
    assert_eq!(first.time, 1_525_651_200_000_000_000 + HOUR);
    assert_eq!(
        (first.open, first.high, first.low, first.close, first.volume),
        (9658.7, 9677.9, 9482.0, 9482.1, 1196.96)
    );
    let day = dataset.bars.opening_between(1_525_651_200_000_000_000, 1_525_651_200_000_000_000 + 24 * HOUR);
    assert_eq!(day, 0..24);
}

#[test]
fn the_2019_download_loses_only_its_unfinished_hour() {
    let Some(dataset) = load("bitfinex-btcusd-1h-2017-2019") else { return };
    assert_eq!(dataset.provenance.cleaning, Cleaning { rows_read: 14_849, outside_span: 1, ..Cleaning::default() });
    assert_eq!((dataset.bars.len(), dataset.bars.gaps()), (14_848, Gaps::default()));
}

#[test]
fn the_2021_download_reports_its_repeat_and_its_rounding() {
    let Some(dataset) = load("bitfinex-btcusd-1h-2018-2021") else { return };
    let expected = Cleaning {
        rows_read: 28_145,
        repeats_dropped: 1,
        repeats_differing: 1,
        inconsistent_kept: 4,
        ..Cleaning::default()
    };
    assert_eq!(dataset.provenance.cleaning, expected);
    assert_eq!(dataset.bars.len(), 28_144);
    assert_eq!(dataset.bars.gaps(), Gaps { count: 2, missing_bars: 3, longest_ns: 3 * HOUR });
    let kept = dataset.bars.times().partition_point(|time| *time < 1_605_049_200_000_000_000 + HOUR);
    assert_eq!(dataset.bars.open()[kept], 15_385.0);
}

#[test]
fn the_coinbase_download_reports_its_misplaced_copies() {
    let Some(dataset) = load("coinbase-btcusd-1h") else { return };
    assert_eq!(dataset.provenance.cleaning, Cleaning { rows_read: 17_583, misplaced: 5, ..Cleaning::default() });
    assert_eq!(dataset.bars.len(), 17_578);
    assert_eq!(dataset.bars.gaps(), Gaps { count: 1, missing_bars: 5, longest_ns: 6 * HOUR });
}

/// Every manifest's file gives its pinned content, and no market file is without a manifest.
#[test]
fn every_market_file_has_a_manifest_and_its_pinned_content() {
    let Some(data_dir) = pavlov_testkit::data_dir() else { return };
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(data_dir.clone()) };
    let (mut described, mut wrong) = (BTreeSet::new(), Vec::new());
    for manifest in manifests(&datasets(), &OsDisk).unwrap() {
        let Some(file) = manifest.file() else { continue };
        described.insert(file.to_owned());
        let loaded = match manifest.kind() {
            Kind::Bars => load_dataset(&manifest, &sources).map(|dataset| dataset.hash),
            Kind::Series => load_series(&manifest, &sources).map(|dataset| dataset.hash),
        };
        match loaded {
            Ok(hash) if Some(hash) == manifest.expected_hash() => {}
            Ok(hash) => wrong.push(format!("{} = {hash} is not pinned", manifest.name())),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for folder in FOLDERS {
        for entry in std::fs::read_dir(data_dir.join(folder)).unwrap() {
            let file = format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap());
            let is_market = file.ends_with(".csv") && !file.starts_with("tdqn/paper_");
            assert!(!is_market || described.contains(&file), "{file} has no manifest");
        }
    }
}

/// Prices of the files that show what a manifest must get right, as they stand in the files.
#[test]
fn first_and_last_values_are_those_of_the_files() {
    let first = |name: &str| -> Option<Dataset> {
        let data_dir = pavlov_testkit::data_dir()?;
        let manifest = manifests(&datasets(), &OsDisk).unwrap().into_iter().find(|m| m.name() == name).unwrap();
        let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(data_dir) };
        Some(load_dataset(&manifest, &sources).unwrap())
    };
    let Some(tdqn) = first("tdqn-test/AAPL") else { return };
    let bar = tdqn.bars.bar(0);
    assert_eq!((tdqn.bars.len(), bar.open, bar.close), (503, 42.540000915527344, 41.513580322265625));
    assert_eq!(tdqn.provenance.cleaning.inconsistent_kept, 418, "closes below the low, as counted beforehand");
    let kospi = first("kospi-kosdaq/KOSPI").unwrap();
    let last = kospi.bars.bar(kospi.bars.len() - 1);
    assert_eq!((kospi.bars.len(), last.close, last.volume), (5_894, 2469.85, 388_974_016.0));
    let spy = first("polygon-1min-spy").unwrap();
    assert_eq!((spy.bars.len(), spy.bars.bar(0).open), (49_720, 498.33));
    // 2024-02-20 04:00 in New York is 09:00 UTC, and the summer clock moves 19:59 to 23:59 UTC; both close a minute on.
    assert_eq!(spy.provenance.span.to_string(), "[2024-02-20T09:00:00Z, 2024-05-18T00:00:00Z)");
    let oil = first("macro-wide-oil").unwrap();
    assert_eq!(oil.bars.close().iter().copied().fold(f64::INFINITY, f64::min).floor(), -38.0);
}
