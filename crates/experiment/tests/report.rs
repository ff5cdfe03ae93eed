//! The report of a small run: its charts, the numbers behind them, and that it can be built again from the run folder.

mod common;

use std::path::Path;

use common::{CONFIG, experiment, options, with_hooks};
use pavlov_experiment::run;
use serde_json::Value;

/// Steps of an episode of the small experiment; nobody is ruined in so short a time.
const SAMPLE_LEN: f64 = 40.0;

fn metrics(run: &Path, seed: u64) -> Vec<Value> {
    let log = std::fs::read_to_string(run.join(format!("runs/{seed}/metrics.jsonl"))).unwrap();
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_report_shows_prices_both_spans_and_training_and_is_rebuilt_byte_for_byte() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "run", CONFIG, 2).unwrap();
    let out = place.path().join("run");
    let files = ["report.html", "report.json"].map(|name| out.join(name));
    let written = files.clone().map(|file| std::fs::read_to_string(file).unwrap());
    let figures: Vec<&str> = written[0].split("<figure class=\"chart\">").skip(1).collect();
    let title = |figure: &&str| figure.split("<h3>").nth(1).unwrap().split("</h3>").next().unwrap().to_owned();
    let titles: Vec<String> = figures.iter().map(title).collect();
    let on = |span: &str, before: &[&str], what: &[&str]| -> Vec<String> {
        what.iter()
            .map(|what| if before.contains(what) { (*what).to_owned() } else { format!("{what} on the {span}") })
            .collect()
    };
    let small = ["Seed 1", "Seed 2"];
    let span = [
        "Equity",
        "Profit",
        "Rewards",
        "Drawdown",
        "Rolling Sharpe ratio",
        "Trades",
        "Held by the seeds",
        "Seed 1",
        "Seed 2",
        "Actions over time",
    ];
    let training = [
        "Episode profit over training",
        "Actions per episode over training",
        "Loss",
        "Policy loss",
        "Value loss",
        "Entropy",
        "Divergence from the policy that acted",
        "Clipped rows",
        "Explained variance",
        "Norm of the gradient",
        "Learning rate",
        "Advantages",
        "Episodes that the game ended",
    ];
    let expected = [
        on("test span", &small, &span),
        training.map(String::from).to_vec(),
        on("training span, in sample", &small, &span),
        vec!["Price on the training and the test span".to_owned()],
    ];
    assert_eq!(titles, expected.concat());
    for name in ["hold", "buy", "sell"] {
        for title in ["Actions per episode over training", "Actions over time on the test span"] {
            let figure = figures[titles.iter().position(|t| t == title).unwrap()];
            assert!(figure.contains(&format!("data-label=\"{name}\"")), "{title}: no line for {name}");
        }
    }

    files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    with_hooks(|hooks| run::report(&out, &options(place.path(), 1), hooks)).unwrap();
    assert_eq!(files.map(|file| std::fs::read_to_string(file).unwrap()), written);
}

#[test]
fn every_action_of_an_episode_is_counted_once_also_across_updates() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "run", CONFIG, 2).unwrap();
    let log = metrics(&place.path().join("run"), 1);
    let ended: Vec<&Value> = log.iter().filter(|line| line["episodes"] != 0).collect();
    // Episodes of 40 steps in rollouts of 32: some updates see none end, and most episodes span two.
    assert!(ended.len() > 5 && ended.len() < log.len(), "{} of {}", ended.len(), log.len());
    for line in ended {
        let counts: Vec<f64> = serde_json::from_value(line["episode_actions"].clone()).unwrap();
        assert_eq!(counts.len(), 3);
        assert!((counts.iter().sum::<f64>() - SAMPLE_LEN).abs() < 1e-9, "{line}");
    }
    assert!(log.iter().all(|line| line["action_share"].as_array().unwrap().len() == 3));
    assert!(log.iter().all(|line| line["episode_actions"].is_null() == (line["episodes"] == 0)));
}

#[test]
fn absolute_less_relative_profit_is_what_the_initial_account_made() {
    let place = tempfile::tempdir().unwrap();
    let report = experiment(place.path(), "run", CONFIG, 2).unwrap();
    let kept = &report.baselines["initial account"];
    for run in &report.runs {
        let spans =
            [(run.profit, &run.metrics, &kept.metrics), (run.train_profit, &run.train_metrics, &kept.train_metrics)];
        for (profit, metrics, kept) in spans {
            let total = |metrics: &pavlov_experiment::report::MetricValues| metrics["cumulative_return"].unwrap();
            let start = profit.absolute / total(metrics);
            let made = profit.absolute - profit.relative.unwrap();
            assert!((made - start * total(kept)).abs() < 1e-6 * start, "seed {}: {profit:?}", run.seed);
        }
    }
    let mean = report.runs.iter().map(|run| run.profit.absolute).sum::<f64>() / 2.0;
    assert!((report.profit.absolute.mean.unwrap() - mean).abs() < 1e-9);
}
