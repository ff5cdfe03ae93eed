//! Simple moving average.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::{BarField, check_window};
use crate::rolling::Rolling;

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MovingAverage {
    of: BarField,
    window: u32,
}

impl Default for MovingAverage {
    fn default() -> Self {
        Self { of: BarField::Close, window: 20 }
    }
}

impl Indicator for MovingAverage {
    const NAME: &'static str = "moving_average";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "mean of the last bars",
        formula: "`(x[t] + ... + x[t - window + 1]) / window`",
        source: "observation of the article on many stocks by the minute",
        warm_up: "`window - 1`",
        parameters: &[("of", "`open`, `high`, `low`, `close` or `volume`"), ("window", "number of bars, 1 to 100000")],
        examples: &["of = \"volume\"\nwindow = 7"],
    };

    fn check(&self) -> Vec<String> {
        check_window("window", self.window, 1).into_iter().collect()
    }

    fn warm_up(&self) -> usize {
        self.window as usize - 1
    }

    fn start(&self) -> Box<dyn Feature> {
        State { of: self.of, values: Rolling::new(self.window) }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    of: BarField,
    values: Rolling,
}

impl Stream<1> for State {
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        [self.values.update(bar.get(self.of)).mean()]
    }
}
