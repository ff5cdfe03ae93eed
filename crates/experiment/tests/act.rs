//! What a trained agent sees and does in one state.

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use common::{CONFIG, double_dqn, experiment, options, with_hooks};
use pavlov_experiment::act::{Acted, Chosen, Request, act};
use pavlov_experiment::{ExperimentError, Options, read_time};
use pavlov_market_data::{Bars, Manifest, load_dataset};
use pavlov_store::{OsDisk, write_atomic};
use serde_json::Value;

fn ask(run: &Path, request: &Request, options: &Options) -> Result<Acted, ExperimentError> {
    with_hooks(|hooks| act(run, request, options, hooks))
}

fn at(time: &str) -> Request {
    Request { at: Some(read_time(time).unwrap()), ..Request::default() }
}

fn bars(place: &Path) -> Bars {
    let path = options(place, 1).datasets_dir.join("synthetic-hourly.toml");
    load_dataset(&Manifest::load(&path).unwrap(), &options(place, 1).sources()).unwrap().bars
}

#[test]
fn the_last_bar_is_seen_as_the_training_scaled_it() {
    let place = tempfile::tempdir().unwrap();
    let config = CONFIG.replace("[features]", "[features]\nscaling = \"standard\"");
    experiment(place.path(), "run", &config, 2).unwrap();
    let run = place.path().join("run");
    let acted = ask(&run, &Request::default(), &options(place.path(), 1)).unwrap();
    let json: Value = serde_json::from_str(&acted.json().unwrap()).unwrap();

    let bars = bars(place.path());
    let change = |row: usize| 100.0 * (bars.close()[row] / bars.close()[row - 1] - 1.0);
    // The warm-up is one bar, and the training span has 31 days.
    let training: Vec<f64> = (1..31 * 24).map(change).collect();
    let mean = training.iter().sum::<f64>() / training.len() as f64;
    let variance = training.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / training.len() as f64;
    let last = bars.len() - 1;
    assert_eq!(json["bar"]["known_from"], "2018-09-08T00:00:00Z", "months behind the test span");
    assert_eq!(json["bar"]["opens"], "2018-09-07T23:00:00Z");
    assert_eq!(json["bar"]["close"].as_f64().unwrap(), bars.close()[last]);
    let seen = &json["features"][0];
    assert!((seen["unscaled"].as_f64().unwrap() - change(last)).abs() < 1e-9, "{seen}");
    assert!((seen["scaled"].as_f64().unwrap() - (change(last) - mean) / variance.sqrt()).abs() < 1e-5, "{seen}");
    assert_eq!(
        (json["account"]["assumed"].as_str(), json["account"]["cash"].as_f64()),
        (Some("fresh"), Some(10_000.0))
    );

    let probabilities = |seed: &Value| -> Vec<f64> {
        let numbers = seed["of_actions"]["probability"].as_array().unwrap();
        numbers.iter().map(|p| p.as_f64().unwrap()).collect()
    };
    assert_eq!(json["actions"], serde_json::json!(["hold", "buy", "sell"]));
    let seeds = json["seeds"].as_array().unwrap();
    assert_eq!(seeds.len(), 2);
    for seed in seeds {
        let p = probabilities(seed);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{seed}");
        let best = (0..3).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap();
        assert_eq!(seed["action"], json["actions"][best], "the most probable action is taken");
    }
    let (a, b, mean) = (probabilities(&seeds[0]), probabilities(&seeds[1]), probabilities(&json["together"]));
    assert!((0..3).all(|i| (mean[i] - (a[i] + b[i]) / 2.0).abs() < 1e-6));
    let votes = json["together"]["votes"].as_object().unwrap();
    assert_eq!(votes.values().map(|v| v.as_u64().unwrap()).sum::<u64>(), 2);

    let one = ask(&run, &Request { seed: Some(2), ..Request::default() }, &options(place.path(), 1)).unwrap();
    assert_eq!(one.seeds(), &acted.seeds()[1..]);
}

#[test]
fn the_page_says_what_was_seen_assumed_and_done() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "run", &double_dqn(), 2).unwrap();
    let text = ask(&place.path().join("run"), &at("2018-02-03T12:00:00Z"), &options(place.path(), 1)).unwrap().text();
    for part in [
        "tiny: double_dqn in bitcoin\n",
        "bar of synthetic-hourly that opens at 2018-02-03T11:00:00Z, known from 2018-02-03T12:00:00Z on\n",
        "account: assumed fresh, as at the start of an episode: cash 10000.00 USD",
        "seed     q hold      q buy     q sell  action\n",
        "vote: ",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("mean ")).count(), 1, "{text}");
}

/// A run on a file of the synthetic hours, and that file.
fn run_on_a_file(place: &Path) -> (Options, PathBuf) {
    let options = Options { data_dir: Some(place.to_owned()), ..options(place, 1) };
    let manifest = "schema_version = 1\nname = \"hours\"\nsummary = \"hours\"\nsource = \"made\"\nsymbol = \"H\"\n\
                    interval = \"1h\"\nadjustment = \"none\"\nspan = [\"2018-01-01\", \"2018-03-01\"]\nsources = [\"file\"]\n\
                    [file]\npath = \"hours.csv\"\nzone = \"UTC\"\nstamp = \"close\"\n";
    write_atomic(&OsDisk, &options.datasets_dir.join("hours.toml"), manifest.as_bytes()).unwrap();
    write_atomic(&OsDisk, &place.join("hours.csv"), csv(&bars(place), 0..1_600).as_bytes()).unwrap();
    let config = CONFIG.replace("synthetic-hourly", "hours").replace("num = 2", "num = 1");
    let file = place.join("run.toml");
    write_atomic(&OsDisk, &file, config.as_bytes()).unwrap();
    with_hooks(|hooks| pavlov_experiment::run::run(&file, &[], &place.join("run"), &options, hooks)).unwrap();
    (options, place.join("run"))
}

fn csv(bars: &Bars, rows: std::ops::Range<usize>) -> String {
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    for bar in rows.map(|row| bars.bar(row)) {
        let time = pavlov_market_data::write_time(bar.time);
        let _ = writeln!(text, "{time},{},{},{},{},{}", bar.open, bar.high, bar.low, bar.close, bar.volume);
    }
    text
}

#[test]
fn bars_of_another_file_are_read_by_the_manifest_of_the_run() {
    let place = tempfile::tempdir().unwrap();
    let (options, run) = run_on_a_file(place.path());
    let bars = bars(place.path());
    // The manifest's span ends with row 1415; a fresh file begins and ends where it likes.
    let fresh = place.path().join("fresh.csv");
    let write = |rows| write_atomic(&OsDisk, &fresh, csv(&bars, rows).as_bytes()).unwrap();
    let request = Request { bars: Some(fresh.clone()), ..Request::default() };
    let decided = |acted: Acted| acted.seeds().to_vec();

    write(1_000..1_100);
    let known = decided(ask(&run, &at(&pavlov_market_data::write_time(bars.times()[1_099])), &options).unwrap());
    assert_eq!(decided(ask(&run, &request, &options).unwrap()), known, "the same bars, the same decision");
    write(3_000..3_100);
    let later = ask(&run, &request, &options).unwrap();
    assert!(later.text().contains("fresh.csv that opens at"), "{}", later.text());
    assert_ne!(decided(later), known);

    // One bar says nothing of returns.
    write(3_000..3_001);
    let error = ask(&run, &request, &options).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let message = "`hours` has 1 bars up to the one that is asked for, 2 are needed (a warm-up of 1 and a window of 1); \
                   bring more of them";
    assert_eq!(error.to_string(), message);
    write_atomic(&OsDisk, &fresh, b"nonsense").unwrap();
    assert!(ask(&run, &request, &options).unwrap_err().to_string().contains("fresh.csv"));
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_cure() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "run", CONFIG, 2).unwrap();
    let (run, options) = (place.path().join("run"), options(place.path(), 1));
    let refused = |request: &Request, code: u8| {
        let error = ask(&run, request, &options).unwrap_err();
        assert_eq!(error.exit_code(), code, "{error}");
        error.to_string()
    };
    let outside =
        "the one known at 2019-01-01T00:00:00Z: its bars are known from 2018-01-01T01:00:00Z to 2018-09-08T00:00:00Z";
    assert!(refused(&at("2019-01-01"), 2).contains(outside), "{}", refused(&at("2019-01-01"), 2));
    assert!(refused(&at("2018-01-01T00:59:59Z"), 2).contains("no bar of"));
    let early = refused(&at("2018-01-01T01:30:00Z"), 2);
    assert!(early.ends_with("the first bar that has as many is known from 2018-01-01T02:00:00Z on"), "{early}");
    let seed = refused(&Request { seed: Some(9), ..Request::default() }, 2);
    assert_eq!(seed, "the run has no seed 9; it has 1 to 2");
    let file = refused(&Request { bars: Some("x.csv".into()), ..Request::default() }, 3);
    assert!(file.contains("its manifest has no [file]"), "{file}");
    std::fs::remove_dir_all(run.join("runs/2/checkpoints")).unwrap();
    let unfinished = refused(&Request::default(), 1);
    assert!(unfinished.contains("seed 2 of") && unfinished.contains("cargo xtask resume"), "{unfinished}");
    let first = ask(&run, &Request { seed: Some(1), ..Request::default() }, &options).unwrap();
    assert!(
        matches!(&first.seeds()[0].action, Chosen::Choice(name) if ["hold", "buy", "sell"].contains(&name.as_str()))
    );
}
