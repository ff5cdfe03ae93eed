//! Exponential moving average.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::exponential::{Exponential, span_warm_up};
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::{BarField, check_window};

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ema {
    of: BarField,
    window: u32,
    seed: Seed,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_up: Option<u32>,
}

/// How the average begins.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Seed {
    FirstValue,
    Sma,
}

impl Default for Ema {
    fn default() -> Self {
        Self { of: BarField::Close, window: 12, seed: Seed::FirstValue, warm_up: None }
    }
}

impl Ema {
    fn seed_len(&self) -> u32 {
        match self.seed {
            Seed::FirstValue => 1,
            Seed::Sma => self.window,
        }
    }
}

impl Indicator for Ema {
    const NAME: &'static str = "ema";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "exponential moving average",
        formula: "`y[t] = (1 - a) y[t-1] + a x[t]` with `a = 2 / (window + 1)`; it begins with the first value \
                  (`first_value`), or with the mean of the first `window` values (`sma`)",
        source: "`first_value`: the Python package `ta`, on which the article on Double DQN builds; `sma`: TA-Lib",
        warm_up: "until the first value weighs 1e-6, about 6.9 (window + 1); with `sma`, `window - 1` more",
        parameters: &[
            ("of", "`open`, `high`, `low`, `close` or `volume`"),
            ("window", "length, 1 to 100000"),
            ("seed", "`first_value` or `sma`"),
            ("warm_up", "bars to cut instead; what is used sooner depends on where the data begin"),
        ],
        examples: &["window = 26\nseed = \"sma\"", "window = 200\nwarm_up = 0\nof = \"volume\""],
    };

    fn check(&self) -> Vec<String> {
        check_window("window", self.window, 1).into_iter().collect()
    }

    fn warm_up(&self) -> usize {
        let own = self.seed_len() as usize - 1 + span_warm_up(self.window);
        self.warm_up.map_or(own, |chosen| chosen as usize)
    }

    fn start(&self) -> Box<dyn Feature> {
        State { of: self.of, average: Exponential::span(self.window, self.seed_len()) }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    of: BarField,
    average: Exponential,
}

impl Stream<1> for State {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        [self.average.update(bar.get(self.of))]
    }
}
