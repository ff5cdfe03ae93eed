//! What is observed and what is traded may be different markets.

mod common;

use std::path::Path;

use common::{CONFIG, experiment, fingerprint, manifest, options};
use pavlov_experiment::{ExperimentError, report::Report};
use pavlov_market_data::{Manifest, load_dataset};
use pavlov_store::OsDisk;

fn write(place: &Path, name: &str, text: &str) {
    let path = place.join("datasets").join(format!("{name}.toml"));
    pavlov_store::write_atomic(&OsDisk, &path, text.as_bytes()).unwrap();
}

/// The tiny experiment, in which the market `traded` is traded.
fn run_with(place: &Path, traded: &str) -> Result<Report, ExperimentError> {
    options(place, 1);
    write(place, "traded", traded);
    let config = CONFIG.replace("train = [\"2018-01-01", "assets = [\"traded\"]\ntrain = [\"2018-01-01");
    experiment(place, "run", &config.replace("num = 2", "num = 1"), 1)
}

#[test]
fn prices_are_those_of_the_traded_asset_at_the_bars_that_both_have() {
    let place = tempfile::tempdir().unwrap();
    let text = manifest("traded", "2018-01-02", "2018-03-01", 3);
    let report = run_with(place.path(), &text).unwrap();
    let hashed: Vec<&str> = report.subject.data_hashes.keys().map(String::as_str).collect();
    assert_eq!(hashed, ["synthetic-hourly", "traded"]);
    let lost = "24 of 1080 bars are left out: not all of the traded assets have a bar there";
    assert!(report.subject.notes.iter().any(|note| note == lost), "{:?}", report.subject.notes);

    let manifest = Manifest::parse(&text, Path::new("traded.toml")).unwrap();
    let bars = load_dataset(&manifest, &options(place.path(), 1).sources()).unwrap().bars;
    let day = |days: i64| (1_517_443_200 + days * 86_400) * 1_000_000_000;
    let rows = bars.opening_between(day(0), day(14));
    // From cash and a coin: the cash buys at the open of the second bar, all is valued at the last close.
    let (fill, last) = (bars.open()[rows.start + 1], bars.close()[rows.end - 1]);
    let begin = 10_000.0 + bars.close()[rows.start];
    let end = (1.0 + 10_000.0 * (1.0 - 0.00075) / fill) * last;
    let got = report.baselines["buy & hold"].metrics["cumulative_return"].unwrap();
    assert!((got - (end / begin - 1.0)).abs() < 1e-12, "{got} against {}", end / begin - 1.0);
}

#[test]
fn a_run_with_another_traded_market_is_another_run_and_needs_no_manifest_file_any_more() {
    let place = tempfile::tempdir().unwrap();
    run_with(place.path(), &manifest("traded", "2018-01-01", "2018-03-01", 3)).unwrap();
    let before = fingerprint(&place.path().join("run"));
    let other = tempfile::tempdir().unwrap();
    common::with_hooks(|hooks| {
        pavlov_experiment::run::report(&place.path().join("run"), &options(other.path(), 1), hooks)
    })
    .unwrap();
    assert_eq!(fingerprint(&place.path().join("run")), before);
}

#[test]
fn an_asset_that_does_not_fit_is_named() {
    let fails = |traded: &str| run_with(tempfile::tempdir().unwrap().path(), traded).unwrap_err();
    let hours = manifest("traded", "2018-01-01", "2018-03-01", 3);
    let error = fails(&hours.replace("\"1h\"", "\"2h\""));
    assert!(error.to_string().contains("symbols side by side need bars of one size"), "{error}");
    let place = tempfile::tempdir().unwrap();
    options(place.path(), 1);
    let config = CONFIG.replace("train = [\"2018-01-01", "assets = [\"tarded\"]\ntrain = [\"2018-01-01");
    let error = experiment(place.path(), "run", &config, 1).unwrap_err();
    assert!(error.to_string().starts_with("data.assets: there is no manifest"), "{error}");
    let both = CONFIG.replace(
        "train = [\"2018-01-01",
        "assets = [\"synthetic-hourly\", \"synthetic-martingale\"]\ntrain = [\"2018-01-01",
    );
    let error = experiment(place.path(), "run", &both, 1).unwrap_err();
    let cause = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
    assert!(
        format!("{error}: {cause}")
            .contains("trades 1 assets, the price table has 2; list what is traded in data.assets"),
        "{error}: {cause}"
    );
}
