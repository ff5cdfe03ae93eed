//! The result table: the agent beside every baseline, one row a metric. Page and terminal render the same one.

use pavlov_evaluation::{Better, METRICS, MetricEntry, Summary};

use super::format;
use super::{BaselineReport, Report};

/// Which span a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Test,
    Train,
}

/// Columns are policies, the agent first, then the benchmark.
pub(super) struct ResultTable {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

/// One policy.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) summary: String,
}

/// One metric.
pub(super) struct Row {
    pub(super) entry: &'static MetricEntry,
    pub(super) unit: String,
    pub(super) cells: Vec<Cell>,
}

/// One number, or why there is none.
pub(super) struct Cell {
    pub(super) value: Option<f64>,
    pub(super) text: String,
    /// The ends of the interval with their texts, the lower one without the sign of percent.
    pub(super) interval: Option<[(f64, String); 2]>,
    pub(super) remark: Option<String>,
    pub(super) best: bool,
}

impl ResultTable {
    pub(super) fn new(report: &Report, span: Span) -> Self {
        let baselines = ordered_baselines(report);
        let seeds = report.runs.len();
        let plural = if seeds == 1 { "" } else { "s" };
        let agent =
            Column { name: "agent".into(), summary: format!("The learned policy: mean of {seeds} seed{plural}.") };
        let others = baselines.iter().map(|(name, b)| Column { name: (*name).to_owned(), summary: b.summary.clone() });
        let columns = std::iter::once(agent).chain(others).collect();
        let rows = METRICS.iter().map(|entry| row(report, &baselines, entry, span)).collect();
        Self { columns, rows }
    }
}

/// The baselines in the order of tables and legends: the benchmark first, the others by name.
pub(super) fn ordered_baselines(report: &Report) -> Vec<(&str, &BaselineReport)> {
    let mut baselines: Vec<_> = report.baselines.iter().map(|(name, b)| (name.as_str(), b)).collect();
    baselines.sort_by_key(|(name, _)| *name != report.verdict.benchmark);
    baselines
}

fn row(report: &Report, baselines: &[(&str, &BaselineReport)], entry: &'static MetricEntry, span: Span) -> Row {
    let summaries = if span == Span::Test { &report.summary } else { &report.train_summary };
    let mut cells = vec![agent_cell(report, entry, summaries.get(entry.name), span)];
    cells.extend(baselines.iter().map(|(_, baseline)| baseline_cell(baseline, entry, span)));
    mark_best(&mut cells, entry.better);
    Row { entry, unit: format::unit(entry, &report.subject.money), cells }
}

fn agent_cell(report: &Report, entry: &MetricEntry, summary: Option<&Summary>, span: Span) -> Cell {
    let Some(summary) = summary else { return cell(entry, None, None, None) };
    let runs = report.runs.len();
    let reason = report.runs.iter().find_map(|run| match span {
        Span::Test => run.undefined.get(entry.name),
        Span::Train => run.train_undefined.get(entry.name),
    });
    let remark = match (summary.n, reason) {
        (0, Some(reason)) => Some(reason.to_string()),
        (n, Some(reason)) => Some(format!("{n} of {runs} seeds; in the others {reason}")),
        // An interval without a width would only repeat the number.
        (2.., None) if summary.std == Some(0.0) => Some("the same in every seed".to_owned()),
        (_, None) => summary.caveat().map(str::to_owned),
    };
    cell(entry, summary.mean, summary.ci95.filter(|[low, high]| low < high), remark)
}

fn baseline_cell(baseline: &BaselineReport, entry: &MetricEntry, span: Span) -> Cell {
    let (values, reasons) = match span {
        Span::Test => (&baseline.metrics, &baseline.undefined),
        Span::Train => (&baseline.train_metrics, &baseline.train_undefined),
    };
    let ci95 = baseline.ci95.get(entry.name).filter(|_| span == Span::Test).copied();
    let remark = reasons.get(entry.name).map(ToString::to_string);
    cell(entry, values.get(entry.name).copied().flatten(), ci95, remark)
}

fn cell(entry: &MetricEntry, value: Option<f64>, ci95: Option<[f64; 2]>, remark: Option<String>) -> Cell {
    let company: Vec<f64> = value.into_iter().chain(ci95.into_iter().flatten()).collect();
    let shown = |x: f64| format::metric_among(entry, x, &company);
    let text = value.map_or("-".to_owned(), shown);
    let interval = ci95.map(|[low, high]| [(low, shown(low).trim_end_matches(" %").to_owned()), (high, shown(high))]);
    Cell { value, text, interval, remark, best: false }
}

/// Marks the best number of a row, all of them if several are equal; a row of equal numbers has none.
fn mark_best(cells: &mut [Cell], better: Better) {
    let sign = match better {
        Better::Higher => 1.0,
        Better::Lower => -1.0,
        Better::Neither => return,
    };
    let scores: Vec<f64> = cells.iter().filter_map(|cell| cell.value).map(|value| sign * value).collect();
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if scores.iter().all(|score| *score == best) {
        return;
    }
    cells.iter_mut().for_each(|cell| cell.best = cell.value.is_some_and(|value| sign * value == best));
}

#[cfg(test)]
mod tests {
    use super::super::sample::sample;
    use super::*;

    fn row_of<'a>(table: &'a ResultTable, name: &str) -> &'a Row {
        table.rows.iter().find(|row| row.entry.name == name).unwrap()
    }

    #[test]
    fn seeds_that_are_alike_have_a_remark_and_no_interval() {
        let (mut report, _) = sample(3);
        report.summary.insert("trades".into(), Summary::of([4.0; 3]));
        let table = ResultTable::new(&report, Span::Test);
        let cell = &row_of(&table, "trades").cells[0];
        assert_eq!((cell.interval.as_ref(), cell.remark.as_deref()), (None, Some("the same in every seed")));
        assert!(row_of(&table, "cumulative_return").cells[0].interval.is_some());
    }

    #[test]
    fn the_agent_comes_first_then_the_benchmark() {
        let (report, _) = sample(4);
        let table = ResultTable::new(&report, Span::Test);
        let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names[..2], ["agent", "buy & hold"]);
        assert_eq!(names.len(), 1 + report.baselines.len());
        assert_eq!(table.rows.len(), METRICS.len());
    }

    #[test]
    fn every_cell_is_the_reports_number() {
        let (report, _) = sample(4);
        for (span, summaries) in [(Span::Test, &report.summary), (Span::Train, &report.train_summary)] {
            let table = ResultTable::new(&report, span);
            for row in &table.rows {
                assert_eq!(row.cells[0].value, summaries[row.entry.name].mean, "{}", row.entry.name);
                for (column, cell) in table.columns.iter().zip(&row.cells).skip(1) {
                    let baseline = &report.baselines[&column.name];
                    let values = if span == Span::Test { &baseline.metrics } else { &baseline.train_metrics };
                    assert_eq!(cell.value, values[row.entry.name], "{} of {}", row.entry.name, column.name);
                    assert_eq!(cell.value.is_none(), cell.text == "-");
                }
            }
        }
    }

    #[test]
    fn the_best_is_the_highest_return_and_the_smallest_drawdown() {
        let table = ResultTable::new(&sample(4).0, Span::Test);
        for (name, sign) in [("cumulative_return", 1.0), ("maximum_drawdown", -1.0)] {
            let row = row_of(&table, name);
            let top = row.cells.iter().filter_map(|c| c.value).map(|v| sign * v).fold(f64::MIN, f64::max);
            assert!(row.cells.iter().all(|c| c.best == (c.value.map(|v| sign * v) == Some(top))), "{name}");
        }
        assert!(row_of(&table, "turnover").cells.iter().all(|c| !c.best));
    }

    #[test]
    fn an_undefined_cell_says_why() {
        let table = ResultTable::new(&sample(4).0, Span::Test);
        let at = table.columns.iter().position(|c| c.name == "keep cash").unwrap();
        let cell = &row_of(&table, "sharpe").cells[at];
        assert_eq!((cell.text.as_str(), cell.remark.as_deref()), ("-", Some("the returns do not vary")));
    }
}
