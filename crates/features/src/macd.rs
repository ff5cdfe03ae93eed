//! Moving average convergence/divergence.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::exponential::{Exponential, span_warm_up};
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::check_window;

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Macd {
    fast: u32,
    slow: u32,
    signal: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_up: Option<u32>,
}

impl Default for Macd {
    fn default() -> Self {
        Self { fast: 12, slow: 26, signal: 9, warm_up: None }
    }
}

impl Indicator for Macd {
    const NAME: &'static str = "macd";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "distance of two exponential averages of the close, its own average and the distance of both",
        formula: "`macd = ema(fast) - ema(slow)`, `signal = ema(signal) of macd`, `histogram = macd - signal`, all \
                  beginning with the first value",
        source: "Appel, The Moving Average Convergence-Divergence Trading Method, 1985; computed as by the Python \
                 package `ta`",
        warm_up: "until the first value weighs 1e-6, about 6.9 (slow + signal + 2)",
        parameters: &[
            ("fast", "window of the fast average, shorter than `slow`"),
            ("slow", "window of the slow average"),
            ("signal", "window of the average of the distance"),
            ("warm_up", "bars to cut instead; what is used sooner depends on where the data begin"),
        ],
        examples: &["fast = 3\nslow = 10\nsignal = 16\nwarm_up = 150"],
    };
    const COLUMNS: &'static [&'static str] = &["", ".signal", ".histogram"];

    fn check(&self) -> Vec<String> {
        let windows = [("fast", self.fast), ("slow", self.slow), ("signal", self.signal)];
        let mut problems: Vec<String> = windows.iter().filter_map(|(key, got)| check_window(key, *got, 1)).collect();
        if self.fast >= self.slow {
            problems.push(format!("fast must be shorter than slow, got {} and {}", self.fast, self.slow));
        }
        problems
    }

    fn warm_up(&self) -> usize {
        self.warm_up.map_or(span_warm_up(self.slow) + span_warm_up(self.signal), |chosen| chosen as usize)
    }

    fn start(&self) -> Box<dyn Feature> {
        let [fast, slow, signal] = [self.fast, self.slow, self.signal].map(|window| Exponential::span(window, 1));
        State { fast, slow, signal }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    fast: Exponential,
    slow: Exponential,
    signal: Exponential,
}

impl Stream<3> for State {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 3] {
        let macd = self.fast.update(bar.close()) - self.slow.update(bar.close());
        let signal = self.signal.update(macd);
        [macd, signal, macd - signal]
    }
}
