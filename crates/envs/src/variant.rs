use serde::{Deserialize, Serialize};

/// Whether an environment follows its author's intention or reproduces the published numbers, flaws included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// What the author meant, without the flaws.
    #[default]
    Default,
    /// What was published, for comparison; reports of such a run carry a banner.
    AsPublished,
}
