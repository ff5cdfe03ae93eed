use pavlov_rl_core::{Agent, AgentError, RngTree};
use serde::{Deserialize, Serialize};

use super::{DoubleDqn, NAME};
use crate::lstm_ppo::Schedule;
use crate::nn::init::Init;
use crate::q_learning::{Common, Epsilon, Target};
use crate::registry::{self, AgentConfig, AgentContext, Rule};
use crate::replay::Sampling;

/// Hyper-parameters of Double DQN.
///
/// "The paper" is Théate and Ernst 2021, "An application of deep reinforcement learning to algorithmic trading".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DoubleDqnConfig {
    /// Units of each hidden layer. Default five times 512: the paper.
    pub sizes: Vec<usize>,
    /// Whether hidden layers are normalised by batch. Default true: the paper.
    pub batch_norm: bool,
    /// Slope of the leaky ReLU below 0. Default 0.01: PyTorch, and so the paper.
    pub leaky_slope: f64,
    /// Share of the hidden units that a training pass leaves out. Default 0.2: the paper.
    pub dropout: f64,
    /// How the first weights are drawn. Default Glorot's uniform law: the paper (the article: He's normal law).
    pub init: Init,
    /// Whether the network tells the value of a state from the advantages of actions. Default false (Wang et al. 2016).
    pub duelling: bool,
    /// Learning rate. Default 1e-4: the paper (the article: 1e-3).
    pub learning_rate: f64,
    /// How the learning rate moves over the training. Default constant: the paper.
    pub schedule: Schedule,
    /// The optimiser. Default AdamW: the article (the paper: Adam).
    pub optimiser: Optimiser,
    /// Strength of the weight decay. Default 1e-5: the article (the paper: 1e-6).
    pub weight_decay: f64,
    /// Largest norm of the gradient; 0 for no limit. Default 1: the paper.
    pub max_grad_norm: f64,
    /// Discount. Default 0.4: the paper.
    pub discount: f64,
    /// Steps that a return is summed over before a value takes over. Default 1: the paper.
    pub n_steps: usize,
    /// Largest size of a reward that is learnt from; 0 for no limit. Default 1: the paper.
    pub reward_clip: f64,
    /// Error up to which the loss is quadratic. Default 1: PyTorch.
    pub huber_delta: f64,
    /// Transitions of a gradient step. Default 32: the paper (the article: 8).
    pub batch_size: usize,
    /// Steps of each environment between two times of learning. Default 1: the paper.
    pub learn_every: u32,
    /// Gradient steps at a time. Default 1: the paper.
    pub gradient_steps: u32,
    /// Transitions in the replay before learning begins. Default 1000 (the paper begins with a full batch).
    pub warm_up: usize,
    /// Transitions that the replay holds. Default 100,000: the paper.
    pub replay_len: usize,
    /// How transitions are drawn. Default all alike: the paper.
    pub sampling: Sampling,
    /// Whether the outcome of the opposite action from the same state is learnt from too, where an action has an opposite
    /// (short and long, sell and buy). Default true: the paper.
    pub mirrored: bool,
    /// How the target network follows. Default a copy every 1000 gradient steps: the paper (the article: 20).
    pub target: Target,
    /// How often a random action is taken.
    pub epsilon: Epsilon,
}

impl Default for DoubleDqnConfig {
    fn default() -> Self {
        Self {
            sizes: vec![512; 5],
            batch_norm: true,
            leaky_slope: 0.01,
            dropout: 0.2,
            init: Init::GlorotUniform,
            duelling: false,
            learning_rate: 1e-4,
            schedule: Schedule::Constant,
            optimiser: Optimiser::Adamw,
            weight_decay: 1e-5,
            max_grad_norm: 1.0,
            discount: 0.4,
            n_steps: 1,
            reward_clip: 1.0,
            huber_delta: 1.0,
            batch_size: 32,
            learn_every: 1,
            gradient_steps: 1,
            warm_up: 1000,
            replay_len: 100_000,
            sampling: Sampling::Uniform,
            mirrored: true,
            target: Target::CopyEvery(1000),
            epsilon: Epsilon::default(),
        }
    }
}

/// How weights are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimiser {
    /// Adam, weights decayed by the gradient of an L2 penalty.
    Adam,
    /// Adam, weights decayed apart from the gradient.
    Adamw,
}

pub(crate) fn parse(from: toml::de::ValueDeserializer<'_>) -> Result<Box<dyn AgentConfig>, toml::de::Error> {
    DoubleDqnConfig::deserialize(from).map(|config| Box::new(config) as Box<dyn AgentConfig>)
}

impl DoubleDqnConfig {
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

    fn network_rules(&self) -> [Rule; 5] {
        let Self { sizes, batch_norm, leaky_slope, dropout, batch_size, weight_decay, .. } = self;
        let units = sizes.iter().all(|size| (1..=4096).contains(size)) && sizes.len() <= 64;
        let least = if *batch_norm { 2 } else { 1 };
        let least_rule = if *batch_norm {
            "lie in 2..=65536, for one row has no deviation to normalise by (or set batch_norm = false)"
        } else {
            "lie in 1..=65536"
        };
        let decays = *weight_decay >= 0.0 && weight_decay.is_finite();
        [
            ("sizes", units, "be at most 64 numbers in 1..=4096", format!("{sizes:?}")),
            ("leaky_slope", (0.0..1.0).contains(leaky_slope), "lie in 0..1", leaky_slope.to_string()),
            ("dropout", (0.0..1.0).contains(dropout), "lie in 0..1", dropout.to_string()),
            ("batch_size", (least..=65_536).contains(batch_size), least_rule, batch_size.to_string()),
            ("weight_decay", decays, "not be negative", weight_decay.to_string()),
        ]
    }
}

impl AgentConfig for DoubleDqnConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        registry::problems(self.network_rules().into_iter().chain(self.common().rules()))
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::try_from(self).expect("plain fields make a table")
    }

    fn build(&self, context: &AgentContext<'_>, rng: &RngTree) -> Result<Box<dyn Agent>, AgentError> {
        Ok(Box::new(DoubleDqn::new(self.clone(), context, rng)?))
    }
}
