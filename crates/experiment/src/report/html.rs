//! One self-contained page: it loads nothing, follows the reader's light or dark setting and fits a phone.

use pavlov_evaluation::{Level, METRICS, Outcome};

use super::figures::figures;
use super::forest::forest;
use super::format::{escape, grouped, percent, plus, typographic};
use super::table::{Cell, Column, ResultTable, Row, Span};
use super::{Curves, Report, RunReport};

pub(crate) const STYLE: &str = include_str!("style.css");
const HOVER: &str = include_str!("hover.js");

/// Renders the page: every number in it is the report's, the series behind the charts are `curves`.
///
/// `config_toml` is the resolved config; `data_notes` are sentences about the data (span, source, gaps).
pub fn render_html(report: &Report, curves: &Curves, config_toml: &str, data_notes: &[String]) -> String {
    let name = escape(&report.subject.name);
    let body = [
        verdict(report),
        tiles(report),
        notes(report),
        results(report),
        crate::published::section_html(report.published.as_ref()),
        forest(report),
        figures(report, curves),
        seeds(report),
        provenance(report, config_toml, data_notes),
    ]
    .concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}: {}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n\
         <p class=\"eyebrow\">Pavlov report</p><h1>{name}</h1>\n{body}</main>\n<script>\n{HOVER}</script></body></html>\n",
        escape(&report.verdict.headline.replace('`', ""))
    )
}

/// A sentence as HTML: words in backticks are code, minus signs are real ones and percent signs stay with their number.
pub(crate) fn prose(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate();
    let plain = |text: &str| escape(text).replace(" -", " \u{2212}").replace(" %", "\u{a0}%");
    parts.map(|(i, text)| if i % 2 == 1 { format!("<code>{}</code>", escape(text)) } else { plain(text) }).collect()
}

fn section(title: &str, under: &str) -> String {
    format!("<h2>{title}</h2><p class=\"under\">{under}</p>\n")
}

fn verdict(report: &Report) -> String {
    let (class, sign) = match report.verdict.level() {
        Level::Better => ("better", "\u{25b2}"),
        Level::Worse => ("worse", "\u{25bc}"),
        Level::Unclear if report.verdict.outcome == Outcome::OneSeed => ("unclear", "?"),
        Level::Unclear => ("unclear", "\u{2248}"),
        Level::Collapsed => ("unclear", "="),
    };
    let sentences = report.verdict.sentences.iter().enumerate();
    let paragraphs: String = sentences
        .map(|(i, s)| format!("<p{}>{}</p>", if i == 0 { " class=\"first\"" } else { "" }, prose(s)))
        .collect();
    format!(
        "<section class=\"verdict {class}\"><div class=\"badge\"><span aria-hidden=\"true\"><i>{sign}</i></span>{}</div>{paragraphs}</section>\n",
        prose(&report.verdict.headline)
    )
}

/// The four numbers to take away.
fn tiles(report: &Report) -> String {
    let verdict = &report.verdict;
    let points = |x: f64| typographic(percent(x, true).trim_end_matches(" %"));
    let agent = report.summary.get("cumulative_return").and_then(|s| s.mean);
    let benchmark =
        report.baselines.get(&verdict.benchmark).and_then(|b| b.metrics.get("cumulative_return").copied().flatten());
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), |v| typographic(&percent(v, true)));
    let against = verdict.comparisons.get(&verdict.benchmark);
    let interval = against.and_then(|c| c.ci95).map_or("one seed has no interval".to_owned(), |[low, high]| {
        format!("95 % interval {} to {}", points(low), points(high))
    });
    let difference = against.map_or("-".to_owned(), |c| points(c.difference));
    let (seeds, plural) = (verdict.seeds, if verdict.seeds == 1 { "" } else { "s" });
    let tile = |title: &str, value: &str, small: &str| {
        format!("<div><dt>{title}</dt><dd>{value}<small>{small}</small></dd></div>")
    };
    [
        "<dl class=\"tiles\">".to_owned(),
        tile(
            if seeds == 1 { "Agent, return" } else { "Agent, mean return" },
            &shown(agent),
            &format!("{seeds} seed{plural}, test span"),
        ),
        tile(&escape(&verdict.benchmark), &shown(benchmark), "return, test span"),
        tile("Difference, percentage points", &difference, &interval),
        tile(
            "Test span",
            &format!("{} days", grouped(verdict.days, 0)),
            &format!("{} periods", grouped(verdict.periods as f64, 0)),
        ),
        "</dl>\n".to_owned(),
    ]
    .concat()
}

fn notes(report: &Report) -> String {
    if report.subject.notes.is_empty() {
        return String::new();
    }
    let items: String = report.subject.notes.iter().map(|note| format!("<li>{}</li>", prose(note))).collect();
    format!("<section class=\"notes\"><h3>Know before you trust these numbers</h3><ul>{items}</ul></section>\n")
}

fn results(report: &Report) -> String {
    let terms: String = METRICS.iter().map(|m| format!("<dt>{}</dt><dd>{}</dd>", m.label, escape(m.summary))).collect();
    let under = "The agent's mean with its 95 % interval over the seeds, beside policies that learned nothing.";
    format!(
        "{}{}<p class=\"foot\">\u{2605} best number of the row. It says nothing about chance: an interval or a verdict does.</p>\n\
         <details><summary>What the metrics mean</summary><dl class=\"terms\">{terms}</dl></details>\n\
         <details><summary>The same table on the training span</summary>{}\
         <p class=\"foot\">The agent learned on these bars: this shows what it memorised, not what it can do.</p></details>\n",
        section("Results on the test span", under),
        table(&ResultTable::new(report, Span::Test)),
        table(&ResultTable::new(report, Span::Train)),
    )
}

fn table(table: &ResultTable) -> String {
    let heads: String = table.columns.iter().enumerate().map(|(i, column)| head(i, column)).collect();
    let rows: String = table.rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>Metric</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>\n"
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
    let small = |class: &str, text: &Option<String>| match text {
        Some(text) => format!("<small{class}>{}</small>", typographic(&escape(text))),
        None => String::new(),
    };
    let number = match cell.value {
        Some(value) => format!("<data value=\"{value:?}\">{}</data>", typographic(&cell.text)),
        None => "\u{2013}".to_owned(),
    };
    format!(
        "<td class=\"{}\">{number}{}{}</td>",
        classes.join(" "),
        small("", &cell.interval),
        small(" class=\"why\"", &cell.remark)
    )
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

fn seeds(report: &Report) -> String {
    let money = &report.subject.money;
    let mut heads: Vec<String> = SEED_COLUMNS.iter().map(|(_, head, _)| (*head).to_owned()).collect();
    heads.insert(1, format!("Relative profit, {money}"));
    let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head))).collect();
    let rows: String = report.runs.iter().map(seed_row).collect();
    format!(
        "{}<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>Seed</th>{heads}<th scope=\"col\">Steps</th><th scope=\"col\">Updates</th>\
         <th scope=\"col\">Checkpoint</th></tr></thead><tbody>{rows}</tbody></table></div>\n",
        section("Every seed", "The runs behind the means: same config, same data, another seed.")
    )
}

fn seed_row(run: &RunReport) -> String {
    let cells = SEED_COLUMNS.iter().map(|(name, _, span)| {
        let values = if *span == Span::Test { &run.metrics } else { &run.train_metrics };
        let entry = METRICS.iter().find(|m| m.name == *name)?;
        let value = values.get(*name).copied().flatten()?;
        Some(format!("<td><data value=\"{value:?}\">{}</data></td>", typographic(&super::format::metric(entry, value))))
    });
    let profit = run.profit.relative.map(|profit| {
        let text = grouped(profit, 0);
        format!("<td><data value=\"{profit:?}\">{}{}</data></td>", plus(&text, true), typographic(&text))
    });
    let mut cells: Vec<Option<String>> = cells.collect();
    cells.insert(1, profit);
    let none = || "<td class=\"none\">\u{2013}</td>".to_owned();
    let cells: String = cells.into_iter().map(|cell| cell.unwrap_or_else(none)).collect();
    let short: String = run.checkpoint_hash.chars().take(8).collect();
    format!(
        "<tr><th scope=\"row\">{}</th>{cells}<td>{}</td><td>{}</td><td title=\"{}\"><code>{}</code></td></tr>\n",
        run.seed,
        grouped(run.env_steps as f64, 0),
        grouped(run.updates as f64, 0),
        escape(&run.checkpoint_hash),
        escape(&short)
    )
}

fn provenance(report: &Report, config_toml: &str, data_notes: &[String]) -> String {
    let notes: String = data_notes.iter().map(|note| format!("<p>{}</p>", prose(note))).collect();
    let term = |name: &str, hash: &str| format!("<dt>{}</dt><dd><code>{}</code></dd>", escape(name), escape(hash));
    let hashes: String = report.subject.data_hashes.iter().map(|(name, hash)| term(name, hash)).collect();
    format!(
        "{}<details><summary>Config</summary><pre><code>{}</code></pre></details>\n\
         <details><summary>Data</summary>{notes}<dl class=\"terms\">{hashes}</dl></details>\n\
         <details><summary>Hashes of this experiment</summary><dl class=\"terms\">{}{}</dl></details>\n\
         <footer>These are results of a simulation on past prices. They are no forecast and no advice.</footer>\n",
        section("Where the numbers come from", "What went in and what was judged, named by their hashes."),
        escape(config_toml),
        term("config", &report.subject.config_hash),
        report
            .runs
            .iter()
            .map(|run| term(&format!("checkpoint, seed {}", run.seed), &run.checkpoint_hash))
            .collect::<String>(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::sample::sample;
    use super::*;

    const CONFIG: &str = "name = \"a <b> & c\"\n";

    fn page(seeds: u64) -> (Report, String) {
        let (report, curves) = sample(seeds);
        let html = render_html(&report, &curves, CONFIG, &["Gaps: <none>.".into()]);
        (report, html)
    }

    #[test]
    fn no_two_baselines_look_alike_in_light_or_dark() {
        use super::super::span_figures::{LOOKS, baseline_class};
        let dash = |place: usize| {
            let class = baseline_class(place);
            assert_eq!(STYLE.matches(&format!("--{class}:#")).count(), 2, "{class}: a colour for light and for dark");
            let rule = STYLE.split(&format!(".{class}{{--k:var(--{class});")).nth(1);
            rule.and_then(|rule| rule.split('}').next()).expect("a look of its own").to_owned()
        };
        let looks: std::collections::BTreeSet<String> = (0..LOOKS).map(dash).collect();
        assert_eq!(looks.len(), LOOKS);
        // Four passive investors, three constant actions, two rules, a random policy.
        const { assert!(LOOKS >= 10) };
    }

    /// Names of the opening tags that are never closed, or the closing tag that fits nothing.
    fn unbalanced(html: &str) -> Option<String> {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = html;
        while let Some(start) = rest.find('<') {
            let end = start + rest[start..].find('>')?;
            let tag = &rest[start + 1..end];
            let name = tag.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '/').next()?;
            rest = &rest[end + 1..];
            match tag {
                _ if tag.starts_with('!') || tag.ends_with('/') || name == "meta" => {}
                _ if tag.starts_with('/') => match open.pop() {
                    Some(last) if last == name => {}
                    other => return Some(format!("</{name}> closes {other:?}")),
                },
                _ => open.push(name),
            }
            if (name == "style" || name == "script") && !tag.starts_with('/') {
                rest = &rest[rest.find(&format!("</{name}>"))?..];
            }
        }
        (!open.is_empty()).then(|| format!("never closed: {open:?}"))
    }

    #[test]
    fn the_page_is_one_small_file_that_loads_nothing() {
        let (_, html) = page(10);
        for address in ["http:", "https:", "url(", "@import", "src=", "<link", "<iframe", "href="] {
            assert!(!html.contains(address), "{address}");
        }
        assert!(html.len() < 3_000_000, "{} bytes", html.len());
        assert_eq!(html.matches("<figure class=\"chart\">").count(), 11);
        assert!(html.contains("prefers-color-scheme:dark") && html.contains("width=device-width"));
    }

    #[test]
    fn every_tag_is_closed() {
        for seeds in [1, 3] {
            assert_eq!(unbalanced(&page(seeds).1), None);
        }
        assert!(unbalanced("<p><b></p>").is_some() && unbalanced("<p>").is_some());
    }

    #[test]
    fn every_number_of_the_result_table_is_the_one_of_report_json() {
        let (report, html) = page(4);
        let report = Report::from_json(&report.to_json().unwrap()).unwrap();
        let table = &html[html.find("<tbody>").unwrap()..html.find("</tbody>").unwrap()];
        let baselines = super::super::table::ordered_baselines(&report);
        let rows: Vec<&str> = table.split("</tr>").filter(|row| row.contains("<td")).collect();
        assert_eq!(rows.len(), METRICS.len());
        for (row, metric) in rows.iter().zip(METRICS) {
            let cells = row.split("</td>").filter(|cell| cell.contains("<td"));
            let shown: Vec<Option<f64>> =
                cells.map(|cell| Some(cell.split_once("value=\"")?.1.split_once('"')?.0.parse().unwrap())).collect();
            let agent = std::iter::once(report.summary[metric.name].mean);
            let expected: Vec<Option<f64>> =
                agent.chain(baselines.iter().map(|(_, b)| b.metrics[metric.name])).collect();
            assert_eq!(shown, expected, "{}", metric.name);
        }
    }

    #[test]
    fn names_and_configs_with_markup_stay_text() {
        let (_, html) = page(2);
        assert!(html.contains("<h1>bitcoin &lt;hourly&gt; lstm</h1>"));
        assert!(html.contains("a &lt;b&gt; &amp; c") && html.contains("Gaps: &lt;none&gt;."));
        assert!(html.contains("buy &amp; hold") && !html.contains("buy & hold"));
    }

    #[test]
    fn verdict_assumptions_table_curves_seeds_and_hashes_follow_in_this_order() {
        let (report, html) = page(3);
        let marks = [
            "class=\"verdict",
            "Know before you trust",
            "Results on the test span",
            "Price on the training and the test span",
            "Net worth on the test span",
            "Profit on the test span",
            "Drawdown on the test span",
            "BTC held against the price on the test span",
            "has no part in the verdict",
            "Net worth on the training span, in sample",
            "Profit on the training span, in sample",
            "BTC held against the price on the training span, in sample",
            "Episode profit over training",
            "Actions per episode over training",
            "Every seed",
            "<summary>Config",
            &report.subject.config_hash,
        ];
        let places: Vec<_> = marks.iter().map(|mark| html.find(mark).unwrap_or_else(|| panic!("no {mark}"))).collect();
        assert!(places.is_sorted(), "{places:?}");
    }

    #[test]
    fn a_report_without_curves_is_still_a_page() {
        let html = render_html(&sample(2).0, &Curves::default(), "", &[]);
        assert_eq!((unbalanced(&html), html.matches("class=\"chart\"").count()), (None, 0));
    }
}
