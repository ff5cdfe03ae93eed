//! The Bitcoin files under `PAVLOV_DATA_DIR`, read as the repository's manifests say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{Cleaning, Dataset, Gaps, Manifest, Origin, Sources, load_dataset};
use pavlov_store::OsDisk;

const HOUR: i64 = 3_600_000_000_000;

fn load(name: &str) -> Option<Dataset> {
    let data_dir = pavlov_testkit::data_dir()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(name).with_extension("toml");
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
