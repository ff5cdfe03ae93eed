//! The differences to all baselines with their intervals, one under the other (a forest plot).

use pavlov_evaluation::{Comparison, Outcome};

use super::Report;
use super::format::{escape, percent, typographic};
use super::table::ordered_baselines;
use super::ticks;

/// The plot as HTML: dots are mean differences of return, whiskers 95 % intervals, the upright line is "no difference".
pub(super) fn forest(report: &Report) -> String {
    let rows: Vec<(&str, &Comparison)> = ordered_baselines(report)
        .into_iter()
        .filter_map(|(name, _)| Some((name, report.verdict.comparisons.get(name)?)))
        .collect();
    let axis = Axis::over(rows.iter().map(|(_, comparison)| *comparison));
    let body: String = rows.iter().map(|(name, comparison)| row(name, comparison, &axis)).collect();
    let whiskers = match report.verdict.seeds {
        1 => "One seed: there are no intervals.".to_owned(),
        n => format!("Dots are means over {n} seeds, whiskers 95 % intervals."),
    };
    format!(
        "<figure class=\"forest\"><figcaption><h3>Return of the agent less return of each baseline</h3>\
         <p>Test span, in percentage points. {whiskers} Left of the upright line the agent earned less, right of it more.</p>\
         </figcaption><div class=\"rows\">{body}<div class=\"scale\">{}</div></div></figure>\n",
        axis.marks()
    )
}

fn row(name: &str, comparison: &Comparison, axis: &Axis) -> String {
    let (class, word) = wording(comparison.outcome);
    let at = axis.share(comparison.difference);
    let whisker = comparison.ci95.map_or(String::new(), |[low, high]| {
        let (low, high) = (axis.share(low), axis.share(high));
        format!("<line class=\"whisker\" x1=\"{low:.2}%\" x2=\"{high:.2}%\" y1=\"50%\" y2=\"50%\"/>")
    });
    let zero = axis.share(0.0);
    let (points, interval) = numbers(comparison);
    format!(
        "<div class=\"row {class}\"><div class=\"who\">{}</div><svg role=\"img\" aria-label=\"{points} percentage points{interval}, {word}\">\
         <line class=\"zero\" x1=\"{zero:.2}%\" x2=\"{zero:.2}%\" y1=\"0\" y2=\"100%\"/>{whisker}\
         <circle cx=\"{at:.2}%\" cy=\"50%\" r=\"5\"/></svg>\
         <div class=\"what\"><b>{points}</b><span>{interval}</span> <em>{word}</em></div></div>",
        escape(name)
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

/// The horizontal axis: it always shows 0.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn over<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> Self {
        let ends = |c: &Comparison| {
            [c.difference, c.ci95.map_or(c.difference, |i| i[0]), c.ci95.map_or(c.difference, |i| i[1])]
        };
        let (low, high) =
            comparisons.flat_map(ends).fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        let pad = 0.06 * (high - low).max(1e-6);
        Self { low: low - pad, high: high + pad }
    }

    /// Where a value lies, in percent of the width.
    fn share(&self, value: f64) -> f64 {
        100.0 * (value - self.low) / (self.high - self.low)
    }

    fn marks(&self) -> String {
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
    fn the_axis_shows_zero_and_every_whisker() {
        let difference = Comparison { outcome: Outcome::Worse, difference: -0.5, ci95: Some([-0.6, -0.4]) };
        let axis = Axis::over([difference].iter());
        assert!((0.0..100.0).contains(&axis.share(0.0)) && (0.0..100.0).contains(&axis.share(-0.6)));
    }

    #[test]
    fn one_seed_has_dots_and_no_whiskers() {
        let html = forest(&sample(1).0);
        assert!(!html.contains("whisker\"") && html.contains("there are no intervals"));
    }
}
