//! The configs that the project ships know nothing too early, on generated and on real bars, and training knows nothing
//! of the test span.

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use common::{CONFIG, options, sorted, with_hooks};
use pavlov_experiment::{ExperimentError, Options, audit, run};
use pavlov_market_data::{Bar, Bars, Manifest, Sources, load_dataset};
use pavlov_rl_core::Checkpoint;
use pavlov_store::OsDisk;

/// Configs that repeat a published look-ahead, which the audit must find in every cell.
const CAUGHT: [&str; 3] =
    ["ddqn-tsla-published.toml", "kospi-ratio-ppo-published.toml", "order-attention-published.toml"];

#[test]
fn every_config_passes_the_audit_but_those_that_repeat_a_published_look_ahead() {
    let configs = sorted(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs"));
    assert!(configs.len() >= 3, "{configs:?}");
    let data_dir = pavlov_testkit::data_dir();
    let place = tempfile::tempdir().unwrap();
    let options = Options { data_dir: data_dir.clone(), ..options(place.path(), 1) };
    let mut audited = 0;
    for config in configs {
        match with_hooks(|hooks| audit::config(&config, &[], &options, hooks)) {
            Ok(cells) => {
                let caught = CAUGHT.iter().any(|name| config.ends_with(name));
                cells.iter().for_each(|audit| assert_eq!(audit.is_clean(), !caught, "{}", audit.table()));
                audited += cells.len();
            }
            Err(ExperimentError::Data(error)) if data_dir.is_none() && error.is_unavailable() => {}
            Err(error) => panic!("{}: {error}", config.display()),
        }
    }
    assert!(audited >= 3, "the quickstart needs no data, and that of a matrix has two games");
}

#[test]
fn an_audit_that_cannot_begin_says_why() {
    let place = tempfile::tempdir().unwrap();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/quickstart.toml");
    let run = |change: &str| {
        let overrides = [change.to_owned()];
        let result = with_hooks(|hooks| audit::config(&config, &overrides, &options(place.path(), 1), hooks));
        let error = result.expect_err("a wrong config");
        (error.exit_code(), error.to_string())
    };
    let (code, message) = run("environment.ruin_frac=2.0");
    assert!(code == 2 && message.contains("ruin_frac must lie in 0..1, got 2"), "{code}: {message}");
    let (code, message) = run("data.test=[\"2030-01-01\", \"2030-02-01\"]");
    assert!(code == 2 && message.contains("data.test"), "{code}: {message}");
}

/// A CSV file of the generated hours, those from row `from` on at other prices.
fn csv(bars: &Bars, from: usize) -> String {
    let mut text = String::from("Time,Open,High,Low,Close,Volume\n");
    for row in 0..bars.len() {
        let Bar { time, open, high, low, close, volume } = bars.bar(row);
        let factor = if row < from { 1.0 } else { 1.5 + 0.4 * (row as f64).sin() };
        let [open, high, low, close] = [open, high, low, close].map(|price| price * factor);
        writeln!(text, "{time},{open},{high},{low},{close},{volume}").unwrap();
    }
    text
}

/// Trains the tiny experiment on this file; the files of its seeds, but for what names the data.
fn trained(file: &str) -> Vec<(String, Vec<u8>)> {
    let place = tempfile::tempdir().unwrap();
    let manifest = "schema_version = 1\nname = \"mine\"\nsummary = \"hours\"\nsource = \"generated\"\nsymbol = \"M\"\n\
                    interval = \"1h\"\nadjustment = \"none\"\n[file]\npath = \"mine.csv\"\nzone = \"UTC\"\n\
                    stamp = \"close\"\ntime_format = \"unix_nanoseconds\"\ncolumns = { time = \"Time\" }\n";
    let options = Options { data_dir: Some(place.path().to_owned()), ..options(place.path(), 1) };
    for (name, text) in [("datasets/mine.toml", manifest), ("mine.csv", file), ("config.toml", CONFIG)] {
        pavlov_store::write_atomic(&OsDisk, &place.path().join(name), text.as_bytes()).unwrap();
    }
    let overrides = ["data.dataset=mine", "features.scaling=standard"].map(String::from);
    let out = place.path().join("run");
    with_hooks(|hooks| run::run(&place.path().join("config.toml"), &overrides, &out, &options, hooks)).unwrap();
    let mut found = Vec::new();
    for seed in sorted(&out.join("runs")) {
        found.push(("metrics".into(), std::fs::read(seed.join("metrics.jsonl")).unwrap()));
        found.push(("equity".into(), std::fs::read(seed.join("equity.parquet")).unwrap()));
        let file = sorted(&seed.join("checkpoints")).pop().expect("a final checkpoint");
        let checkpoint = Checkpoint::from_bytes(&std::fs::read(file).unwrap()).unwrap();
        for name in checkpoint.names().filter(|name| *name != "identity") {
            let shape = checkpoint.shape(name).unwrap();
            let bytes = match checkpoint.f32(name, shape) {
                Ok(values) => values.iter().flat_map(|x| x.to_bits().to_le_bytes()).collect(),
                Err(_) => checkpoint.bytes(name).unwrap().to_vec(),
            };
            found.push((name.to_owned(), bytes));
        }
    }
    found
}

#[test]
fn bars_of_the_test_span_change_no_weight_no_moment_and_no_scaler() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/synthetic-hourly.toml");
    let manifest = Manifest::parse(&std::fs::read_to_string(&manifest).unwrap(), &manifest).unwrap();
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: None };
    let bars = load_dataset(&manifest, &sources).unwrap().bars;
    // The test span of the tiny experiment begins with February.
    let february = bars.opening_between(1_517_443_200_000_000_000, i64::MAX).start;
    let [as_they_are, test_changed, training_changed] =
        [bars.len(), february, 100].map(|from| trained(&csv(&bars, from)));
    assert!(as_they_are.len() > 20 && as_they_are.iter().any(|(name, _)| name == "scaler"));
    for (one, other) in as_they_are.iter().zip(&test_changed) {
        assert_eq!(one.0, other.0);
        assert_eq!(one.1 == other.1, one.0 != "equity", "PROMISE=R9: {} and the test span", one.0);
    }
    let differs = |name: &str| as_they_are.iter().zip(&training_changed).any(|(a, b)| a.0 == name && a.1 != b.1);
    assert!(differs("scaler") && differs("metrics"), "bars of the training span do matter");
}
