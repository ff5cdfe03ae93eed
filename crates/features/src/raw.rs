//! A column of the bar as it is.

use serde::{Deserialize, Serialize};

use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::BarField;
use crate::{FeatureDoc, TdqnRange};

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Raw {
    of: BarField,
}

impl Indicator for Raw {
    const NAME: &'static str = "raw";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "a price or the volume as it is; the level needs a scaler",
        formula: "`x[t]`",
        source: "observations of the articles on stock orders, on KOSPI ratios and of the TDQN paper (volume)",
        warm_up: "none",
        parameters: &[("of", "`open`, `high`, `low`, `close` or `volume`")],
        examples: &["of = \"volume\""],
    };
    const TDQN_RANGE: TdqnRange = TdqnRange::MinMax;

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn warm_up(&self) -> usize {
        0
    }

    fn start(&self) -> Box<dyn Feature> {
        State { of: self.of }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    of: BarField,
}

impl Stream<1> for State {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        [bar.get(self.of)]
    }
}
