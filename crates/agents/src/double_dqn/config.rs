use pavlov_rl_core::{Agent, AgentError, RngTree};
use serde::{Deserialize, Serialize};

use super::{DoubleDqn, NAME};
use crate::lstm_ppo::Schedule;
use crate::nn::init::Init;
use crate::registry::{AgentConfig, AgentContext};
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

/// How the target network follows the online one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A copy after so many gradient steps (Mnih et al. 2015).
    CopyEvery(u64),
    /// This share of the way at every gradient step (Lillicrap et al. 2016).
    Soft(f64),
}

/// The share of random actions over the environment steps of the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Epsilon {
    /// At the start. Default 1: the paper.
    pub start: f64,
    /// At the end. Default 0.01: the paper.
    pub end: f64,
    /// Environment steps after which all (linear) or 63 % (exponential) of the way is done. Default 10,000: the paper.
    pub decay_steps: f64,
    /// The law. Default exponential: the paper.
    pub decay: EpsilonDecay,
}

impl Default for Epsilon {
    fn default() -> Self {
        Self { start: 1.0, end: 0.01, decay_steps: 10_000.0, decay: EpsilonDecay::Exponential }
    }
}

/// How the share of random actions falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpsilonDecay {
    /// `end + (start - end) * e^(-steps / decay_steps)`.
    Exponential,
    /// `end + (start - end) * max(0, 1 - steps / decay_steps)`.
    Linear,
}

impl Epsilon {
    /// The share after so many environment steps.
    pub(super) fn at(&self, steps: u64) -> f64 {
        let passed = steps as f64 / self.decay_steps;
        let left = match self.decay {
            EpsilonDecay::Exponential => (-passed).exp(),
            EpsilonDecay::Linear => (1.0 - passed).max(0.0),
        };
        self.end + (self.start - self.end) * left
    }
}

pub(crate) fn parse(from: toml::de::ValueDeserializer<'_>) -> Result<Box<dyn AgentConfig>, toml::de::Error> {
    DoubleDqnConfig::deserialize(from).map(|config| Box::new(config) as Box<dyn AgentConfig>)
}

/// `(key, in bounds, rule, value)` of a hyper-parameter.
type Rule = (&'static str, bool, &'static str, String);

impl DoubleDqnConfig {
    fn network_rules(&self) -> Vec<Rule> {
        let Self { sizes, batch_norm, leaky_slope, dropout, batch_size, .. } = self;
        let units = sizes.iter().all(|size| (1..=4096).contains(size)) && sizes.len() <= 64;
        let least = if *batch_norm { 2 } else { 1 };
        let least_rule = if *batch_norm {
            "lie in 2..=65536, for one row has no deviation to normalise by (or set batch_norm = false)"
        } else {
            "lie in 1..=65536"
        };
        vec![
            ("sizes", units, "be at most 64 numbers in 1..=4096", format!("{sizes:?}")),
            ("leaky_slope", (0.0..1.0).contains(leaky_slope), "lie in 0..1", leaky_slope.to_string()),
            ("dropout", (0.0..1.0).contains(dropout), "lie in 0..1", dropout.to_string()),
            ("batch_size", (least..=65_536).contains(batch_size), least_rule, batch_size.to_string()),
        ]
    }

    fn number_rules(&self) -> Vec<Rule> {
        let positive = [("learning_rate", self.learning_rate), ("huber_delta", self.huber_delta)];
        let not_negative = [
            ("weight_decay", self.weight_decay),
            ("max_grad_norm", self.max_grad_norm),
            ("reward_clip", self.reward_clip),
        ];
        let share =
            [("discount", self.discount), ("epsilon.start", self.epsilon.start), ("epsilon.end", self.epsilon.end)];
        let decay = self.epsilon.decay_steps;
        let positive = positive.map(|(k, v)| (k, v > 0.0 && v.is_finite(), "be positive", v.to_string()));
        let not_negative = not_negative.map(|(k, v)| (k, v >= 0.0 && v.is_finite(), "not be negative", v.to_string()));
        let share = share.map(|(k, v)| (k, (0.0..=1.0).contains(&v), "lie in 0..=1", v.to_string()));
        let decay = ("epsilon.decay_steps", decay >= 1.0 && decay.is_finite(), "be at least 1", decay.to_string());
        positive.into_iter().chain(not_negative).chain(share).chain([decay]).collect()
    }

    fn replay_rules(&self) -> Vec<Rule> {
        let Self { n_steps, learn_every, gradient_steps, warm_up, replay_len, sampling, target, .. } = self;
        let target_ok = match target {
            Target::CopyEvery(steps) => *steps >= 1,
            Target::Soft(share) => *share > 0.0 && *share <= 1.0,
        };
        let sampling_ok = match sampling {
            Sampling::Uniform => true,
            Sampling::Prioritised { alpha, beta } => [alpha, beta].iter().all(|v| (0.0..=1.0).contains(*v)),
        };
        let target_rule = "copy every 1 or more steps, or move by a share above 0 and at most 1";
        vec![
            ("n_steps", (1..=255).contains(n_steps), "lie in 1..=255", n_steps.to_string()),
            ("learn_every", *learn_every >= 1, "be at least 1", learn_every.to_string()),
            ("gradient_steps", *gradient_steps >= 1, "be at least 1", gradient_steps.to_string()),
            ("replay_len", (1..=100_000_000).contains(replay_len), "lie in 1..=100000000", replay_len.to_string()),
            ("warm_up", warm_up <= replay_len, "be at most replay_len", warm_up.to_string()),
            ("target", target_ok, target_rule, format!("{target:?}")),
            ("sampling", sampling_ok, "have alpha and beta in 0..=1", format!("{sampling:?}")),
        ]
    }
}

impl AgentConfig for DoubleDqnConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        let rules = self.network_rules().into_iter().chain(self.number_rules()).chain(self.replay_rules());
        let broken = rules.filter(|(_, ok, ..)| !ok);
        broken.map(|(key, _, rule, got)| format!("{key} must {rule}, got {got}")).collect()
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::try_from(self).expect("plain fields make a table")
    }

    fn build(&self, context: &AgentContext<'_>, rng: &RngTree) -> Result<Box<dyn Agent>, AgentError> {
        Ok(Box::new(DoubleDqn::new(self.clone(), context, rng)?))
    }
}
