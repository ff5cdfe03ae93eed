//! The height of the bar.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::feature::{AnyBar, Feature, Indicator, Stream};

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HighLow {}

impl Indicator for HighLow {
    const NAME: &'static str = "high_low";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "height of the bar, in the unit of the price",
        formula: "`high[t] - low[t]`",
        source: "TDQN paper (Théate and Ernst 2021), section 4",
        warm_up: "none",
        parameters: &[],
        examples: &[],
    };

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn warm_up(&self) -> usize {
        0
    }

    fn start(&self) -> Box<dyn Feature> {
        State {}.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {}

impl Stream<1> for State {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        [bar.high() - bar.low()]
    }
}
