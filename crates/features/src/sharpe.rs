//! Mean return of the last bars per unit of its scatter.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::{check_window, rounding_noise};
use crate::rolling::{Moments, RollingReturns};

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sharpe {
    window: u32,
}

impl Default for Sharpe {
    fn default() -> Self {
        Self { window: 20 }
    }
}

impl Indicator for Sharpe {
    const NAME: &'static str = "sharpe";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "mean simple return of the last bars divided by its standard deviation, a bar, not a year",
        formula: "`mean r / sqrt(sum (r - mean r)^2 / (window - 1))` over the last `window` returns of the close; \
                  0 where they are all equal",
        source: "Sharpe, The Sharpe Ratio, 1994, without a risk-free rate; observation of the article on many stocks \
                 by the minute",
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
        [ratio(self.0.update(bar.close()))]
    }
}

/// The quotient of mean and deviation; a return is 1 less a quotient of prices, and rounded as such.
fn ratio(returns: Moments) -> f64 {
    let (mean, deviation) = (returns.mean(), returns.sample_deviation());
    if deviation <= rounding_noise(1.0 + mean.abs()) { 0.0 } else { mean / deviation }
}
