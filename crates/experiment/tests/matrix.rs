//! Experiments of several cells: what is done once is not done again, and parts made elsewhere join to the same bytes.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{CONFIG, fingerprint, options, sorted};
use pavlov_experiment::matrix::{self, MatrixReport, Outcome, Selection};
use pavlov_experiment::{Event, ExperimentError, Hooks, Plan};
use pavlov_store::{Hash, OsDisk};

const AXES: &str = r#"
[matrix]
costs = { key = "environment.commission", values = { free = 0.0, dear = 0.001 } }
[matrix.size]
small = { agent.hidden = 4, "agent.fc" = 4 }
large = { "agent.hidden" = 8 }
"#;

fn config() -> String {
    CONFIG.replace("updates = 12", "updates = 4") + AXES
}

/// A place to run configs in, which counts the trainings that begin at their first update.
struct Bench {
    place: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { place: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn file(&self, config: &str) -> PathBuf {
        let file = self.path("config.toml");
        pavlov_store::write_atomic(&OsDisk, &file, config.as_bytes()).unwrap();
        file
    }

    /// Runs a config; the trainings by their cell, and what came of it. Asks to stop after so many trainings.
    fn run(
        &self,
        config: &str,
        out: &str,
        selection: &Selection,
        threads: usize,
        patience: usize,
    ) -> (Vec<String>, Result<Outcome, ExperimentError>) {
        let (file, out, options) = (self.file(config), self.path(out), options(self.place.path(), threads));
        self.counted(patience, |hooks| matrix::run(&file, &[], selection, &out, &options, hooks))
    }

    fn counted<T>(&self, patience: usize, work: impl FnOnce(&Hooks<'_>) -> T) -> (Vec<String>, T) {
        let (trained, finished, stop) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicBool::new(false));
        let progress = |event: Event<'_>| match event {
            Event::Updated { cell, seed, update: 1, .. } => trained.lock().unwrap().push(format!("{cell}: {seed}")),
            Event::Finished { .. } if finished.fetch_add(1, Ordering::SeqCst) + 1 >= patience => {
                stop.store(true, Ordering::SeqCst);
            }
            _ => {}
        };
        let result = work(&Hooks { clock: &|| 0.0, progress: &progress, stop: &stop });
        let mut trained = trained.into_inner().unwrap();
        trained.sort();
        (trained, result)
    }

    fn whole(&self, config: &str, out: &str, threads: usize) -> (Vec<String>, MatrixReport) {
        let (trained, outcome) = self.run(config, out, &Selection::default(), threads, usize::MAX);
        (trained, report(outcome.unwrap_or_else(|e| panic!("{e}"))))
    }

    fn bytes(&self, out: &str) -> BTreeMap<String, String> {
        bytes(&self.path(out))
    }
}

fn report(outcome: Outcome) -> MatrixReport {
    match outcome {
        Outcome::Matrix(report) => *report,
        other => panic!("{other:?}"),
    }
}

/// Hash of every file of a run that depends on config, seeds and data only.
fn bytes(run: &Path) -> BTreeMap<String, String> {
    let own = ["plan.toml", "report.json", "report.html"].map(|name| {
        let bytes = std::fs::read(run.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name.to_owned(), Hash::of(&bytes).to_string())
    });
    let cells = sorted(&run.join("cells")).into_iter().flat_map(|cell| {
        let name = cell.file_name().unwrap().to_string_lossy().into_owned();
        let plan = Hash::of(&std::fs::read(cell.join("plan.toml")).unwrap()).to_string();
        let files = fingerprint(&cell).into_iter().chain([("plan.toml".to_owned(), plan)]);
        files.map(|(file, hash)| (format!("{name}/{file}"), hash)).collect::<Vec<_>>()
    });
    own.into_iter().chain(cells).collect()
}

fn parts(n: usize) -> Vec<Selection> {
    (1..=n).map(|k| Selection { part: Some(format!("{k}/{n}").parse().unwrap()), ..Selection::default() }).collect()
}

#[test]
fn a_matrix_gives_the_same_bytes_on_one_and_two_threads_and_names_its_cells_in_file_order() {
    let bench = Bench::new();
    let (trained, report) = bench.whole(&config(), "one", 1);
    assert_eq!(trained.len(), 8, "{trained:?}");
    let labels: Vec<String> = report.cells.iter().map(|cell| cell.labels.join(" ")).collect();
    assert_eq!(labels, ["free small", "free large", "dear small", "dear large"]);
    assert_eq!(report.axes, ["costs", "size"]);
    assert!(report.overfitting.is_some(), "configurations of one market");
    bench.whole(&config(), "two", 2);
    assert_eq!(bench.bytes("one"), bench.bytes("two"));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.path("one/report.json")).unwrap()).unwrap();
    assert_eq!((json["kind"].as_str(), json["schema_version"].as_u64()), (Some("matrix"), Some(1)));
    let html = std::fs::read_to_string(bench.path("one/report.html")).unwrap();
    for cell in &report.cells {
        assert!(html.contains(&format!("{}/report.html", cell.folder)), "{}", cell.folder);
        let own = std::fs::read_to_string(bench.path("one").join(&cell.folder).join("report.json")).unwrap();
        let own = pavlov_experiment::report::Report::from_json(&own).unwrap();
        assert_eq!(own.summary["cumulative_return"], cell.agent);
    }
}

#[test]
fn a_stopped_matrix_goes_on_with_what_is_missing_only() {
    let bench = Bench::new();
    bench.whole(&config(), "whole", 2);
    let (first, outcome) = bench.run(&config(), "stopped", &Selection::default(), 1, 3);
    assert!(matches!(outcome, Err(ExperimentError::Interrupted { .. })), "{outcome:?}");
    assert_eq!(first, ["free, large: 1", "free, small: 1", "free, small: 2"]);
    let (second, _) = bench.whole(&config(), "stopped", 2);
    assert_eq!(second.len(), 5, "{second:?}");
    assert_eq!(bench.bytes("stopped"), bench.bytes("whole"));
    let written = || -> Vec<_> {
        let reports = sorted(&bench.path("stopped/cells")).into_iter().map(|cell| cell.join("report.json"));
        reports.map(|file| std::fs::metadata(file).unwrap().modified().unwrap()).collect()
    };
    let before = written();
    let (third, _) = bench.whole(&config(), "stopped", 1);
    assert!(third.is_empty(), "{third:?}");
    assert_eq!(written(), before, "a cell whose report is up to date is not judged again");
    assert_eq!(bench.bytes("stopped"), bench.bytes("whole"));
}

#[test]
fn resume_takes_the_config_from_the_run() {
    let bench = Bench::new();
    bench.whole(&config(), "whole", 2);
    let (_, outcome) = bench.run(&config(), "stopped", &Selection::default(), 2, 2);
    assert!(outcome.is_err());
    let options = options(bench.place.path(), 2);
    let (_, resumed) = bench
        .counted(usize::MAX, |hooks| matrix::resume(&bench.path("stopped"), &Selection::default(), &options, hooks));
    report(resumed.unwrap());
    assert_eq!(bench.bytes("stopped"), bench.bytes("whole"));
    for cell in sorted(&bench.path("stopped/cells")) {
        std::fs::remove_file(cell.join("report.html")).unwrap();
    }
    let (trained, rebuilt) = bench.counted(usize::MAX, |hooks| matrix::report(&bench.path("stopped"), &options, hooks));
    report(rebuilt.unwrap());
    assert!(trained.is_empty());
    assert_eq!(bench.bytes("stopped"), bench.bytes("whole"));
}

#[test]
fn only_a_changed_alternative_and_new_seeds_are_trained() {
    let bench = Bench::new();
    bench.whole(&config(), "run", 2);
    let changed = config().replace("dear = 0.001", "dear = 0.002");
    let (trained, report) = bench.whole(&changed, "run", 2);
    let dear = ["dear, large: 1", "dear, large: 2", "dear, small: 1", "dear, small: 2"];
    assert_eq!(trained, dear);
    assert_eq!(report.cells.len(), 4);
    let (trained, _) = bench.whole(&config().replace("num = 2", "num = 3"), "run", 2);
    assert_eq!(trained, ["dear, large: 3", "dear, small: 3", "free, large: 3", "free, small: 3"]);
    let (trained, report) = bench.whole(&(config() + "huge = { agent.hidden = 12 }\n"), "run", 2);
    assert_eq!((trained.len(), report.cells.len()), (4, 6), "the new alternative's: {trained:?}");
}

#[test]
fn parts_made_in_several_folders_join_to_the_bytes_of_the_single_run() {
    let bench = Bench::new();
    bench.whole(&config(), "whole", 2);
    let runs: Vec<PathBuf> = ["a", "b", "c"].map(|name| bench.path(name)).into();
    for (selection, name) in parts(3).iter().zip(["a", "b", "c"]) {
        let (trained, outcome) = bench.run(&config(), name, selection, 1, usize::MAX);
        assert!((2..=3).contains(&trained.len()), "{trained:?}");
        outcome.unwrap();
    }
    let options = options(bench.place.path(), 2);
    let merge = |runs: &[PathBuf], out: &str| {
        let (trained, outcome) =
            bench.counted(usize::MAX, |hooks| matrix::merge(runs, &bench.path(out), &options, hooks));
        assert!(trained.is_empty(), "joining trains nothing");
        outcome
    };
    report(merge(&runs, "joined").unwrap());
    assert_eq!(bench.bytes("joined"), bench.bytes("whole"));

    let folder = sorted(&runs[0].join("cells"))[0].join("runs");
    let seed = sorted(&folder)[0].clone();
    let other = sorted(&bench.path("b/cells")).into_iter().flat_map(|cell| sorted(&cell.join("runs"))).next().unwrap();
    std::fs::copy(other.join("done.json"), seed.join("done.json")).unwrap();
    std::fs::remove_dir_all(seed.join("checkpoints")).unwrap();
    std::fs::create_dir(seed.join("checkpoints")).unwrap();
    for file in sorted(&other.join("checkpoints")) {
        std::fs::copy(&file, seed.join("checkpoints").join(file.file_name().unwrap())).unwrap();
    }
    let spoilt = [bench.path("whole"), runs[0].clone()];
    let error = merge(&spoilt, "spoilt").unwrap_err().to_string();
    assert!(error.contains("has another checkpoint than in") && error.contains("seed"), "{error}");
    assert!(!bench.path("spoilt").exists(), "nothing is written");

    bench.run(&config(), "d", &parts(3)[0], 1, usize::MAX).1.unwrap();
    let longer = config().replace("updates = 4", "updates = 5");
    bench.run(&longer, "other", &parts(8)[0], 1, usize::MAX).1.unwrap();
    let error = merge(&[bench.path("d"), bench.path("other")], "unfit").unwrap_err().to_string();
    assert!(error.contains("`train.updates` differs"), "{error}");
}

#[test]
fn seeds_of_a_plain_run_made_in_two_folders_join_to_its_report() {
    let bench = Bench::new();
    let plain = CONFIG.replace("updates = 12", "updates = 4");
    bench.run(&plain, "whole", &Selection::default(), 2, usize::MAX).1.unwrap();
    for (selection, name) in parts(2).iter().zip(["a", "b"]) {
        let (trained, outcome) = bench.run(&plain, name, selection, 1, usize::MAX);
        assert_eq!(trained.len(), 1);
        assert!(matches!(outcome, Ok(Outcome::Part { done: 1, of: 2 })), "{outcome:?}");
    }
    let options = options(bench.place.path(), 2);
    let runs = ["a", "b"].map(|name| bench.path(name));
    let (_, joined) = bench.counted(usize::MAX, |hooks| matrix::merge(&runs, &bench.path("joined"), &options, hooks));
    assert!(matches!(joined, Ok(Outcome::Run(_))), "{joined:?}");
    assert_eq!(fingerprint(&bench.path("joined")), fingerprint(&bench.path("whole")));
}

#[test]
fn a_chosen_cell_is_worked_on_alone() {
    let bench = Bench::new();
    let chosen = Selection { cells: vec!["size=large".into(), "costs=free".into()], part: None };
    let (trained, outcome) = bench.run(&config(), "run", &chosen, 2, usize::MAX);
    assert_eq!(trained, ["free, large: 1", "free, large: 2"]);
    let report = report(outcome.unwrap());
    assert_eq!((report.cells.len(), report.missing.len()), (1, 3));
    let wrong = Selection { cells: vec!["size=larg".into()], part: None };
    let error = bench.run(&config(), "run", &wrong, 1, usize::MAX).1.unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("did you mean `large`?"), "{error}");
}

#[test]
fn what_is_wrong_with_an_alternative_is_named_once_with_its_place_and_label() {
    let config = CONFIG.replace("num = 2", "num = 0")
        + r#"
[matrix.costs]
free = { environment.comission = 0.0 }
dear = { environment.commission = 0.1 }
[matrix.size]
key = "agent.hidden"
values = [4, -8]
[matrix.twice]
a = { agent.hidden = 4 }
b = { nonsense.key = 1 }
"#;
    let error = matrix::plans(Path::new("m.toml"), &config, &[]).err().unwrap().to_string();
    for expected in [
        "m.toml:23:1: runs.num must lie in 1..=10000, got 0",
        ": costs = free: environment.comission: unknown key `comission`; did you mean `commission`?",
        ": size = -8, twice = b: agent.hidden: invalid value",
        "matrix.twice: axis `size` changes `agent.hidden` too",
        "matrix.twice.b: unknown section `nonsense`",
    ] {
        assert_eq!(error.matches(expected).count(), 1, "{expected}\n{error}");
    }
    assert!(error.starts_with("5 problems"), "{error}");
    let overrides = ["agent.hidden=9".to_owned()];
    let error = matrix::plans(Path::new("m.toml"), &self::config(), &overrides).err().unwrap().to_string();
    assert!(error.contains("matrix.size changes `agent.hidden`, and so does --set"), "{error}");
}

#[test]
fn walk_forward_folds_train_on_their_own_past_and_join_to_one_history() {
    let bench = Bench::new();
    let split = "[eval]\nsplit = { walk_forward = { folds = 3, window = \"expanding\", embargo = 5 } }\n[runs]";
    let config = CONFIG.replace("updates = 12", "updates = 4").replace("[runs]", split);
    let (trained, report) = bench.whole(&config, "run", 2);
    assert_eq!(trained, ["1: 1", "1: 2", "2: 1", "2: 2", "3: 1", "3: 2"]);
    assert_eq!(report.axes, ["fold"]);
    let plans: Vec<Plan> = report
        .cells
        .iter()
        .map(|cell| {
            let path = bench.path("run").join(&cell.folder).join("plan.toml");
            Plan::parse(&path, &std::fs::read_to_string(&path).unwrap(), &[]).unwrap()
        })
        .collect();
    const HOUR: i64 = 3_600_000_000_000;
    for (plan, next) in plans.iter().zip(plans.iter().skip(1)) {
        assert_eq!(plan.data.test.to_ns, next.data.test.from_ns, "the tests lie one after the other");
        assert_eq!(next.data.train.from_ns, plan.data.train.from_ns, "all of the past trains");
    }
    for plan in &plans {
        assert_eq!(plan.data.test.from_ns - plan.data.train.to_ns, 5 * HOUR, "the embargo is kept");
    }
    let [chain] = &report.chains[..] else { panic!("{:?}", report.chains) };
    for run in &chain.runs {
        let growth = |cell: &pavlov_experiment::matrix::CellReport| {
            let text = std::fs::read_to_string(bench.path("run").join(&cell.folder).join("report.json")).unwrap();
            let own = pavlov_experiment::report::Report::from_json(&text).unwrap();
            let own = own.runs.into_iter().find(|own| own.seed == run.seed).unwrap();
            1.0 + own.metrics["cumulative_return"].unwrap()
        };
        let product: f64 = report.cells.iter().map(growth).product();
        assert!((run.metrics["cumulative_return"].unwrap() - (product - 1.0)).abs() < 1e-9);
    }
    let leaking = config.replace("folds = 3", "folds = 3000");
    let error = bench.run(&leaking, "leaking", &Selection::default(), 1, usize::MAX).1.unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("got 3000"), "{error}");
}

#[test]
fn published_figures_stand_beside_ours_and_train_nothing_again() {
    let bench = Bench::new();
    bench.whole(&config(), "run", 2);
    let published = "[published]\nsource = \"table 5\"\ndefinitions = \"tdqn_paper\"\n\
                     values = { \"Sharpe ratio\" = 1.5, Skewness = [0.1, 0.2] }\n[runs]";
    let config = config().replace("[runs]", published);
    let (trained, report) = bench.whole(&config, "run", 2);
    assert!(trained.is_empty(), "{trained:?}");
    for cell in &report.cells {
        let folder = bench.path("run").join(&cell.folder);
        let text = std::fs::read_to_string(folder.join("report.json")).unwrap();
        let own = pavlov_experiment::report::Report::from_json(&text).unwrap();
        let beside = own.published.as_ref().unwrap();
        assert_eq!(Some(beside), cell.published.as_ref());
        let of = |name: &str| beside.metrics.iter().find(|metric| metric.name == name).unwrap();
        let profit: Vec<f64> = of("Profit & loss [$]").values.iter().map(|value| value.unwrap()).collect();
        let known: Vec<f64> = own.runs.iter().map(|run| run.profit.absolute).collect();
        assert!(profit.iter().zip(&known).all(|(a, b)| (a - b).abs() < 1e-9), "{profit:?} {known:?}");
        let paper = of("Sharpe ratio").published.unwrap();
        assert_eq!(serde_json::to_value(paper).unwrap(), serde_json::json!(1.5));
        assert!(of("Skewness").baselines["buy & hold"].is_some());
        let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(page.contains("Beside what was published") && page.contains("table 5"));
    }
    assert!(std::fs::read_to_string(bench.path("run/report.html")).unwrap().contains("Published, and ours"));
    let wrong = config.replace("Skewness", "Skewnes");
    let error = matrix::plans(Path::new("m.toml"), &wrong, &[]).err().unwrap().to_string();
    assert!(error.contains("m.toml:") && error.contains("did you mean `Skewness`?"), "{error}");
}

#[test]
fn a_cell_that_fails_is_named_and_the_others_go_on() {
    let bench = Bench::new();
    bench.whole(&config(), "run", 2);
    let cells = sorted(&bench.path("run/cells"));
    let broken = cells.iter().find(|cell| cell.to_string_lossy().contains("free_small")).unwrap();
    std::fs::remove_file(broken.join("runs/2/done.json")).unwrap();
    pavlov_store::write_atomic(&OsDisk, &broken.join("runs/2/metrics.jsonl"), b"cut").unwrap();
    let more = config().replace("num = 2", "num = 3");
    let (trained, outcome) = bench.run(&more, "run", &Selection::default(), 2, usize::MAX);
    assert_eq!(trained, ["dear, large: 3", "dear, small: 3", "free, large: 3", "free, small: 3"]);
    let error = outcome.unwrap_err();
    assert_eq!(error.exit_code(), 1);
    let text = error.to_string();
    assert!(text.contains("cell free, small") && text.contains("metrics.jsonl does not match"), "{text}");
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.path("run/report.json")).unwrap()).unwrap();
    assert_eq!(json["missing"], serde_json::json!([["free", "small"]]));
    assert_eq!(json["cells"].as_array().unwrap().len(), 3);
}

#[test]
fn combinatorial_folds_test_every_group_of_every_choice_and_join_to_paths() {
    let bench = Bench::new();
    let split = "[eval]\nsplit = { combinatorial = { groups = 3, test_groups = 2 } }\n[runs]";
    let config = CONFIG.replace("updates = 12", "updates = 2").replace("num = 2", "num = 1").replace("[runs]", split);
    let (trained, report) = bench.whole(&config, "run", 2);
    assert_eq!(trained, ["1+2: 1: 1", "1+2: 2: 1", "1+3: 1: 1", "1+3: 3: 1", "2+3: 2: 1", "2+3: 3: 1"]);
    let labels: Vec<&[String]> = report.chains.iter().map(|chain| &chain.labels[..]).collect();
    assert_eq!(labels, [["path 1"], ["path 2"]]);
    let bars: Vec<usize> = report.chains.iter().map(|chain| chain.times.len()).collect();
    assert_eq!(bars[0], bars[1], "each path tests every bar once");
    assert!(report.chains.iter().all(|chain| chain.folds == 3 && !chain.causal));
}

#[test]
fn purged_folds_train_on_both_sides_of_their_test_and_apart_from_it() {
    let bench = Bench::new();
    let split = "[eval]\nsplit = { purged = { folds = 3, embargo = 5 } }\n[runs]";
    let config = CONFIG.replace("updates = 12", "updates = 2").replace("num = 2", "num = 1").replace("[runs]", split);
    let (trained, report) = bench.whole(&config, "run", 2);
    assert_eq!(trained, ["1: 1", "2: 1", "3: 1"]);
    let [chain] = &report.chains[..] else { panic!("one way through the tests: {:?}", report.chains) };
    assert!(!chain.causal && chain.folds == 3, "trained on what comes later, and said so");
    assert!(report.sentences.iter().any(|text| text.contains("no rehearsal")), "{:?}", report.sentences);
    let mut tested = 0;
    for cell in &report.cells {
        let path = bench.path("run").join(&cell.folder).join("plan.toml");
        let plan = Plan::parse(&path, &std::fs::read_to_string(&path).unwrap(), &[]).unwrap();
        assert_eq!(plan.data.train_also.len(), usize::from(cell.labels[0] != "3"), "{:?}", plan.data);
        tested += plan.data.test.to_ns - plan.data.test.from_ns;
    }
    let whole = Plan::parse(Path::new("whole.toml"), CONFIG, &[]).unwrap().data;
    const HOUR: i64 = 3_600_000_000_000;
    let all = (whole.test.to_ns - whole.train.from_ns) / HOUR;
    assert!((all - 100..=all).contains(&(tested / HOUR)), "{tested} of {all}: all but the warm-up is tested once");
}
