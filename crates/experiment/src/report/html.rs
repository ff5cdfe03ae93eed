//! One self-contained page: it loads nothing, follows the reader's light or dark setting and fits a phone.
//!
//! Sections follow the questions of a reader: what can be claimed, what must be known, the numbers, how it went, when it
//! earned, what it did, what it expected, whether it is robust, how it learned, where it comes from.

use super::figures::{equity, falls, in_sample, learned, price, what_it_did, when};
use super::forest::forest;
use super::format::escape;
use super::head::{banner, notes, tiles, verdict};
use super::insight::expected;
use super::markup::{fold, prose, section};
use super::results::results;
use super::robust::robust;
use super::{Curves, Report};

/// The look of every page.
pub(crate) const STYLE: &str = include_str!("style.css");
/// Reads values under the pointer; a page is complete without it.
pub(crate) const HOVER: &str = include_str!("hover.js");

/// Renders the page: every number in it is the report's, the series behind the charts are `curves`.
///
/// `config_toml` is the resolved config; `data_notes` are sentences about the data (span, source, gaps).
pub fn render_html(report: &Report, curves: &Curves, config_toml: &str, data_notes: &[String]) -> String {
    let parts = [
        (verdict(report), "Verdict"),
        (notes(report), "Flags"),
        (key_numbers(report), "Key numbers"),
        (crate::published::section_html(report.published.as_ref()), "As published"),
        (equity(report, curves), "Equity"),
        (falls(report, curves), "Drawdowns"),
        (when(report, curves), "When it earned"),
        (what_it_did(report, curves), "What it did"),
        (expected(report, curves), "What it expected"),
        (robust(report), "Is it robust"),
        (learned(report, curves), "How it learned"),
        (in_sample(report, curves), "In sample"),
        (provenance(report, curves, config_toml, data_notes), "Provenance"),
    ];
    let body = [contents(&parts), parts.map(|(part, _)| part).concat()].concat();
    page(&report.subject.name, "Pavlov report", &banner(report), &report.verdict.headline, &body)
}

/// A whole page around its body; `above` comes first of all, `headline` ends the title.
pub(crate) fn page(name: &str, eyebrow: &str, above: &str, headline: &str, body: &str) -> String {
    let name = escape(name);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}: {}</title>\n<style>\n{STYLE}</style></head>\n<body>{MARKS}<main>\n{above}\
         <p class=\"eyebrow\">{}</p><h1>{name}</h1>\n{body}</main>\n<script>\n{HOVER}</script></body></html>\n",
        escape(&headline.replace('`', "")),
        escape(eyebrow)
    )
}

/// The triangles of purchases and sales, drawn once and used by name; their tips are at the origin.
const MARKS: &str = "<svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\
     <path id=\"up\" d=\"M0 2L4.5 10H-4.5Z\"/><path id=\"down\" d=\"M0 -2L4.5 -10H-4.5Z\"/></defs></svg>";

/// A line of links to the sections that are there.
fn contents(parts: &[(String, &str)]) -> String {
    let link = |(part, title): &(String, &str)| {
        let anchor = part.split_once("<section id=\"")?.1.split_once('"')?.0;
        Some(format!("<a href=\"#{anchor}\">{title}</a>"))
    };
    format!(
        "<nav class=\"contents\" aria-label=\"Contents\">{}</nav>\n",
        parts.iter().filter_map(link).collect::<String>()
    )
}

fn key_numbers(report: &Report) -> String {
    let under =
        "Test span. The agent's mean with its 95 % interval over the seeds, beside policies that learned nothing.";
    section("numbers", "Key numbers", under, &[tiles(report), results(report), forest(report)].concat())
}

fn provenance(report: &Report, curves: &Curves, config_toml: &str, data_notes: &[String]) -> String {
    let notes: String = data_notes.iter().map(|note| format!("<p>{}</p>", prose(note))).collect();
    let term = |name: &str, hash: &str| format!("<dt>{}</dt><dd><code>{}</code></dd>", escape(name), escape(hash));
    let hashes: String = report.subject.data_hashes.iter().map(|(name, hash)| term(name, hash)).collect();
    let checkpoints =
        report.runs.iter().map(|run| term(&format!("checkpoint, seed {}", run.seed), &run.checkpoint_hash));
    let hashes_of_run = [term("config", &report.subject.config_hash), checkpoints.collect()].concat();
    let body = [
        price(report, curves).and_then(|chart| chart.render()).unwrap_or_default(),
        "<div class=\"folds\">".into(),
        fold("Config", &format!("<pre><code>{}</code></pre>", escape(config_toml))),
        fold("Data", &format!("{notes}<dl class=\"terms\">{hashes}</dl>")),
        fold("Hashes of this experiment", &format!("<dl class=\"terms\">{hashes_of_run}</dl>")),
        "</div><footer>These are results of a simulation on past prices. They are no forecast and no advice.</footer>\n".into(),
    ];
    let under = "What went in and what was judged, named by their hashes.";
    section("provenance", "Where the numbers come from", under, &body.concat())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pavlov_evaluation::{METRICS, MetricEntry};
    use serde_json::Value;

    use super::super::insight::sample::insight_sample;
    use super::super::sample::{sample, sample_of, two_assets};
    use super::*;

    const CONFIG: &str = "name = \"a <b> & c\"\n";

    fn page_of(seeds: u64) -> (Report, String) {
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
    fn the_page_is_one_file_that_loads_nothing() {
        let (_, html) = page_of(10);
        for address in ["http:", "https:", "url(", "@import", "src=", "<link", "<iframe"] {
            assert!(!html.contains(address), "{address}");
        }
        assert!(html.split("href=\"").skip(1).all(|rest| rest.starts_with('#')), "links stay on the page");
        assert!(html.contains("prefers-color-scheme:dark") && html.contains("width=device-width"));
    }

    #[test]
    fn six_years_of_hours_and_ten_seeds_stay_under_three_megabytes() {
        let (report, curves) = sample_of(10, 27_000, 27_000);
        assert!(report.sheet.trades.iter().map(|count| count.buys + count.sells).sum::<u64>() > 5_000);
        let html = render_html(&report, &curves, CONFIG, &[]);
        assert!(html.len() < 3_000_000, "{} bytes", html.len());
    }

    /// Every number of `report.json`, and every text.
    fn leaves(value: &Value, numbers: &mut BTreeSet<u64>, texts: &mut BTreeSet<String>) {
        match value {
            Value::Number(number) => drop(numbers.insert(number.as_f64().unwrap().to_bits())),
            Value::String(text) => drop(texts.insert(text.clone())),
            Value::Array(values) => values.iter().for_each(|value| leaves(value, numbers, texts)),
            Value::Object(values) => values.values().for_each(|value| leaves(value, numbers, texts)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The values of an attribute of a tag.
    fn values<'a>(html: &'a str, before: &str) -> Vec<&'a str> {
        html.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn every_number_and_time_of_the_page_stands_in_report_json() {
        let samples = [sample(1), sample(5), two_assets(4), sample_of(3, 5_000, 4_000), insight_sample(3, 20, 500)];
        for (report, curves) in samples {
            let html = render_html(&report, &curves, CONFIG, &[]);
            let (mut numbers, mut texts) = (BTreeSet::new(), BTreeSet::new());
            leaves(&serde_json::from_str(&report.to_json().unwrap()).unwrap(), &mut numbers, &mut texts);
            let shown = values(&html, "<data value=\"");
            for value in &shown {
                let number: f64 = value.parse().unwrap();
                assert!(numbers.contains(&number.to_bits()), "{value} is not in report.json");
            }
            let times = values(&html, "<time datetime=\"");
            assert!(times.iter().all(|time| texts.contains(*time)), "{times:?}");
            assert!(shown.len() > 150 && times.len() >= 10, "{} numbers, {} times", shown.len(), times.len());
        }
    }

    #[test]
    fn months_drawdowns_shares_and_the_rolling_window_are_shown() {
        let (report, curves) = sample_of(3, 5_000, 4_000);
        let html = render_html(&report, &curves, CONFIG, &[]);
        let part = |anchor: &str| {
            let start = html.find(&format!("<section id=\"{anchor}\"")).unwrap();
            &html[start..start + html[start..].find("</section>").unwrap()]
        };
        let shows = |part: &str, value: f64| assert!(part.contains(&format!("<data value=\"{value:?}\">")), "{value}");
        let sheet = &report.sheet;
        assert!(sheet.drawdowns.len() == 5 && sheet.calendar.periods.len() >= 5 && !sheet.calendar.years.is_empty());
        let falls = sheet.drawdowns.iter().flat_map(|fall| [fall.depth, fall.days, fall.days_to_bottom]);
        falls.for_each(|value| shows(part("drawdowns"), value));
        let returns = sheet.calendar.periods.iter().chain(&sheet.calendar.years).flat_map(|p| [p.agent, p.benchmark]);
        returns.flatten().for_each(|value| shows(part("when"), value));
        let window = sheet.rolling_sharpe.unwrap().window_periods;
        assert!(part("when").contains(&format!("Window of {window} periods")));
        let shares = sheet.actions[0].seeds.iter().flat_map(|seed| &seed.shares).filter(|share| **share > 0.1);
        shares.for_each(|share| shows(part("conduct"), *share));
    }

    #[test]
    fn several_assets_are_shown_by_name_with_their_weights() {
        let (report, curves) = two_assets(3);
        let html = render_html(&report, &curves, CONFIG, &[]);
        for name in ["leveraged", "inverse &amp; more"] {
            assert!(html.contains(&format!("data-label=\"{name}\"")), "{name} has a price");
            assert!(html.contains(&format!("data-label=\"{name} held\"")), "{name} has a weight");
        }
        assert!(html.contains("0.5 to 0.6") && html.contains("prices, times the first ones"));
        assert_eq!(unbalanced(&html), None);
    }

    #[test]
    fn every_link_of_the_contents_has_its_section() {
        let (_, html) = page_of(3);
        let links: Vec<&str> = values(&html, "<a href=\"#");
        assert_eq!(links[..4], ["verdict", "flags", "numbers", "equity"]);
        assert_eq!(links.len(), 11);
        assert!(links.iter().all(|link| html.contains(&format!("<section id=\"{link}\""))));
    }

    #[test]
    fn every_tag_is_closed() {
        for seeds in [1, 3] {
            assert_eq!(unbalanced(&page_of(seeds).1), None);
        }
        assert!(unbalanced("<p><b></p>").is_some() && unbalanced("<p>").is_some());
    }

    #[test]
    fn every_number_of_the_result_table_is_the_one_of_report_json() {
        let (report, html) = page_of(4);
        let report = Report::from_json(&report.to_json().unwrap()).unwrap();
        let tables: Vec<&str> = html.split("class=\"scroll results\"").skip(1).take(2).collect();
        let baselines = super::super::table::ordered_baselines(&report);
        let rows = tables.iter().flat_map(|table| table.split("</table>").next().unwrap().split("</tr>"));
        let rows: Vec<&str> = rows.filter(|row| row.contains("<td")).collect();
        assert_eq!(rows.len(), METRICS.len(), "the main ones and all others");
        let main = |metric: &&MetricEntry| super::super::text::SHOWN.contains(&metric.name);
        let metrics = METRICS.iter().filter(main).chain(METRICS.iter().filter(|metric| !main(metric)));
        for (row, metric) in rows.iter().zip(metrics) {
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
        let (_, html) = page_of(2);
        assert!(html.contains("<h1>bitcoin &lt;hourly&gt; lstm</h1>"));
        assert!(html.contains("a &lt;b&gt; &amp; c") && html.contains("Gaps: &lt;none&gt;."));
        assert!(html.contains("buy &amp; hold") && !html.contains("buy & hold"));
    }

    #[test]
    fn sections_follow_the_questions_of_a_reader() {
        let (report, html) = page_of(3);
        let marks = [
            "class=\"contents\"",
            "class=\"verdict",
            "Know before you trust",
            "Key numbers</h2>",
            "Return of the agent less return of each baseline",
            "Equity on the test span",
            "Profit on the test span",
            "Rewards on the test span",
            "Drawdown on the test span",
            "Worst drawdowns on the test span",
            "Weekly returns on the test span",
            "Rolling Sharpe ratio on the test span",
            "Trades on the test span",
            "Actions taken on the test span",
            "Actions over time on the test span",
            "Every seed",
            "Episode profit over training",
            "Actions per episode over training",
            "Loss</h3>",
            "has no part in the verdict",
            "Equity on the training span, in sample",
            "Monthly returns on the training span",
            "Actions taken on the training span",
            "Price on the training and the test span",
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
