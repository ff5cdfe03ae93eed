//! The result of an experiment: `report.json` for machines, `report.html` and a terminal table for people.
//!
//! A [`Report`] holds what the experiment found and nothing about when, where or how fast it ran, so that the same plan, seed
//! and data give the same bytes. [`render_html`] and [`result_table`] show exactly its numbers.

mod action_map;
pub(crate) mod chart;
mod conduct;
mod curves;
mod downsample;
mod figures;
mod forest;
pub(crate) mod format;
mod head;
mod heat;
pub(crate) mod html;
pub(crate) mod insight;
mod learning;
pub(crate) mod markup;
pub(crate) mod panel;
mod profit;
mod results;
mod robust;
#[cfg(test)]
pub(crate) mod sample;
mod sheet;
mod side_by_side;
mod span_figures;
mod table;
pub(crate) mod text;
pub(crate) mod ticks;
mod time_tables;
mod training_figures;
mod update_figures;

use std::collections::BTreeMap;

use pavlov_evaluation::{Metric, Summary, Undefined, Verdict};
use serde::{Deserialize, Serialize};

pub use crate::fees::{FeeRow, FeeSweep};
pub use crate::flags::{Flag, FlagKind, Severity};
use crate::published::PublishedReport;
pub use crate::trials::TrialReport;
pub use curves::{Actions, AgentCurve, BaselineCurve, Curves, LearningCurve, PriceCurve, SpanCurves, Trade};
pub use html::render_html;
pub use insight::{
    AttentionCurve, AttentionReport, ForecastCurve, ForecastFigures, ForecastPanel, ForecastReport, InsightCurves,
    InsightReport, LabelShare, NaiveFigures,
};
pub use profit::{Profit, ProfitSummary};
pub use sheet::{
    ActionShares, Calendar, CalendarUnit, Drawdown, PeriodReturn, RollingRange, RollingSharpe, SeedShares, Sheet,
    SheetContext, TradeCount,
};
pub use side_by_side::{compared_html, compared_text};
pub use text::result_table;

/// Version of the `report.json` format that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// What an experiment found: the content of `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this format.
    pub schema_version: u32,
    /// What was examined.
    #[serde(flatten)]
    pub subject: Subject,
    /// The runs, in the order of their seeds.
    pub runs: Vec<RunReport>,
    /// Every metric of the test span over the seeds.
    pub summary: BTreeMap<String, Summary>,
    /// Every metric of the training span over the seeds.
    pub train_summary: BTreeMap<String, Summary>,
    /// Profits on the test span over the seeds.
    pub profit: ProfitSummary,
    /// Profits on the training span over the seeds.
    pub train_profit: ProfitSummary,
    /// The policies without learning, by name.
    pub baselines: BTreeMap<String, BaselineReport>,
    /// What can and cannot be claimed.
    pub verdict: Verdict,
    /// What the number of trials on the same data leaves of the Sharpe ratio; `None` in reports of older builds.
    #[serde(default)]
    pub trials: Option<TrialReport>,
    /// What other commissions leave; `None` in reports of older builds.
    #[serde(default)]
    pub fee_sweep: Option<FeeSweep>,
    /// What a reader must not overlook, the most serious first.
    #[serde(default)]
    pub flags: Vec<Flag>,
    /// Ours by the definitions of a publication, beside its figures, if the config has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedReport>,
    /// What the agent expected and attended to on the test span, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insight: Option<InsightReport>,
    /// What the agent did on the test span.
    #[serde(default)]
    pub sheet: Sheet,
    /// What it did on the training span, played once through after training.
    #[serde(default)]
    pub train_sheet: Sheet,
}

/// What an experiment examined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Name of the experiment.
    pub name: String,
    /// Hash of all that decides the result.
    pub config_hash: String,
    /// Hash of every data set, by name.
    pub data_hashes: BTreeMap<String, String>,
    /// Unit of account, for example `USD`.
    pub money: String,
    /// Unit of what is held, for example `BTC`.
    pub asset: String,
    /// What a reader must know: assumptions such as the fill rule, and the named flaws of a published variant.
    pub notes: Vec<String>,
}

/// Numbers by metric; `null` is explained in the map of reasons beside it.
pub type MetricValues = BTreeMap<String, Option<f64>>;

/// Why a metric is `null`, by metric.
pub type Reasons = BTreeMap<String, Undefined>;

/// One run: one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Its seed.
    pub seed: u64,
    /// Environment steps it learned from.
    pub env_steps: u64,
    /// Updates it made.
    pub updates: u64,
    /// Hash of the checkpoint that was judged.
    pub checkpoint_hash: String,
    /// Metrics of the test span.
    pub metrics: MetricValues,
    /// Why metrics of the test span are undefined.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undefined: Reasons,
    /// Metrics of the training span.
    pub train_metrics: MetricValues,
    /// Why metrics of the training span are undefined.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub train_undefined: Reasons,
    /// Profit on the test span.
    pub profit: Profit,
    /// Profit on the training span.
    pub train_profit: Profit,
}

/// One policy without learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineReport {
    /// What it does, in one sentence.
    pub summary: String,
    /// Seeds that its numbers are the means of; absent if it draws nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<usize>,
    /// Metrics of the test span.
    pub metrics: MetricValues,
    /// 95 % intervals of the test span's metrics over the seeds; empty if it draws nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ci95: BTreeMap<String, [f64; 2]>,
    /// Why metrics of the test span are undefined.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undefined: Reasons,
    /// Metrics of the training span.
    pub train_metrics: MetricValues,
    /// Why metrics of the training span are undefined.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub train_undefined: Reasons,
}

/// What `pavlov_evaluation::evaluate` returns for one account on one span.
pub type Evaluated = BTreeMap<&'static str, Metric>;

impl Report {
    /// Joins the runs of an experiment; the summaries over the seeds are computed here. It has no trials, no fee
    /// sweep and no flags.
    pub fn new(
        subject: Subject,
        runs: Vec<RunReport>,
        baselines: BTreeMap<String, BaselineReport>,
        verdict: Verdict,
    ) -> Self {
        let summary = summaries(runs.iter().map(|run| &run.metrics));
        let train_summary = summaries(runs.iter().map(|run| &run.train_metrics));
        let profit = ProfitSummary::of(runs.iter().map(|run| run.profit));
        let train_profit = ProfitSummary::of(runs.iter().map(|run| run.train_profit));
        Self {
            schema_version: SCHEMA_VERSION,
            subject,
            runs,
            summary,
            train_summary,
            profit,
            train_profit,
            baselines,
            verdict,
            trials: None,
            fee_sweep: None,
            flags: Vec::new(),
            published: None,
            insight: None,
            sheet: Sheet::default(),
            train_sheet: Sheet::default(),
        }
    }

    /// Adds the sheets of both spans.
    #[must_use]
    pub fn with_sheets(mut self, curves: &Curves, risk_free: f64) -> Self {
        let benchmark = self.verdict.benchmark.as_str();
        let median_seed = curves.test.median_seed();
        let context = SheetContext { median_seed, benchmark, actions: &curves.actions, risk_free };
        let (sheet, train_sheet) = (Sheet::of(&curves.test, &context), Sheet::of(&curves.train, &context));
        (self.sheet, self.train_sheet) = (sheet, train_sheet);
        self
    }

    /// The bytes of `report.json`: ordered keys, shortest numbers, one line end at the end.
    ///
    /// # Errors
    /// Never for a report of finite numbers; the error is serde's.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads a `report.json`.
    ///
    /// # Errors
    /// With line and column if the text is no report.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl RunReport {
    /// A run with what its account made on the test span and on the training span.
    pub fn new(
        seed: u64,
        env_steps: u64,
        updates: u64,
        checkpoint_hash: String,
        (test, profit): (&Evaluated, Profit),
        (train, train_profit): (&Evaluated, Profit),
    ) -> Self {
        let (metrics, undefined) = split(test);
        let (train_metrics, train_undefined) = split(train);
        Self {
            seed,
            env_steps,
            updates,
            checkpoint_hash,
            metrics,
            undefined,
            train_metrics,
            train_undefined,
            profit,
            train_profit,
        }
    }
}

impl BaselineReport {
    /// A baseline that does the same whatever the seed.
    pub fn constant(summary: &str, test: &Evaluated, train: &Evaluated) -> Self {
        let (metrics, undefined) = split(test);
        let (train_metrics, train_undefined) = split(train);
        let summary = summary.to_owned();
        Self { summary, seeds: None, metrics, ci95: BTreeMap::new(), undefined, train_metrics, train_undefined }
    }

    /// A baseline that draws: its numbers are means over the seeds, with intervals.
    pub fn seeded(summary: &str, test: &[Evaluated], train: &[Evaluated]) -> Self {
        let (test_parts, train_parts) =
            (test.iter().map(split).collect::<Vec<_>>(), train.iter().map(split).collect::<Vec<_>>());
        let over_seeds = summaries(test_parts.iter().map(|part| &part.0));
        let train_over_seeds = summaries(train_parts.iter().map(|part| &part.0));
        Self {
            summary: summary.to_owned(),
            seeds: Some(test.len()),
            metrics: means(&over_seeds),
            ci95: over_seeds.iter().filter_map(|(name, s)| Some((name.clone(), s.ci95?))).collect(),
            undefined: reasons(&over_seeds, &test_parts),
            train_metrics: means(&train_over_seeds),
            train_undefined: reasons(&train_over_seeds, &train_parts),
        }
    }
}

fn split(evaluated: &Evaluated) -> (MetricValues, Reasons) {
    let values = evaluated.iter().map(|(name, metric)| ((*name).to_owned(), metric.ok())).collect();
    let reasons = evaluated.iter().filter_map(|(name, metric)| Some(((*name).to_owned(), metric.err()?))).collect();
    (values, reasons)
}

fn summaries<'a>(runs: impl Iterator<Item = &'a MetricValues>) -> BTreeMap<String, Summary> {
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, value) in runs.flatten() {
        columns.entry(name.clone()).or_default().extend(*value);
    }
    columns.into_iter().map(|(name, values)| (name, Summary::of(values))).collect()
}

fn means(over_seeds: &BTreeMap<String, Summary>) -> MetricValues {
    over_seeds.iter().map(|(name, summary)| (name.clone(), summary.mean)).collect()
}

/// The first reason of each metric that no seed defines.
fn reasons(over_seeds: &BTreeMap<String, Summary>, parts: &[(MetricValues, Reasons)]) -> Reasons {
    let missing = over_seeds.iter().filter(|(_, summary)| summary.mean.is_none());
    missing.filter_map(|(name, _)| Some((name.clone(), *parts.iter().find_map(|part| part.1.get(name))?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn report_json_reads_back_to_the_same_report_and_the_same_bytes() {
        let (report, _) = sample::sample(5);
        let text = report.to_json().unwrap();
        let again = Report::from_json(&text).unwrap();
        assert_eq!(again, report);
        assert_eq!(again.to_json().unwrap(), text);
    }

    #[test]
    fn report_json_has_the_keys_that_readers_rely_on() {
        let json: Value = serde_json::from_str(&sample::sample(3).0.to_json().unwrap()).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "asset",
            "baselines",
            "config_hash",
            "data_hashes",
            "fee_sweep",
            "flags",
            "money",
            "name",
            "notes",
            "profit",
            "runs",
            "schema_version",
            "sheet",
            "summary",
            "train_profit",
            "train_sheet",
            "train_summary",
            "trials",
            "verdict",
        ];
        assert_eq!(keys, expected);
        assert_eq!(json["schema_version"], 1);
        let run = &json["runs"][0];
        assert!(run["seed"].is_u64() && run["env_steps"].is_u64() && run["checkpoint_hash"].is_string());
        assert!(run["metrics"]["sharpe"].is_f64() && run["train_metrics"]["sharpe"].is_f64());
        let summary = &json["summary"]["cumulative_return"];
        assert!(summary["mean"].is_f64() && summary["std"].is_f64() && summary["ci95"][1].is_f64());
        assert!(run["profit"]["absolute"].is_f64() && run["train_profit"]["relative"].is_f64());
        assert!(json["profit"]["relative"]["mean"].is_f64() && json["train_profit"]["absolute"]["ci95"][0].is_f64());
        assert!(json["baselines"]["buy & hold"]["metrics"]["cumulative_return"].is_f64());
        assert!(json["baselines"]["random"]["ci95"]["cumulative_return"][0].is_f64());
        assert!(json["verdict"]["headline"].is_string() && json["verdict"]["comparisons"]["random"].is_object());
    }

    #[test]
    fn an_undefined_metric_is_null_with_its_reason_beside_it() {
        let json: Value = serde_json::from_str(&sample::sample(2).0.to_json().unwrap()).unwrap();
        let keep = &json["baselines"]["keep cash"];
        assert!(keep["metrics"]["sharpe"].is_null());
        assert_eq!(keep["undefined"]["sharpe"], "no_variance");
    }

    #[test]
    fn one_seed_has_a_mean_and_no_interval() {
        let (report, _) = sample::sample(1);
        let summary = report.summary["cumulative_return"];
        assert_eq!((summary.n, summary.ci95, summary.std), (1, None, None));
        assert_eq!(summary.mean, report.runs[0].metrics["cumulative_return"]);
    }
}
