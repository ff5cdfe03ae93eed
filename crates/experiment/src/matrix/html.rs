//! The report of a matrix as one self-contained page, in the style of a run's.

use pavlov_evaluation::Level;

use crate::matrix::results::{CellReport, MatrixReport};
use crate::matrix::{plots, text};
use crate::report::format::{escape, grouped, percent, typographic};
use crate::report::html::STYLE;
use crate::report::markup::prose;

/// Renders the page; `config_toml` is the run's plan.
pub fn page(report: &MatrixReport, config_toml: &str) -> String {
    let name = escape(&report.name);
    let body = [
        verdict(report),
        tiles(report),
        heading(
            "Cells",
            "Test span. The agent's mean over the seeds with its 95 % interval; every cell has a report of its own.",
        ),
        table(report),
        plots::forest(report),
        plots::profile(report),
        plots::chains(report),
        provenance(report, config_toml),
    ]
    .concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}: {} cells</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n\
         <p class=\"eyebrow\">Pavlov report of a matrix</p><h1>{name}</h1>\n{body}</main></body></html>\n",
        report.cells.len()
    )
}

fn heading(title: &str, under: &str) -> String {
    format!("<h2>{title}</h2><p class=\"under\">{under}</p>\n")
}

fn verdict(report: &MatrixReport) -> String {
    let all = &report.aggregate;
    let (class, sign, headline) = match (all.better, all.worse) {
        (0, 0) => ("unclear", "\u{2248}", format!("No cell is distinguishable from {}", report.benchmark)),
        (0, worse) => {
            ("worse", "\u{25bc}", format!("No cell beats {}, {worse} of {} lose to it", report.benchmark, all.cells))
        }
        (better, _) if better as f64 > 2.0 * all.better_by_chance => {
            ("better", "\u{25b2}", format!("{better} of {} cells beat {}", all.cells, report.benchmark))
        }
        (better, _) => (
            "unclear",
            "?",
            format!("{better} of {} cells beat {}, as chance would have it", all.cells, report.benchmark),
        ),
    };
    let paragraph = |(i, sentence): (usize, &String)| {
        format!("<p{}>{}</p>", if i == 0 { " class=\"first\"" } else { "" }, prose(sentence))
    };
    let paragraphs: String = report.sentences.iter().enumerate().map(paragraph).collect();
    format!(
        "<section class=\"verdict {class}\"><div class=\"badge\"><span aria-hidden=\"true\"><i>{sign}</i></span>{}</div>{paragraphs}</section>\n",
        prose(&headline)
    )
}

fn tiles(report: &MatrixReport) -> String {
    let tile = |title: &str, value: &str, small: &str| {
        format!("<div><dt>{title}</dt><dd>{}<small>{}</small></dd></div>", typographic(value), typographic(small))
    };
    let all = &report.aggregate;
    let points = |x: f64| percent(x, true).trim_end_matches(" %").to_owned();
    let iqm = all.over_seeds.as_ref().map_or("-".to_owned(), |found| points(found.iqm.value));
    let interval = all.over_seeds.as_ref().and_then(|found| found.iqm.ci95);
    let interval = interval
        .map_or("no interval".to_owned(), |[low, high]| format!("95 % interval {} to {}", points(low), points(high)));
    let improvement = all.improvement.as_ref().map_or("-".to_owned(), |found| percent(found.probability, false));
    let overfit = report.overfitting.as_ref();
    let last = match overfit {
        Some(found) => tile(
            "Probability of overfitting",
            &percent(found.probability, false),
            &format!(
                "{} configurations, {} ways to halve the test",
                found.configurations,
                grouped(found.splits as f64, 0)
            ),
        ),
        None => tile("Better by chance alone", &grouped(all.better_by_chance, 1), "cells, if none had any skill"),
    };
    [
        "<dl class=\"tiles\">".to_owned(),
        tile(
            "Cells",
            &format!("{}", all.cells),
            &format!("{} trainings, {} better, {} worse", all.runs, all.better, all.worse),
        ),
        tile("Difference, interquartile mean", &iqm, &format!("percentage points, {interval}")),
        tile("Trainings above", &improvement, &escape(&report.benchmark)),
        last,
        "</dl>\n".to_owned(),
    ]
    .concat()
}

fn table(report: &MatrixReport) -> String {
    let mut heads: Vec<String> = report.axes.iter().map(|axis| escape(axis)).collect();
    let published = report.cells.iter().any(|cell| cell.published.is_some());
    let fixed = [
        "Agent",
        &escape(&report.benchmark),
        "Best baseline",
        "Sharpe",
        "Difference, points",
        "Verdict",
        "Collapsed",
        "Seeds",
    ];
    heads.extend(fixed.map(str::to_owned));
    if published {
        heads.push("Published, and ours by its definition".to_owned());
    }
    let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    let rows: String = report.cells.iter().map(|cell| row(cell, published)).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>\n"
    )
}

fn row(cell: &CellReport, published: bool) -> String {
    let link = |text: &str| format!("<a href=\"{}/report.html\">{}</a>", escape(&cell.folder), escape(text));
    let labels = cell.labels.iter().enumerate().map(|(i, label)| match i {
        0 => format!("<th scope=\"row\">{}</th>", link(label)),
        _ => format!("<td>{}</td>", link(label)),
    });
    let with = |value: Option<f64>, ci95: Option<[f64; 2]>, text: &dyn Fn(f64) -> String| {
        let small = ci95.map_or(String::new(), |[low, high]| {
            format!("<small>{} to {}</small>", typographic(&text(low)), typographic(&text(high)))
        });
        match value {
            Some(value) => format!("<td>{}{small}</td>", typographic(&text(value))),
            None => "<td class=\"none\">-</td>".to_owned(),
        }
    };
    let signed = |x: f64| percent(x, true);
    let points = |x: f64| percent(x, true).trim_end_matches(" %").to_owned();
    let best = cell.best_baseline.as_ref().map_or("<td class=\"none\">-</td>".to_owned(), |(name, value)| {
        format!("<td>{}<small>{}</small></td>", typographic(&signed(*value)), escape(name))
    });
    let color = match cell.level {
        Level::Better => "var(--good)",
        Level::Worse => "var(--bad)",
        Level::Unclear | Level::Collapsed => "var(--open)",
    };
    let verdict = format!(
        "<td title=\"{}\" style=\"color:{color};font-weight:600\">{}</td>",
        escape(&cell.headline),
        text::word(cell)
    );
    let mut cells: Vec<String> = labels.collect();
    cells.extend([
        with(cell.agent.mean, cell.agent.ci95, &signed),
        with(cell.benchmark, None, &signed),
        best,
        with(cell.sharpe.mean, cell.sharpe.ci95, &|x| grouped(x, 2)),
        with(cell.difference.map(|d| d.difference), cell.quoted_ci95, &points),
        verdict,
        format!("<td>{}</td>", cell.collapsed),
        format!("<td>{}</td>", cell.seeds),
    ]);
    if published {
        cells.push(cell.published.as_ref().map_or("<td class=\"none\">-</td>".to_owned(), crate::published::cell_html));
    }
    format!("<tr>{}</tr>", cells.concat())
}

fn provenance(report: &MatrixReport, config_toml: &str) -> String {
    let mut data: Vec<(&String, &String)> = report.cells.iter().flat_map(|cell| &cell.data_hashes).collect();
    data.sort();
    data.dedup();
    let hashes: String = data
        .iter()
        .map(|(name, hash)| format!("<dt>{}</dt><dd><code>{}</code></dd>", escape(name), escape(hash)))
        .collect();
    format!(
        "{}<details><summary>Data, by hash of their content</summary><dl class=\"terms\">{hashes}</dl></details>\n\
         <details><summary>The config, its axes as a list</summary><pre>{}</pre></details>\n\
         <footer>Research software: past data say little about the future, and nothing here is advice.</footer>\n",
        heading("Where this comes from", "The same config, seeds and data give the same bytes."),
        escape(config_toml)
    )
}
