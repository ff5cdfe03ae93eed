//! Where the close lies between the Bollinger bands.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::{check_window, rounding_noise};
use crate::rolling::Rolling;

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Bollinger {
    window: u32,
    width: f64,
}

impl Default for Bollinger {
    fn default() -> Self {
        Self { window: 20, width: 2.0 }
    }
}

impl Indicator for Bollinger {
    const NAME: &'static str = "bollinger";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "where the close lies between the Bollinger bands: 0 at the lower, 1 at the upper, beyond outside",
        formula: "`(close - lower) / (upper - lower)` with the bands `mean -/+ width sqrt(sum (close - mean)^2 / window)` \
                  over the last `window` closes; 0.5 where they are all equal",
        source: "Bollinger, Bollinger on Bollinger Bands, 2001 (%b)",
        warm_up: "`window - 1`",
        parameters: &[
            ("window", "number of bars, 2 to 100000"),
            ("width", "distance of a band from the mean, in standard deviations"),
        ],
        examples: &["window = 5\nwidth = 1.5"],
    };

    fn check(&self) -> Vec<String> {
        let width = !(self.width.is_finite() && self.width > 0.0);
        let width = width.then(|| format!("width must be positive, got {}", self.width));
        check_window("window", self.window, 2).into_iter().chain(width).collect()
    }

    fn warm_up(&self) -> usize {
        self.window as usize - 1
    }

    fn start(&self) -> Box<dyn Feature> {
        State { width: self.width, closes: Rolling::new(self.window) }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    width: f64,
    closes: Rolling,
}

impl Stream<1> for State {
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        let closes = self.closes.update(bar.close());
        let (mean, deviation) = (closes.mean(), closes.deviation());
        if deviation <= rounding_noise(mean) {
            return [0.5];
        }
        [0.5 + (bar.close() - mean) / (2.0 * self.width * deviation)]
    }
}
