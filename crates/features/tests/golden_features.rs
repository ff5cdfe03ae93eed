//! The reference's indicators and scalers, number by number.

mod common;

use common::{bars, column, one};
use pavlov_features::{FeatureConfig, FittedScaler, Scaling, fold, market};
use pavlov_market_data::Bars;
use pavlov_rl_core::Segment;
use pavlov_testkit::golden::{floats, floats_f32};
use pavlov_testkit::{GoldenCase, assert_close, assert_close_f32, golden_group};
use serde_json::Value;

const CASES: usize = 7;
const COLUMNS: [&str; 5] = ["Open", "High", "Low", "Close", "Volume"];

fn cases() -> Vec<GoldenCase> {
    let cases = golden_group("features", CASES);
    for case in &cases {
        for key in case.json.as_object().expect("an object").keys() {
            let known = [
                "case",
                "description",
                "reference",
                "dtype",
                "config",
                "input",
                "output",
                "errors",
                "min_max_scaled",
                "sklearn_min_max",
                "pct_norm_float32",
            ];
            assert!(known.contains(&key.as_str()), "{}: unknown key {key}", case.name);
        }
    }
    cases
}

fn input(case: &GoldenCase) -> Bars {
    let columns = COLUMNS.map(|name| floats(&case.json["input"][name]));
    bars((0..columns[0].len()).map(|t| columns.each_ref().map(|column| column[t])))
}

/// The feature behind a column of the reference, and which of its columns that is.
fn reference_column(name: &str, config: &Value) -> (Box<dyn FeatureConfig>, usize) {
    let macd = || {
        let [fast, slow, signal] = floats(&config["macd"])[..] else { panic!("macd has three windows") };
        one("macd", &format!("fast = {fast}\nslow = {slow}\nsignal = {signal}"))
    };
    let ema = |i: usize| one("ema", &format!("window = {}", floats(&config["ema_windows"])[i]));
    match name {
        "MACD" => (macd(), 0),
        "MACD_SIG" => (macd(), 1),
        "MACD_HIST" => (macd(), 2),
        "ATR" => (one("atr", &format!("window = {}", config["atr_window"])), 0),
        "EMA_SHORT" => (ema(0), 0),
        "EMA_MID" => (ema(1), 0),
        "EMA_LONG" => (ema(2), 0),
        "Price Returns" => (one("returns", ""), 0),
        "Price Delta" => (one("high_low", ""), 0),
        "Close Position" => (one("close_position", "flat = 0.0"), 0),
        "Volume" => (one("raw", "of = \"volume\""), 0),
        _ => panic!("unknown column {name}"),
    }
}

#[test]
fn golden_features_are_the_references_columns() {
    for case in cases() {
        let (bars, config) = (input(&case), &case.json["config"]);
        assert!(
            config.as_object().expect("config").keys().all(|k| ["macd", "atr_window", "ema_windows"].contains(&&**k))
        );
        for (name, expected) in case.json["output"].as_object().expect("output") {
            let (feature, col) = reference_column(name, config);
            let table = fold(&bars, &[feature]).unwrap();
            assert_close(&format!("{} {name}", case.name), &column(&table, col), &floats(expected), 1e-9, 1e-9);
        }
        for name in case.json["errors"].as_object().expect("errors").keys() {
            assert_eq!(name, "ATR", "{}: the reference fails where ours should not", case.name);
            let table = fold(&bars, &[reference_column(name, config).0]).unwrap();
            assert!(table.values.iter().all(|value| *value == 0.0), "{}: no true range average yet", case.name);
        }
    }
}

/// Fits on all rows; checks shift and factor by way of the scaled values, and the values in the frame.
fn check_scaled(name: &str, bars: &Bars, feature: Box<dyn FeatureConfig>, expected: &[f64]) -> (f64, f64) {
    let features = [feature];
    let scaler = FittedScaler::fit(&Scaling::MinMax, &features, bars, std::slice::from_ref(&(0..bars.len()))).unwrap();
    let (shift, factor) = scaler.column(0);
    let table = fold(bars, &features).unwrap();
    let scaled: Vec<f64> = table.values.iter().map(|x| (x - shift) * factor).collect();
    assert_close(name, &scaled, expected, 1e-9, 1e-9);
    let all = Segment { start: 0, first: 0, end: bars.len() as u32 };
    let frame = market(bars, &[], &features, &scaler, vec![all]).unwrap().frame;
    let expected: Vec<f32> = expected.iter().map(|x| *x as f32).collect();
    assert_close_f32(name, frame.window(bars.len() as u32 - 1, bars.len()), &expected, 1e-6, 1e-6);
    (shift, factor)
}

#[test]
fn golden_min_max_scalers_are_the_references() {
    for case in cases() {
        let bars = input(&case);
        for (name, expected) in case.json["min_max_scaled"].as_object().expect("min_max_scaled") {
            let (feature, _) = reference_column(name, &case.json["config"]);
            check_scaled(&format!("{} {name}", case.name), &bars, feature, &floats(expected));
        }
        let reference = &case.json["sklearn_min_max"];
        let names: Vec<&str> =
            reference["columns"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
        let rows = floats(&reference["transformed_rows"]);
        for (i, name) in names.iter().enumerate() {
            let expected: Vec<f64> = rows.iter().skip(i).step_by(names.len()).copied().collect();
            let raw = one("raw", &format!("of = \"{}\"", name.to_lowercase()));
            let name = format!("{} {name}", case.name);
            let (shift, factor) = check_scaled(&name, &bars, raw, &expected);
            let published = ["data_min", "scale", "min"].map(|key| floats(&reference[key])[i]);
            assert_close(&name, &[shift, factor, -shift * factor], &published, 1e-9, 1e-9);
        }
    }
}

#[test]
fn golden_percentages_are_the_references_in_float32() {
    for case in cases() {
        // The reference takes in float32 prices, and takes 1 away from a float32 quotient: its error is one of 100 %.
        let columns = COLUMNS.map(|name| floats_f32(&case.json["input"][name]));
        let bars = bars((0..columns[0].len()).map(|t| columns.each_ref().map(|column| f64::from(column[t]))));
        for (name, expected) in case.json["pct_norm_float32"].as_object().expect("pct_norm_float32") {
            let feature = match name.as_str() {
                "Volume" => one("volume_change", "kind = \"percent\""),
                _ => one("returns", &format!("of = \"{}\"\nkind = \"percent\"", name.to_lowercase())),
            };
            let got = fold(&bars, &[feature]).unwrap().values;
            let got: Vec<f32> = got.iter().map(|x| *x as f32).collect();
            assert_close_f32(&format!("{} {name}", case.name), &got, &floats_f32(expected), 1e-6 * 100.0, 1e-6);
        }
    }
}
