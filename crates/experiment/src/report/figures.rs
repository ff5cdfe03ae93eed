//! The parts of a report with charts, one function a section of the page.

use super::Report;
use super::chart::{Chart, grid};
use super::conduct::{conduct, prices};
use super::curves::{Curves, SpanCurves};
use super::markup::{fold, section};
use super::panel::{Line, NamedSpan, Panel, XAxis};
use super::span_figures::SpanFigures;
use super::ticks::day_of;
use super::time_tables::{calendar, worst_drawdowns};
use super::training_figures::{actions, profits};
use super::update_figures::updates;

/// How the accounts went on the test span.
pub(super) fn equity(report: &Report, curves: &Curves) -> String {
    let span = on_test(report, curves);
    let under = "Test span. The agent never learned from these bars: this is what the verdict is about. Point at a chart to \
                 read its values.";
    section("equity", "Equity", under, &drawn([span.equity(), span.profit(), span.rewards()]))
}

/// How far and for how long the agent was below its peak on the test span.
pub(super) fn falls(report: &Report, curves: &Curves) -> String {
    let span = on_test(report, curves);
    let under = "Test span. How far an account fell from its own peak, and for how long.";
    section("drawdowns", "Drawdowns", under, &[drawn([span.underwater()]), worst_drawdowns(&span)].concat())
}

/// When the agent earned on the test span.
pub(super) fn when(report: &Report, curves: &Curves) -> String {
    let span = on_test(report, curves);
    let under = "Test span. Whether the result comes from many stretches of time or from one.";
    section("when", "When did it earn?", under, &[calendar(&span), drawn([span.rolling()])].concat())
}

/// What the agent did on the test span.
pub(super) fn what_it_did(report: &Report, curves: &Curves) -> String {
    let under = "Test span. What was bought and sold, what was held, and which actions were taken.";
    section("conduct", "What did it do?", under, &conduct(&on_test(report, curves), curves))
}

/// How the agent learned.
pub(super) fn learned(report: &Report, curves: &Curves) -> String {
    let under = "What the episodes brought that the agent learned from, what it did in them, and the figures of its updates: \
                 medians over the seeds of means over blocks of updates, by environment steps.";
    let charts = drawn([profits(report, &curves.learning), actions(report, curves)]);
    section("learning", "How did it learn?", under, &[charts, grid(updates(&curves.learning))].concat())
}

/// The same pictures of the training span, folded.
pub(super) fn in_sample(report: &Report, curves: &Curves) -> String {
    let span = SpanFigures {
        name: "training span, in sample",
        report,
        curves: &curves.train,
        sheet: &report.train_sheet,
        profit: report.train_profit,
    };
    let body = [
        drawn([span.equity(), span.profit(), span.rewards(), span.underwater()]),
        worst_drawdowns(&span),
        calendar(&span),
        drawn([span.rolling()]),
        conduct(&span, curves),
    ];
    let under = "After training, the agent plays the bars that it learned from once through. This shows what it memorised, \
                 not what it can do, and has no part in the verdict.";
    section("in-sample", "In sample", under, &fold("The training span in the same pictures", &body.concat()))
}

fn on_test<'a>(report: &'a Report, curves: &'a Curves) -> SpanFigures<'a> {
    SpanFigures { name: "test span", report, curves: &curves.test, sheet: &report.sheet, profit: report.profit }
}

fn drawn<const N: usize>(charts: [Option<Chart>; N]) -> String {
    charts.into_iter().flatten().filter_map(|chart| chart.render()).collect()
}

/// The price through both spans, each of them shaded.
pub(super) fn price(report: &Report, curves: &Curves) -> Option<Chart> {
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
    let xs = stamps(&curves.price.times);
    let panel = Panel { spans, ..prices(&curves.assets, &report.subject.money, &xs, &curves.price.close, 260) };
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
