use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::{Array, Float32Array, Float64Array, RecordBatch, TimestampNanosecondArray};
use pavlov_agents::{AgentError, Device};
use pavlov_evaluation::Outcome;
use pavlov_features::FittedScaler;
use pavlov_rl_core::{
    ActMode, ActionBatch, Attention, Checkpoint, CheckpointError, Decisions, Experience, Frame, Market, Policy,
    PriceTable, Rng, UpdateStats,
};
use pavlov_store::{Hash, OsDisk, RunFolder};

use super::*;
use crate::hooks::Hooks;
use crate::judge::judge;
use crate::run::{Options, add_manifests, load_world, manifest_path, read_manifest};
use crate::tables::decode;
use crate::train::Trained;

const CONFIG: &str = r#"
name = "seen"
[data]
dataset = "synthetic-hourly"
train = ["2018-01-02", "2018-02-01"]
test = ["2018-02-01", "2018-02-15"]
[features]
scaling = "standard"
columns = [{ returns = { of = "close", kind = "percent" } }, { volume_change = { kind = "percent", clip = 100.0 } }]
[environment]
name = "bitcoin"
[agent]
name = "lstm_ppo"
[runs]
num = 2
"#;

/// An agent that expects a share of the last row again, and attends to two rows and to its forecast.
#[derive(Clone, Copy)]
struct Seer {
    /// `None`: it says nothing.
    share: Option<f32>,
}

impl Policy for Seer {
    fn memory(&self, n: usize) -> Memory {
        Memory::zeros(n, 1)
    }

    fn act(
        &self,
        seen: Observations<'_>,
        memory: &mut Memory,
        _: ActMode,
        _: &mut Rng,
        out: &mut Decisions,
    ) -> Result<(), AgentError> {
        out.actions = ActionBatch::Discrete(seen.last_row.iter().map(|row| row / 24 % 3).collect());
        memory.rows_mut()[0] += 1.0;
        Ok(())
    }
}

impl Agent for Seer {
    fn mirror(&self, _: &Decisions, _: &mut ActionBatch) -> bool {
        false
    }

    fn observe(&mut self, _: Experience<'_>) -> Result<(), AgentError> {
        Ok(())
    }

    fn update(&mut self, _: &mut Rng) -> Result<Option<UpdateStats>, AgentError> {
        Ok(None)
    }

    fn explain(&self, seen: Observations<'_>, memory: &Memory) -> Result<Explanation, AgentError> {
        let Some(share) = self.share else { return Ok(Explanation::default()) };
        let last = seen.frame.row(seen.last_row[0] as usize);
        // What is attended to tells how many decisions the memory has seen.
        let part = |of, labels: &[&str], shares: Vec<f32>| Attention {
            of,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            shares,
        };
        let even = memory.rows()[0] % 2.0 == 0.0;
        let manager = if even { vec![0.25, 0.75] } else { vec![0.5, 0.5] };
        Ok(Explanation {
            forecast: last.iter().map(|x| share * x).collect(),
            attention: vec![
                part("manager", &["row -1", "row 0"], manager),
                part("order network", &["row -1", "row 0", "forecast"], vec![0.1, 0.3, 0.6]),
            ],
            ..Explanation::default()
        })
    }

    fn save(&self, _: &mut Checkpoint) -> Result<(), AgentError> {
        Ok(())
    }

    fn restore(&mut self, _: &Checkpoint) -> Result<(), AgentError> {
        Err(CheckpointError::Missing("nothing".into()).into())
    }
}

fn options() -> Options {
    Options {
        disk: Arc::new(OsDisk),
        datasets_dir: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets"),
        cache_dir: "none".into(),
        trials_dir: "none".into(),
        data_dir: None,
        threads: 1,
        device: Device::Cpu,
        git_commit: None,
    }
}

fn plan_of(config: &str) -> Plan {
    let mut plan = Plan::parse(Path::new("seen.toml"), config, &[]).unwrap();
    add_manifests(&mut plan, &|key, dataset| read_manifest(key, dataset, &options())).unwrap();
    plan
}

fn world_of(plan: &Plan) -> World {
    let stop = AtomicBool::new(false);
    let hooks = Hooks { clock: &|| 0.0, progress: &|_| {}, stop: &stop };
    load_world(plan, &|dataset| manifest_path(dataset, &options()), &options(), &hooks).unwrap()
}

fn trained(shares: [Option<f32>; 2]) -> Vec<Trained> {
    let one = |(share, seed): (Option<f32>, u64)| Trained {
        seed,
        agent: Box::new(Seer { share }),
        env_steps: 1,
        updates: 1,
        checkpoint: Hash::of(b"seer"),
        log: Vec::new(),
    };
    shares.into_iter().zip(1..).map(one).collect()
}

/// A run folder as a training leaves it.
fn run_folder(place: &Path) -> RunFolder {
    let folder = RunFolder::create(Arc::new(OsDisk), &place.join("run")).unwrap();
    for seed in [1, 2] {
        folder.disk().create_dir_all(folder.seed(seed).root()).unwrap();
    }
    folder
}

fn floats(batch: &RecordBatch, column: &str) -> Vec<f64> {
    let column = batch.column_by_name(column).unwrap_or_else(|| panic!("no {column} in {:?}", batch.schema()));
    column.as_any().downcast_ref::<Float64Array>().unwrap().values().to_vec()
}

#[test]
fn what_an_agent_says_is_kept_shown_and_written_again_byte_for_byte() {
    let (plan, place) = (plan_of(CONFIG), tempfile::tempdir().unwrap());
    let world = world_of(&plan);
    let folder = run_folder(place.path());
    let seeds = trained([Some(0.5), Some(0.25)]);
    let report = judge(&folder, &plan, &world, &seeds).unwrap();
    let files = |folder: &RunFolder| {
        let files = [folder.report_json(), folder.report_html(), folder.seed(1).insight(), folder.seed(2).insight()];
        files.map(|file| std::fs::read(file).unwrap())
    };
    let written = files(&folder);

    // The table, beside the frame that the agent saw.
    let batch = decode(written[3].clone()).unwrap();
    let (first, end) = (world.test.first as usize, world.test.end as usize);
    assert_eq!(batch.num_rows(), end - first - 1);
    let scaled =
        |row: usize, col: usize, share: f32| world.scaler.unscaled(col, share * world.market.frame.row(row)[col]);
    let names: [&str; 2] = ["returns(kind=percent)", "volume_change(clip=100.0,kind=percent)"];
    for (col, name) in names.into_iter().enumerate() {
        let (expected, came) = (floats(&batch, &format!("forecast {name}")), floats(&batch, &format!("came {name}")));
        for (d, row) in (first..end - 1).enumerate() {
            assert_eq!((expected[d], came[d]), (scaled(row, col, 0.25), scaled(row + 1, col, 1.0)), "{name}, {d}");
        }
    }
    let next = batch.column_by_name("next_time").unwrap().as_any().downcast_ref::<TimestampNanosecondArray>().unwrap();
    assert_eq!(next.values()[..], world.market.times[first + 1..end]);
    let manager = batch.column_by_name("attention manager row -1").unwrap();
    let manager = manager.as_any().downcast_ref::<Float32Array>().unwrap();
    assert_eq!(manager.values()[..4], [0.25, 0.5, 0.25, 0.5], "the memory is that of the decision");
    assert_eq!(manager.null_count(), 0);

    // The report.
    let insight = report.insight.as_ref().unwrap();
    let shares: Vec<f64> = insight.attention[1].labels.iter().map(|label| label.share.mean.unwrap()).collect();
    assert!(shares.iter().zip([0.1, 0.3, 0.6]).all(|(a, b)| (a - b).abs() < 1e-6), "{shares:?}");
    let forecast = insight.forecast.as_ref().unwrap();
    assert_eq!(forecast.shown, names[0]);
    assert_eq!(forecast.columns.iter().map(|column| column.column.as_str()).collect::<Vec<_>>(), names);
    let html = String::from_utf8(written[1].clone()).unwrap();
    for part in
        ["Forecast and what came on the test span", "Attention of the manager", "Map of actions", "next close, USD"]
    {
        assert!(html.contains(part), "{part}");
    }

    let again = run_folder(&place.path().join("again"));
    judge(&again, &plan, &world, &seeds).unwrap();
    assert!(files(&again) == written);
}

#[test]
fn an_agent_that_says_nothing_has_no_section_and_no_file() {
    let (plan, place) = (plan_of(CONFIG), tempfile::tempdir().unwrap());
    let folder = run_folder(place.path());
    let report = judge(&folder, &plan, &world_of(&plan), &trained([None, None])).unwrap();
    assert_eq!(report.insight, None);
    assert!(!folder.seed(1).insight().exists() && folder.seed(1).equity().exists());
    assert!(!std::fs::read_to_string(folder.report_json()).unwrap().contains("\"insight\""));
    let html = std::fs::read_to_string(folder.report_html()).unwrap();
    assert!(!html.contains("id=\"insight\"") && html.contains("Map of actions on the test span"));
}

/// Percent returns that are scaled as `2 (x - 1)`, a price of 100 in each row, and the rows that seeds played.
fn small_market(values: &[f64]) -> (Market, FittedScaler) {
    let scaled: Vec<f32> = values.iter().map(|x| (2.0 * (x - 1.0)) as f32).collect();
    let [open, high, low, close, volume] = [(); 5].map(|()| vec![100.0; values.len()]);
    let prices = PriceTable { assets: 1, open, high, low, close, volume, vwap: None };
    let times = (0..values.len() as i64).collect();
    let scaler = serde_json::from_str(r#"{"shift": [1.0], "factor": [2.0]}"#).unwrap();
    (Market::new(Frame::new(1, scaled), prices, times, Vec::new()).unwrap(), scaler)
}

/// A seed whose decisions begin at row `first` and expect these numbers.
fn seed(first: u32, expected: &[f64]) -> Insight {
    let rows = (first..=first + expected.len() as u32).collect();
    let forecast = expected.iter().map(|x| (2.0 * (x - 1.0)) as f32).collect();
    Insight { rows, forecasts: true, forecast, attention: Vec::new() }
}

fn compare(
    values: &[f64],
    training: usize,
    seeds: &[Insight],
) -> (crate::report::ForecastReport, crate::report::ForecastCurve) {
    let plan = plan_of(&CONFIG.replace(", { volume_change = { kind = \"percent\", clip = 100.0 } }", ""));
    let (market, scaler) = small_market(values);
    let columns = Column::all(&plan, &scaler);
    let training = 0..training;
    let test = forecast::Test {
        market: &market,
        training: std::slice::from_ref(&training),
        columns: &columns,
        money: "USD",
        draws: 7,
    };
    forecast::compared(&test, &seeds.iter().collect::<Vec<_>>()).unwrap()
}

#[test]
fn errors_are_those_that_one_computes_by_hand() {
    // Training rows 0, 1, 5 with the median 1; decisions at 2, 4 and -2, after which come 4, -2 and 0.
    let values = [0.0, 1.0, 5.0, 2.0, 4.0, -2.0, 0.0];
    // Errors 1, 1, 1, and 0, 0 of one that was ruined early.
    let (report, curve) = compare(&values, 3, &[seed(3, &[3.0, -1.0, 1.0]), seed(3, &[4.0, -2.0])]);
    let figures = &report.columns[0];
    assert_eq!((figures.mae.mean, figures.unscaled, figures.outcome), (Some(0.5), true, Outcome::NotDistinguishable));
    let naive: Vec<(&str, f64, Option<f64>)> =
        figures.naive.iter().map(|n| (n.name.as_str(), n.mae, n.ratio.mean)).collect();
    // No change misses by 4, 2, 0; the median by 3, 3, 1; the last row by 2, 6, 2. The ruined seed has the first two each.
    let mean = |whole: f64, ruined: f64| (whole + ruined) / 2.0;
    assert_eq!(
        naive,
        [
            ("0", mean(2.0, 3.0), Some(mean(0.5, 0.0))),
            ("training median", mean(7.0 / 3.0, 3.0), Some(mean(3.0 / 7.0, 0.0))),
            ("this row", mean(10.0 / 3.0, 4.0), Some(mean(0.3, 0.0))),
        ]
    );
    assert!(report.sentence.contains("cannot be told from the best naive one (next row = 0)"), "{}", report.sentence);
    // A percent of the close of 100 is 1; what is expected follows from the close at the decision.
    assert_eq!(curve.panels[0].label, "next close, USD");
    assert_eq!((&curve.panels[0].came, &curve.panels[0].seeds[1]), (&vec![104.0, 98.0, 100.0], &vec![104.0, 98.0]));
    assert_eq!(curve.panels[1].seeds[0], [3.0, -1.0, 1.0]);
}

/// Numbers in [-1, 1) that follow no rule.
fn noise(seed: u64, len: usize) -> Vec<f64> {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..len).map(|_| draw()).collect()
}

#[test]
fn a_forecast_is_better_only_where_there_is_something_to_forecast() {
    const ROWS: usize = 900;
    let shocks = noise(3, ROWS);
    let follows = |share: f64| {
        let mut before = 0.0;
        let next = shocks.iter().map(|shock| {
            before = share * before + shock;
            before
        });
        next.collect::<Vec<f64>>()
    };
    let outcome = |values: &[f64], share: f64| {
        let of = |n: u64| {
            let errors = noise(100 + n, ROWS);
            let expected = (500..ROWS - 1).map(|t| share * values[t] + 0.02 * errors[t]).collect::<Vec<_>>();
            seed(500, &expected)
        };
        compare(values, 500, &(0..5).map(of).collect::<Vec<_>>()).0.columns[0].outcome
    };
    assert_eq!(outcome(&follows(0.7), 0.7), Outcome::Better);
    assert_ne!(outcome(&follows(0.0), 0.0), Outcome::Better, "nothing can be known of the next row");
    assert_eq!(outcome(&follows(0.0), 0.7), Outcome::Worse);
}

#[test]
fn one_seed_claims_nothing() {
    let values = noise(5, 60);
    let (report, _) = compare(&values, 20, &[seed(30, &values[31..60])]);
    let figures = &report.columns[0];
    assert_eq!((figures.outcome, figures.naive[0].ratio.ci95), (Outcome::OneSeed, None));
    assert!(figures.over_time.is_some_and(|[_, high]| high < 0.01), "{:?}", figures.over_time);
}

#[test]
fn attention_is_the_mean_over_seeds_by_label_and_block() {
    let part = |shares: &[f32]| PartAttention {
        of: "manager",
        labels: vec!["row -1".into(), "row 0".into()],
        shares: shares.to_vec(),
    };
    let insight = |shares: &[f32]| Insight {
        rows: vec![0, 1, 2],
        forecasts: false,
        forecast: Vec::new(),
        attention: vec![part(shares)],
    };
    // The second seed was ruined after one decision.
    let seeds = [insight(&[0.25, 0.75, 0.5, 0.5]), insight(&[0.75, 0.25])];
    let found = attention::over_seeds(&seeds.iter().collect::<Vec<_>>());
    let (report, curve) = &found[0];
    assert_eq!((report.of.as_str(), report.even, curve.bounds.as_slice()), ("manager", 0.5, &[0, 1, 2][..]));
    assert_eq!(curve.shares, [[0.5, 0.5], [0.5, 0.5]]);
    assert_eq!(report.labels[0].share.mean, Some((0.375 + 0.75) / 2.0));
}
