//! Relative strength index.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::exponential::{Exponential, wilder_warm_up};
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::{check_window, rounding_noise};

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rsi {
    window: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_up: Option<u32>,
}

impl Default for Rsi {
    fn default() -> Self {
        Self { window: 14, warm_up: None }
    }
}

impl Indicator for Rsi {
    const NAME: &'static str = "rsi";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "relative strength index: the share of rises in all movement of the close, 0 to 100",
        formula: "`100 up / (up + down)`, with the averages of rises and falls that begin with the mean of the first \
                  `window` changes and go on as `y[t] = ((window - 1) y[t-1] + x[t]) / window`; 50 where nothing moved",
        source: "Wilder, New Concepts in Technical Trading Systems, 1978",
        warm_up: "until the first changes weigh 1e-6, about 14.8 window",
        parameters: &[
            ("window", "length, 1 to 100000"),
            ("warm_up", "bars to cut instead; what is used sooner depends on where the data begin"),
        ],
        examples: &["window = 5"],
    };

    fn check(&self) -> Vec<String> {
        check_window("window", self.window, 1).into_iter().collect()
    }

    fn warm_up(&self) -> usize {
        self.warm_up.map_or(self.window as usize + wilder_warm_up(self.window), |chosen| chosen as usize)
    }

    fn start(&self) -> Box<dyn Feature> {
        let average = Exponential::wilder(self.window);
        State { before: None, up: average, down: average }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    before: Option<f64>,
    up: Exponential,
    down: Exponential,
}

impl Stream<1> for State {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        let Some(before) = self.before.replace(bar.close()) else { return [50.0] };
        let change = bar.close() - before;
        let (up, down) = (self.up.update(change.max(0.0)), self.down.update((-change).max(0.0)));
        [if up + down <= rounding_noise(bar.close()) { 50.0 } else { 100.0 * (up / (up + down)) }]
    }
}
