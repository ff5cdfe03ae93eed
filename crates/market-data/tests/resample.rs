//! Datasets that are resampled from their source, by their manifest.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{Bars, Dataset, Manifest, MarketDataError, Origin, Resampling, Sources, load_dataset, verify};
use pavlov_store::{OsDisk, write_atomic};
use support::{DATASET, HEADER, csv};

const HOUR: i64 = 3_600_000_000_000;

fn manifest(resample: &str) -> Result<Manifest, MarketDataError> {
    Manifest::parse(&format!("{DATASET}\n[resample]\n{resample}"), Path::new("datasets/example.toml"))
}

fn sources(root: &Path, text: &str) -> Sources {
    write_atomic(&OsDisk, &root.join("example.csv"), text.as_bytes()).unwrap();
    Sources { disk: Arc::new(OsDisk), cache_dir: Some(root.join("cache")), data_dir: Some(root.to_owned()) }
}

#[test]
fn hours_of_a_file_make_days_also_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), &csv(60));
    let manifest = manifest("to = \"1d\"").unwrap();
    let first = load_dataset(&manifest, &sources).unwrap();
    assert_eq!((first.bars.len(), first.bars.interval_ns(), manifest.interval_ns()), (2, 24 * HOUR, 24 * HOUR));
    let day = first.bars.bar(1);
    // Rows 24 to 47: each opens at 100 + i / 4, closes 0.25 above, reaches 1 beyond both and trades i % 7.
    assert_eq!((day.open, day.high, day.low, day.close), (106.0, 113.0, 105.0, 112.0));
    assert_eq!(day.volume, (24..48).map(|i| f64::from(i % 7)).sum::<f64>());
    assert_eq!(first.provenance.span.to_string(), "[2018-01-01T00:00:00Z, 2018-01-03T00:00:00Z)");
    let report = Resampling { source_interval_ns: HOUR, unfinished: 12, ..Resampling::default() };
    assert_eq!((first.provenance.cleaning.rows_read, first.provenance.cleaning.resampled), (60, Some(report)));
    assert!(first.provenance.summary().contains("12 behind the last whole bar"), "{}", first.provenance.summary());
    let Dataset { bars, origin, provenance, .. } = load_dataset(&manifest, &sources).unwrap();
    assert_eq!((origin, bars, provenance), (Origin::Cache, first.bars, first.provenance));
    let datasets = folder.path().join("datasets");
    std::fs::create_dir(&datasets).unwrap();
    let text = format!("{DATASET}\n[resample]\nto = \"1d\"");
    write_atomic(&OsDisk, &datasets.join("example.toml"), text.as_bytes()).unwrap();
    let verified = verify(&datasets, &folder.path().join("cache"), &OsDisk).unwrap();
    assert!(verified.len() == 1 && verified[0].outcome.is_ok(), "{verified:?}");
}

#[test]
fn a_table_that_cannot_be_is_refused_with_its_line() {
    for (table, problem) in [
        ("to = \"7h\"", "resample.to must divide a day, like 5m, 1h or 1d"),
        ("to = \"1w\"", "resample.to must divide a day"),
        ("to = \"1h\"", "resample.to = \"1h\" is no multiple of the source's interval = \"1h\""),
        ("to = \"1d\"\nzone = \"America/New_Yrk\"", "did you mean \"America/New_York\"?"),
        ("to = \"1d\"\nsession = [\"9h30\", \"16:00\"]", "\"9h30\" is no time like 09:30"),
        ("to = \"1d\"\nsesion = [\"09:30\", \"16:00\"]", "unknown key `sesion`; did you mean `session`?"),
    ] {
        let error = manifest(table).unwrap_err();
        let text = error.to_string();
        assert!(error.is_bad_manifest() && text.starts_with("datasets/example.toml:"), "{text}");
        assert!(text.contains(problem), "{text:?} lacks {problem:?}");
    }
    let unzoned = DATASET.replace("zone = \"UTC\"\n", "") + "[resample]\nto = \"1d\"\nsession = [\"09:30\", \"16:00\"]";
    let error = Manifest::parse(&unzoned, Path::new("datasets/example.toml")).unwrap_err().to_string();
    assert!(error.contains("a session needs the zone of its times: resample.zone"), "{error}");
}

#[test]
fn a_source_without_a_whole_bar_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), &csv(5));
    let error = load_dataset(&manifest("to = \"1d\"").unwrap(), &sources).unwrap_err().to_string();
    assert!(error.contains("the 5 rows of ") && error.contains("make no whole coarser bar"), "{error}");
    let text = HEADER.to_owned() + "2018-01-01 12:00,5,6,4,5,1\n2018-01-01 14:00,5,6,4,5,1\n";
    let sources = self::sources(folder.path(), &text);
    let table = "to = \"1d\"\nzone = \"America/New_York\"\nsession = [\"09:30\", \"16:00\"]";
    let error = load_dataset(&manifest(table).unwrap(), &sources).unwrap_err().to_string();
    assert!(error.contains("set resample.zone or resample.session"), "{error}");
}

/// Minutes of SPY with extended hours, across the change of the clock on 2024-03-10.
#[test]
fn minutes_of_spy_make_its_sessions() {
    let Some(data_dir) = pavlov_testkit::data_dir() else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/polygon-1min-spy.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text: String =
        text.lines().filter(|line| !line.starts_with("expected_hash")).map(|l| l.to_owned() + "\n").collect();
    let load = |table: &str| {
        let manifest = Manifest::parse(&format!("{text}\n[resample]\n{table}"), &path).unwrap();
        let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(PathBuf::from(&data_dir)) };
        load_dataset(&manifest, &sources).unwrap()
    };
    let days = load("to = \"1d\"\nsession = [\"09:30\", \"16:00\"]");
    // 63 sessions, none of them short, each closed at 16:00 in New York: 21:00 UTC in winter, 20:00 in summer.
    let hours: Vec<i64> = days.bars.times().iter().map(|time| time / HOUR % 24).collect();
    assert_eq!((hours.len(), hours.iter().filter(|hour| **hour == 21).count()), (63, 14));
    assert!(hours[..14].iter().all(|hour| *hour == 21) && hours[14..].iter().all(|hour| *hour == 20), "{hours:?}");
    let report = days.provenance.cleaning.resampled.unwrap();
    assert_eq!(report.outside_session + 63 * 390 - report.missing as usize, 49_720);
    // Without a session days end at midnight, which the last one does not reach, and have their extended hours too.
    let (whole, hours) = (load("to = \"1d\""), load("to = \"1h\""));
    let end = whole.bars.times()[61];
    assert_eq!((whole.bars.len(), hours.bars.times().last().unwrap() / HOUR % 24), (62, 0));
    let volume = |bars: &Bars| bars.between(i64::MIN, end + 1).volume().iter().sum::<f64>();
    assert_eq!(volume(&whole.bars), volume(&hours.bars));
    assert!(volume(&whole.bars) > volume(&days.bars));
}
