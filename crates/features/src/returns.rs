//! The change of a price since the bar before.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::{BarField, Change, ChangeKind, check_clip};

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Returns {
    of: BarField,
    kind: ChangeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    clip: Option<f64>,
}

impl Indicator for Returns {
    const NAME: &'static str = "returns";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "change of a price since the bar before",
        formula: "`simple`: `x[t] / x[t-1] - 1`; `log`: `ln(x[t] / x[t-1])`; `percent`: `100 (x[t] / x[t-1] - 1)`; \
                  0 in the first row, after a price of 0 and where the logarithm is not defined",
        source: "`simple`: TDQN paper (Théate and Ernst 2021), section 4; `percent`: Bitcoin LSTM-PPO article, section 4",
        warm_up: "1",
        parameters: &[
            ("of", "`open`, `high`, `low` or `close`"),
            ("kind", "`simple`, `log` or `percent`"),
            ("clip", "largest absolute value; larger changes are cut to it, in training and test alike"),
        ],
        examples: &["kind = \"log\"", "of = \"open\"\nkind = \"percent\"\nclip = 50.0"],
    };

    fn check(&self) -> Vec<String> {
        let volume = self.of == BarField::Volume;
        let volume = volume.then(|| "of must be a price; for the volume there is `volume_change`".to_owned());
        volume.into_iter().chain(check_clip(self.clip)).collect()
    }

    fn warm_up(&self) -> usize {
        1
    }

    fn start(&self) -> Box<dyn Feature> {
        State { of: self.of, change: Change::new(self.kind, self.clip) }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    of: BarField,
    change: Change,
}

impl Stream<1> for State {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        [self.change.update(bar.get(self.of))]
    }
}
