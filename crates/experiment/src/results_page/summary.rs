//! The README's table: a line for each config, of several cells their mean.

use pavlov_market_data::{Span, write_time};

use crate::results_page::cells_table::lines;
use crate::results_page::line::{Beside, Line};
use crate::results_page::made::Made;
use crate::results_page::markdown::{Align, Grid, Unit};

/// The table of all experiments, each by its title with its forms.
pub fn table(all: &[(&str, Vec<Made>)]) -> String {
    let benchmark = "buy & hold";
    let heads = [
        ("experiment", Align::Left),
        ("test span", Align::Left),
        ("return, %: agent", Align::Right),
        (benchmark, Align::Right),
        ("Sharpe ratio: agent", Align::Right),
        ("publication", Align::Right),
        (benchmark, Align::Right),
        ("verdict", Align::Left),
        ("trainings", Align::Right),
    ];
    let mut grid = Grid::new(heads.map(|(head, align)| (head.to_owned(), align)).to_vec());
    for (title, forms) in all {
        for made in forms {
            let label = if forms.len() > 1 { format!("{title}: {}", made.label) } else { (*title).to_owned() };
            let mut lines = lines(made);
            let line = if lines.len() == 1 { lines.remove(0) } else { Line::mean(&lines) };
            let held = |unit: Unit, beside: &Beside| unit.maybe(beside.baselines.get(&line.benchmark).copied());
            grid.push(vec![
                label,
                days(made.test),
                Unit::Percent.summary(&line.gain.agent, line.over),
                held(Unit::Percent, &line.gain),
                Unit::Ratio.summary(&line.sharpe.agent, line.over),
                Unit::Ratio.figure(line.sharpe.published),
                held(Unit::Ratio, &line.sharpe),
                line.verdict,
                line.seeds.to_string(),
            ]);
        }
    }
    grid.to_text()
}

/// First and last day.
fn days(span: Span) -> String {
    let day = |ns: i64| write_time(ns).chars().take(10).collect::<String>();
    format!("{} to {}", day(span.from_ns), day(span.to_ns - 1))
}
