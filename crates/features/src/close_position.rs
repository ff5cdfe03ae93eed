//! Where in the bar it closed.

use serde::{Deserialize, Serialize};

use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::{FeatureDoc, TdqnRange};

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClosePosition {
    flat: f64,
}

impl Default for ClosePosition {
    fn default() -> Self {
        Self { flat: 0.5 }
    }
}

impl Indicator for ClosePosition {
    const NAME: &'static str = "close_position";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "where between low and high the bar closed, 0 to 1",
        formula: "`(close[t] - low[t]) / (high[t] - low[t])`; `flat` where high and low are equal",
        source: "TDQN paper (Théate and Ernst 2021), section 4",
        warm_up: "none",
        parameters: &[(
            "flat",
            "value of a bar without height, 0 to 1; the article on Double DQN has 0, the paper's code 0.5",
        )],
        examples: &["flat = 0.0"],
    };
    const TDQN_RANGE: TdqnRange = TdqnRange::Unit;

    fn check(&self) -> Vec<String> {
        let within = (0.0..=1.0).contains(&self.flat);
        (!within).then(|| format!("flat must lie in 0..=1, got {}", self.flat)).into_iter().collect()
    }

    fn warm_up(&self) -> usize {
        0
    }

    fn start(&self) -> Box<dyn Feature> {
        State { flat: self.flat }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    flat: f64,
}

impl Stream<1> for State {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        let height = bar.high() - bar.low();
        [if height == 0.0 { self.flat } else { (bar.close() - bar.low()) / height }]
    }
}
