//! `cargo xtask compare`: run folders side by side.

mod common;

use std::path::PathBuf;

use common::{CONFIG, experiment};
use pavlov_experiment::compare::{self, SideBySide};
use pavlov_experiment::report::{compared_html, compared_text};
use pavlov_store::OsDisk;

#[test]
fn runs_are_put_side_by_side_and_only_those_of_the_same_bars_are_compared() {
    let place = tempfile::tempdir().unwrap();
    let configs = [
        ("tiny", CONFIG.to_owned()),
        ("seeds", CONFIG.replace("num = 2", "num = 3")),
        ("later", CONFIG.replace("2018-02-15", "2018-02-14")),
    ];
    let folders: Vec<PathBuf> = configs.iter().map(|(name, _)| place.path().join(name)).collect();
    let reports = configs.map(|(name, config)| experiment(place.path(), name, &config, 2).unwrap());
    let compared = compare::compare(&folders, &OsDisk).unwrap();

    assert_eq!(compared.runs.iter().map(|run| run.label.as_str()).collect::<Vec<_>>(), ["tiny", "seeds", "later"]);
    for (run, report) in compared.runs.iter().zip(&reports) {
        assert_eq!((&run.summary, &run.headline), (&report.summary, &report.verdict.headline));
    }
    let [same, other, last] = &compared.pairs[..] else { panic!("{} pairs", compared.pairs.len()) };
    assert!(same.comparable && !same.paired && same.time.is_some() && same.p_holm.is_some(), "{same:?}");
    let mean = |i: usize| reports[i].summary["cumulative_return"].mean.unwrap();
    assert!((same.seeds.unwrap().difference - (mean(0) - mean(1))).abs() < 1e-12);
    assert!(other.paired && !other.comparable && other.time.is_none() && other.better.is_none(), "{other:?}");
    assert!(!last.comparable && last.p_holm.is_none());
    assert!(compared.warnings.iter().any(|w| w.contains("tested on other spans")), "{:?}", compared.warnings);

    let text = compared_text(&compared);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let html = compared_html(&compared);
    for sentence in &compared.sentences {
        let first = sentence.split(' ').next().unwrap();
        assert!(text.contains(first) && html.contains(first));
    }
    let [json, page] = ["side.json", "side.html"].map(|name| place.path().join(name));
    compare::write(&compared, Some(&json), Some(&page), &OsDisk).unwrap();
    let again: SideBySide = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!((again, std::fs::read_to_string(page).unwrap()), (compared, html));
}

#[test]
fn a_run_compared_with_its_twin_does_not_differ_and_a_damaged_one_is_named() {
    let place = tempfile::tempdir().unwrap();
    let folders = ["a", "b"].map(|name| place.path().join(name));
    for name in ["a", "b"] {
        experiment(place.path(), name, CONFIG, 2).unwrap();
    }
    let compared = compare::compare(&folders, &OsDisk).unwrap();
    let pair = &compared.pairs[0];
    assert_eq!((pair.seeds.unwrap().p_value, pair.time.unwrap().ci95), (Some(1.0), [0.0; 2]));
    assert_eq!(pair.better, None);
    assert!(compared.warnings[0].contains("the same config") && compared.sentences[0].contains("not distinguishable"));

    let twice = compare::compare(&[folders[0].clone(), folders[0].clone()], &OsDisk).unwrap_err();
    assert!(twice.to_string().contains("named twice"), "{twice}");
    for (file, bytes) in [("report.json", &b"{}"[..]), ("runs/1/equity.parquet", b"PAR1 no table")] {
        let path = folders[1].join(file);
        let whole = std::fs::read(&path).unwrap();
        pavlov_store::write_atomic(&OsDisk, &path, bytes).unwrap();
        let error = compare::compare(&folders, &OsDisk).unwrap_err();
        assert!(error.to_string().contains(file) && error.exit_code() == 2, "{error}");
        pavlov_store::write_atomic(&OsDisk, &path, &whole).unwrap();
    }
}
