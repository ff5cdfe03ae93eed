//! The tables of the documents: made of the reports that are committed, and of nothing else.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{CONFIG, options};
use pavlov_evaluation::{Baseline, BaselineReturns, Summary, TestSpan, Verdict};
use pavlov_experiment::report::{BaselineReport, MetricValues, Profit, Report, RunReport, Subject};
use pavlov_experiment::results_page::{self, Form, TABLES, Table, Written};
use pavlov_experiment::{
    Definitions, Event, ExperimentError, Figure, Hooks, OsDisk, PublishedMetric, PublishedReport, matrix,
};

#[test]
fn the_committed_tables_are_those_of_the_committed_reports() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    results_page::check(&root, TABLES, &OsDisk).unwrap_or_else(|error| panic!("{error}"));
}

const DEMO: &[Table] = &[
    Table {
        name: "plain",
        title: "One market",
        forms: &[Form { label: "default", config: "plain" }, Form { label: "as published", config: "plain-published" }],
    },
    Table { name: "stocks", title: "Two stocks", forms: &[Form { label: "default", config: "stocks" }] },
];

const PAGE: &str = "# Results\n\n<!-- begin generated: plain -->\n<!-- end generated -->\n\nWords.\n\n\
                    <!-- begin generated: stocks -->\n<!-- end generated -->\n";
const README: &str = "# Demo\n<!-- begin generated: results -->\n<!-- end generated -->\n";

/// A repository with documents and configs, but for their reports.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.put("docs/results.md", PAGE);
        place.put("README.md", README);
        let config =
            |name: &str| CONFIG.replace("\"tiny\"", &format!("\"{name}\"")).replace("updates = 12", "updates = 2");
        place.put("configs/plain.toml", &config("plain"));
        place.put("configs/plain-published.toml", &config("plain-published"));
        let stocks = "[matrix.stock]\n\"UP/1\" = { train.updates = 1 }\nDOWN = { train.updates = 2 }\n";
        place.put("configs/stocks.toml", &(config("stocks") + stocks));
        place
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        pavlov_store::write_atomic(&OsDisk, &path, text.as_bytes()).unwrap();
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn put_report(&self, cell: &str, report: &Report) {
        self.put(&format!("docs/results/cells/{cell}.json"), &report.to_json().unwrap());
    }

    /// With a report for each cell.
    fn with_reports() -> Self {
        let place = Self::new();
        place.put_report("plain/report", &of_paper([0.1, 0.3]));
        place.put_report("plain-published/report", &report(&[-0.1], &[-0.25]));
        let stock = |gains: &[f64], published: [f64; 2]| {
            let returns = metric("Cumulative Returns", gains, Some(Figure::MeanStd(published)), 0.15);
            let sharpes = metric("Sharpe Ratio", &[0.25, 0.35, 0.45], Some(Figure::Value(0.18)), 0.2);
            beside(report(gains, &[0.5, 0.7, 0.9]), Definitions::DdqnArticle, vec![returns, sharpes])
        };
        place.put_report("stocks/UP-1", &stock(&[1.0, 1.2, 1.4], [0.22, 0.88]));
        place.put_report("stocks/DOWN", &stock(&[-0.3, -0.3, -0.3], [-0.02, 1.5]));
        place
    }

    fn write(&self) -> Result<Written, ExperimentError> {
        results_page::write(self.root(), DEMO, &OsDisk)
    }

    fn check(&self) -> Result<Written, ExperimentError> {
        results_page::check(self.root(), DEMO, &OsDisk)
    }
}

fn metrics(gain: f64, sharpe: Option<f64>, trades: f64) -> MetricValues {
    let values = [
        ("cumulative_return", Some(gain)),
        ("sharpe", sharpe),
        ("maximum_drawdown", Some(0.25)),
        ("trades", Some(trades)),
    ];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A report with these returns and Sharpe ratios by seed; on the training span agents make twice as much.
fn report(gains: &[f64], sharpes: &[f64]) -> Report {
    let run = |(seed, (gain, sharpe)): (u64, (&f64, &f64))| RunReport {
        seed,
        env_steps: 100,
        updates: 2,
        checkpoint_hash: "c".repeat(64),
        metrics: metrics(*gain, Some(*sharpe), 3.0),
        undefined: BTreeMap::new(),
        train_metrics: metrics(2.0 * gain, Some(*sharpe), 6.0),
        train_undefined: BTreeMap::new(),
        profit: Profit { absolute: 1000.0 * gain, relative: Some(1000.0 * gain - 150.0) },
        train_profit: Profit { absolute: 2000.0 * gain, relative: None },
    };
    let baseline = |gain: f64, sharpe: Option<f64>| BaselineReport {
        summary: "does it".into(),
        seeds: None,
        metrics: metrics(gain, sharpe, 1.0),
        ci95: BTreeMap::new(),
        undefined: BTreeMap::new(),
        train_metrics: metrics(gain / 2.0, sharpe, 1.0),
        train_undefined: BTreeMap::new(),
    };
    let baselines = [
        ("always buy", baseline(0.15, Some(0.4))),
        ("always hold", baseline(0.0, None)),
        ("buy & hold", baseline(0.15, Some(0.4))),
        ("random", baseline(-0.05, Some(-0.1))),
    ];
    let returns = baselines.clone().map(|(name, report)| {
        let gain = report.metrics["cumulative_return"].unwrap();
        Baseline { name: name.into(), returns: BaselineReturns::Constant(gain) }
    });
    let verdict = Verdict::new(gains, &returns, "buy & hold", TestSpan { periods: 100, days: 50.0 }).unwrap();
    let subject = Subject {
        name: "demo".into(),
        config_hash: "0".repeat(64),
        data_hashes: BTreeMap::new(),
        money: "USD".into(),
        asset: "shares".into(),
        notes: Vec::new(),
    };
    let runs = (1..).zip(gains.iter().zip(sharpes)).map(run).collect();
    Report::new(subject, runs, baselines.map(|(name, report)| (name.to_owned(), report)).into(), verdict)
}

/// A metric as a publication defines it, with that of buy & hold; the random policy has -0.05 of everything.
fn metric(name: &str, values: &[f64], published: Option<Figure>, held: f64) -> PublishedMetric {
    PublishedMetric {
        name: name.into(),
        published,
        summary: Summary::of(values.iter().copied()),
        values: values.iter().copied().map(Some).collect(),
        baselines: BTreeMap::from([("buy & hold".into(), Some(held)), ("random".into(), Some(-0.05))]),
    }
}

fn beside(report: Report, definitions: Definitions, metrics: Vec<PublishedMetric>) -> Report {
    Report { published: Some(PublishedReport { source: "a paper".into(), definitions, metrics }), ..report }
}

/// A report beside the figures of a paper that defines a Sharpe ratio and no return.
fn of_paper(gains: [f64; 2]) -> Report {
    let metrics = vec![
        metric("Sharpe ratio", &[0.4, 0.6], Some(Figure::Value(1.484)), 0.45),
        metric("Profit & loss [$]", &[12_000.0, 16_000.0], Some(Figure::Value(100_288.0)), 15_000.0),
        metric("Skewness", &[1.0, 2.0], None, 0.0),
    ];
    beside(report(&gains, &[0.5, 0.7]), Definitions::TdqnPaper, metrics)
}

const WRITTEN_PAGE: &str = "# Results

<!-- begin generated: plain -->

| | default | as published | publication | buy & hold | always hold | random |
|---|---:|---:|---:|---:|---:|---:|
| return, % | 20 [-107, 147] | -10.0 | | 15.0 | 0.0 | -5.0 |
| Sharpe ratio | 0.60 [-0.67, 1.87] | -0.25 | | 0.40 | | -0.10 |
| maximum drawdown, % | 25.0 | 25.0 | | 25.0 | 25.0 | 25.0 |
| trades | 3 | 3 | | 1 | 1 | 1 |
| return on the training span, % | 40 [-214, 294] | -20.0 | | 7.5 | 0.0 | -2.5 |
| profit less that of the initial account, USD | 50 [-1,221, 1,321] | -250 | | | | |
| publication's Sharpe ratio | 0.500 [-0.771, 1.771] | | 1.484 | 0.450 | | -0.050 |
| publication's Profit & loss [$] | 14,000 [-11,412, 39,412] | | 100,288 | 15,000 | | -0.050 |
| return less that of buy & hold, points | 5 [-122, 132] | -25.0 | | | | |
| constant | 0 | 0 | | | | |
| verdict | unclear | one seed | | | | |
| seeds | 2 | 1 | | | | |

The policies that did not learn are those of `plain`.

<!-- end generated -->

Words.

<!-- begin generated: stocks -->

| stock | return, %: agent | publication | buy & hold | best baseline | random | Sharpe ratio: agent | publication | buy & hold | constant | verdict | seeds |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---:|
| UP/1 | 120 [70, 170] | 22.0 ± 88.0 | 15.0 | buy & hold 15.0 | -5.0 | 0.35 [0.10, 0.60] | 0.18 | 0.20 | 0 | better | 3 |
| DOWN | -30.0 | -2 ± 150 | 15.0 | buy & hold 15.0 | -5.0 | 0.35 [0.10, 0.60] | 0.18 | 0.20 | 0 | worse | 3 |
| mean | 45 [-908, 998] | 10.0 | 15.0 | buy & hold 15.0 | -5.0 | 0.35 | 0.18 | 0.20 | 0 | 1 better, 1 worse | 6 |

<!-- end generated -->
";

const WRITTEN_README: &str = "# Demo
<!-- begin generated: results -->

| experiment | test span | return, %: agent | buy & hold | Sharpe ratio: agent | publication | buy & hold | verdict | trainings |
|---|---|---:|---:|---:|---:|---:|---|---:|
| One market: default | 2018-02-01 to 2018-02-14 | 20 [-107, 147] | 15.0 | 0.50 [-0.77, 1.77] | 1.48 | 0.45 | unclear | 2 |
| One market: as published | 2018-02-01 to 2018-02-14 | -10.0 | 15.0 | -0.25 | | 0.40 | one seed | 1 |
| Two stocks | 2018-02-01 to 2018-02-14 | 45 [-908, 998] | 15.0 | 0.35 | 0.18 | 0.20 | 1 better, 1 worse | 6 |

<!-- end generated -->
";

#[test]
fn each_table_is_exactly_this_markdown() {
    let place = Repository::with_reports();
    let written = place.write().unwrap();
    assert_eq!(written.changed, ["docs/results.md: plain", "docs/results.md: stocks", "README.md: results"]);
    assert_eq!(place.text("docs/results.md"), WRITTEN_PAGE);
    assert_eq!(place.text("README.md"), WRITTEN_README);
    assert_eq!(place.write().unwrap().changed, [""; 0], "a second time there is nothing to write");
}

#[test]
fn a_changed_figure_is_a_stale_table() {
    let place = Repository::with_reports();
    place.write().unwrap();
    assert!(place.check().is_ok());
    place.put_report("plain/report", &of_paper([0.1, 0.31]));
    let before = place.text("docs/results.md");
    let error = place.check().unwrap_err();
    assert_eq!(
        error.to_string(),
        "stale tables: docs/results.md: plain, README.md: results; write them anew with `cargo xtask results`"
    );
    assert_eq!((error.exit_code(), place.text("docs/results.md")), (1, before), "a check writes nothing");
    place.put_report("plain/report", &of_paper([0.1, 0.3]));
    place.put("README.md", &place.text("README.md").replace("-10.0", "-11.0"));
    let error = place.check().unwrap_err().to_string();
    assert!(error.starts_with("stale tables: README.md: results;"), "a figure changed by hand: {error}");
}

#[test]
fn a_missing_or_broken_report_names_its_file_and_the_command_that_makes_it() {
    let place = Repository::with_reports();
    let file = place.path("docs/results/cells/stocks/DOWN.json");
    std::fs::remove_file(&file).unwrap();
    let error = place.write().unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: there is no such report", file.display())), "{error}");
    assert!(error.ends_with("; make it with `cargo xtask results --run stocks`"), "{error}");
    place.put("docs/results/cells/stocks/DOWN.json", "{}");
    let error = place.check().unwrap_err().to_string();
    assert!(error.contains("DOWN.json: it is no report of a run: missing field"), "{error}");
    assert_eq!(place.text("docs/results.md"), PAGE, "nothing was written");
}

#[test]
fn a_report_of_another_form_of_the_config_is_told() {
    let place = Repository::with_reports();
    let mut of_config = of_paper([0.1, 0.3]);
    let config = place.path("configs/plain.toml");
    let plans = matrix::plans(&config, &place.text("configs/plain.toml"), &[]).unwrap();
    of_config.subject.config_hash = plans[0].1.config_hash().to_string();
    place.put_report("plain/report", &of_config);
    let outdated = place.write().unwrap().outdated;
    assert_eq!(outdated, BTreeMap::from([("plain-published", 1), ("stocks", 2)]));
}

/// Trainings that took their first update, and of each experiment its trainings and how many of them were finished.
type Told = (Vec<String>, Vec<(String, usize, usize)>);

/// Makes what is missing of the named configs; asks to stop at an update.
fn make_until(place: &Repository, names: &[&str], last: u64) -> (Told, Result<(), ExperimentError>) {
    let (trained, told, stop) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()), AtomicBool::new(false));
    let progress = |event: Event<'_>| match event {
        Event::Updated { cell, seed, update, .. } => {
            if update == 1 {
                trained.lock().unwrap().push(format!("{cell}: {seed}"));
            }
            stop.fetch_or(update == last, Ordering::SeqCst);
        }
        Event::Experiment { name, trainings, done, .. } => {
            told.lock().unwrap().push((name.to_owned(), trainings, done));
        }
        _ => {}
    };
    let hooks = Hooks { clock: &|| 0.0, progress: &progress, stop: &stop };
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let outcome = results_page::make(place.root(), DEMO, &names, &options(place.root(), 2), &hooks);
    let mut trained = trained.into_inner().unwrap();
    trained.sort();
    ((trained, told.into_inner().unwrap()), outcome)
}

fn make(place: &Repository, names: &[&str]) -> Told {
    let (told, outcome) = make_until(place, names, u64::MAX);
    outcome.unwrap_or_else(|error| panic!("{error}"));
    told
}

#[test]
fn what_was_stopped_is_gone_on_with_to_the_same_reports() {
    let (stopped, straight) = (Repository::new(), Repository::new());
    for name in ["plain", "stocks"] {
        let (_, outcome) = make_until(&stopped, &[name], 1);
        assert!(outcome.unwrap_err().to_string().starts_with("stopped; everything is saved"), "{name}");
    }
    assert!(!stopped.path("docs/results/cells").exists(), "nothing is kept of what is not finished");
    for place in [&stopped, &straight] {
        make(place, &["plain", "stocks"]);
    }
    for cell in ["plain/report", "stocks/UP-1", "stocks/DOWN"] {
        let report = |place: &Repository| place.text(&format!("docs/results/cells/{cell}.json"));
        assert_eq!(report(&stopped), report(&straight), "{cell}");
    }
}

#[test]
fn experiments_are_run_once_and_their_reports_are_kept() {
    let place = Repository::new();
    let told = |name: &str, trainings, done| (name.to_owned(), trainings, done);
    let (trained, first) = make(&place, &["stocks", "plain"]);
    assert_eq!(trained, [": 1", ": 2", "DOWN: 1", "DOWN: 2", "UP/1: 1", "UP/1: 2"]);
    assert_eq!(first, [told("plain", 2, 0), told("stocks", 4, 0)], "in the order of the tables");
    let kept = || {
        ["plain/report", "stocks/UP-1", "stocks/DOWN"]
            .map(|cell| place.text(&format!("docs/results/cells/{cell}.json")))
    };
    let reports = kept();

    let (trained, all) = make(&place, &[]);
    assert_eq!(trained, [": 1", ": 2"], "what was missing");
    assert_eq!(all, [told("plain", 2, 2), told("plain-published", 2, 0), told("stocks", 4, 4)]);
    assert_eq!(kept(), reports);
    let written = place.write().unwrap();
    assert_eq!((written.changed.len(), written.outdated), (3, BTreeMap::new()));

    place.put("configs/plain.toml", &place.text("configs/plain.toml").replace("[runs]\nnum = 2", "[runs]\nnum = 3"));
    assert_eq!(place.check().unwrap().outdated, BTreeMap::from([("plain", 1)]));
    assert_eq!(make(&place, &["plain"]), (vec![": 3".to_owned()], vec![told("plain", 3, 2)]), "one more seed");
    assert_eq!(place.check().unwrap_err().to_string().matches("plain").count(), 1);

    place.put("configs/plain.toml", &place.text("configs/plain.toml").replace("updates = 2", "updates = 1"));
    assert_eq!(make(&place, &["plain"]).1, [told("plain", 3, 0)], "another training has a folder of its own");
    assert_eq!(place.write().unwrap().outdated, BTreeMap::new());
}

#[test]
fn a_name_that_no_table_has_is_refused_before_anything_is_run() {
    let place = Repository::new();
    let hooks = Hooks { clock: &|| 0.0, progress: &|_| panic!("nothing is run"), stop: &AtomicBool::new(false) };
    let names = ["plain", "stock"].map(String::from);
    let error = results_page::make(place.root(), DEMO, &names, &options(place.root(), 1), &hooks).unwrap_err();
    assert_eq!(error.to_string(), "no table shows a config `stock`; did you mean `stocks`?");
    assert_eq!(error.exit_code(), 2);
}
