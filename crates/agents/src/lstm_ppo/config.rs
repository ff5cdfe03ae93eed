use pavlov_rl_core::{Agent, AgentError, RngTree};
use serde::{Deserialize, Serialize};

use super::{LstmPpo, NAME};
use crate::ppo;
use crate::registry::{self, AgentConfig, AgentContext};

/// Hyper-parameters of LSTM-PPO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LstmPpoConfig {
    /// Units of the first layer. Default 64: the article's GPU text (its CPU text: 10).
    pub fc: usize,
    /// Units of the LSTM. Default 32: the article's GPU text (its CPU text: 10).
    pub hidden: usize,
    /// What lies between the first layer and the heads. Default the LSTM: the article.
    pub body: Body,
    /// Learning rate of Adam. Default 5e-4: the article.
    pub learning_rate: f64,
    /// How the learning rate moves over the training. Default linear to 0: Andrychowicz et al. 2021.
    pub schedule: Schedule,
    /// Discount. Default 0.98: the article.
    pub discount: f64,
    /// Decay of the advantage estimator (lambda). Default 0.95: the article.
    pub gae_lambda: f64,
    /// Bound of the probability ratio. Default 0.1: the article.
    pub clip: f64,
    /// Passes over a rollout. Default 3: the article.
    pub epochs: u32,
    /// Parts of a pass, by environment. Default 1: the article.
    pub num_minibatches: usize,
    /// Weight of the value loss. Default 1: the article.
    pub value_coef: f64,
    /// Weight of the entropy bonus. Default 0.01: Mnih et al. 2016 (the article: 0).
    pub entropy_coef: f64,
    /// Largest norm of the gradient; 0 for no limit. Default 0.5: the reference implementation of PPO (the article: none).
    pub max_grad_norm: f64,
    /// Whether advantages are brought to mean 0 and deviation 1 in each batch. Default true: the reference
    /// implementation of PPO (the article: false).
    pub normalise_advantages: bool,
    /// Whether the advantage recursion stops where an episode ends. Default true (the article: false).
    pub cut_at_episode_end: bool,
}

impl Default for LstmPpoConfig {
    fn default() -> Self {
        Self {
            fc: 64,
            hidden: 32,
            body: Body::Lstm,
            learning_rate: 5e-4,
            schedule: Schedule::Linear,
            discount: 0.98,
            gae_lambda: 0.95,
            clip: 0.1,
            epochs: 3,
            num_minibatches: 1,
            value_coef: 1.0,
            entropy_coef: 0.01,
            max_grad_norm: 0.5,
            normalise_advantages: true,
            cut_at_episode_end: true,
        }
    }
}

/// What lies between the first layer and the heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// An LSTM: the policy remembers.
    Lstm,
    /// A dense ReLU layer of the same width: the same network without memory, to see what memory is worth.
    Dense,
}

/// How a rate moves over the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It falls linearly to 0 at the last update.
    Linear,
}

impl Schedule {
    /// Factor of the rate in update `update` of `updates`.
    pub(crate) fn factor(self, update: u64, updates: u64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Linear => 1.0 - update.min(updates) as f64 / updates.max(1) as f64,
        }
    }
}

pub(crate) fn parse(from: toml::de::ValueDeserializer<'_>) -> Result<Box<dyn AgentConfig>, toml::de::Error> {
    LstmPpoConfig::deserialize(from).map(|config| Box::new(config) as Box<dyn AgentConfig>)
}

impl AgentConfig for LstmPpoConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        let sizes = [("fc", self.fc), ("hidden", self.hidden), ("num_minibatches", self.num_minibatches)];
        let sizes = sizes.map(|(key, x)| (key, (1..=4096).contains(&x), "lie in 1..=4096", x.to_string()));
        let common = ppo::Common {
            learning_rate: self.learning_rate,
            discount: self.discount,
            gae_lambda: self.gae_lambda,
            clip: self.clip,
            epochs: self.epochs,
            weights: &[
                ("value_coef", self.value_coef),
                ("entropy_coef", self.entropy_coef),
                ("max_grad_norm", self.max_grad_norm),
            ],
        };
        registry::problems(sizes.into_iter().chain(common.rules()))
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::try_from(self).expect("plain fields make a table")
    }

    fn build(&self, context: &AgentContext<'_>, rng: &RngTree) -> Result<Box<dyn Agent>, AgentError> {
        Ok(Box::new(LstmPpo::new(self.clone(), context, rng)?))
    }
}
