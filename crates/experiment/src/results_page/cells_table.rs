//! The table of a matrix: a row for each cell in each form, the means of the cells below.

use crate::results_page::line::{Beside, Line, RANDOM, benchmark};
use crate::results_page::made::Made;
use crate::results_page::markdown::{Align, Grid, Unit};

/// The table of all forms of a matrix.
pub fn table(forms: &[Made]) -> String {
    let lines: Vec<Vec<Line>> = forms.iter().map(lines).collect();
    let mut grid = Grid::new(heads(&forms[0].axes.join(", "), benchmark(lines.iter().flatten())));
    let mut labels: Vec<&str> = Vec::new();
    for line in lines.iter().flatten() {
        if !labels.contains(&line.label.as_str()) {
            labels.push(&line.label);
        }
    }
    for label in labels {
        for (made, lines) in forms.iter().zip(&lines) {
            let here = lines.iter().filter(|line| line.label == label);
            here.for_each(|line| grid.push(row(form(made, forms), line)));
        }
    }
    for (made, lines) in forms.iter().zip(&lines).filter(|(_, lines)| lines.len() > 1) {
        grid.push(row(form(made, forms), &Line::mean(lines)));
    }
    grid.to_text()
}

/// A line for each cell.
pub fn lines(made: &Made) -> Vec<Line> {
    made.cells.iter().map(|(label, report)| Line::of(label, report)).collect()
}

/// The form of a row; nothing where there is only one.
fn form(made: &Made, forms: &[Made]) -> &'static str {
    if forms.len() > 1 { made.label } else { "" }
}

fn heads(axes: &str, benchmark: &str) -> Vec<(String, Align)> {
    let words = [axes, "form"].map(|head| (head.to_owned(), Align::Left));
    let numbers = [
        "return, %: agent",
        "publication",
        benchmark,
        "best baseline",
        "random",
        "Sharpe ratio: agent",
        "publication",
        benchmark,
        "constant",
    ];
    let numbers = numbers.map(|head| (head.to_owned(), Align::Right));
    let last = [("verdict".to_owned(), Align::Left), ("seeds".to_owned(), Align::Right)];
    words.into_iter().chain(numbers).chain(last).collect()
}

fn row(form: &str, line: &Line) -> Vec<String> {
    let Line { gain, sharpe, benchmark, .. } = line;
    let held = |unit: Unit, beside: &Beside| unit.maybe(beside.baselines.get(benchmark).copied());
    let best = gain.best().map_or(String::new(), |(name, value)| format!("{name} {}", Unit::Percent.one(value)));
    vec![
        line.label.clone(),
        form.to_owned(),
        Unit::Percent.summary(&gain.agent, line.over),
        Unit::Percent.figure(gain.published),
        held(Unit::Percent, gain),
        best,
        Unit::Percent.maybe(gain.baselines.get(RANDOM).copied()),
        Unit::Ratio.summary(&sharpe.agent, line.over),
        Unit::Ratio.figure(sharpe.published),
        held(Unit::Ratio, sharpe),
        line.constant.to_string(),
        line.verdict.clone(),
        line.seeds.to_string(),
    ]
}
