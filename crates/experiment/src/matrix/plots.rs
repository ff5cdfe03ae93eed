//! The charts of a matrix's report: differences by cell, the performance profile, chains of folds.

use pavlov_evaluation::{Level, METRICS, MetricEntry, Outcome};

use crate::matrix::chain::Chain;
use crate::matrix::results::{CellReport, MatrixReport};
use crate::matrix::text;
use crate::report::format::{compact, escape, metric, percent, typographic};
use crate::report::ticks;

/// A horizontal axis that always shows 0, in fractions.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        let pad = 0.06 * (high - low).max(1e-6);
        Self { low: low - pad, high: high + pad }
    }

    /// Where a value lies, in percent of the length.
    fn share(&self, value: f64) -> f64 {
        100.0 * (value - self.low) / (self.high - self.low)
    }

    /// Marks in percent of the value, about `target`.
    fn marks(&self, target: usize) -> Vec<(f64, String)> {
        let marks = ticks::linear(100.0 * self.low, 100.0 * self.high, target);
        let text = |points: f64| typographic(&format!("{}{}", if points > 0.0 { "+" } else { "" }, compact(points)));
        marks.into_iter().map(|points| (self.share(points / 100.0), text(points))).collect()
    }
}

/// The difference to the benchmark of every cell with its interval, one under the other.
pub fn forest(report: &MatrixReport) -> String {
    let ends = |cell: &CellReport| {
        let ci95 = cell.quoted_ci95.unwrap_or([0.0; 2]);
        [cell.difference.map_or(0.0, |d| d.difference), ci95[0], ci95[1]]
    };
    let axis = Axis::over(report.cells.iter().flat_map(ends));
    let rows: String = report.cells.iter().map(|cell| forest_row(cell, &axis)).collect();
    let mark = |(at, text): (f64, String)| format!("<text x=\"{at:.2}%\" y=\"1.1em\">{text}</text>");
    let marks: String = axis.marks(7).into_iter().map(mark).collect();
    format!(
        "<figure class=\"forest\"><figcaption><h3>Return of the agent less return of {}, by cell</h3>\
         <p>Test span, in percentage points. Dots are means over the seeds, whiskers the 95 % intervals that the cells' verdicts \
         quote. Left of the upright line the agents earned less, right of it more.</p></figcaption>\
         <div class=\"rows\">{rows}<div class=\"scale\"><svg aria-hidden=\"true\">{marks}</svg></div></div></figure>\n",
        escape(&report.benchmark)
    )
}

fn forest_row(cell: &CellReport, axis: &Axis) -> String {
    let class = match cell.level {
        Level::Better => "better",
        Level::Worse => "worse",
        Level::Unclear | Level::Collapsed => "unclear",
    };
    let points = |x: f64| typographic(percent(x, true).trim_end_matches(" %"));
    let difference = cell.difference.map_or(0.0, |d| d.difference);
    let whisker = cell.quoted_ci95.map_or(String::new(), |[low, high]| {
        let (low, high) = (axis.share(low), axis.share(high));
        format!("<line class=\"whisker\" x1=\"{low:.2}%\" x2=\"{high:.2}%\" y1=\"50%\" y2=\"50%\"/>")
    });
    let interval =
        cell.quoted_ci95.map_or(String::new(), |[low, high]| format!(" ({} to {})", points(low), points(high)));
    let (zero, at, word) = (axis.share(0.0), axis.share(difference), text::word(cell));
    let points = points(difference);
    format!(
        "<div class=\"row {class}\"><div class=\"who\">{}</div><svg role=\"img\" aria-label=\"{points} percentage points{interval}, {word}\">\
         <line class=\"zero\" x1=\"{zero:.2}%\" x2=\"{zero:.2}%\" y1=\"0\" y2=\"100%\"/>{whisker}\
         <circle cx=\"{at:.2}%\" cy=\"50%\" r=\"5\"/></svg>\
         <div class=\"what\"><b>{points}</b><span>{interval}</span> <em>{word}</em></div></div>",
        escape(&cell.labels.join(", "))
    )
}

/// A chart of lines on a plane of 1000 by 300 with marks at its edges.
struct Plane {
    lines: String,
    marks: String,
}

impl Plane {
    const WIDTH: f64 = 1000.0;
    const HEIGHT: f64 = 300.0;

    fn new() -> Self {
        Self { lines: String::new(), marks: String::new() }
    }

    /// A line through points in percent of both axes, from the left and from the bottom.
    fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        let place = |(x, y): &(f64, f64)| {
            format!("{:.1},{:.1}", x * Self::WIDTH / 100.0, Self::HEIGHT - y * Self::HEIGHT / 100.0)
        };
        let points: Vec<String> = points.iter().map(place).collect();
        self.lines += &format!("<polyline class=\"line {class}\" points=\"{}\"/>", points.join(" "));
    }

    fn across(&mut self, marks: Vec<(f64, String)>) {
        for (at, text) in marks {
            self.marks += &format!("<text class=\"x\" x=\"{at:.2}%\" y=\"100%\" dy=\"1.5em\">{text}</text>");
        }
    }

    fn upward(&mut self, marks: Vec<(f64, String)>) {
        for (at, text) in marks {
            let y = 100.0 - at;
            self.marks += &format!(
                "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.2}%\" y2=\"{y:.2}%\"/>\
                 <text class=\"y\" x=\"-8\" y=\"{y:.2}%\" dy=\".35em\">{text}</text>"
            );
        }
    }

    /// The figure, with a caption.
    fn figure(self, title: &str, under: &str) -> String {
        format!(
            "<figure><figcaption><h3>{title}</h3><p>{under}</p></figcaption><p class=\"axis\"></p>\
             <div class=\"plot\" style=\"height:300px\"><svg class=\"frame\" role=\"img\" aria-label=\"{title}\">{}\
             <svg viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" width=\"100%\" height=\"100%\">{}</svg></svg></div></figure>\n",
            self.marks,
            Self::WIDTH,
            Self::HEIGHT,
            self.lines
        )
    }
}

/// Which share of the trainings exceeds which difference.
pub fn profile(report: &MatrixReport) -> String {
    let points = &report.aggregate.profile;
    if points.len() < 2 {
        return String::new();
    }
    let axis = Axis::over(points.iter().map(|point| point.threshold));
    let mut plane = Plane::new();
    plane.upward([0.0, 25.0, 50.0, 75.0, 100.0].map(|at| (at, compact(at))).into());
    plane.across(axis.marks(7));
    plane.line("c1", &[(axis.share(0.0), 0.0), (axis.share(0.0), 100.0)]);
    for end in [0, 1] {
        let ends: Vec<_> = points.iter().map(|p| (axis.share(p.threshold), 100.0 * p.ci95[end])).collect();
        plane.line("c0 thin", &ends);
    }
    let shares: Vec<_> = points.iter().map(|p| (axis.share(p.threshold), 100.0 * p.share)).collect();
    plane.line("c0 agent", &shares);
    let title = "Performance profile";
    let under = format!(
        "Percent of the trainings, mean over the cells, that earned more than {} by at least so many percentage points. Thin \
         lines are 95 % intervals over the seeds; cells of one seed have none.",
        escape(&report.benchmark)
    );
    plane.figure(title, &under)
}

/// Points of a line in a chart.
const MOST_POINTS: usize = 600;

/// What every configuration's account became over its folds.
pub fn chains(report: &MatrixReport) -> String {
    report.chains.iter().map(|chain| history(chain, &report.benchmark)).collect()
}

fn history(chain: &Chain, benchmark: &str) -> String {
    let grown = || chain.curves.iter().flatten().map(|worth| worth - 1.0);
    let (Some(first), Some(last)) = (chain.times.first(), chain.times.last()) else { return String::new() };
    let axis = Axis::over(grown());
    let mut plane = Plane::new();
    plane.upward(axis.marks(5));
    let across = |time: i64| 100.0 * (time - first) as f64 / (last - first).max(1) as f64;
    for curve in &chain.curves {
        let step = curve.len().div_ceil(MOST_POINTS).max(1);
        let points = curve.iter().zip(&chain.times).enumerate().filter(|(i, _)| i % step == 0 || i + 1 == curve.len());
        let points: Vec<_> = points.map(|(_, (worth, time))| (across(*time), axis.share(worth - 1.0))).collect();
        plane.line("c0", &points);
    }
    let who = if chain.labels.is_empty() { String::new() } else { format!("{}: ", escape(&chain.labels.join(", "))) };
    let outcome = chain.difference.map_or(String::new(), |d| match d.outcome {
        Outcome::Better => format!(" Over the seeds better than {}.", escape(benchmark)),
        Outcome::Worse => format!(" Over the seeds worse than {}.", escape(benchmark)),
        Outcome::NotDistinguishable => format!(" Over the seeds not distinguishable from {}.", escape(benchmark)),
        Outcome::OneSeed => String::new(),
    });
    let past = if chain.causal { "before it" } else { "before and behind it" };
    let under = format!(
        "Growth in percent, one line a seed, {} test spans one after the other, each by an agent trained on what lies {past}.{outcome}",
        chain.folds
    );
    plane.figure(&format!("{who}out of sample, fold after fold"), &under) + &metrics(chain)
}

/// Metrics of a chain that are shown; `report.json` has all.
const SHOWN: [&str; 7] =
    ["cumulative_return", "annualised_return", "volatility", "sharpe", "sortino", "maximum_drawdown", "turnover"];

fn metrics(chain: &Chain) -> String {
    let row = |entry: &MetricEntry| {
        let summary = chain.summary.get(entry.name)?;
        let text = |value: f64| typographic(&metric(entry, value));
        let mean = summary.mean.map_or("-".to_owned(), text);
        let interval =
            summary.ci95.map_or(String::new(), |[low, high]| format!("<small>{} to {}</small>", text(low), text(high)));
        Some(format!("<tr><th scope=\"row\">{}</th><td>{mean}{interval}</td></tr>", entry.label))
    };
    let rows: String = METRICS.iter().filter(|entry| SHOWN.contains(&entry.name)).filter_map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>All folds together</th><th scope=\"col\">Agent, mean over the \
         seeds</th></tr></thead><tbody>{rows}</tbody></table></div>\n"
    )
}
