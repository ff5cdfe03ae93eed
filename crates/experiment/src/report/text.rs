//! The result table for a terminal.

use super::table::{Cell, Column, ResultTable, Row, Span};
use super::{Flag, Report, Severity};

/// Widest line, in characters.
pub(super) const WIDTH: usize = 100;

/// The metrics that fit on a screen; the report and `report.json` have all of them.
pub(super) const SHOWN: [&str; 13] = [
    "cumulative_return",
    "annualised_return",
    "volatility",
    "sharpe",
    "sortino",
    "maximum_drawdown",
    "drawdown_length_days",
    "beta",
    "alpha",
    "exposure",
    "trades",
    "turnover",
    "commission",
];

/// Renders the main metrics of the test span as an aligned table of at most 100 columns, with verdict and notes below.
///
/// Baselines that do not fit beside the agent continue in a further block. `*` marks the best number of a row.
pub fn result_table(report: &Report) -> String {
    let table = shown(report);
    let cells: Vec<Vec<String>> = table.rows.iter().map(|row| row.cells.iter().map(cell_text).collect()).collect();
    let labels: Vec<String> = table.rows.iter().map(label).collect();
    let label_width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.columns.len()).map(|c| column_width(&table.columns[c], &cells, c)).collect();
    let seeds = match report.runs.len() {
        1 => "one seed, no interval".to_owned(),
        n => format!("mean of {n} seeds [95 % interval]"),
    };
    let mut out = format!("{}: test span, agent = {seeds}\n", report.subject.name);
    for block in blocks(&widths, WIDTH - label_width) {
        out.push('\n');
        let heads: Vec<String> = block.clone().map(|c| fit(&table.columns[c].name, widths[c])).collect();
        out.push_str(&line("", label_width, &heads, &widths[block.clone()]));
        for (label, row) in labels.iter().zip(&cells) {
            out.push_str(&line(label, label_width, &row[block.clone()], &widths[block.clone()]));
        }
    }
    out.push_str("\n* best number of the row; - undefined; more metrics in report.html\n\n");
    let notes = report.subject.notes.iter().flat_map(|note| wrap(&format!("note: {note}"), WIDTH));
    let verdict = std::iter::once(report.verdict.headline.to_uppercase()).chain(wrap(&report.verdict.text(), WIDTH));
    let flags = report.flags.iter().flat_map(|flag| wrap(&format!("{}: {}", mark(flag), flag.short()), WIDTH));
    for line in verdict.chain(flags).chain(notes) {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// How loud a flag is in the terminal.
fn mark(flag: &Flag) -> &'static str {
    match flag.severity {
        Severity::Serious => "FLAG",
        Severity::Warning => "flag",
        Severity::Note => "note",
    }
}

fn shown(report: &Report) -> ResultTable {
    let mut table = ResultTable::new(report, Span::Test);
    table.rows.retain(|row| SHOWN.contains(&row.entry.name));
    table
}

/// Widest heading before it is cut.
const HEAD: usize = 24;

fn column_width(column: &Column, cells: &[Vec<String>], c: usize) -> usize {
    let widest = cells.iter().map(|row| row[c].chars().count()).max().unwrap_or(0);
    widest.max(column.name.chars().count().min(HEAD))
}

fn fit(name: &str, width: usize) -> String {
    match name.chars().count() > width {
        true => name.chars().take(width - 1).chain(['~']).collect(),
        false => name.to_owned(),
    }
}

fn label(row: &Row) -> String {
    match row.unit.as_str() {
        "" => row.entry.label.to_owned(),
        unit => format!("{}, {unit}", row.entry.label),
    }
}

fn cell_text(cell: &Cell) -> String {
    let interval = cell.interval.as_ref().map_or(String::new(), |interval| format!(" [{interval}]"));
    format!("{}{interval}{}", cell.text, if cell.best { "*" } else { " " })
}

/// Ranges of columns that fit into `room`, two spaces before each; a column that is wider stands alone.
pub(super) fn blocks(widths: &[usize], room: usize) -> Vec<std::ops::Range<usize>> {
    let mut blocks = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (c, width) in widths.iter().enumerate() {
        if c > start && used + width + 2 > room {
            blocks.push(start..c);
            (start, used) = (c, 0);
        }
        used += width + 2;
    }
    blocks.push(start..widths.len());
    blocks
}

pub(super) fn line(label: &str, label_width: usize, cells: &[String], widths: &[usize]) -> String {
    let mut line = format!("{label:<label_width$}");
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(&format!("  {cell:>width$}"));
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last =
            lines.last_mut().filter(|line| line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width);
        match last {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::sample::sample;
    use super::*;

    #[test]
    fn no_line_is_wider_than_a_hundred_columns_and_nothing_is_lost() {
        for seeds in [1, 5] {
            let (report, _) = sample(seeds);
            let text = result_table(&report);
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            let table = shown(&report);
            assert_eq!(table.rows.len(), SHOWN.len());
            assert!(table.columns.iter().all(|column| text.contains(&column.name)));
            assert!(
                table
                    .rows
                    .iter()
                    .flat_map(|row| &row.cells)
                    .all(|cell| text.contains(&cell_text(cell).trim_end().to_owned()))
            );
        }
    }

    #[test]
    fn numbers_end_under_their_heading() {
        let text = result_table(&sample(3).0);
        let block: Vec<&str> = text.split("\n\n").nth(1).unwrap().lines().collect();
        for name in ["agent", "buy & hold"] {
            let end = block[0].find(name).unwrap() + name.len();
            for line in &block[1..] {
                let (cell, mark) = line.split_at(end - 1);
                assert!(cell.ends_with(|c: char| c.is_ascii_digit() || "%]-".contains(c)), "{name}: {line}");
                assert!(mark.is_empty() || mark.starts_with([' ', '*']), "{name}: {line}");
            }
        }
    }

    #[test]
    fn the_verdict_and_every_note_stand_below_the_table() {
        let (report, _) = sample(5);
        let text = result_table(&report);
        let (_, below) = text.split_once(&report.verdict.headline.to_uppercase()).unwrap();
        let flags: String = report.flags.iter().map(|flag| format!(" {}: {}", mark(flag), flag.short())).collect();
        let notes: String = report.subject.notes.iter().map(|note| format!(" note: {note}")).collect();
        assert_eq!(below.split_whitespace().collect::<Vec<_>>().join(" "), report.verdict.text() + &flags + &notes);
        assert!(!notes.is_empty() && flags.contains("FLAG: "), "{flags}");
    }
}
