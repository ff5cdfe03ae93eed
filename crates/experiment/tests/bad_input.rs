//! Bad input is a clear error: all problems of a config at once, the right exit code, nothing half-written.

mod common;

use common::{CONFIG, experiment};
use pavlov_experiment::ExperimentError;
use pavlov_rl_core::Checkpoint;

/// Runs a config that must fail; its message and exit code.
fn fails(config: &str) -> (String, u8) {
    let place = tempfile::tempdir().unwrap();
    let error = experiment(place.path(), "bad", config, 1).expect_err("the config is wrong");
    assert!(!place.path().join("bad").exists(), "a refused config must leave no run folder: {error}");
    (error.to_string(), error.exit_code())
}

#[test]
fn an_unknown_key_names_the_nearest_one_with_line_and_column() {
    let (message, code) = fails(&CONFIG.replace("hidden = 8", "hiden = 8"));
    let line = CONFIG.lines().position(|l| l.starts_with("hidden")).unwrap() + 1;
    assert!(
        message.contains(&format!("bad.toml:{line}:1: agent.hiden: unknown key `hiden`; did you mean `hidden`?")),
        "{message}"
    );
    assert_eq!(code, 2);
}

#[test]
fn every_problem_is_reported_at_once_in_the_order_of_the_file() {
    let planted = [
        ("of = \"close\"", "of = \"clse\"", "did you mean `close`?"),
        ("sample_len = 40", "sample_len = 40\ncommission = 2.0", "environment.commission must"),
        ("name = \"lstm_ppo\"", "name = \"lstm_pro\"", "did you mean `lstm_ppo`?"),
        ("rollout_len = 32", "rollout_len = 0", "train.rollout_len must lie in 1..=100000"),
        ("num = 2", "num = \"two\"", "runs.num: invalid type"),
        ("[runs]", "[runns]", "unknown key `runns`; did you mean `runs`?"),
    ];
    for first in 0..planted.len() {
        for count in 1..=5.min(planted.len() - first) {
            let chosen = &planted[first..first + count];
            // A section that is itself unknown cannot hold a second problem.
            if chosen.iter().any(|p| p.0 == "[runs]") && chosen.len() > 1 {
                continue;
            }
            let config = chosen.iter().fold(CONFIG.to_owned(), |text, (from, to, _)| text.replace(from, to));
            let (message, code) = fails(&config);
            let places: Vec<_> = chosen.iter().map(|(_, _, expected)| message.find(expected)).collect();
            assert!(places.iter().all(Option::is_some), "{count} planted from {first}:\n{message}");
            assert!(places.is_sorted(), "{message}");
            assert!(message.starts_with(&count.to_string()), "{message}");
            assert_eq!(code, 2);
        }
    }
}

#[test]
fn wrong_types_spans_and_missing_sections_name_their_key() {
    for (from, to, expected) in [
        ("fc = 8", "fc = \"eight\"", "agent.fc: invalid type: string \"eight\""),
        (
            "test = [\"2018-02-01\", \"2018-02-15\"]",
            "test = [\"2018-01-15\", \"2018-02-15\"]",
            "data.test must begin at or after",
        ),
        ("train = [\"2018-01-01\", \"2018-02-01\"]", "train = [\"01/01/2018\", \"2018-02-01\"]", "neither a day like"),
        ("train = [\"2018-01-01\", \"2018-02-01\"]", "", "data.train is missing"),
        ("[environment]\nname = \"bitcoin\"", "[environment]", "environment.name is missing; known are bitcoin"),
        ("columns = [", "columns = [3, ", "features.columns[0] must be a name"),
        (
            "columns = [",
            "columns = [\"retuns\", ",
            "features.columns[0]: unknown feature `retuns`; did you mean `returns`?",
        ),
        (
            "columns = [",
            "columns = [{ mcad = {} }, ",
            "features.columns[0]: unknown feature `mcad`; did you mean `macd`?",
        ),
        ("columns = [", "columns = [{ macd = 3 }, ", "features.columns[0].macd: invalid type: integer `3`"),
        ("columns = [", "columns = [{ ema = {}, macd = {} }, ", "features.columns[0] must be a name"),
        (
            "columns = [",
            "columns = [{ ema = { windo = 3 } }, ",
            "features.columns[0].ema.windo: unknown key `windo`; did",
        ),
        (
            "columns = [",
            "columns = [{ macd = { slow = 5 } }, ",
            "features.columns[0].macd.fast must be shorter than slow",
        ),
        (
            "columns = [",
            "columns = [\"ema\", { ema = { window = 12 } }, ",
            "[1] is the same feature as features.columns[0]",
        ),
        (
            "columns = [",
            "scaling = \"standart\"\ncolumns = [",
            "features.scaling: unknown value `standart`; did you mean",
        ),
        (
            "columns = [",
            "scaling = { constants = { divide_by = [5.0] } }\ncolumns = [",
            "features.scaling divide_by must have a number for each of the 2 columns, got 1",
        ),
        ("num_envs = 4", "num_envs = -4", "train.num_envs: invalid value: integer `-4`"),
        ("name = \"tiny\"", "", "`name` is missing"),
        ("name = \"tiny\"", "name = \"tiny\"\nname = \"two\"", "duplicate key"),
        ("rollout_len = 32", "rollout_len = \"episode\"", "needs train.num_envs = 1"),
    ] {
        assert!(CONFIG.contains(from), "{from}");
        let (message, code) = fails(&CONFIG.replace(from, to));
        assert!(message.contains(expected), "{to}: {message}");
        assert_eq!(code, 2, "{message}");
    }
}

#[test]
fn a_span_outside_the_data_says_what_there_is() {
    let (message, code) = fails(&CONFIG.replace("2018-02-15", "2018-02-01T01:00:00Z"));
    assert!(message.contains("data.test") && message.contains("synthetic-hourly"), "{message}");
    assert_eq!(code, 2);
}

#[test]
fn a_missing_dataset_or_file_has_its_own_exit_code_and_names_the_cure() {
    let (message, code) = fails(&CONFIG.replace("synthetic-hourly", "synthetic-hourlie"));
    assert!(message.contains("synthetic-hourlie.toml"), "{message}");
    assert_eq!(code, 2);
    let (message, code) = fails(&CONFIG.replace("synthetic-hourly", "bitfinex-btcusd-1h"));
    assert!(message.contains("--data-dir"), "{message}");
    assert_eq!(code, 3);
}

#[test]
fn a_training_that_diverges_stops_and_leaves_what_went_into_it() {
    let place = tempfile::tempdir().unwrap();
    let config = CONFIG.replace("hidden = 8", "hidden = 8\nlearning_rate = 1e30");
    let error = experiment(place.path(), "diverges", &config, 1).map(drop).expect_err("the run must fail");
    let message = error.to_string();
    for seed in 1..=2 {
        let path = place.path().join(format!("diverges/runs/{seed}/not_finite.safetensors"));
        assert!(
            message.contains(&format!("seed {seed}")) && message.contains(&path.display().to_string()),
            "{message}"
        );
        assert!(message.contains("learning diverged"), "{message}");
        let batch = Checkpoint::from_bytes(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(batch.shape("observations").unwrap(), [33, 4, 4]);
        let columns = ["log_probs", "end_values", "values", "advantages", "targets"];
        let mut spoilt = columns.iter().flat_map(|name| batch.f32(name, &[32, 4]).unwrap());
        assert!(spoilt.any(|x| !x.is_finite()), "the batch does not show what went wrong");
    }
}

#[test]
fn a_folder_that_holds_a_run_is_not_touched() {
    let place = tempfile::tempdir().unwrap();
    let short = CONFIG.replace("updates = 12", "updates = 2");
    experiment(place.path(), "same", &short, 2).unwrap();
    let before = common::fingerprint(&place.path().join("same"));
    let error = experiment(place.path(), "same", &short, 2).err().unwrap();
    assert!(matches!(error, ExperimentError::Store(_)), "{error}");
    assert_eq!(common::fingerprint(&place.path().join("same")), before);
}
