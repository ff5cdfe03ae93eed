//! How much the returns of the last bars scatter.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::check_window;
use crate::rolling::RollingReturns;

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Volatility {
    window: u32,
}

impl Default for Volatility {
    fn default() -> Self {
        Self { window: 20 }
    }
}

impl Indicator for Volatility {
    const NAME: &'static str = "volatility";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "standard deviation of the simple returns of the last bars, a bar, not a year",
        formula: "`sqrt(sum (r - mean r)^2 / (window - 1))` over the last `window` returns of the close",
        source: "observation of the article on many stocks by the minute",
        warm_up: "`window`",
        parameters: &[("window", "number of returns, 2 to 100000")],
        examples: &["window = 5"],
    };

    fn check(&self) -> Vec<String> {
        check_window("window", self.window, 2).into_iter().collect()
    }

    fn warm_up(&self) -> usize {
        self.window as usize
    }

    fn start(&self) -> Box<dyn Feature> {
        State(RollingReturns::new(self.window)).boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State(RollingReturns);

impl Stream<1> for State {
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        [self.0.update(bar.close()).sample_deviation()]
    }
}
