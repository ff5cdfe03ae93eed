//! The sections of a config that hold plain fields.

use std::collections::BTreeMap;

use pavlov_agents::RolloutLen;
use pavlov_market_data::Span;
use pavlov_rl_core::ActMode;
use serde::{Deserialize, Serialize};

use crate::augment::Augment;
use crate::matrix::SplitConfig;
use crate::series::SeriesConfig;

/// Section `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataConfig {
    /// Name of a manifest `datasets/<name>.toml`. Required.
    pub dataset: String,
    /// Datasets that continue the first one in time, as one history of one symbol. Default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub continued_by: Vec<String>,
    /// The datasets that are traded, in the environment's order, known at the same bars. Default: the dataset itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
    /// Training span, half-open, UTC: bars that open in it. Required.
    pub train: Span,
    /// Further training spans before or behind the test span, apart from it by all that a decision touches. Default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub train_also: Vec<Span>,
    /// Test span, half-open, UTC; begins at or after the end of the training span. Required.
    pub test: Span,
    /// Whether windows and decisions of the test begin within it alone, as if its bars were the first. Default false.
    #[serde(skip_serializing_if = "is_false")]
    pub fresh_test: bool,
    /// Series beside the bars, by name. Default none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub series: BTreeMap<String, SeriesConfig>,
}

/// Section `[data]` as it is written; what is missing is found together with what is wrong.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawData {
    pub(crate) dataset: Option<String>,
    pub(crate) continued_by: Vec<String>,
    pub(crate) assets: Vec<String>,
    pub(crate) fresh_test: bool,
    pub(crate) train: Option<Span>,
    pub(crate) train_also: Vec<Span>,
    pub(crate) test: Option<Span>,
}

/// Section `[train]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Environments stepped together. Default 64.
    pub num_envs: usize,
    /// Steps of each environment between two updates, or `"episode"`. Default 128.
    pub rollout_len: RolloutLen,
    /// Number of updates. Default 500.
    pub updates: u64,
    /// Factor on the reward that the agent learns from; reports show rewards without it. Default 1.
    pub reward_scale: f64,
    /// Probability that an environment repeats its last action instead of the one that it is told, in training only.
    /// Default 0 (Machado et al. 2018: 0.25).
    #[serde(skip_serializing_if = "is_zero")]
    pub sticky_actions: f64,
    /// Changed copies of the training bars to learn from besides. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augment: Option<Augment>,
    /// Updates between two checkpoints. Default 50.
    pub checkpoint_every: u64,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            num_envs: 64,
            rollout_len: RolloutLen::Steps(128),
            updates: 500,
            reward_scale: 1.0,
            sticky_actions: 0.0,
            augment: None,
            checkpoint_every: 50,
        }
    }
}

/// Section `[eval]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalConfig {
    /// Whether the policy takes its most probable action or draws. Default `"greedy"`.
    pub mode: ActMode,
    /// Bars before the span that the recurrent memory is warmed on; 0 starts from zero memory. Default 0.
    pub memory_warm_bars: u32,
    /// Risk-free rate a year, as a fraction. Default 0.
    pub risk_free: f64,
    /// How the data are cut into training and test. Default `"date"`: by `data.train` and `data.test`.
    #[serde(skip_serializing_if = "SplitConfig::is_date")]
    pub split: SplitConfig,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self { mode: ActMode::Greedy, memory_warm_bars: 0, risk_free: 0.0, split: SplitConfig::Date }
    }
}

/// Section `[runs]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunsConfig {
    /// Number of runs with different seeds. Default 5.
    pub num: u64,
    /// Seed of the first run; the others follow. Default 1.
    pub seed: u64,
}

impl Default for RunsConfig {
    fn default() -> Self {
        Self { num: 5, seed: 1 }
    }
}

/// All problems of the values, each naming its key and what was got.
pub(crate) fn check_train(train: &TrainConfig) -> Vec<String> {
    let mut problems = Vec::new();
    if !(1..=65_536).contains(&train.num_envs) {
        problems.push(format!("num_envs must lie in 1..=65536, got {}", train.num_envs));
    }
    if matches!(train.rollout_len, RolloutLen::Steps(steps) if !(1..=100_000).contains(&steps)) {
        problems.push(format!("rollout_len must lie in 1..=100000 or be \"episode\", got {}", train.rollout_len));
    }
    for (key, value) in [("updates", train.updates), ("checkpoint_every", train.checkpoint_every)] {
        if value == 0 {
            problems.push(format!("{key} must be at least 1, got 0"));
        }
    }
    if !(train.reward_scale.is_finite() && train.reward_scale > 0.0) {
        problems.push(format!("reward_scale must be positive, got {}", train.reward_scale));
    }
    if !(0.0..1.0).contains(&train.sticky_actions) {
        problems.push(format!("sticky_actions must lie in 0..1, got {}", train.sticky_actions));
    }
    problems.extend(train.augment.iter().flat_map(Augment::validate));
    problems
}

/// All problems of the values, each naming its key and what was got.
pub(crate) fn check_eval(eval: &EvalConfig) -> Vec<String> {
    match eval.risk_free.is_finite() && eval.risk_free > -1.0 {
        true => Vec::new(),
        false => vec![format!("risk_free must be a fraction a year above -1, got {}", eval.risk_free)],
    }
}

/// All problems of the values, each naming its key and what was got.
pub(crate) fn check_runs(runs: &RunsConfig) -> Vec<String> {
    let mut problems = Vec::new();
    if !(1..=10_000).contains(&runs.num) {
        problems.push(format!("num must lie in 1..=10000, got {}", runs.num));
    }
    if runs.seed > u64::from(u32::MAX) {
        problems.push(format!("seed must lie in 0..=4294967295, got {}", runs.seed));
    }
    problems
}
