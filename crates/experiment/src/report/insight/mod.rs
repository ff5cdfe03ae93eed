//! What the agent expected and attended to: the numbers in `report.json`, the series behind the pictures, the section.

mod attention;
mod forecast;
#[cfg(test)]
pub(crate) mod sample;

use pavlov_evaluation::{Outcome, Summary};
use serde::{Deserialize, Serialize};

use super::markup::section;
use super::{Curves, Report};

/// What the agent expected and attended to on the test span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InsightReport {
    /// Seeds that say so.
    pub seeds: usize,
    /// Forecasts of the next row; `None` if it does not forecast.
    pub forecast: Option<ForecastReport>,
    /// The parts of the agent that attend to something.
    pub attention: Vec<AttentionReport>,
}

/// How good the forecasts of the next row were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastReport {
    /// The column that is drawn: the first that says what the next close is, else the first.
    pub shown: String,
    /// What can be said of the forecast of that column.
    pub sentence: String,
    /// Every column of the observation, in order.
    pub columns: Vec<ForecastFigures>,
}

/// Mean absolute errors of the forecasts of one column, in its own numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastFigures {
    /// Name of the column.
    pub column: String,
    /// Whether its numbers are the feature's own; else they are scaled.
    pub unscaled: bool,
    /// The agent's, over the seeds.
    pub mae: Summary,
    /// Forecasts that need no learning, the one with the least error first.
    pub naive: Vec<NaiveFigures>,
    /// 95 % interval, over histories drawn anew, of the agent's error over that of the first naive forecast.
    pub over_time: Option<[f64; 2]>,
    /// The agent against the first naive forecast; a claim only where the intervals over seeds and over time agree.
    pub outcome: Outcome,
}

/// A forecast that needs no learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NaiveFigures {
    /// What it expects the next row to be: `this row`, `0` or `training median`.
    pub name: String,
    /// Its mean absolute error on the bars that the seeds played.
    pub mae: f64,
    /// The agent's error over this one, over the seeds: below 1 the agent is better.
    pub ratio: Summary,
}

/// How a part of the agent spread its attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttentionReport {
    /// The part.
    pub of: String,
    /// The share of each if all were the same, a fraction.
    pub even: f64,
    /// What it saw, in its order.
    pub labels: Vec<LabelShare>,
}

/// The mean share of one thing that a part of an agent saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelShare {
    /// What it is.
    pub label: String,
    /// Its share, a fraction: the mean over all decisions of a seed, over the seeds.
    pub share: Summary,
}

/// The series behind the pictures, of the `D` decisions of the seed that lasted longest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InsightCurves {
    /// Close stamps of the bars decided at, then that of the bar after the last decision, UTC ns, `[D + 1]`.
    pub times: Vec<i64>,
    /// Forecasts; `None` if there are none.
    pub forecast: Option<ForecastCurve>,
    /// The parts of the agent, as in the report.
    pub attention: Vec<AttentionCurve>,
}

/// What was forecast of a column and what came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForecastCurve {
    /// One plot above the other.
    pub panels: Vec<ForecastPanel>,
}

/// A number of the next bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForecastPanel {
    /// What it is.
    pub label: String,
    /// What came, `[D]`.
    pub came: Vec<f64>,
    /// What each seed expected, `[S][D]`; a ruined one ends before.
    pub seeds: Vec<Vec<f64>>,
}

/// Attention of a part through time, the mean over the seeds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttentionCurve {
    /// First decision of each block, and the one behind the last, `[B + 1]`.
    pub bounds: Vec<usize>,
    /// Mean share in each block by label, `[L][B]`.
    pub shares: Vec<Vec<f64>>,
}

/// The part of the page that says what was expected and attended to; nothing if the agent does not say.
pub(super) fn expected(report: &Report, curves: &Curves) -> String {
    let (Some(insight), Some(drawn)) = (&report.insight, &curves.insight) else { return String::new() };
    let forecast = forecast::forecast(insight, drawn);
    let parts = insight.attention.iter().zip(&drawn.attention);
    let attention: String =
        parts.map(|(part, curve)| attention::attention(part, insight.seeds, curve, drawn)).collect();
    let under =
        "Test span. What the agent expected of the next bar beside what came, and what it attended to when it decided.";
    section("insight", "What did it expect?", under, &[forecast, attention].concat())
}

/// `mean of 10 seeds`, or `one seed`.
fn whose(seeds: usize, what: &str) -> String {
    if seeds == 1 { "one seed".to_owned() } else { format!("{what} of {seeds} seeds") }
}

#[cfg(test)]
mod tests {
    use super::sample::insight_sample;
    use super::*;
    use crate::report::render_html;

    fn section_of(page: &str) -> &str {
        let start = page.find("<section id=\"insight\"").expect("a section");
        &page[start..start + page[start..].find("</section>").expect("its end")]
    }

    #[test]
    fn errors_intervals_and_shares_are_shown_with_the_best_naive_forecast_marked() {
        let (report, curves) = insight_sample(4, 5, 400);
        let page = render_html(&report, &curves, "", &[]);
        let section = section_of(&page);
        let insight = report.insight.unwrap();
        let shows = |value: f64| assert!(section.contains(&format!("<data value=\"{value:?}\">")), "{value}");
        for column in insight.forecast.unwrap().columns {
            column.naive.iter().for_each(|naive| shows(naive.mae));
            column.over_time.into_iter().chain(column.naive[0].ratio.ci95).flatten().for_each(shows);
            [column.mae.mean, column.naive[0].ratio.mean].into_iter().flatten().for_each(shows);
        }
        let labels = insight.attention.iter().flat_map(|part| &part.labels);
        labels.flat_map(|label| label.share.mean).for_each(shows);
        assert!(section.contains("<td class=\"best\"><data value=\"0.4399\">") && section.contains("<td>unclear</td>"));
        assert_eq!(section.matches("class=\"best\"").count(), 2, "one a column");
        assert!(
            section.contains("raw(of=volume) &amp; more") && section.contains("<code>returns(kind=percent)</code>")
        );
        for title in
            ["A closer look at the forecast", "Attention of the order network", "Mean attention of the manager"]
        {
            assert!(section.contains(title), "{title}");
        }
        assert_eq!(page.matches("<a href=\"#insight\">").count(), 1);
    }

    #[test]
    fn an_agent_that_only_attends_has_no_forecast_and_the_other_way_round() {
        let (mut report, mut curves) = insight_sample(1, 5, 60);
        let (insight, drawn) = (report.insight.clone().unwrap(), curves.insight.clone().unwrap());
        report.insight = Some(InsightReport { forecast: None, ..insight.clone() });
        curves.insight = Some(InsightCurves { forecast: None, ..drawn.clone() });
        let page = render_html(&report, &curves, "", &[]);
        assert!(!page.contains("Errors of the forecast") && page.contains("Attention of the manager"));
        report.insight = Some(InsightReport { attention: Vec::new(), ..insight });
        curves.insight = Some(InsightCurves { attention: Vec::new(), ..drawn });
        let page = render_html(&report, &curves, "", &[]);
        assert!(page.contains("Errors of the forecast") && !page.contains("Attention of the"));
        assert!(!page.contains("closer look") && section_of(&page).contains("<td>no claim</td>"));
    }
}
