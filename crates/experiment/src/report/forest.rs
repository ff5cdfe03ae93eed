//! The differences to all baselines with their intervals, one under the other (a forest plot).

use pavlov_evaluation::{Comparison, Level, Outcome};

use super::Report;
use super::format::{escape, percent, typographic};
use super::markup::number;
use super::table::ordered_baselines;
use super::ticks;

/// The plot as HTML: dots are mean differences of return, whiskers 95 % intervals, the upright line is "no difference".
pub(super) fn forest(report: &Report) -> String {
    let rows: Vec<(&str, &Comparison)> = ordered_baselines(report)
        .into_iter()
        .filter_map(|(name, _)| Some((name, report.verdict.comparisons.get(name)?)))
        .collect();
    let axis = Axis::over(rows.iter().flat_map(|(_, comparison)| ends(comparison)));
    let body: String = rows.iter().map(|(name, comparison)| row(report, name, comparison, &axis)).collect();
    let whiskers = match report.verdict.seeds {
        1 => "One seed: there are no intervals.".to_owned(),
        n => format!("Dots are means over {n} seeds, whiskers 95 % intervals."),
    };
    format!(
        "<figure class=\"forest\"><figcaption><h3>Return of the agent less return of each baseline</h3>\
         <p>Test span, in percentage points. {whiskers} Left of the upright line the agent earned less, right of it more. \
         {}</p>\
         </figcaption><div class=\"rows\">{body}<div class=\"scale\">{}</div></div></figure>\n",
        collapse(report),
        axis.marks()
    )
}

/// What a reader must know if seeds do what a constant policy does.
fn collapse(report: &Report) -> String {
    let Some(text) = how_many(report) else { return String::new() };
    let rest = match report.verdict.level() {
        Level::Collapsed => {
            "What such an agent earns is the luck of a constant policy: its dots are hollow and claim nothing."
        }
        _ => "What they earn is the luck of a constant policy.",
    };
    format!("<b>{text}</b> {rest}")
}

/// `Collapsed to a constant policy: 3 of 5 seeds.`
fn how_many(report: &Report) -> Option<String> {
    let verdict = &report.verdict;
    let some = verdict.collapsed.values().sum::<usize>();
    (some > 0).then(|| format!("Collapsed to a constant policy: {some} of {} seeds.", verdict.seeds))
}

fn row(report: &Report, name: &str, comparison: &Comparison, axis: &Axis) -> String {
    let verdict = &report.verdict;
    let (class, word) = match verdict.level() {
        // Half of the seeds or more learned nothing, whatever the numbers say.
        Level::Collapsed => ("unclear collapsed", "collapsed, no claim"),
        _ => wording(comparison.outcome),
    };
    let same = verdict
        .collapsed
        .get(name)
        .map_or(String::new(), |n| format!("<small>{n} of {} seeds are this policy</small>", verdict.seeds));
    let at = axis.share(comparison.difference);
    let whisker = comparison.ci95.map_or(String::new(), |[low, high]| {
        let (low, high) = (axis.share(low), axis.share(high));
        format!("<line class=\"whisker\" x1=\"{low:.2}%\" x2=\"{high:.2}%\" y1=\"50%\" y2=\"50%\"/>")
    });
    let zero = axis.share(0.0);
    let (points, interval) = numbers(comparison);
    format!(
        "<div class=\"row {class}\"><div class=\"who\">{}{same}</div><svg role=\"img\" aria-label=\"{points} percentage points{interval}, {word}\">\
         <line class=\"zero\" x1=\"{zero:.2}%\" x2=\"{zero:.2}%\" y1=\"0\" y2=\"100%\"/>{whisker}\
         <circle cx=\"{at:.2}%\" cy=\"50%\" r=\"5\"/></svg>\
         <div class=\"what\"><b>{}</b><span>{}</span> <em>{word}</em></div></div>",
        escape(name),
        number(comparison.difference, &points),
        shown_interval(comparison),
    )
}

fn wording(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Better => ("better", "better"),
        Outcome::Worse => ("worse", "worse"),
        Outcome::NotDistinguishable => ("unclear", "not distinguishable"),
        Outcome::OneSeed => ("unclear", "one seed, no claim"),
    }
}

/// The mean difference and its interval in percentage points.
fn numbers(comparison: &Comparison) -> (String, String) {
    let points = |x: f64| typographic(percent(x, true).trim_end_matches(" %"));
    let interval =
        comparison.ci95.map_or(String::new(), |[low, high]| format!(" ({} to {})", points(low), points(high)));
    (points(comparison.difference), interval)
}

fn shown_interval(comparison: &Comparison) -> String {
    let points = |x: f64| number(x, percent(x, true).trim_end_matches(" %"));
    comparison.ci95.map_or(String::new(), |[low, high]| format!(" ({} to {})", points(low), points(high)))
}

/// A difference and the ends of its interval.
fn ends(comparison: &Comparison) -> Vec<f64> {
    [comparison.difference].into_iter().chain(comparison.ci95.into_iter().flatten()).collect()
}

/// The horizontal axis: it always shows 0.
pub(super) struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    pub(super) fn over(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        let pad = 0.06 * (high - low).max(1e-6);
        Self { low: low - pad, high: high + pad }
    }

    /// Where a value lies, in percent of the width.
    pub(super) fn share(&self, value: f64) -> f64 {
        100.0 * (value - self.low) / (self.high - self.low)
    }

    pub(super) fn marks(&self) -> String {
        let marks = ticks::linear(100.0 * self.low, 100.0 * self.high, 7);
        let mark = |points: f64| {
            let sign = if points > 0.0 { "+" } else { "" };
            let text = typographic(&format!("{sign}{}", super::format::compact(points)));
            format!("<text x=\"{:.2}%\" y=\"1.1em\">{text}</text>", self.share(points / 100.0))
        };
        format!("<svg aria-hidden=\"true\">{}</svg>", marks.into_iter().map(mark).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::sample;
    use super::*;

    #[test]
    fn every_baseline_has_a_row_that_says_its_outcome_in_words() {
        let (report, _) = sample(5);
        let html = forest(&report);
        assert_eq!(html.matches("class=\"row ").count(), report.baselines.len());
        assert_eq!(html.matches("class=\"whisker\"").count(), report.baselines.len());
        for comparison in report.verdict.comparisons.values() {
            let (points, interval) = numbers(comparison);
            assert!(html.contains(&format!("{points} percentage points{interval}, {}", wording(comparison.outcome).1)));
        }
    }

    #[test]
    fn a_collapsed_agent_is_nowhere_better() {
        let (mut report, _) = sample(4);
        assert!(!forest(&report).contains("ollapsed"));
        report.verdict.collapsed.insert("always sell".into(), 3);
        let html = forest(&report);
        assert!(
            html.contains("Collapsed to a constant policy: 3 of 4 seeds.")
                && html.contains("3 of 4 seeds are this policy")
        );
        assert_eq!(html.matches("class=\"row unclear collapsed\"").count(), report.baselines.len());
        assert!(!html.contains("<em>better</em>"));
    }

    #[test]
    fn the_axis_shows_zero_and_every_whisker() {
        let difference = Comparison { outcome: Outcome::Worse, difference: -0.5, ci95: Some([-0.6, -0.4]) };
        let axis = Axis::over(ends(&difference).into_iter());
        assert!((0.0..100.0).contains(&axis.share(0.0)) && (0.0..100.0).contains(&axis.share(-0.6)));
    }

    #[test]
    fn one_seed_has_dots_and_no_whiskers() {
        let html = forest(&sample(1).0);
        assert!(!html.contains("whisker\"") && html.contains("there are no intervals"));
    }
}
