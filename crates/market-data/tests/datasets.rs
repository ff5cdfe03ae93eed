//! The manifests of this repository.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{Manifest, Sources, list, load_dataset, manifest_for, manifest_text, manifests};
use pavlov_store::OsDisk;

fn datasets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets")
}

fn none() -> Sources {
    Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: None }
}

#[test]
fn every_manifest_parses_is_named_like_its_file_and_pins_its_content() {
    let all = manifests(&datasets(), &OsDisk).unwrap();
    assert!(all.len() >= 129, "{} manifests", all.len());
    for manifest in &all {
        assert_eq!(manifest.path().file_stem().unwrap().to_str(), manifest.name().split('/').next());
        // What a service tells of today may be told differently tomorrow.
        let remote = manifest.file().is_none() && !manifest.name().starts_with("synthetic");
        assert!(manifest.expected_hash().is_some() || remote, "{}", manifest.name());
        assert_eq!(all.iter().filter(|other| other.name() == manifest.name()).count(), 1, "{}", manifest.name());
    }
}

/// The generator gives the same bytes on every machine: `expected_hash` is the golden constant.
#[test]
fn synthetic_markets_have_their_pinned_content() {
    for name in ["synthetic-hourly", "synthetic-martingale", "synthetic-planted", "synthetic-autoregressive"] {
        let manifest = Manifest::load(&datasets().join(name).with_extension("toml")).unwrap();
        let dataset = load_dataset(&manifest, &none()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(dataset.bars.len(), 6_000);
        assert_eq!(Some(dataset.hash), manifest.expected_hash());
        assert_eq!(dataset.bars.gaps().count, 0);
    }
}

#[test]
fn a_missing_file_is_explained() {
    let manifest = Manifest::load(&datasets().join("bitfinex-btcusd-1h.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sources =
        Sources { cache_dir: Some(folder.path().join("cache")), data_dir: Some(folder.path().join("data")), ..none() };
    let error = load_dataset(&manifest, &sources).unwrap_err();
    let text = error.to_string();
    assert!(error.is_unavailable() && !error.is_bad_manifest());
    for part in [
        "bitfinex-btcusd-1h",
        "20180507_20190801.csv",
        "--data-dir",
        "PAVLOV_DATA_DIR",
        "cargo xtask data import <file>",
    ] {
        assert!(text.contains(part), "{text:?} lacks {part}");
    }
    assert!(
        text.contains(folder.path().join("cache").to_str().unwrap())
            && text.contains(folder.path().join("data").to_str().unwrap()),
        "{text}"
    );
}

#[test]
fn an_import_finds_its_manifest_by_file_name() {
    let file = Path::new("downloads/coinbase-1h-btc-usd.csv");
    assert_eq!(manifest_for(file, None, &datasets(), &OsDisk).unwrap().name(), "coinbase-btcusd-1h");
    assert_eq!(
        manifest_for(file, Some("bitfinex-btcusd-1h"), &datasets(), &OsDisk).unwrap().name(),
        "bitfinex-btcusd-1h"
    );
    let panel = manifest_for(Path::new("downloads/bars/dow_panel_1d/AAPL.csv"), None, &datasets(), &OsDisk).unwrap();
    assert_eq!((panel.name(), panel.symbol()), ("dow-panel/AAPL", "AAPL"));
    let error = manifest_for(Path::new("AAPL.csv"), None, &datasets(), &OsDisk).unwrap_err();
    assert!(error.is_bad_manifest() && error.to_string().contains("dow-panel/AAPL, intraday-2m/AAPL;"), "{error}");
    let error = manifest_for(Path::new("other.csv"), None, &datasets(), &OsDisk).unwrap_err();
    assert!(error.is_bad_manifest());
    assert!(
        error.to_string().contains("other.csv") && error.to_string().contains("coinbase-btcusd-1h (btc/"),
        "{error}"
    );
}

/// A run keeps the text of its dataset's manifest, which must mean the same symbol for ever.
#[test]
fn the_text_of_one_of_several_symbols_stands_alone() {
    let (path, text) = manifest_text(&datasets(), "dow-panel/^GSPC", &OsDisk).unwrap();
    let alone = Manifest::parse(&text, &path).unwrap();
    let listed = manifests(&datasets(), &OsDisk).unwrap().into_iter().find(|m| m.name() == "dow-panel/^GSPC").unwrap();
    assert_eq!(
        (alone.name(), alone.symbol(), alone.file(), alone.expected_hash()),
        (listed.name(), "^GSPC", listed.file(), listed.expected_hash())
    );
    let (path, text) = manifest_text(&datasets(), "dow-panel/AAPLE", &OsDisk).unwrap();
    let error = Manifest::parse(&text, &path).unwrap_err().to_string();
    assert!(error.contains("unknown symbol `AAPLE`; did you mean `AAPL`?"), "{error}");
    let (path, text) = manifest_text(&datasets(), "dow-panel", &OsDisk).unwrap();
    assert!(Manifest::parse(&text, &path).unwrap_err().to_string().contains("name one, as dow-panel/AAPL or"));
}

#[test]
fn the_list_tells_what_is_at_hand() {
    let statuses = list(&datasets(), &none()).unwrap();
    let hourly = statuses.iter().find(|status| status.name == "synthetic-hourly").unwrap();
    assert_eq!((hourly.cached, hourly.provider, &hourly.file), (false, Some("synthetic"), &None));
    let bitcoin = statuses.iter().find(|status| status.name == "bitfinex-btcusd-1h").unwrap();
    assert!(matches!(&bitcoin.file, Some((path, false)) if path.ends_with("bitfinex_btcusd_1h_20180507_20190801.csv")));
}
