//! Average true range.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::exponential::{Exponential, wilder_warm_up};
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::check_window;

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Atr {
    window: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_up: Option<u32>,
}

impl Default for Atr {
    fn default() -> Self {
        Self { window: 14, warm_up: None }
    }
}

impl Indicator for Atr {
    const NAME: &'static str = "atr";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "average true range: how far a bar and the gap before it reach, smoothed",
        formula: "`range[t] = max(high[t], close[t-1]) - min(low[t], close[t-1])`, the first one `high - low`; \
                  `y` = mean of the first `window` ranges, then \
                  `y[t] = ((window - 1) y[t-1] + range[t]) / window`; 0 before",
        source: "Wilder, New Concepts in Technical Trading Systems, 1978; computed as by the Python package `ta`",
        warm_up: "until the first ranges weigh 1e-6, about 14.8 window",
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
        State { before: None, average: Exponential::wilder(self.window) }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    before: Option<f64>,
    average: Exponential,
}

impl Stream<1> for State {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        let before = self.before.replace(bar.close()).unwrap_or(bar.close());
        let range = larger(bar.high(), before) - smaller(bar.low(), before);
        let average = self.average.update(range);
        [if self.average.is_seeded() { average } else { 0.0 }]
    }
}

// Unlike `f64::max`, these ask for no number to be NaN, which saves half of their instructions.

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}
