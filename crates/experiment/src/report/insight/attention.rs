//! Attention through time as a heat map, and the mean shares as numbers.

use super::{AttentionCurve, AttentionReport, InsightCurves, whose};
use crate::report::format::{escape, percent};
use crate::report::heat::{HeatMap, LEVELS};
use crate::report::markup::{figure, fold, number, number_or_dash, table};

/// Labels from which on the table of shares is folded.
const FOLDED_FROM: usize = 13;

/// The picture of a part of the agent and its mean shares.
pub(super) fn attention(part: &AttentionReport, seeds: usize, curve: &AttentionCurve, of: &InsightCurves) -> String {
    let most = curve.shares.iter().flatten().copied().fold(0.0, f64::max);
    let level = |share: &f64| (*share > 0.0).then(|| ((share / most * LEVELS as f64) as usize).min(LEVELS - 1));
    let bars = curve.bounds.last().map_or(0, |last| last.div_ceil(curve.bounds.len().saturating_sub(1).max(1)));
    let blocks = if bars > 1 { format!(" Means over blocks of about {bars} bars.") } else { String::new() };
    let map = HeatMap {
        title: format!("Attention of the {} on the test span", part.of),
        caption: format!(
            "How the {} spread its attention at each decision, {}: the stronger the colour, the larger the share.{blocks} Bars stand side \
             by side; nights and weekends without bars take no room.",
            part.of,
            whose(seeds, "mean")
        ),
        times: &of.times,
        rows: part.labels.iter().map(|share| share.label.clone()).collect(),
        bounds: &curve.bounds,
        cells: curve.shares.iter().map(|shares| shares.iter().map(level).collect()).collect(),
        classes: (0..LEVELS).map(|level| format!("h{level}")).collect(),
        legend: legend(most),
        above: None,
    };
    [map.render().unwrap_or_default(), shares(part, seeds)].concat()
}

/// The colours from 0 to the largest share.
fn legend(most: f64) -> String {
    let mark =
        |level: usize| format!("<rect class=\"cell h{level}\" x=\"{}\" width=\"14\" height=\"10\"/>", 14 * level);
    let marks: String = (0..LEVELS).map(mark).collect();
    let width = 14 * LEVELS;
    format!(
        "<ul class=\"legend\"><li>0 %<svg width=\"{width}\" height=\"10\" aria-hidden=\"true\">{marks}</svg>{}</li></ul>",
        percent(most, false)
    )
}

fn shares(part: &AttentionReport, seeds: usize) -> String {
    let share = |x: f64| percent(x, false);
    let row = |label: &super::LabelShare| {
        let range = |[low, high]: [f64; 2]| format!("{} to {}", number(low, &share(low)), number(high, &share(high)));
        let interval = label.share.ci95.map_or("\u{2013}".to_owned(), range);
        let mean = number_or_dash(label.share.mean, share);
        format!("<tr><th scope=\"row\">{}</th><td>{mean}</td><td>{interval}</td></tr>", escape(&label.label))
    };
    let rows: String = part.labels.iter().map(row).collect();
    let table = table(&["", "Mean share", "95 % interval"], &rows);
    let folded = match part.labels.len() {
        n if n >= FOLDED_FROM => fold(&format!("The shares of all {n}"), &table),
        _ => table,
    };
    let caption = format!(
        "Mean over all decisions, {}, as a share of all attention; an even spread would be {} each.",
        whose(seeds, "mean"),
        share(part.even)
    );
    figure("tabular", &format!("Mean attention of the {}", part.of), &caption, &folded)
}
