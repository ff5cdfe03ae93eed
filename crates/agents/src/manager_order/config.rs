use pavlov_rl_core::{Agent, AgentError, RngTree};
use serde::{Deserialize, Serialize};

use super::{ManagerOrder, NAME};
use crate::lstm_ppo::Schedule;
use crate::q_learning::{Common, Epsilon, Target};
use crate::registry::{self, AgentConfig, AgentContext, Rule};
use crate::replay::Sampling;

/// Hyper-parameters of the manager and order networks.
///
/// "The article" is "Hierarchical attention in reinforcement learning for stock order executions", 2020.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManagerOrderConfig {
    /// What becomes of the manager. Default joint: both networks learn together, as the article meant.
    pub manager: Manager,
    /// The network under the heads. Default `bilstm`: the article.
    pub body: Body,
    /// Whether the last row of the sequence attends to all rows. Default true: the article; needs the body `bilstm`. Without
    /// it the head sees what each direction has come to.
    pub attention: bool,
    /// What the sequence runs over. Default time (the article: columns).
    pub sequence: Sequence,
    /// What an order is made of. Default `choice` (the article: `type_and_amount`).
    pub orders: Orders,
    /// Units of each direction of an LSTM; a plain body has twice as many in each of its two layers. Default 64: the article.
    pub hidden: usize,
    /// Weight of the manager's loss where both learn; that of the order network's is the rest to 1. Default 0.5: the article.
    pub manager_weight: f64,
    /// Learning rate. Default 1e-3: the article.
    pub learning_rate: f64,
    /// How the learning rate moves over the training. Default constant: the article.
    pub schedule: Schedule,
    /// Largest norm of the gradient of each network; 0 for no limit. Default 2: the article.
    pub max_grad_norm: f64,
    /// Discount. Default 0.99: the article.
    pub discount: f64,
    /// Steps that a return is summed over before a value takes over. Default 1: the article.
    pub n_steps: usize,
    /// Largest size of a reward that is learnt from; 0 for no limit. Default 0 (the article divides by the largest so far).
    pub reward_clip: f64,
    /// Error up to which a loss is quadratic. Default 1: the article.
    pub huber_delta: f64,
    /// Transitions of a gradient step. Default 32: the article.
    pub batch_size: usize,
    /// Steps of each environment between two times of learning. Default 1: the article.
    pub learn_every: u32,
    /// Gradient steps at a time. Default 1: the article.
    pub gradient_steps: u32,
    /// Transitions in the replay before learning begins. Default 100: the article.
    pub warm_up: usize,
    /// Transitions that the replay holds. Default 100,000: the article.
    pub replay_len: usize,
    /// How transitions are drawn. Default all alike: the article.
    pub sampling: Sampling,
    /// Whether the outcome of the opposite order from the same state is learnt from too; choices only. Default true (ours).
    pub mirrored: bool,
    /// How the target networks follow. Default a copy every 500 gradient steps (ours; the article has none: every 1).
    pub target: Target,
    /// How often a random order is made. Default from 0.9 to 0.01, 63 % of the way in 30,000 steps: the article.
    pub epsilon: Epsilon,
}

impl Default for ManagerOrderConfig {
    fn default() -> Self {
        Self {
            manager: Manager::Joint,
            body: Body::Bilstm,
            attention: true,
            sequence: Sequence::Time,
            orders: Orders::Choice,
            hidden: 64,
            manager_weight: 0.5,
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            max_grad_norm: 2.0,
            discount: 0.99,
            n_steps: 1,
            reward_clip: 0.0,
            huber_delta: 1.0,
            batch_size: 32,
            learn_every: 1,
            gradient_steps: 1,
            warm_up: 100,
            replay_len: 100_000,
            sampling: Sampling::Uniform,
            mirrored: true,
            target: Target::CopyEvery(500),
            epsilon: Epsilon { start: 0.9, decay_steps: 30_000.0, ..Epsilon::default() },
        }
    }
}

/// What becomes of the manager, which forecasts the next row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// It learns from the error of its forecast and, through the forecast, from the order network's loss.
    Joint,
    /// It never learns: the article's optimiser holds the order network only.
    Frozen,
    /// There is none: no hierarchy.
    None,
}

/// The network under the heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// An LSTM in both directions.
    Bilstm,
    /// Two dense layers with ReLU over the flattened sequence.
    Plain,
}

/// What a sequence runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// The rows of the window, oldest first; the forecast is one row more.
    Time,
    /// The columns of the frame, each with its numbers over the window; then the account and the forecast, filled up with
    /// zeros.
    Columns,
}

/// What an order is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orders {
    /// One of the environment's choices.
    Choice,
    /// Buy (0) or sell (1), and how much: the softmax of the two values, as the article has it. For an environment with
    /// actions of a type and an amount.
    TypeAndAmount,
}

pub(crate) fn parse(from: toml::de::ValueDeserializer<'_>) -> Result<Box<dyn AgentConfig>, toml::de::Error> {
    ManagerOrderConfig::deserialize(from).map(|config| Box::new(config) as Box<dyn AgentConfig>)
}

impl ManagerOrderConfig {
    /// What it shares with other agents that learn from a replay.
    pub(super) fn common(&self) -> Common {
        Common {
            learning_rate: self.learning_rate,
            max_grad_norm: self.max_grad_norm,
            discount: self.discount,
            n_steps: self.n_steps,
            reward_clip: self.reward_clip,
            huber_delta: self.huber_delta,
            learn_every: self.learn_every,
            gradient_steps: self.gradient_steps,
            warm_up: self.warm_up,
            replay_len: self.replay_len,
            sampling: self.sampling,
            mirrored: self.mirrored,
            target: self.target,
            epsilon: self.epsilon,
        }
    }

    fn rules(&self) -> [Rule; 4] {
        let Self { hidden, batch_size, manager_weight, attention, body, .. } = self;
        let attends = !attention || *body == Body::Bilstm;
        [
            ("hidden", (1..=2048).contains(hidden), "lie in 1..=2048", hidden.to_string()),
            ("batch_size", (1..=65_536).contains(batch_size), "lie in 1..=65536", batch_size.to_string()),
            ("manager_weight", (0.0..1.0).contains(manager_weight), "lie in 0..1, below 1", manager_weight.to_string()),
            ("attention", attends, "be false with body = \"plain\", which makes no sequence", attention.to_string()),
        ]
    }
}

impl AgentConfig for ManagerOrderConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        registry::problems(self.rules().into_iter().chain(self.common().rules()))
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::try_from(self).expect("plain fields make a table")
    }

    fn notes(&self) -> Vec<String> {
        let frozen = "manager = frozen: the forecast comes from a network that never learns, as in the article";
        if self.manager == Manager::Frozen { vec![frozen.to_owned()] } else { Vec::new() }
    }

    fn build(&self, context: &AgentContext<'_>, rng: &RngTree) -> Result<Box<dyn Agent>, AgentError> {
        Ok(Box::new(ManagerOrder::new(self.clone(), context, rng)?))
    }
}
