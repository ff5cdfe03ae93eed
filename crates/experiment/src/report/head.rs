//! The top of the page: flaws that cannot be overlooked, the verdict, what to know, the numbers to take away.

use pavlov_evaluation::{Level, Outcome};

use super::format::{escape, grouped, percent};
use super::markup::{number, number_or_dash, prose};
use super::{Flag, FlagKind, Report, Severity};

/// A banner across the page for runs whose rules are known to flatter; nothing for others.
pub(super) fn banner(report: &Report) -> String {
    let flaws = report.flags.iter().filter(|flag| flag.kind == FlagKind::AsPublished);
    let banner = |flag: &Flag| {
        format!(
            "<aside class=\"flawed\" role=\"alert\"><b><span aria-hidden=\"true\">\u{26a0}</span> Flawed on purpose</b>\
             <p>This run repeats a published system with its errors. Its numbers must not be quoted as results.</p>\
             <p>{}</p></aside>\n",
            prose(&flag.sentence)
        )
    };
    flaws.map(banner).collect()
}

pub(super) fn verdict(report: &Report) -> String {
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
        "<section id=\"verdict\" class=\"verdict {class}\"><div class=\"badge\"><span aria-hidden=\"true\"><i>{sign}</i></span><div>{}</div></div>{paragraphs}</section>\n",
        prose(&report.verdict.headline)
    )
}

/// The four numbers to take away.
pub(super) fn tiles(report: &Report) -> String {
    let verdict = &report.verdict;
    let points = |x: f64| number(x, percent(x, true).trim_end_matches(" %"));
    let signed = |value: Option<f64>| number_or_dash(value, |v| percent(v, true));
    let agent = report.summary.get("cumulative_return").and_then(|s| s.mean);
    let benchmark =
        report.baselines.get(&verdict.benchmark).and_then(|b| b.metrics.get("cumulative_return").copied()?);
    let against = verdict.comparisons.get(&verdict.benchmark);
    let interval = against.and_then(|c| c.ci95).map_or("one seed has no interval".to_owned(), |[low, high]| {
        format!("95 % interval over the seeds {} to {}", points(low), points(high))
    });
    let difference = against.map_or("\u{2013}".to_owned(), |c| points(c.difference));
    let (seeds, plural) = (verdict.seeds, if verdict.seeds == 1 { "" } else { "s" });
    let count = |n: f64| number(n, &grouped(n, 0));
    let tile = |title: &str, value: &str, small: &str| {
        format!("<div><dt>{title}</dt><dd>{value}<small>{small}</small></dd></div>")
    };
    [
        "<dl class=\"tiles\">".to_owned(),
        tile(
            if seeds == 1 { "Agent, return" } else { "Agent, mean return" },
            &signed(agent),
            &format!("{} seed{plural}, test span", number(seeds as f64, &seeds.to_string())),
        ),
        tile(&escape(&verdict.benchmark), &signed(benchmark), "return, test span"),
        tile("Difference, percentage points", &difference, &interval),
        tile(
            "Test span",
            &format!("{} days", count(verdict.days)),
            &format!("{} periods", count(verdict.periods as f64)),
        ),
        "</dl>\n".to_owned(),
    ]
    .concat()
}

/// Flags and assumptions; the flaw of a published variant has its banner and is not said again.
pub(super) fn notes(report: &Report) -> String {
    let flaws = report.flags.iter().filter(|flag| flag.kind == FlagKind::AsPublished);
    let flaws: Vec<&str> = flaws.map(|flag| flag.sentence.as_str()).collect();
    let said = |note: &str| flaws.iter().any(|flaw| flaw.contains(note));
    let items = report.subject.notes.iter().filter(|note| !said(note)).map(|note| format!("<li>{}</li>", prose(note)));
    let items: String = items.collect();
    let items = if items.is_empty() { items } else { format!("<ul>{items}</ul>") };
    let body = [flags(report), items].concat();
    match body.is_empty() {
        true => body,
        false => format!(
            "<section id=\"flags\" class=\"notes\"><h3>Know before you trust these numbers</h3>{body}</section>\n"
        ),
    }
}

/// What must not be overlooked, the most serious first.
fn flags(report: &Report) -> String {
    let flag = |flag: &Flag| {
        let (class, word) = match flag.severity {
            Severity::Serious => ("serious", "forbids a claim"),
            Severity::Warning => ("warning", "weakens a claim"),
            Severity::Note => ("note", "good to know"),
        };
        format!("<li class=\"{class}\"><em>{word}</em><span>{}</span></li>", prose(&flag.sentence))
    };
    let items: String = report.flags.iter().filter(|flag| flag.kind != FlagKind::AsPublished).map(flag).collect();
    if items.is_empty() { items } else { format!("<ul class=\"flags\">{items}</ul>") }
}

#[cfg(test)]
mod tests {
    use super::super::sample::sample;
    use super::*;

    #[test]
    fn a_published_variant_has_a_banner_with_its_flaw_and_others_have_none() {
        let (mut report, curves) = sample(2);
        let html = super::super::render_html(&report, &curves, "", &[]);
        assert!(html.contains("class=\"flawed\"") && html.contains("Flawed on purpose"));
        assert!(html.find("its flaws are kept on purpose").unwrap() < html.find("class=\"verdict").unwrap());
        report.flags.retain(|flag| flag.kind != FlagKind::AsPublished);
        assert_eq!(banner(&report), "");
    }

    #[test]
    fn every_flag_is_shown_with_what_it_does_to_a_claim() {
        let (report, _) = sample(1);
        let html = notes(&report);
        assert!(report.flags.len() > 2 && html.contains("<em>forbids a claim</em>"));
        let shown = report.flags.iter().filter(|flag| flag.kind != FlagKind::AsPublished);
        shown.for_each(|flag| assert!(html.contains(&prose(&flag.sentence)), "{}", flag.sentence));
    }
}
