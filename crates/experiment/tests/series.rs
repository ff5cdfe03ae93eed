//! Series beside the bars: from the config to the columns of the observation, on made-up and on real markets.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use common::{CONFIG, experiment, fingerprint, manifest, options, with_hooks};
use pavlov_experiment::{ExperimentError, Options, Plan, report::Report, run};
use pavlov_features::{FeatureConfig, Inputs, feature, fold};
use pavlov_market_data::{Bars, Elapsed, Manifest, MarketWide, Sources, as_of, load_dataset, manifest_text};
use pavlov_store::OsDisk;

/// The tiny experiment with a series that begins on `late` and a market of two symbols.
fn config() -> String {
    CONFIG
        .replace(
            "columns = [",
            "columns = [{ macro = { series = \"late\", transform = \"log_returns\" } }, \"macro\", ",
        )
        .replace(
            "[features]",
            "[data.series.late]\ndataset = \"late\"\nmax_age = \"1h\"\n\
             [data.series.market]\nof = [\"one\", \"two\"]\nvalue = \"dispersion\"\nmax_age = \"2h\"\n[features]",
        )
        .replace("num = 2", "num = 1")
}

/// Runs the experiment where the late series lies between two days.
fn run_with(place: &Path, from: &str, to: &str, config: &str) -> Result<Report, ExperimentError> {
    options(place, 1);
    for (name, from, to, seed) in
        [("late", from, to, 3), ("one", "2018-01-01", "2018-03-01", 4), ("two", "2018-01-01", "2018-03-01", 5)]
    {
        let path = place.join("datasets").join(format!("{name}.toml"));
        pavlov_store::write_atomic(&OsDisk, &path, manifest(name, from, to, seed).as_bytes()).unwrap();
    }
    experiment(place, "run", config, 1)
}

#[test]
fn a_leading_gap_shortens_the_training_with_a_note_and_the_run_folder_has_all_that_a_second_report_needs() {
    let place = tempfile::tempdir().unwrap();
    let report = run_with(place.path(), "2018-01-03", "2018-03-01", &config()).unwrap();
    let expected = "the 48 bars that open in [2018-01-01T00:00:00Z, 2018-01-03T00:00:00Z) are left out: no value of \
                    series late is known there";
    assert!(report.subject.notes.iter().any(|note| note == expected), "{:?}", report.subject.notes);
    let hashed: Vec<&str> = report.subject.data_hashes.keys().map(String::as_str).collect();
    assert_eq!(hashed, ["late", "one", "synthetic-hourly", "two"]);
    let html = std::fs::read_to_string(place.path().join("run/report.html")).unwrap();
    assert!(html.contains("dispersion of the returns of one, two"), "the series' history is in the report");
    // The manifests of the series are in the plan: their files are needed no more.
    let before = fingerprint(&place.path().join("run"));
    let other = tempfile::tempdir().unwrap();
    with_hooks(|hooks| run::report(&place.path().join("run"), &options(other.path(), 1), hooks)).unwrap();
    assert_eq!(fingerprint(&place.path().join("run")), before);
}

#[test]
fn what_a_series_says_after_the_test_span_changes_nothing() {
    let [short, long] = ["2018-02-15", "2018-03-01"].map(|to| {
        let place = tempfile::tempdir().unwrap();
        run_with(place.path(), "2018-01-01", to, &config()).unwrap();
        let seed = common::sorted(&place.path().join("run/runs")).remove(0);
        (std::fs::read(seed.join("equity.parquet")).unwrap(), std::fs::read(seed.join("metrics.jsonl")).unwrap())
    });
    assert!(short == long, "two runs whose series differ behind the test span only");
}

#[test]
fn a_series_that_ends_within_the_test_span_is_refused_with_its_cure() {
    let place = tempfile::tempdir().unwrap();
    let error = run_with(place.path(), "2018-01-01", "2018-02-10", &config()).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("data.series.late: late: at 2018-02-10T02:00:00Z the last value is from"), "{message}");
    assert!(message.contains("set max_age to 2h or more"), "{message}");
    assert_eq!(error.exit_code(), 2);
    assert!(!place.path().join("run").exists());
}

#[test]
fn a_manifest_of_a_series_that_is_missing_or_wrong_is_named() {
    for (from, to, expected) in [
        ("dataset = \"late\"", "dataset = \"lat\"", "data.series.late: there is no manifest"),
        ("[\"one\"", "[\"arch-vix\"", "dataset arch-vix holds a series"),
        ("dataset = \"late\"", "dataset = \"broken\"", "broken.toml:1:1: "),
    ] {
        let place = tempfile::tempdir().unwrap();
        options(place.path(), 1);
        let broken = place.path().join("datasets/broken.toml");
        pavlov_store::write_atomic(&OsDisk, &broken, b"schema_versoin = 1\n").unwrap();
        let error = run_with(place.path(), "2018-01-01", "2018-03-01", &config().replace(from, to)).unwrap_err();
        assert!(error.to_string().contains(expected), "{to}: {error}");
        assert_eq!(error.exit_code(), 2, "{error}");
    }
}

#[test]
fn a_delay_of_publication_moves_the_leading_gap_and_is_named() {
    let place = tempfile::tempdir().unwrap();
    let late = config().replace("max_age = \"1h\"", "max_age = \"1h\"\ndelay = \"2d\"");
    let report = run_with(place.path(), "2018-01-01", "2018-03-01", &late).unwrap();
    let gap = "the 48 bars that open in [2018-01-01T00:00:00Z, 2018-01-03T00:00:00Z) are left out: no value of series \
               late is known there";
    let notes = &report.subject.notes;
    assert!(notes.iter().any(|note| note == gap), "{notes:?}");
    let html = std::fs::read_to_string(place.path().join("run/report.html")).unwrap();
    assert!(html.contains("; known 2d after its stamp; a value is carried forward for 1h at most"));
}

#[test]
fn symbols_of_different_adjustment_are_not_one_market() {
    let place = tempfile::tempdir().unwrap();
    options(place.path(), 1);
    run_with(place.path(), "2018-01-01", "2018-03-01", &config()).unwrap();
    let path = place.path().join("datasets/two.toml");
    let split =
        manifest("two", "2018-01-01", "2018-03-01", 5).replace("adjustment = \"none\"", "adjustment = \"split\"");
    pavlov_store::write_atomic(&OsDisk, &path, split.as_bytes()).unwrap();
    let error = experiment(place.path(), "mixed", &config(), 1).unwrap_err();
    let expected = "one has adjustment = \"none\" and two has \"split\"";
    let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    assert!(cause.contains(expected) || error.to_string().contains(expected), "{error}: {cause}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn series_read_back_and_what_is_wrong_with_them_is_named() {
    let file = Path::new("series.toml");
    let plan = Plan::parse(file, &config(), &[]).unwrap();
    let again = Plan::parse(file, &plan.to_text(), &[]).unwrap();
    assert_eq!((again.config_hash(), &again.data), (plan.config_hash(), &plan.data));
    assert_eq!(plan.series().map(|(name, _)| name).collect::<Vec<_>>(), ["late", "market"]);
    for (from, to, expected) in [
        (
            "series = \"late\"",
            "series = \"lte\"",
            "features.columns[0].macro.series names no section [data.series.lte]; did you mean `late`?",
        ),
        ("dataset = \"late\"\n", "", "data.series.late: needs either `dataset`, or `of` and `value`"),
        ("max_age = \"1h\"", "", "data.series.late: missing field `max_age`"),
        ("max_age = \"1h\"", "max_age = \"1mo\"", "\"1mo\" is no length of time like 90m, 36h or 5d"),
        ("max_age = \"1h\"", "max_aeg = \"1h\"", "unknown key `max_aeg`; did you mean `max_age`?"),
        (
            "\"macro\", ",
            "{ macro = { series = \"vix\" } }, ",
            "names no section [data.series.vix]; known are late, market",
        ),
        ("max_age = \"2h\"", "max_age = \"2h\"\ndelay = \"soon\"", "\"soon\" is no length of time like 90m"),
        ("\"two\"]", "\"one\"]", "`of` names one twice"),
        (", \"two\"]", "]", "`of` must name two datasets or more, got 1"),
        ("\"dispersion\"", "\"median\"", "unknown value `median`"),
    ] {
        let text = config().replace(from, to);
        assert!(text != config(), "{from}");
        let message = Plan::parse(file, &text, &[]).err().expect(expected).to_string();
        assert!(message.contains(expected) && message.contains("series.toml:"), "{to}: {message}");
    }
}

fn bars(name: &str) -> Option<Bars> {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(pavlov_testkit::data_dir()?) };
    let (path, text) = manifest_text(&datasets, name, &OsDisk).unwrap();
    Some(load_dataset(&Manifest::parse(&text, &path).unwrap(), &sources).unwrap().bars)
}

fn max_age(text: &str) -> Elapsed {
    Elapsed::try_from(text.to_owned()).unwrap()
}

/// Closes by date of a file of the double DQN article, read without any code of ours.
fn file(symbol: &str) -> BTreeMap<String, f64> {
    let dir = pavlov_testkit::data_dir().unwrap().join("macro/seed_2017_2019");
    let text = std::fs::read_to_string(dir.join(format!("{symbol}-2017-01-01-2019-12-31-1d.csv"))).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.map(|row| (row[0].to_owned(), row[4].parse().unwrap())).collect()
}

#[test]
fn teslas_macro_columns_are_the_returns_of_the_articles_files() {
    let Some(tesla) = bars("tsla-2017-2019") else { return };
    let symbols = [("fvx", "^FVX"), ("vix", "^VIX"), ("rut", "^RUT"), ("gold", "GC=F"), ("oil", "CL=F")];
    let mut series = BTreeMap::new();
    for (name, symbol) in symbols {
        let closes = bars(&format!("macro-2017-2019/{symbol}")).unwrap().closes();
        let aligned = as_of(&closes, tesla.times(), max_age("5d")).unwrap();
        assert_eq!(aligned.first, 0, "{symbol}");
        series.insert(name.to_owned(), aligned.values);
    }
    let one = |name: &str| feature("macro").unwrap().parse_text(&format!("series = \"{name}\"")).unwrap();
    let features: Vec<Box<dyn FeatureConfig>> = symbols.iter().map(|(name, _)| one(name)).collect();
    let table = fold(Inputs::new(&tesla, &series), &features).unwrap();
    let cell = |row: usize, col: usize| table.values[row * symbols.len() + col];
    // 2017-01-04, from the closes of the files: 1.947 after 1.944, 11.85 after 12.85, and so on.
    let by_hand = [
        1.9470000267028809 / 1.944000005722046 - 1.0,
        11.850000381469727 / 12.850000381469727 - 1.0,
        1387.949951171875 / 1365.489990234375 - 1.0,
        1163.800048828125 / 1160.4000244140625 - 1.0,
        53.2599983215332 / 52.33000183105469 - 1.0,
    ];
    let days: Vec<String> = file("TSLA").into_keys().collect();
    for (col, (_, symbol)) in symbols.iter().enumerate() {
        assert_eq!((cell(0, col), cell(1, col)), (0.0, by_hand[col]), "{symbol}");
        let closes = file(symbol);
        for row in 1..days.len() {
            let at = |row: usize| closes.range(..=days[row].clone()).next_back().unwrap().1;
            assert_eq!(cell(row, col), at(row) / at(row - 1) - 1.0, "{symbol} on {}", days[row]);
        }
    }
    // Gold has no row for 2018-01-29: nothing became known, and the next day shows the change of both days.
    let row = days.binary_search(&"2018-01-29".to_owned()).unwrap();
    let gold = file("GC=F");
    assert!(!gold.contains_key("2018-01-29"));
    assert_eq!((cell(row, 3), cell(row + 1, 3)), (0.0, gold["2018-01-30"] / gold["2018-01-26"] - 1.0));
}

#[test]
fn the_mean_return_of_three_dow_stocks_is_that_of_their_closes() {
    let names = ["dow-panel/AAPL", "dow-panel/MSFT", "dow-panel/JNJ"];
    let Some(symbols) = names.iter().map(|name| bars(name)).collect::<Option<Vec<_>>>() else { return };
    let mean = MarketWide::MeanReturn.series("market", &symbols).unwrap();
    let spread = MarketWide::Dispersion.series("market", &symbols).unwrap();
    assert_eq!((mean.len(), mean.times_ns()), (2_552, &symbols[0].times()[1..]));
    let row = 1_000;
    let returns: Vec<f64> = symbols.iter().map(|bars| bars.close()[row + 1] / bars.close()[row] - 1.0).collect();
    let expected = returns.iter().sum::<f64>() / 3.0;
    let variance = returns.iter().map(|x| x * x).sum::<f64>() / 3.0 - expected * expected;
    assert!((mean.values()[row] - expected).abs() < 1e-15);
    assert!((spread.values()[row] - variance.sqrt()).abs() < 1e-12);
}

#[test]
fn an_experiment_on_tesla_with_vix_and_gold_holds_their_hashes_and_their_history() {
    let Some(data) = pavlov_testkit::data_dir() else { return };
    let place = tempfile::tempdir().unwrap();
    let config = CONFIG
        .replace("synthetic-hourly", "tsla-2017-2019")
        .replace("[\"2018-01-01\", \"2018-02-01\"]", "[\"2017-01-01\", \"2019-01-01\"]")
        .replace("[\"2018-02-01\", \"2018-02-15\"]", "[\"2019-01-01\", \"2020-01-01\"]")
        .replace(
            "[features]",
            "[data.series]\nvix = { dataset = \"macro-2017-2019/^VIX\", max_age = \"5d\" }\n\
             gold = { dataset = \"macro-2017-2019/GC=F\", max_age = \"5d\" }\n\
             oil = { dataset = \"there-is-none\", max_age = \"5d\" }\n[features]",
        )
        .replace("columns = [", "columns = [{ macro = { series = \"vix\" } }, { macro = { series = \"gold\" } }, ");
    let file = place.path().join("tesla.toml");
    pavlov_store::write_atomic(&OsDisk, &file, config.as_bytes()).unwrap();
    let options = Options { data_dir: Some(data), ..options(place.path(), 1) };
    let short = ["train.updates=1", "runs.num=1"].map(String::from);
    // No feature follows oil, so that it is not missed.
    let report = with_hooks(|hooks| run::run(&file, &short, &place.path().join("run"), &options, hooks)).unwrap();
    let hashes = &report.subject.data_hashes;
    assert_eq!(hashes.len(), 3);
    assert_eq!(hashes["macro-2017-2019/GC=F"], "118d846cd36c17e6aa60d5f0886ba2e851bee045ae5600c417405aa70bb4231e");
    let html = std::fs::read_to_string(place.path().join("run/report.html")).unwrap();
    assert!(html.contains("series gold: macro-2017-2019/GC=F, closes of 752 bars"), "its history is in the report");
}
