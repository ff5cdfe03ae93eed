//! Forecasts against what came, as pictures and as errors.

use pavlov_evaluation::{Outcome, Summary};

use super::{ForecastCurve, ForecastFigures, ForecastPanel, ForecastReport, InsightCurves, InsightReport, whose};
use crate::report::chart::Chart;
use crate::report::figures::{line, period, stamps};
use crate::report::format::{escape, grouped};
use crate::report::markup::{figure, number, number_or_dash, prose, table};
use crate::report::panel::{Band, Panel, Scale, XAxis};
use crate::report::span_figures::{quantile, sorted};

/// Bars of the closer look, at the end of the span.
const CLOSER: usize = 120;
/// Names of the naive forecasts, in the order of the table.
const NAIVE: [&str; 3] = ["this row", "0", "training median"];

/// Pictures and errors; nothing if nothing is forecast.
pub(super) fn forecast(insight: &InsightReport, curves: &InsightCurves) -> String {
    let (Some(report), Some(curve)) = (&insight.forecast, &curves.forecast) else { return String::new() };
    let Some(times) = curves.times.get(1..) else { return String::new() };
    let whose = whose(insight.seeds, "median and range");
    let caption = format!(
        "What was expected of each bar one bar before, {whose}, and what came, {}. Lines that lie on each other prove nothing: \
         so would those of a forecast that repeats the last close. Only the errors below tell.{}",
        period(times),
        if closes(times) { " Bars stand side by side." } else { "" }
    );
    let mut charts = vec![chart("Forecast and what came on the test span", &caption, times, curve, 0)];
    if times.len() > 2 * CLOSER {
        let caption = format!("The same of the last {CLOSER} bars of the span.");
        charts.push(chart("A closer look at the forecast", &caption, times, curve, times.len() - CLOSER));
    }
    let charts: String = charts.into_iter().filter_map(|chart| chart.render()).collect();
    [charts, errors(report, insight.seeds)].concat()
}

/// The bars from `first` on; side by side if the market closes, since nights would leave them no room.
fn chart(title: &str, caption: &str, times: &[i64], curve: &ForecastCurve, first: usize) -> Chart {
    let closes = closes(times);
    let shown = &times[first..];
    let xs = if closes { (0..shown.len()).map(|bar| bar as f64).collect() } else { stamps(shown) };
    let panel = |panel: &ForecastPanel| {
        let seeds: Vec<&[f64]> = panel.seeds.iter().map(|seed| seed.get(first..).unwrap_or_default()).collect();
        let drawn = drawn(&panel.label, &xs, &panel.came[first..], &seeds);
        Panel { bars: if closes { shown.to_vec() } else { Vec::new() }, ..drawn }
    };
    let panels = curve.panels.iter().map(panel).collect();
    let x = if closes { XAxis::Steps } else { XAxis::Time };
    Chart { title: title.to_owned(), caption: caption.to_owned(), x, panels }
}

/// Whether some bars are much farther from each other than most.
fn closes(times: &[i64]) -> bool {
    let mut distances: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances.sort_unstable();
    distances.last().is_some_and(|longest| *longest > 5 * distances[distances.len() / 2])
}

fn drawn(label: &str, xs: &[f64], came: &[f64], seeds: &[&[f64]]) -> Panel {
    let across: Vec<Vec<f64>> = (0..xs.len()).map(|t| sorted(seeds.iter().filter_map(|seed| seed.get(t)))).collect();
    let at = |share: f64| across.iter().map(|values| quantile(values, share)).collect::<Vec<f64>>();
    let mut panel = Panel::new(label, Scale::Linear, 240);
    panel.lines.push(line("came", "ink", xs, came.to_vec()));
    let name = if seeds.len() == 1 { "forecast" } else { "forecast, median" };
    panel.lines.push(line(name, "c0", xs, at(0.5)));
    if seeds.len() > 1 {
        let (low, high) = (at(0.0), at(1.0));
        panel.bands.push(Band { label: "all seeds".into(), class: "c0".into(), xs: xs.to_vec(), low, high });
    }
    panel
}

/// The errors of every column beside those of forecasts that need no learning.
fn errors(report: &ForecastReport, seeds: usize) -> String {
    let rows: String = report.columns.iter().map(row).collect();
    let heads = ["Column", "Agent", "This row", "0", "Training median", "Ratio", "95 %, seeds", "95 %, time", ""];
    let scaled = if report.columns.iter().all(|column| column.unscaled) { "" } else { " Numbers are as scaled." };
    let caption = format!(
        "Mean absolute error of the forecast of the next row, {}, beside forecasts that need no learning: the last row \
         again, 0 for a change, the median of the training rows. The star is the best of these; the ratio is the agent's \
         error over it, below 1 the agent is better. A claim needs both intervals on one side of 1: over the seeds, and over \
         histories drawn anew in blocks. Every line is judged alone, so of many some stand out by chance; and a \
         number that is forecast well need not be one that can be traded: the next open is nearly the last close.{scaled}",
        whose(seeds, "mean")
    );
    let body = [format!("<p class=\"part\">{}</p>", prose(&report.sentence)), table(&heads, &rows)].concat();
    figure("tabular errors", "Errors of the forecast on the test span", &caption, &body)
}

fn row(figures: &ForecastFigures) -> String {
    let naive = |name: &str| figures.naive.iter().find(|naive| naive.name == name);
    let best = figures.naive.first();
    let cell = |name: &&str| match naive(name) {
        None => "<td class=\"none\">\u{2013}</td>".to_owned(),
        Some(naive) => {
            let class = if best.is_some_and(|best| best.name == naive.name) { " class=\"best\"" } else { "" };
            format!("<td{class}>{}</td>", number(naive.mae, &digits(naive.mae)))
        }
    };
    let ratio = best.map_or(Summary::of([]), |best| best.ratio);
    let says = match figures.outcome {
        Outcome::Better => "better",
        Outcome::Worse => "worse",
        Outcome::NotDistinguishable => "unclear",
        Outcome::OneSeed => "no claim",
    };
    format!(
        "<tr><th scope=\"row\"><code>{}</code></th><td class=\"agent-col\">{}</td>{}<td>{}</td><td>{}</td><td>{}</td><td>{says}</td></tr>",
        escape(&figures.column),
        number_or_dash(figures.mae.mean, digits),
        NAIVE.iter().map(cell).collect::<String>(),
        number_or_dash(ratio.mean, share),
        interval(ratio.ci95),
        interval(figures.over_time),
    )
}

fn interval(ends: Option<[f64; 2]>) -> String {
    let text = |[low, high]: [f64; 2]| format!("{} to {}", number(low, &share(low)), number(high, &share(high)));
    ends.map_or("\u{2013}".to_owned(), text)
}

fn share(ratio: f64) -> String {
    grouped(ratio, 3)
}

/// Four digits, plainly where that is short.
fn digits(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        size if size >= 1e-5 => grouped(x, (3 - size.log10().floor() as i32).clamp(0, 8) as usize),
        _ => format!("{x:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_side_by_side_where_a_market_closes() {
        const MINUTE: i64 = 60_000_000_000;
        let session = |day: i64| (0..10).map(move |bar| (1_440 * day + 2 * bar) * MINUTE);
        let times: Vec<i64> = session(0).chain(session(1)).collect();
        let values: Vec<f64> = (0..20).map(f64::from).collect();
        let panel = ForecastPanel { label: "next close".into(), came: values.clone(), seeds: vec![values] };
        let curve = ForecastCurve { panels: vec![panel] };
        let html = chart("A", "B.", &times, &curve, 0).render().unwrap();
        // The eleventh of twenty bars is the first of the second day.
        assert!(html.contains("x=\"52.63%\" y=\"100%\" dy=\"1.6em\">2 Jan 00:00<"), "{html}");
        assert!(html.contains("data-stamps=\"0 120000 ") && html.contains(" 87480000\""), "{html}");
        assert!(
            !closes(&times[..10])
                && !chart("A", "B.", &times[..10], &curve, 0).panels.iter().any(|p| !p.bars.is_empty())
        );
    }

    #[test]
    fn errors_of_any_size_show_four_digits() {
        assert_eq!(
            [0.0, 1.23456, 0.000_123_456, 123_456.7, 1.2e-7].map(digits),
            ["0", "1.235", "0.0001235", "123,457", "1.200e-7"]
        );
    }
}
