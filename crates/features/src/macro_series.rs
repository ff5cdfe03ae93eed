//! A series beside the bars: an index, a rate, a market as a whole.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::{Change, ChangeKind, check_clip};

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MacroSeries {
    series: String,
    transform: Transform,
    #[serde(skip_serializing_if = "Option::is_none")]
    clip: Option<f64>,
}

impl Default for MacroSeries {
    fn default() -> Self {
        Self { series: "market".to_owned(), transform: Transform::default(), clip: None }
    }
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Transform {
    Level,
    Difference,
    #[default]
    Returns,
    LogReturns,
}

impl Indicator for MacroSeries {
    const NAME: &'static str = "macro";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "a series beside the bars, as it was known when the bar closed",
        formula: "`x[t]` is the last value known at the close of bar t. `level`: `x[t]`; `difference`: \
                  `x[t] - x[t-1]`; `returns`: `x[t] / x[t-1] - 1`; `log_returns`: `ln(x[t] / x[t-1])`; 0 in the first \
                  row, after a value of 0 and where the logarithm is not defined. A change is that since the bar \
                  before, so it shows at the one bar at which a value became known and is 0 until the next one does",
        source: "double DQN article, its experiments with macro data (`returns` of yields, VIX, Russell 2000, gold and oil)",
        warm_up: "1 for a change, none for the level; the bars before the first value of the series are cut",
        parameters: &[
            ("series", "the `NAME` of a section `[data.series.NAME]` of the config"),
            ("transform", "`level`, `difference`, `returns` or `log_returns`; a level needs a scaler"),
            ("clip", "largest absolute value; larger ones are cut to it, in training and test alike"),
        ],
        examples: &["series = \"vix\"", "series = \"vix\"\ntransform = \"level\"", "transform = \"log_returns\""],
    };

    fn check(&self) -> Vec<String> {
        check_clip(self.clip).into_iter().collect()
    }

    fn warm_up(&self) -> usize {
        usize::from(self.transform != Transform::Level)
    }

    fn series(&self) -> Option<&str> {
        Some(&self.series)
    }

    fn start(&self) -> Box<dyn Feature> {
        let clip = self.clip.unwrap_or(f64::INFINITY);
        match self.transform {
            Transform::Level => Level { clip }.boxed(),
            Transform::Difference => Difference { before: None, clip }.boxed(),
            Transform::Returns => Returns(Change::new(ChangeKind::Simple, self.clip)).boxed(),
            Transform::LogReturns => Returns(Change::new(ChangeKind::Log, self.clip)).boxed(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Level {
    clip: f64,
}

impl Stream<1> for Level {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        [bar.close().clamp(-self.clip, self.clip)]
    }
}

#[derive(Serialize, Deserialize)]
struct Difference {
    before: Option<f64>,
    clip: f64,
}

impl Stream<1> for Difference {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        let now = bar.close();
        let before = self.before.replace(now).unwrap_or(now);
        [(now - before).clamp(-self.clip, self.clip)]
    }
}

#[derive(Serialize, Deserialize)]
struct Returns(Change);

impl Stream<1> for Returns {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        [self.0.update(bar.close())]
    }
}

#[cfg(test)]
mod tests {
    use crate::{feature, series_bar};

    fn values(parameters: &str, series: &[f64]) -> Vec<f64> {
        let mut stream = feature("macro").unwrap().parse_text(parameters).unwrap().stream();
        let mut now = [f64::NAN];
        let update = |value: &f64| {
            stream.update(&series_bar(0, *value), &mut now);
            now[0]
        };
        series.iter().map(update).collect()
    }

    #[test]
    fn a_change_shows_once_and_rates_may_be_negative_or_zero() {
        let rates = [2.0, 2.0, 3.0, 3.0, 0.0, -1.0];
        assert_eq!(values("transform = 'level'", &rates), rates);
        assert_eq!(values("transform = 'difference'", &rates), [0.0, 0.0, 1.0, 0.0, -3.0, -1.0]);
        assert_eq!(values("", &rates), [0.0, 0.0, 0.5, 0.0, -1.0, 0.0]);
        assert_eq!(values("transform = 'log_returns'", &rates), [0.0, 0.0, 1.5_f64.ln(), 0.0, 0.0, 0.0]);
        assert_eq!(values("transform = 'difference'\nclip = 2.0", &rates), [0.0, 0.0, 1.0, 0.0, -2.0, -1.0]);
    }
}
