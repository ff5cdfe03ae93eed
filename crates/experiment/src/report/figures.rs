//! The charts of a report, by section: prices, both spans, training.

use super::chart::Chart;
use super::curves::{Curves, SpanCurves};
use super::format::escape;
use super::panel::{Line, NamedSpan, Panel, Scale, XAxis};
use super::span_figures::SpanFigures;
use super::ticks::day_of;
use super::training_figures::{actions, profits};
use super::{ProfitSummary, Report};

/// All charts as HTML in sections, in the order of the page; what has no data is left out.
pub(super) fn figures(report: &Report, curves: &Curves) -> String {
    let subject = &report.subject;
    let span = |name: &'static str, curves, profit: &ProfitSummary| {
        SpanFigures { name, report, curves, profit: *profit }.charts()
    };
    [
        section(
            "Prices",
            "What could be traded. Point at a chart to read its values.",
            vec![price(curves, &subject.money, &subject.asset)],
        ),
        section(
            "On the test span",
            "The agent never learned from these bars: this is what the verdict is about.",
            span("test span", &curves.test, &report.profit),
        ),
        section(
            "On the training span, in sample",
            "After training, the agent plays the bars that it learned from once through. This shows what it memorised, \
             not what it can do, and has no part in the verdict.",
            span("training span, in sample", &curves.train, &report.train_profit),
        ),
        section(
            "Over training",
            "What the episodes brought that the agent learned from, and what it did in them.",
            vec![profits(report, &curves.learning), actions(report, curves)],
        ),
    ]
    .concat()
}

fn section(title: &str, under: &str, charts: Vec<Option<Chart>>) -> String {
    let charts: String = charts.into_iter().flatten().filter_map(|chart| chart.render()).collect();
    match charts.is_empty() {
        true => charts,
        false => format!("<h2>{title}</h2><p class=\"under\">{}</p>\n{charts}", escape(under)),
    }
}

/// The price through both spans, each of them shaded.
fn price(curves: &Curves, money: &str, asset: &str) -> Option<Chart> {
    let named = |label: &str, span: &SpanCurves| {
        let (first, last) = (*span.times.first()? as f64, *span.times.last()? as f64);
        Some(NamedSpan { label: label.into(), from: first, to: last })
    };
    let spans = vec![named("training span", &curves.train)?, named("test span", &curves.test)?];
    let caption = format!(
        "Close of every bar. Training span {}; test span {}.",
        period(&curves.train.times),
        period(&curves.test.times)
    );
    let line = line("price", "ink", &stamps(&curves.price.times), curves.price.close.clone());
    let label = format!("{money} for one {asset}");
    let panel = Panel { spans, lines: vec![line], ..Panel::new(&label, Scale::Linear, 260) };
    let title = "Price on the training and the test span".to_owned();
    Some(Chart { title, caption, x: XAxis::Time, panels: vec![panel] })
}

pub(super) fn line(label: &str, class: &str, xs: &[f64], ys: Vec<f64>) -> Line {
    Line { label: Some(label.to_owned()), class: class.to_owned(), xs: xs.to_vec(), ys }
}

pub(super) fn stamps(times: &[i64]) -> Vec<f64> {
    times.iter().map(|&t| t as f64).collect()
}

/// `7 May 2018 to 26 Jun 2019, UTC`.
pub(super) fn period(times: &[i64]) -> String {
    match (times.first(), times.last()) {
        (Some(&first), Some(&last)) => format!("{} to {}, UTC", day_of(first as f64), day_of(last as f64)),
        _ => String::new(),
    }
}
