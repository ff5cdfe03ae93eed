//! The report of a matrix: the content of its `report.json`.

use std::collections::BTreeMap;

use pavlov_evaluation::{Comparison, Level, Summary};
use serde::Serialize;

use crate::matrix::aggregate::{self, Aggregate, Overfitting};
use crate::matrix::cells::{Cell, Matrix};
use crate::matrix::chain::Chain;
use crate::matrix::text;
use crate::published::PublishedReport;
use crate::report::Report;

/// Version of the format of a matrix's `report.json` that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// What an experiment of several cells found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatrixReport {
    /// Version of this format.
    pub schema_version: u32,
    /// `matrix`: what tells it from the report of one run.
    pub kind: &'static str,
    /// Name of the experiment.
    pub name: String,
    /// The baseline that the cells' verdicts are about.
    pub benchmark: String,
    /// Names of the axes, the slowest first.
    pub axes: Vec<String>,
    /// The cells that are judged, in the order of the axes.
    pub cells: Vec<CellReport>,
    /// Labels of the cells that are not trained to their end or not judged.
    pub missing: Vec<Vec<String>>,
    /// All cells together.
    pub aggregate: Aggregate,
    /// What choosing the best cell is worth; `None` where the cells are not configurations of one market.
    pub overfitting: Option<Overfitting>,
    /// The tests of walk-forward folds, one after the other.
    pub chains: Vec<Chain>,
    /// What can and cannot be claimed of all this.
    pub sentences: Vec<String>,
}

/// What a cell found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellReport {
    /// Its label on each axis.
    pub labels: Vec<String>,
    /// Its run folder, relative to the matrix's.
    pub folder: String,
    /// Hash of its plan.
    pub config_hash: String,
    /// Hash of what decides its training.
    pub training_hash: String,
    /// Hash of every data set, by name.
    pub data_hashes: BTreeMap<String, String>,
    /// Number of its seeds.
    pub seeds: usize,
    /// Periods of its test span.
    pub periods: usize,
    /// Length of its test span, days.
    pub days: f64,
    /// Return of the agent over the seeds, as fractions.
    pub agent: Summary,
    /// Sharpe ratio of the agent over the seeds.
    pub sharpe: Summary,
    /// Return of each seed less that of the benchmark, as fractions.
    pub differences: Vec<f64>,
    /// Return of the benchmark.
    pub benchmark: Option<f64>,
    /// The best baseline and its return.
    pub best_baseline: Option<(String, f64)>,
    /// The agent's return less the benchmark's, over the seeds.
    pub difference: Option<Comparison>,
    /// The interval that the cell's verdict quotes.
    pub quoted_ci95: Option<[f64; 2]>,
    /// How the cell's verdict is to be shown.
    pub level: Level,
    /// The cell's verdict in a few words.
    pub headline: String,
    /// Seeds that collapsed to a constant policy.
    pub collapsed: usize,
    /// Ours by the definitions of a publication, beside its figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedReport>,
}

impl CellReport {
    /// What the matrix shows of a cell's report.
    pub fn new(matrix: &Matrix, cell: &Cell, report: &Report) -> Self {
        let verdict = &report.verdict;
        let folder = if matrix.plain { ".".to_owned() } else { format!("cells/{}", cell.folder()) };
        let metric = |values: &BTreeMap<String, Option<f64>>| values.get("cumulative_return").copied().flatten();
        let benchmark = report.baselines.get(&verdict.benchmark).and_then(|b| metric(&b.metrics));
        let returns = report.runs.iter().filter_map(|run| metric(&run.metrics));
        let best = report.baselines.iter().filter_map(|(name, b)| Some((name.clone(), metric(&b.metrics)?)));
        let none = Summary::of([]);
        Self {
            labels: cell.labels.clone(),
            folder,
            config_hash: report.subject.config_hash.clone(),
            training_hash: cell.plan.training_hash().to_string(),
            data_hashes: report.subject.data_hashes.clone(),
            seeds: verdict.seeds,
            periods: verdict.periods,
            days: verdict.days,
            agent: report.summary.get("cumulative_return").copied().unwrap_or(none),
            sharpe: report.summary.get("sharpe").copied().unwrap_or(none),
            differences: returns.zip(benchmark.into_iter().cycle()).map(|(agent, held)| agent - held).collect(),
            benchmark,
            best_baseline: best.max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(&a.0))),
            difference: verdict.comparisons.get(&verdict.benchmark).copied(),
            quoted_ci95: verdict.quoted.map(|quoted| quoted.ci95),
            level: verdict.level(),
            headline: verdict.headline.clone(),
            collapsed: verdict.collapsed.values().sum(),
            published: report.published.clone(),
        }
    }
}

impl MatrixReport {
    /// Joins the reports of the cells; `overfitting` and `chains` come from their books.
    pub fn new(
        matrix: &Matrix,
        judged: &[(usize, Report)],
        overfitting: Option<Overfitting>,
        chains: Vec<Chain>,
    ) -> Self {
        let cells: Vec<CellReport> =
            judged.iter().map(|(n, report)| CellReport::new(matrix, &matrix.cells[*n], report)).collect();
        let missing = matrix.cells.iter().enumerate().filter(|(n, _)| judged.iter().all(|(judged, _)| judged != n));
        let benchmark = judged.first().map_or(String::new(), |(_, report)| report.verdict.benchmark.clone());
        let mut report = Self {
            schema_version: SCHEMA_VERSION,
            kind: "matrix",
            name: matrix.name.clone(),
            benchmark,
            axes: matrix.axes.clone(),
            missing: missing.map(|(_, cell)| cell.labels.clone()).collect(),
            aggregate: aggregate::aggregate(&cells),
            cells,
            overfitting,
            chains,
            sentences: Vec::new(),
        };
        report.sentences = text::sentences(&report);
        report
    }

    /// The bytes of `report.json`: shortest numbers, one line end at the end.
    ///
    /// # Errors
    /// Never for a report of finite numbers; the error is serde's.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// The table for a terminal, with the sentences below.
    pub fn table(&self) -> String {
        text::table(self)
    }
}
