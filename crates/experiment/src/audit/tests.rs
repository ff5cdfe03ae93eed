//! Look-ahead that was put in on purpose, stage by stage, is caught, named, and measured in rows.

mod own_environment;
mod own_feature;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pavlov_features::{FeatureConfig, FittedScaler, feature};
use pavlov_market_data::{Bars, Dataset, Manifest, Series, Sources, load_dataset};
use pavlov_rl_core::{Frame, Market, Segment};
use pavlov_store::OsDisk;

use super::*;
use crate::world::Joined;

const CONFIG: &str = r#"
name = "audited"
[data]
dataset = "market"
train = ["2018-01-02", "2018-02-01"]
test = ["2018-02-01", "2018-02-15"]
[data.series.index]
dataset = "index"
max_age = "5d"
[features]
columns = ["returns", { macro = { series = "index" } }]
scaling = "standard"
[environment]
name = "bitcoin"
sample_len = 100
[agent]
name = "lstm_ppo"
"#;

fn bars(name: &str, interval: &str, seed: u32) -> Dataset {
    let text = format!(
        "schema_version = 1\nname = \"{name}\"\nsummary = \"made up\"\nsource = \"generated\"\nsymbol = \"{name}\"\n\
         interval = \"{interval}\"\nadjustment = \"none\"\nspan = [\"2018-01-01\", \"2018-03-01\"]\n\
         sources = [\"provider\"]\n[provider]\nname = \"synthetic\"\nseed = {seed}\nstart_price = 100.0\n\
         mean_volume = 10.0\n[provider.mode.martingale]\nvolatility = 0.01\n"
    );
    let manifest = Manifest::parse(&text, Path::new("made-up.toml")).unwrap();
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: None };
    load_dataset(&manifest, &sources).unwrap()
}

fn plan_of(changes: &[&str]) -> Plan {
    let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
    Plan::parse(Path::new("audited.toml"), CONFIG, &changes).unwrap_or_else(|e| panic!("{e}"))
}

/// Audits a plan on hourly bars, with as many traded ones as it names and a series by the day.
fn audited(plan: &Plan, stages: &dyn Stages) -> Audit {
    let series = LoadedSeries {
        name: "index".into(),
        series: bars("index", "1d", 2).bars.closes(),
        max_age: plan.data.series["index"].max_age,
        hashes: Default::default(),
        note: String::new(),
    };
    let stop = AtomicBool::new(false);
    let hooks = Hooks { clock: &|| 0.0, progress: &|_| {}, stop: &stop };
    let assets: Vec<Dataset> = plan.data.assets.iter().zip(3..).map(|(name, seed)| bars(name, "1h", seed)).collect();
    audit(plan, stages, (&bars("market", "1h", 1), &assets, &[series]), &hooks).unwrap_or_else(|e| panic!("{e}"))
}

/// The leak of this name, and that there are only leaks of these names.
#[track_caller]
fn only<'a>(audit: &'a Audit, what: &[&str]) -> &'a Leak {
    let leaks = &audit.findings.leaks;
    let others = leaks.iter().filter(|leak| !what.contains(&leak.first.what.as_str()));
    assert_eq!(others.count(), 0, "{}", audit.table());
    leaks.iter().find(|leak| leak.first.what == what[0]).unwrap_or_else(|| panic!("{}", audit.table()))
}

/// A plan with other stages.
struct Planted<'a> {
    plan: &'a Plan,
    join: Option<fn(&LoadedSeries) -> LoadedSeries>,
    fit: bool,
    market: Option<fn(Frame, &[Segment]) -> Frame>,
}

impl<'a> Planted<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self { plan, join: None, fit: false, market: None }
    }
}

impl Stages for Planted<'_> {
    fn join(&self, bars: &Bars, assets: &[Bars], series: &[LoadedSeries]) -> Result<Joined, ExperimentError> {
        match self.join {
            Some(planted) => self.plan.join(bars, assets, &series.iter().map(planted).collect::<Vec<_>>()),
            None => self.plan.join(bars, assets, series),
        }
    }

    fn fit(&self, joined: &Joined, training: &[std::ops::Range<usize>]) -> Result<FittedScaler, ExperimentError> {
        let all = training[0].start..joined.bars.len();
        self.plan.fit(joined, if self.fit { std::slice::from_ref(&all) } else { training })
    }

    fn market(
        &self,
        joined: &Joined,
        scaler: &FittedScaler,
        segments: Vec<Segment>,
    ) -> Result<Market, ExperimentError> {
        let market = self.plan.market(joined, scaler, segments)?;
        Ok(match self.market {
            Some(planted) => Market { frame: planted(market.frame, &market.segments), ..market },
            None => market,
        })
    }
}

#[test]
fn a_sound_plan_is_clean_under_every_scaling_and_says_what_it_rests_on() {
    for scaling in ["none", "min_max", "standard", "robust", "tdqn"] {
        let plan = plan_of(&[&format!("features.scaling={scaling}"), "environment.fill=next_close"]);
        let audit = audited(&plan, &plan);
        assert!(audit.is_clean(), "{scaling}: {}", audit.table());
        let counted: Vec<Check> = audit.findings.counts.keys().copied().collect();
        assert_eq!(counted.len(), 10, "{scaling}: every check compared something: {counted:?}");
        let fitted = audit.assumptions.iter().any(|a| a.contains("fitted to all training rows"));
        assert_eq!(fitted, scaling != "none", "{scaling}: {:?}", audit.assumptions);
    }
    let changes = [
        "environment.fill=decision_close",
        "features.columns=[\"weekday\", { ema = { window = 50, warm_up = 3 } }, { macro = { series = \"index\" } }]",
    ];
    let plan = plan_of(&changes);
    let audit = audited(&plan, &plan);
    assert!(audit.is_clean(), "{}", audit.table());
    let said = |part: &str| assert!(audit.table().contains(part), "`{part}` is not in\n{}", audit.table());
    said("fill = decision_close: orders fill at the close that they were decided with");
    said("series index is known from the time that its manifest gives it");
    said("column `weekday.sin` does not depend on prices");
    said("column `ema(warm_up=3,window=50)` depends on where the data begin");
    said("clean: nothing known at a cut changes with what comes after it");
}

#[test]
fn the_same_config_is_audited_to_the_same_table_and_another_seed_cuts_elsewhere() {
    let [one, again, other] = [1, 1, 2].map(|seed| {
        let plan = plan_of(&[&format!("runs.seed={seed}")]);
        audited(&plan, &plan).table()
    });
    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[test]
fn a_centred_window_is_measured() {
    let plan = plan_of(&[]);
    let centred = |frame: Frame, _: &[Segment]| {
        let at = |row: usize| frame.row(row.min(frame.rows() - 1))[0];
        let smooth = |row: usize| (at(row.saturating_sub(3)) + at(row) + at(row + 3)) / 3.0;
        let data = (0..frame.rows()).flat_map(|row| [smooth(row), frame.row(row)[1]]).collect();
        Frame::new(2, data)
    };
    let audit = audited(&plan, &Planted { market: Some(centred), ..Planted::new(&plan) });
    let leak = only(&audit, &["column `returns`"]);
    assert_eq!((leak.ahead, leak.place.as_str()), (Some(3), "features"), "{leak:?}");
    assert!(audit.table().contains("it looks 3 rows ahead"), "{}", audit.table());
}

#[test]
fn a_scaler_of_all_rows_is_caught() {
    let plan = plan_of(&[]);
    let audit = audited(&plan, &Planted { fit: true, ..Planted::new(&plan) });
    let index = "scaler of column `macro(series=index)`";
    let leak = only(&audit, &["scaler of column `returns`", index]);
    let test_rows = 14 * 24;
    assert_eq!(leak.ahead, Some(test_rows), "as far as the test span goes: {leak:?}");
}

#[test]
fn min_max_over_each_split_is_caught() {
    let plan = plan_of(&[]);
    let by_split = |frame: Frame, segments: &[Segment]| {
        let mut data: Vec<f32> = (0..frame.rows()).flat_map(|row| frame.row(row).to_vec()).collect();
        for segment in segments {
            let rows = segment.first as usize..segment.end as usize;
            for col in 0..frame.cols() {
                let values = rows.clone().map(|row| frame.row(row)[col]);
                let (low, high) = values.fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(x), high.max(x)));
                for row in rows.clone() {
                    data[row * frame.cols() + col] = (frame.row(row)[col] - low) / (high - low).max(1e-9);
                }
            }
        }
        Frame::new(frame.cols(), data)
    };
    let audit = audited(&plan, &Planted { market: Some(by_split), ..Planted::new(&plan) });
    let leak = only(&audit, &["column `returns`", "column `macro(series=index)`"]);
    assert!(leak.ahead.is_some_and(|rows| rows > 100), "the extremes of a whole split: {leak:?}");
}

#[test]
fn the_published_scaling_of_system_d_is_caught_in_its_config() {
    let plan = plan_of(&["features.scaling=\"min_max_of_each_span\""]);
    let audit = audited(&plan, &plan);
    let leak = only(&audit, &["column `returns`", "column `macro(series=index)`"]);
    assert!(leak.ahead.is_some_and(|rows| rows > 100), "the extremes of the test span: {leak:?}");
    assert!(audit.assumptions.iter().any(|text| text.contains("min_max_of_each_span")), "{:?}", audit.assumptions);
}

#[test]
fn a_backward_filled_series_is_caught() {
    let plan = plan_of(&[]);
    let filled = |loaded: &LoadedSeries| {
        let (times, values) = (loaded.series.times_ns(), loaded.series.values());
        let next = values.iter().skip(1).chain(values.last()).copied().collect();
        let series = Series::new("index", 0, times.to_vec(), next).unwrap();
        let LoadedSeries { name, max_age, hashes, note, .. } = loaded;
        LoadedSeries { name: name.clone(), series, max_age: *max_age, hashes: hashes.clone(), note: note.clone() }
    };
    let audit = audited(&plan, &Planted { join: Some(filled), ..Planted::new(&plan) });
    let index = "column `macro(series=index)`";
    // The last day of the training span is scaled with a value of the test span.
    let leak = only(&audit, &[index, "scaler of column `macro(series=index)`"]);
    assert_eq!(leak.ahead, Some(24), "the value of the next day: {leak:?}");
}

/// A plan that plays an environment of the registry.
fn plan_with(environment: &str, variant: &str) -> Plan {
    let plan = |assets: &str| plan_of(&[&format!("environment={{ name = \"{environment}\", {variant} }}"), assets]);
    let one = plan("data.assets=[]");
    if one.environment.assets() == 1 { one } else { plan("data.assets=[\"first\", \"second\"]") }
}

#[test]
fn every_environment_is_clean_under_every_fill_rule_that_it_takes() {
    for entry in pavlov_envs::ENVIRONMENTS {
        for fill in ["next_open", "next_close", "inside_next", "decision_close"] {
            let plan = plan_with(entry.name, &format!("fill = \"{fill}\""));
            let audit = audited(&plan, &plan);
            assert!(audit.is_clean(), "{} with {fill}: {}", entry.name, audit.table());
            assert!(!audit.table().contains("no order was filled"), "{}: {}", entry.name, audit.table());
        }
    }
}

#[test]
fn the_published_windows_of_systems_a_and_b_are_caught_in_their_environments() {
    let published = "variant = \"as_published\"";
    for (environment, ahead) in [("stock_order", Some(5)), ("leverage_inverse", Some(9)), ("bitcoin", None)] {
        let plan = plan_with(environment, published);
        let audit = audited(&plan, &plan);
        let window = audit.findings.leaks.iter().find(|leak| leak.first.what == "last row of the observation");
        assert_eq!(window.and_then(|leak| leak.ahead), ahead, "{environment}: {}", audit.table());
        assert_eq!(audit.is_clean(), ahead.is_none(), "{environment}: {}", audit.table());
    }
}

/// A plan with one more feature.
fn with_feature(config: Box<dyn FeatureConfig>) -> Plan {
    let mut plan = plan_of(&[]);
    plan.features = vec![feature("returns").unwrap().parse_text("").unwrap(), config, plan.features.remove(1)];
    plan
}
