//! The key numbers: the agent beside every baseline, and the seeds behind the agent's.

use pavlov_evaluation::METRICS;

use super::format::{escape, grouped, plus, typographic};
use super::markup::{fold, number};
use super::table::{Cell, Column, ResultTable, Row, Span};
use super::text::SHOWN;
use super::{Report, RunReport};

/// The main metrics in sight, the others and the training span folded.
pub(super) fn results(report: &Report) -> String {
    let terms: String = METRICS.iter().map(|m| format!("<dt>{}</dt><dd>{}</dd>", m.label, escape(m.summary))).collect();
    let main = |row: &Row| SHOWN.contains(&row.entry.name);
    let test = ResultTable::new(report, Span::Test);
    [
        table(&test, main),
        "<p class=\"foot\">\u{2605} best number of the row. It says nothing about chance: an interval or a verdict does.</p>\n".into(),
        fold("All other metrics", &table(&test, |row| !main(row))),
        fold("What the metrics mean", &format!("<dl class=\"terms\">{terms}</dl>")),
        fold(
            "All metrics on the training span",
            &format!(
                "{}<p class=\"foot\">The agent learned on these bars: this shows what it memorised, not what it can do.</p>",
                table(&ResultTable::new(report, Span::Train), |_| true)
            ),
        ),
    ]
    .concat()
}

fn table(table: &ResultTable, shown: impl Fn(&Row) -> bool) -> String {
    let heads: String = table.columns.iter().enumerate().map(|(i, column)| head(i, column)).collect();
    let rows: String = table.rows.iter().filter(|r| shown(r)).map(row).collect();
    format!(
        "<div class=\"scroll results\" tabindex=\"0\"><table><thead><tr><th>Metric</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>\n"
    )
}

fn head(i: usize, column: &Column) -> String {
    let class = if i == 0 { " class=\"agent-col\"" } else { "" };
    format!("<th scope=\"col\"{class} title=\"{}\">{}</th>", escape(&column.summary), escape(&column.name))
}

fn row(row: &Row) -> String {
    let unit = if row.unit.is_empty() { String::new() } else { format!("<small>{}</small>", escape(&row.unit)) };
    let cells: String = row.cells.iter().enumerate().map(|(i, c)| cell(i, c)).collect();
    format!(
        "<tr><th scope=\"row\" title=\"{}\">{}{unit}</th>{cells}</tr>\n",
        escape(row.entry.summary),
        row.entry.label
    )
}

fn cell(i: usize, cell: &Cell) -> String {
    let classes = [(i == 0, "agent-col"), (cell.best, "best"), (cell.value.is_none(), "none")];
    let classes: Vec<&str> = classes.into_iter().filter_map(|(on, class)| on.then_some(class)).collect();
    let shown = cell.value.map_or("\u{2013}".to_owned(), |value| number(value, &cell.text));
    let ends = |ends: &Option<[(f64, String); 2]>| match ends {
        Some([low, high]) => format!("<small>{} to {}</small>", number(low.0, &low.1), number(high.0, &high.1)),
        None => String::new(),
    };
    let why = |text: &Option<String>| match text {
        Some(text) => format!("<small class=\"why\">{}</small>", typographic(&escape(text))),
        None => String::new(),
    };
    format!("<td class=\"{}\">{shown}{}{}</td>", classes.join(" "), ends(&cell.interval), why(&cell.remark))
}

/// Columns of the table of seeds, the relative profit behind the first: a metric's name, a heading, and whether it is of the training span.
const SEED_COLUMNS: [(&str, &str, Span); 6] = [
    ("cumulative_return", "Return", Span::Test),
    ("sharpe", "Sharpe ratio", Span::Test),
    ("maximum_drawdown", "Drawdown", Span::Test),
    ("exposure", "Exposure", Span::Test),
    ("trades", "Trades", Span::Test),
    ("cumulative_return", "Training return", Span::Train),
];

/// The table of the seeds.
pub(super) fn seeds(report: &Report) -> String {
    let money = &report.subject.money;
    let mut heads: Vec<String> = SEED_COLUMNS.iter().map(|(_, head, _)| (*head).to_owned()).collect();
    heads.insert(1, format!("Relative profit, {money}"));
    let heads =
        ["Seed".to_owned()].into_iter().chain(heads).chain(["Steps", "Updates", "Checkpoint"].map(String::from));
    let heads: Vec<String> = heads.collect();
    let rows: String = report.runs.iter().map(|run| seed_row(run, report.sheet.median_seed)).collect();
    super::markup::table(&heads.iter().map(String::as_str).collect::<Vec<_>>(), &rows)
}

fn seed_row(run: &RunReport, median: Option<u64>) -> String {
    let cells = SEED_COLUMNS.iter().map(|(name, _, span)| {
        let values = if *span == Span::Test { &run.metrics } else { &run.train_metrics };
        let entry = METRICS.iter().find(|m| m.name == *name)?;
        let value = values.get(*name).copied().flatten()?;
        Some(format!("<td>{}</td>", number(value, &super::format::metric(entry, value))))
    });
    let profit = run.profit.relative.map(|profit| {
        let text = grouped(profit, 0);
        format!("<td>{}</td>", number(profit, &format!("{}{text}", plus(&text, true))))
    });
    let mut cells: Vec<Option<String>> = cells.collect();
    cells.insert(1, profit);
    let none = || "<td class=\"none\">\u{2013}</td>".to_owned();
    let cells: String = cells.into_iter().map(|cell| cell.unwrap_or_else(none)).collect();
    let short: String = run.checkpoint_hash.chars().take(8).collect();
    format!(
        "<tr><th scope=\"row\">{}{}</th>{cells}<td>{}</td><td>{}</td><td title=\"{}\"><code>{}</code></td></tr>\n",
        run.seed,
        if median == Some(run.seed) { "<small>median</small>" } else { "" },
        number(run.env_steps as f64, &grouped(run.env_steps as f64, 0)),
        number(run.updates as f64, &grouped(run.updates as f64, 0)),
        escape(&run.checkpoint_hash),
        escape(&short)
    )
}
