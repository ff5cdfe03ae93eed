//! The results of a matrix in words, and as a table for a terminal.

use pavlov_evaluation::Level;

use crate::matrix::aggregate::{Aggregate, Overfitting};
use crate::matrix::chain::Chain;
use crate::matrix::results::{CellReport, MatrixReport};
use crate::report::format::{grouped, percent};
use crate::report::text::wrap;

/// What can and cannot be claimed, the doubts first.
pub fn sentences(report: &MatrixReport) -> Vec<String> {
    let mut all = vec![counts(report)];
    all.extend(chance(report));
    all.extend(together(&report.aggregate, &report.benchmark));
    all.extend(report.overfitting.as_ref().map(choosing));
    all.extend(report.chains.iter().map(|chain| history(chain, &report.benchmark)));
    if !report.missing.is_empty() {
        let names: Vec<String> = report.missing.iter().take(8).map(|labels| labels.join(", ")).collect();
        let more = if report.missing.len() > names.len() { "; ..." } else { "" };
        let (missing, of) = (report.missing.len(), report.missing.len() + report.cells.len());
        all.push(format!(
            "{missing} of {of} cells are not trained to their end and not in here: {}{more}.",
            names.join("; ")
        ));
    }
    all
}

fn counts(report: &MatrixReport) -> String {
    let Aggregate { cells, runs, above, better, worse, collapsed, with_interval, .. } = report.aggregate;
    let held = &report.benchmark;
    let verdicts = match with_interval {
        0 => "No cell has more than one seed, so none has an interval or a verdict.".to_owned(),
        _ => format!(
            "Of the {with_interval} with an interval {better} {} better than {held}, {worse} worse, the others are not \
             distinguishable from it{}.",
            if better == 1 { "is" } else { "are" },
            match collapsed {
                0 => String::new(),
                1 => " or, 1 cell, do what a constant policy does".to_owned(),
                n => format!(" or, {n} cells, do what a constant policy does"),
            }
        ),
    };
    format!(
        "{} and {}: in {above} the agents' mean return is above that of {held}. {verdicts}",
        number(cells, "cell"),
        number(runs, "training")
    )
}

fn number(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// What chance alone would make of so many cells.
fn chance(report: &MatrixReport) -> Option<String> {
    let Aggregate { with_interval, better_by_chance, better, .. } = report.aggregate;
    if with_interval < 2 {
        return None;
    }
    let any = 1.0 - 0.975_f64.powi(with_interval as i32);
    let more = match better {
        0 => "",
        n if n as f64 <= 2.0 * better_by_chance => " What was found is no more than that.",
        _ => " The best cell of a matrix is chosen by its result: what it earned is no estimate of what it will earn.",
    };
    Some(format!(
        "If no agent had any skill, about {} of {with_interval} cells would still be called better by chance (2.5 % of \
         them), and at least one with a probability of {} if the cells were independent.{more}",
        grouped(better_by_chance, if better_by_chance < 9.95 { 1 } else { 0 }),
        percent(any, false)
    ))
}

fn together(aggregate: &Aggregate, held: &str) -> Vec<String> {
    let points = |x: f64| percent(x, true).trim_end_matches(" %").to_owned();
    let interval = |ci95: Option<[f64; 2]>| {
        ci95.map_or(String::new(), |[low, high]| format!(" (95 % interval {} to {})", points(low), points(high)))
    };
    let mut all = Vec::new();
    if let Some(seeds) = &aggregate.over_seeds {
        let why = match (seeds.iqm.ci95, seeds.mean.ci95) {
            (None, None) => "; cells of one seed have no interval over seeds",
            (None, Some(_)) => {
                "; below 30 trainings the interquartile mean of several cells has no interval that holds"
            }
            _ => "",
        };
        all.push(format!(
            "The return of all trainings less that of {held} is {} percentage points in the interquartile mean{} and {} in \
             the mean{}{why}. Such an interval covers the chance of training on these very cells, not another market.",
            points(seeds.iqm.value),
            interval(seeds.iqm.ci95),
            points(seeds.mean.value),
            interval(seeds.mean.ci95)
        ));
    }
    if let Some(cells) = aggregate.over_cells.as_ref().filter(|cells| cells.mean.ci95.is_some()) {
        all.push(format!(
            "Over the cells the mean difference is {} points{}: the interval is for another cell like these, if they were \
             drawn independently, which cells of one time are not.",
            points(cells.mean.value),
            interval(cells.mean.ci95)
        ));
    }
    if let Some(improvement) = &aggregate.improvement {
        let [low, high] = improvement.ci95;
        all.push(format!(
            "A training earned more than {held} with a frequency of {} (95 % interval {} to {}, as if trainings were independent).",
            percent(improvement.probability, false),
            percent(low, false),
            percent(high, false)
        ));
    }
    all
}

fn choosing(found: &Overfitting) -> String {
    format!(
        "Had one of these {} configurations been chosen for its Sharpe ratio on one half of the test span, it would have \
         been no better than the median of them on the other half in {} of {} ways to halve it ({} blocks): this is the \
         probability of backtest overfitting. It would have lost money there in {}. Near 50 % or above, the choice is noise.",
        found.configurations,
        percent(found.probability, false),
        grouped(found.splits as f64, 0),
        found.blocks,
        percent(found.probability_of_loss, false)
    )
}

fn history(chain: &Chain, held: &str) -> String {
    let of = |name: &str| chain.summary.get(name).and_then(|summary| summary.mean);
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), |value| percent(value, true));
    let who = if chain.labels.is_empty() { String::new() } else { format!("{}: ", chain.labels.join(", ")) };
    let interval = chain.difference.and_then(|d| d.ci95).map_or(String::new(), |[low, high]| {
        format!(
            "; the difference has the 95 % interval {} to {} over the seeds",
            percent(low, true),
            percent(high, true)
        )
    });
    let trained = match chain.causal {
        true => "Each fold was trained anew on its own past",
        false => {
            "Each fold was trained on what came before and behind its test: that tests the method and is no rehearsal of \
             trading"
        }
    };
    format!(
        "{who}one after the other, the {} tests returned {} in the mean, {held} {}{interval}. {trained}; between two tests \
         the account is in money for one bar.",
        chain.folds,
        shown(of("cumulative_return")),
        shown(chain.benchmark)
    )
}

/// A word for a cell's verdict.
pub fn word(cell: &CellReport) -> &'static str {
    match cell.level {
        Level::Better => "better",
        Level::Worse => "worse",
        Level::Unclear if cell.seeds == 1 => "one seed",
        Level::Unclear => "unclear",
        Level::Collapsed => "collapsed",
    }
}

/// Widest line of the sentences, in characters.
const WIDTH: usize = 100;

/// The cells as an aligned table, with the sentences below.
pub fn table(report: &MatrixReport) -> String {
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), |value| percent(value, true));
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| grouped(value, 2));
    let ends = |ci95: Option<[f64; 2]>, text: &dyn Fn(f64) -> String| {
        ci95.map_or(String::new(), |[low, high]| format!(" [{} to {}]", text(low), text(high)))
    };
    let mut heads: Vec<String> = report.axes.clone();
    heads.extend(
        ["seeds", "agent", &report.benchmark, "best baseline", "Sharpe", "difference", "verdict"].map(str::to_owned),
    );
    let mut rows = vec![heads];
    for cell in &report.cells {
        let mut row = cell.labels.clone();
        let difference = cell.difference.map(|d| d.difference);
        row.extend([
            cell.seeds.to_string(),
            shown(cell.agent.mean) + &ends(cell.agent.ci95, &|x| percent(x, true)),
            shown(cell.benchmark),
            cell.best_baseline
                .as_ref()
                .map_or("-".into(), |(name, value)| format!("{} ({name})", percent(*value, true))),
            number(cell.sharpe.mean) + &ends(cell.sharpe.ci95, &|x| grouped(x, 2)),
            shown(difference) + &ends(cell.quoted_ci95, &|x| percent(x, true)),
            word(cell).to_owned(),
        ]);
        rows.push(row);
    }
    let width = |c: usize| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut out =
        format!("{}: {} cells, test span, mean over the seeds [95 % interval]\n\n", report.name, report.cells.len());
    for row in &rows {
        for (c, (text, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - text.chars().count());
            let left = c < report.axes.len() || c + 1 == row.len();
            out += &if left { format!("{text}{pad}  ") } else { format!("{pad}{text}  ") };
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out.push('\n');
    for line in report.sentences.iter().flat_map(|sentence| wrap(sentence, WIDTH)) {
        out += &line;
        out.push('\n');
    }
    out
}
