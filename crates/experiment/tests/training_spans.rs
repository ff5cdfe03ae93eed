//! What is learned from: further spans, changed copies, and a test that begins with bars of its own.

mod common;

use common::{CONFIG, experiment, options, with_hooks};
use pavlov_experiment::{ExperimentError, audit, report::Report};

/// The tiny experiment on a game whose observations show ten bars.
fn long_short() -> String {
    let game = "name = \"long_short\"\nwindow = 10\nsample_len = 40";
    let config = CONFIG.replace("name = \"bitcoin\"\nsample_len = 40", game).replace("num = 2", "num = 1");
    config.replace("[features]", "[features]\nscaling = \"standard\"")
}

fn with(key: &str) -> String {
    long_short().replace("test = [\"2018-02-01", &format!("{key}\ntest = [\"2018-02-01"))
}

fn run(config: &str) -> Result<Report, ExperimentError> {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "run", config, 1)
}

fn trained(report: &Report) -> &str {
    &report.runs[0].checkpoint_hash
}

#[test]
fn a_fresh_test_decides_for_the_first_time_a_window_after_its_first_bar() {
    let bars = 14 * 24;
    let usual = run(&long_short()).unwrap();
    assert_eq!(usual.verdict.periods, bars - 1);
    let fresh = run(&with("fresh_test = true")).unwrap();
    assert_eq!(fresh.verdict.periods, bars - 10);
    assert_eq!(fresh.baselines["buy & hold"].train_metrics, usual.baselines["buy & hold"].train_metrics);
}

#[test]
fn a_further_span_is_learned_from_and_must_be_apart_from_the_test() {
    let plain = run(&long_short()).unwrap();
    let more = run(&with("train_also = [[\"2018-02-17\", \"2018-03-01\"]]")).unwrap_or_else(|e| panic!("{e}"));
    assert_ne!(trained(&more), trained(&plain), "other bars, other weights");
    for name in ["buy & hold", "random"] {
        assert_eq!(more.baselines[name].metrics, plain.baselines[name].metrics, "{name}: the test is the same");
    }
    for touching in ["2018-02-15\", \"2018-03-01", "2018-02-10\", \"2018-03-01"] {
        let error = run(&with(&format!("train_also = [[\"{touching}\"]]"))).unwrap_err();
        assert!(matches!(error, ExperimentError::Split { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("leak into rows") && text.contains("leave at least"), "{text}");
    }
}

#[test]
fn changed_copies_are_learned_from_and_judged_nowhere() {
    let augmented = |keys: &str| long_short().replace("num_envs = 4", &format!("num_envs = 4\naugment = {{ {keys} }}"));
    let [plain, nothing, filtered, again] = [
        long_short(),
        augmented(""),
        augmented("low_pass = [1, 5], noise = [0.2]"),
        augmented("low_pass = [1, 5], noise = [0.2]"),
    ]
    .map(|config| run(&config).unwrap());
    assert_eq!(nothing.runs[0].metrics, plain.runs[0].metrics, "no combination changes anything");
    assert_ne!(trained(&filtered), trained(&plain));
    assert_eq!(trained(&filtered), trained(&again));
    assert_eq!(filtered.baselines, plain.baselines, "test and training span are the real bars");
    let error = run(&augmented("stretch = [0.0]")).unwrap_err().to_string();
    assert!(error.contains("augment.stretch must list numbers in 0.01..=10, got [0.0]"), "{error}");
}

#[test]
fn the_audit_is_clean_with_all_of_them() {
    let place = tempfile::tempdir().unwrap();
    let config = with("fresh_test = true\ntrain_also = [[\"2018-02-17\", \"2018-03-01\"]]");
    let config = config.replace("num_envs = 4", "num_envs = 4\naugment = { stretch = [0.9, 1.1] }");
    let file = place.path().join("all.toml");
    pavlov_store::write_atomic(&pavlov_store::OsDisk, &file, config.as_bytes()).unwrap();
    let found = with_hooks(|hooks| audit::config(&file, &[], &options(place.path(), 1), hooks)).unwrap().remove(0);
    assert!(found.is_clean(), "{}", found.table());
    assert!(found.assumptions.iter().any(|text| text.contains("train_also")), "{:?}", found.assumptions);
}
