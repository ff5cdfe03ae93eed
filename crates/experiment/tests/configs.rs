//! The configs that the project ships: all of them are valid, and the Bitcoin one judges the bars it says it judges.

mod common;

use std::path::{Path, PathBuf};

use common::{CONFIG, options, sorted, with_hooks};
use pavlov_experiment::{Options, Plan, matrix, run};

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

#[test]
fn every_config_is_a_valid_plan_and_its_resolved_form_reads_back_to_the_same_plan() {
    let files = sorted(&configs());
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let cells =
            matrix::plans(&file, &std::fs::read_to_string(&file).unwrap(), &[]).unwrap_or_else(|e| panic!("{e}"));
        for (_, plan) in cells {
            let again = Plan::parse(&file, &plan.to_text(), &[]).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(again.config_hash(), plan.config_hash(), "{}", file.display());
            assert_eq!(plan.name, file.file_stem().unwrap().to_string_lossy(), "a config is named like its file");
        }
    }
}

#[test]
fn features_and_scaling_read_back_in_every_form() {
    let file = Path::new("forms.toml");
    let columns =
        "features.columns=[\"returns\", \"high_low\", { macd = {} }, { ema = { window = 26, seed = \"sma\" } }]";
    let constants = "{ constants = { divide_by = [1.0, 2.0, 3.0, 3.0, 3.0, 4.0] } }";
    for scaling in ["none", "min_max", "standard", "robust", "tdqn", constants] {
        let overrides = [columns.to_owned(), format!("features.scaling={scaling}")];
        let plan = Plan::parse(file, CONFIG, &overrides).unwrap_or_else(|e| panic!("{scaling}: {e}"));
        let again = Plan::parse(file, &plan.to_text(), &[]).unwrap_or_else(|e| panic!("{scaling}: {e}"));
        assert_eq!(again.config_hash(), plan.config_hash(), "{scaling}");
        let names: Vec<String> = again.features.iter().flat_map(|f| f.columns()).collect();
        let expected = ["returns", "high_low", "macd", "macd.signal", "macd.histogram", "ema(seed=sma,window=26)"];
        assert_eq!((names, again.scaling), (expected.map(String::from).to_vec(), plan.scaling), "{scaling}");
    }
}

/// Closes of the rows of a CSV file whose date starts within `[from, to)`, read without any code of ours.
fn closes(csv: &str, from: &str, to: &str) -> Vec<f64> {
    let rows = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter(|row| (from..to).contains(&&row[0][..10])).map(|row| row[4].parse().unwrap()).collect()
}

#[test]
fn the_bitcoin_config_judges_its_test_span_and_no_other_bar() {
    let Some(data) = pavlov_testkit::data_dir() else { return };
    let csv = std::fs::read_to_string(data.join("btc/bitfinex_btcusd_1h_20180507_20190801.csv")).unwrap();
    let closes = closes(&csv, "2019-06-27", "2019-08-02");
    let place = tempfile::tempdir().unwrap();
    let options = Options { data_dir: Some(data), ..options(place.path(), 1) };
    let config = configs().join("bitcoin-lstm-ppo.toml");
    let short = ["train.updates=1", "runs.num=1"].map(String::from);
    let report = with_hooks(|hooks| run::run(&config, &short, &place.path().join("run"), &options, hooks)).unwrap();
    assert_eq!(report.verdict.periods, closes.len() - 1);
    let [first, last] = [closes[0], closes[closes.len() - 1]];
    let kept = (10_000.0 + last) / (10_000.0 + first) - 1.0;
    for name in ["initial account", "always hold"] {
        let got = report.baselines[name].metrics["cumulative_return"].unwrap();
        assert!((got - kept).abs() < 1e-12, "{name}: {got} where the file says {kept}");
    }
    // All cash becomes coins at the open of the second bar, commission paid, and is worth the last close at the end.
    let open = csv.lines().find(|line| line.starts_with("2019-06-27 01:00:00")).unwrap();
    let open: f64 = open.split(',').nth(1).unwrap().parse().unwrap();
    let coins = 1.0 + (1.0 - 0.00075) * 10_000.0 / open;
    let all_in = coins * last / (10_000.0 + first) - 1.0;
    let got = report.baselines["buy & hold"].metrics["cumulative_return"].unwrap();
    assert!((got - all_in).abs() < 1e-12, "buy & hold: {got} where the file says {all_in}");
}
