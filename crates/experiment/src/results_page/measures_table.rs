//! The table of a config of one cell: a row for each measure, the forms beside every policy that did not learn.

use crate::published::PublishedMetric;
use crate::report::{BaselineReport, Report};
use crate::results_page::line::word;
use crate::results_page::made::Made;
use crate::results_page::markdown::{Align, Grid, Unit};

/// A row: what it is called, its metric, and whether it is of the training span.
const MEASURES: [(&str, &str, Unit, bool); 5] = [
    ("return, %", "cumulative_return", Unit::Percent, false),
    ("Sharpe ratio", "sharpe", Unit::Ratio, false),
    ("maximum drawdown, %", "maximum_drawdown", Unit::Percent, false),
    ("trades", "trades", Unit::Count, false),
    ("return on the training span, %", "cumulative_return", Unit::Percent, true),
];

/// A row of the table.
struct Row {
    label: String,
    /// By form.
    agents: Vec<String>,
    published: String,
    /// By policy that did not learn; empty if they have no such thing.
    others: Vec<String>,
}

/// The table of all forms of a config of one cell.
pub fn table(forms: &[Made]) -> String {
    let reports: Vec<&Report> = forms.iter().filter_map(|made| Some(&made.cells.first()?.1)).collect();
    let Some(first) = reports.first() else { return String::new() };
    let baselines = distinct(first);
    let names = baselines.iter().map(|(name, _)| *name);
    let heads = forms.iter().map(|made| made.label).chain(["publication"]).chain(names);
    let heads = heads.map(|head| (head.to_owned(), Align::Right));
    let mut grid = Grid::new([(String::new(), Align::Left)].into_iter().chain(heads).collect());
    let rows = measures(&reports, &baselines).into_iter().chain(published(&reports, &baselines));
    for Row { label, agents, published, mut others } in rows.chain(judgement(&reports)) {
        others.resize(baselines.len(), String::new());
        grid.push([label].into_iter().chain(agents).chain([published]).chain(others).collect());
    }
    grid.to_text()
}

impl Row {
    fn new(label: impl Into<String>, reports: &[&Report], text: impl Fn(&Report) -> String) -> Self {
        let agents = reports.iter().map(|report| text(report)).collect();
        Self { label: label.into(), agents, published: String::new(), others: Vec::new() }
    }
}

/// Our own metrics.
fn measures(reports: &[&Report], baselines: &[(&str, &BaselineReport)]) -> Vec<Row> {
    let row = |(label, name, unit, train): (&str, &str, Unit, bool)| {
        let agent = |report: &Report| {
            let summaries = if train { &report.train_summary } else { &report.summary };
            summaries.get(name).map_or(String::new(), |summary| unit.summary(summary, report.runs.len()))
        };
        let other = |baseline: &BaselineReport| {
            let metrics = if train { &baseline.train_metrics } else { &baseline.metrics };
            unit.maybe(metrics.get(name).copied().flatten())
        };
        let others = baselines.iter().map(|(_, baseline)| other(baseline)).collect();
        Row { others, ..Row::new(label, reports, agent) }
    };
    let mut rows: Vec<Row> = MEASURES.into_iter().map(row).collect();
    if reports.iter().any(|report| report.profit.relative.mean.is_some()) {
        let label = format!("profit less that of the initial account, {}", reports[0].subject.money);
        let profit = |report: &Report| Unit::Count.summary(&report.profit.relative, report.runs.len());
        rows.push(Row::new(label, reports, profit));
    }
    rows
}

/// The metrics for which a publication has a figure, by its definitions.
fn published(reports: &[&Report], baselines: &[(&str, &BaselineReport)]) -> Vec<Row> {
    let Some(theirs) = reports.iter().find_map(|report| report.published.as_ref()) else { return Vec::new() };
    let row = |metric: &PublishedMetric| {
        let agent = |report: &Report| {
            let same = report.published.iter().flat_map(|p| &p.metrics).find(|other| other.name == metric.name);
            same.map_or(String::new(), |metric| Unit::Published.summary(&metric.summary, report.runs.len()))
        };
        let other = |name: &str| Unit::Published.maybe(metric.baselines.get(name).copied().flatten());
        Row {
            published: Unit::Published.figure(metric.published),
            others: baselines.iter().map(|(name, _)| other(name)).collect(),
            ..Row::new(format!("publication's {}", metric.name), reports, agent)
        }
    };
    theirs.metrics.iter().filter(|metric| metric.published.is_some()).map(row).collect()
}

/// What can be claimed.
fn judgement(reports: &[&Report]) -> Vec<Row> {
    let difference = |report: &Report| {
        let verdict = &report.verdict;
        let Some(against) = verdict.comparisons.get(&verdict.benchmark) else { return String::new() };
        match verdict.quoted {
            Some(quoted) => Unit::Percent.with_interval(against.difference, quoted.ci95),
            None => Unit::Percent.one(against.difference),
        }
    };
    let constant = |report: &Report| report.verdict.collapsed.values().sum::<usize>().to_string();
    let verdict = |report: &Report| word(report.verdict.level(), report.verdict.outcome).to_owned();
    let benchmark = &reports[0].verdict.benchmark;
    vec![
        Row::new(format!("return less that of {benchmark}, points"), reports, difference),
        Row::new("constant", reports, constant),
        Row::new("verdict", reports, verdict),
        Row::new("seeds", reports, |report| report.verdict.seeds.to_string()),
    ]
}

/// The benchmark first, the others by name; of those that make exactly the same the first.
fn distinct(report: &Report) -> Vec<(&str, &BaselineReport)> {
    let mut all: Vec<(&str, &BaselineReport)> = report.baselines.iter().map(|(name, b)| (name.as_str(), b)).collect();
    all.sort_by_key(|(name, _)| *name != report.verdict.benchmark);
    let mut kept: Vec<(&str, &BaselineReport)> = Vec::new();
    for (name, baseline) in all {
        let same = |other: &BaselineReport| {
            (&other.metrics, &other.train_metrics) == (&baseline.metrics, &baseline.train_metrics)
        };
        if !kept.iter().any(|(_, other)| same(other)) {
            kept.push((name, baseline));
        }
    }
    kept
}
