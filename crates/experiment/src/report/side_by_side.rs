//! Runs side by side, for a terminal and as a small page.

use pavlov_evaluation::{METRICS, MetricEntry, Summary};

use super::format::{escape, metric_among, percent, typographic};
use super::text::{SHOWN, WIDTH, blocks, line, wrap};
use crate::compare::{ComparedRun, Pair, SideBySide};

const STYLE: &str = include_str!("style.css");

/// Renders the main metrics of every run as an aligned table of at most 100 columns, with what can be claimed below.
pub fn compared_text(compared: &SideBySide) -> String {
    let rows: Vec<(String, Vec<String>)> = rows(&compared.runs);
    let label_width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let heads: Vec<String> = compared.runs.iter().map(|run| run.label.clone()).collect();
    let width = |c: usize| rows.iter().map(|(_, cells)| &cells[c]).chain([&heads[c]]).map(|s| s.chars().count()).max();
    let widths: Vec<usize> = (0..heads.len()).map(|c| width(c).unwrap_or(0)).collect();
    let mut out = "test span, mean over the seeds [95 % interval]\n".to_owned();
    for block in blocks(&widths, WIDTH.saturating_sub(label_width)) {
        out.push('\n');
        out.push_str(&line("", label_width, &heads[block.clone()], &widths[block.clone()]));
        for (label, cells) in &rows {
            out.push_str(&line(label, label_width, &cells[block.clone()], &widths[block.clone()]));
        }
    }
    out.push('\n');
    let warnings = compared.warnings.iter().map(|warning| format!("warning: {warning}"));
    for paragraph in compared.sentences.iter().cloned().chain(warnings) {
        out.push_str(&(wrap(&paragraph, WIDTH).join("\n") + "\n"));
    }
    out
}

/// Renders the same as one self-contained page.
pub fn compared_html(compared: &SideBySide) -> String {
    let heads: String = compared.runs.iter().map(|run| format!("<th>{}</th>", escape(&run.label))).collect();
    let row = |(label, cells): (String, Vec<String>)| {
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(&typographic(cell)))).collect();
        format!("<tr><th>{}</th>{cells}</tr>\n", escape(&label))
    };
    let body: String = rows(&compared.runs).into_iter().map(row).collect();
    let list = |items: &[String]| -> String { items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect() };
    let warnings = match compared.warnings.is_empty() {
        true => String::new(),
        false => format!("<section class=\"notes\"><h3>Warnings</h3><ul>{}</ul></section>\n", list(&compared.warnings)),
    };
    let pairs: String = compared.pairs.iter().map(pair_row).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Runs side by side</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n\
         <p class=\"eyebrow\">Pavlov comparison</p><h1>Runs side by side</h1>\n{warnings}\
         <h2>What can be claimed</h2><ul>{}</ul>\n\
         <h2>Results on the test span</h2><p class=\"under\">Mean over the seeds with its 95 % interval.</p>\n\
         <div class=\"scroll\"><table><thead><tr><th></th>{heads}</tr></thead><tbody>\n{body}</tbody></table></div>\n\
         <h2>Pairs</h2><p class=\"under\">Return of the first less that of the second, in percent of the capital.</p>\n\
         <div class=\"scroll\"><table><thead><tr><th></th><th>over the seeds</th><th>p, adjusted</th><th>over time</th>\
         <th>better</th></tr></thead><tbody>\n{pairs}</tbody></table></div>\n</main></body></html>\n",
        list(&compared.sentences)
    )
}

/// The labels and cells of what is shown of the runs.
fn rows(runs: &[ComparedRun]) -> Vec<(String, Vec<String>)> {
    let texts = [
        ("experiment", runs.iter().map(|run| run.name.clone()).collect()),
        ("seeds", runs.iter().map(|run| run.seeds.len().to_string()).collect::<Vec<_>>()),
        (
            "Return of the benchmark",
            runs.iter().map(|run| run.benchmark_return.map_or("-".into(), |r| percent(r, true))).collect(),
        ),
    ];
    let shown = METRICS.iter().filter(|entry| SHOWN.contains(&entry.name));
    let metrics = shown.map(|entry| (entry.label.to_owned(), cells(entry, runs)));
    texts.map(|(label, cells)| (label.to_owned(), cells)).into_iter().chain(metrics).collect()
}

fn cells(entry: &MetricEntry, runs: &[ComparedRun]) -> Vec<String> {
    let summaries: Vec<Option<&Summary>> = runs.iter().map(|run| run.summary.get(entry.name)).collect();
    let company: Vec<f64> = summaries.iter().flatten().filter_map(|s| s.mean).collect();
    let shown = |x: f64| metric_among(entry, x, &company);
    let cell = |summary: &Option<&Summary>| {
        let mean = summary.and_then(|s| s.mean).map_or("-".to_owned(), shown);
        let interval = summary.and_then(|s| s.ci95).map(|[low, high]| {
            format!(" [{} to {}]", shown(low).trim_end_matches(" %"), shown(high).trim_end_matches(" %"))
        });
        mean + &interval.unwrap_or_default()
    };
    summaries.iter().map(cell).collect()
}

fn pair_row(pair: &Pair) -> String {
    let span = |ci95: [f64; 2]| format!(" [{} to {}]", percent(ci95[0], true), percent(ci95[1], true));
    let with = |difference: f64, ci95: Option<[f64; 2]>| {
        percent(difference, true) + &ci95.map_or(" (no interval)".to_owned(), span)
    };
    let seeds = pair.seeds.map_or("-".to_owned(), |seeds| with(seeds.difference, seeds.ci95));
    let time = pair.time.map_or("-".to_owned(), |time| with(time.difference, Some(time.ci95)));
    let p = pair.p_holm.map_or("-".to_owned(), |p| format!("{p:.3}"));
    let better = match (&pair.better, pair.comparable) {
        (Some(label), _) => label.as_str(),
        (None, true) => "neither",
        (None, false) => "not comparable",
    };
    let cells = [seeds, p, time, better.to_owned()].map(|cell| format!("<td>{}</td>", escape(&typographic(&cell))));
    format!("<tr><th>{}</th>{}</tr>\n", escape(&pair.runs.join(" less ")), cells.concat())
}
