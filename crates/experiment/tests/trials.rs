//! The ledger of trials through the pipeline: what was tried counts, a rerun does not, and a run's bytes never change by
//! what was tried after it.

mod common;

use std::path::Path;

use common::{CONFIG, experiment, fingerprint, options, with_hooks};
use pavlov_experiment::report::{Report, TrialReport};
use pavlov_experiment::run;

fn small(name: &str) -> String {
    let updates = CONFIG.replace("updates = 12", "updates = 2").replace("num = 2", "num = 1");
    updates.replace("name = \"tiny\"", &format!("name = \"{name}\""))
}

fn trials(report: &Report) -> TrialReport {
    report.trials.clone().unwrap()
}

fn ledger(place: &Path) -> Vec<String> {
    let files = common::sorted(&place.join("trials"));
    let ledgers: Vec<_> = files.iter().filter(|file| file.extension().is_some_and(|e| e == "jsonl")).collect();
    assert_eq!(ledgers.len(), 1, "one ledger for one test span: {files:?}");
    std::fs::read_to_string(ledgers[0]).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn other_configs_on_the_same_bars_are_counted_and_a_rerun_counts_once() {
    let place = tempfile::tempdir().unwrap();
    let first = experiment(place.path(), "first", &small("first"), 1).unwrap();
    assert_eq!(trials(&first).others, 0);
    assert_eq!(trials(&first).deflated_sharpe, trials(&first).probabilistic_sharpe, "one trial chooses nothing");
    let before = fingerprint(&place.path().join("first"));

    let with = |name: &str, hidden: usize| small(name).replace("hidden = 8", &format!("hidden = {hidden}"));
    let second = experiment(place.path(), "second", &with("second", 6), 1).unwrap();
    assert_eq!(trials(&second).others, 1);
    let again = experiment(place.path(), "second-again", &with("second under another name", 6), 1).unwrap();
    assert_eq!(trials(&again), trials(&second), "a config does not compete with itself");
    let third = experiment(place.path(), "third", &with("third", 7), 1).unwrap();
    assert_eq!((trials(&third).others, ledger(place.path()).len()), (2, 3));
    assert!(trials(&third).best_without_skill.unwrap() >= 0.0);

    // What was tried since changes nothing: neither a new report, nor a run of the first one's own plan.
    let (options, out) = (options(place.path(), 1), place.path().join("first"));
    with_hooks(|hooks| run::report(&out, &options, hooks)).unwrap();
    assert_eq!(fingerprint(&out), before);
    let (plan, copy) = (out.join("plan.toml"), place.path().join("copy"));
    with_hooks(|hooks| run::run(&plan, &[], &copy, &options, hooks)).unwrap();
    assert_eq!(fingerprint(&copy), before);
    assert_eq!(ledger(place.path()).len(), 3);
}

#[test]
fn another_test_span_is_another_ledger() {
    let place = tempfile::tempdir().unwrap();
    let first = experiment(place.path(), "first", &small("first"), 1).unwrap();
    let later = experiment(place.path(), "later", &small("later").replace("2018-02-15", "2018-02-14"), 1).unwrap();
    assert_eq!(trials(&later).others, 0);
    assert_ne!(trials(&later).ledger, trials(&first).ledger);
}

#[test]
fn the_verdict_says_how_many_were_tried() {
    let place = tempfile::tempdir().unwrap();
    let says = |report: &Report| report.verdict.text();
    let first = experiment(place.path(), "first", &small("first"), 1).unwrap();
    assert!(says(&first).contains("(probabilistic Sharpe ratio: confidence"), "{}", says(&first));
    let with = |name: &str, hidden: usize| small(name).replace("hidden = 8", &format!("hidden = {hidden}"));
    let second = experiment(place.path(), "second", &with("second", 6), 1).unwrap();
    assert!(says(&second).contains("the best of 2 strategies without skill"), "{}", says(&second));
}

#[test]
fn a_damaged_ledger_stops_a_run_before_it_begins() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "first", &small("first"), 1).unwrap();
    let file = common::sorted(&place.path().join("trials")).into_iter().find(|f| f.extension().unwrap() == "jsonl");
    let text = std::fs::read_to_string(file.as_ref().unwrap()).unwrap();
    pavlov_store::write_atomic(&pavlov_store::OsDisk, &file.unwrap(), text.replace("first", "fir5t").as_bytes())
        .unwrap();
    let error = experiment(place.path(), "second", &small("second"), 1).unwrap_err().to_string();
    assert!(error.contains("line 1 is damaged"), "{error}");
    assert!(!place.path().join("second/plan.toml").exists(), "no run was begun");
}
