//! The README's table: a line for each config, of several cells their mean.

use pavlov_market_data::{Span, write_time};

use crate::results_page::cells_table::lines;
use crate::results_page::line::{Beside, Line, benchmark};
use crate::results_page::made::Made;
use crate::results_page::markdown::{Align, Grid, Unit};

/// The table of all experiments, each by its title with its forms.
pub fn table(all: &[(&str, Vec<Made>)]) -> String {
    let forms = all.iter().flat_map(|(title, forms)| forms.iter().map(move |made| (*title, made, forms.len())));
    let rows: Vec<(String, String, Line)> = forms
        .map(|(title, made, of)| {
            let name = if of > 1 { format!("{title}: {}", made.label) } else { title.to_owned() };
            let mut lines = lines(made);
            let line = if lines.len() == 1 { lines.remove(0) } else { Line::mean(&lines) };
            (name, days(made.test), line)
        })
        .collect();
    let held = benchmark(rows.iter().map(|(_, _, line)| line));
    let heads = [
        ("experiment", Align::Left),
        ("test span", Align::Left),
        ("return, %: agent", Align::Right),
        (held, Align::Right),
        ("Sharpe ratio: agent", Align::Right),
        ("publication", Align::Right),
        (held, Align::Right),
        ("verdict", Align::Left),
        ("trainings", Align::Right),
    ];
    let mut grid = Grid::new(heads.map(|(head, align)| (head.to_owned(), align)).to_vec());
    rows.into_iter().for_each(|(name, days, line)| grid.push(row(name, days, line)));
    grid.to_text()
}

fn row(name: String, days: String, line: Line) -> Vec<String> {
    let held = |unit: Unit, beside: &Beside| unit.maybe(beside.baselines.get(&line.benchmark).copied());
    vec![
        name,
        days,
        Unit::Percent.summary(&line.gain.agent, line.over),
        held(Unit::Percent, &line.gain),
        Unit::Ratio.summary(&line.sharpe.agent, line.over),
        Unit::Ratio.figure(line.sharpe.published),
        held(Unit::Ratio, &line.sharpe),
        line.verdict,
        line.seeds.to_string(),
    ]
}

/// First and last day.
fn days(span: Span) -> String {
    let day = |ns: i64| write_time(ns).chars().take(10).collect::<String>();
    format!("{} to {}", day(span.from_ns), day(span.to_ns - 1))
}
