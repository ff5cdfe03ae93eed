//! The change of the volume since the bar before.

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::feature::{AnyBar, Feature, Indicator, Stream};
use crate::parameters::{Change, ChangeKind, check_clip};

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VolumeChange {
    kind: ChangeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    clip: Option<f64>,
}

impl Indicator for VolumeChange {
    const NAME: &'static str = "volume_change";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "change of the volume since the bar before",
        formula: "as `returns`, of the volume; 0 after a volume of 0",
        source: "Bitcoin LSTM-PPO article, section 4 (`percent`); its data hold 14 hours after a volume of 0, which \
                 would be infinite there",
        warm_up: "1",
        parameters: &[
            ("kind", "`simple`, `log` or `percent`"),
            ("clip", "largest absolute value; larger changes are cut to it, in training and test alike"),
        ],
        examples: &["kind = \"percent\"\nclip = 300.0", "kind = \"log\""],
    };

    fn check(&self) -> Vec<String> {
        check_clip(self.clip).into_iter().collect()
    }

    fn warm_up(&self) -> usize {
        1
    }

    fn start(&self) -> Box<dyn Feature> {
        State(Change::new(self.kind, self.clip)).boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct State(Change);

impl Stream<1> for State {
    #[inline(always)]
    fn update(&mut self, bar: impl AnyBar) -> [f64; 1] {
        [self.0.update(bar.volume())]
    }
}
