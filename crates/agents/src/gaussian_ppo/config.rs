use pavlov_rl_core::{Agent, AgentError, RngTree};
use serde::{Deserialize, Serialize};

use super::{GaussianPpo, NAME};
use crate::lstm_ppo::{Body, Schedule};
use crate::nn::Activation;
use crate::ppo;
use crate::registry::{self, AgentConfig, AgentContext};

/// Hyper-parameters of Gaussian PPO. "The notebook" is the KOSPI ratio notebook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianPpoConfig {
    /// Units of the layers below the head, in actor and critic alike. Default 128 and 64: the notebook.
    pub sizes: Vec<usize>,
    /// Whether the last of these layers is dense or an LSTM. Default dense: the notebook.
    pub body: Body,
    /// What follows the dense layers. Default tanh: the notebook.
    pub activation: Hidden,
    /// What the mean of the law is made of. Default sigmoid: the notebook.
    pub mean: MeanHead,
    /// Deviation of the law as a share of the action's range, in every state the same. Default fixed at 0.6: the notebook.
    pub std: Deviation,
    /// How drawn numbers become actions within their bounds. Default clip.
    pub bound: Bound,
    /// Learning rate of Adam. Default 1e-5: the notebook.
    pub learning_rate: f64,
    /// How the learning rate moves over the training. Default constant: the notebook.
    pub schedule: Schedule,
    /// Discount. Default 1: the notebook.
    pub discount: f64,
    /// What an action is credited with. Default returns: the notebook.
    pub advantages: Advantages,
    /// Decay of the advantage estimator (lambda), for `gae`. Default 0.95: Schulman et al. 2016.
    pub gae_lambda: f64,
    /// Whether the returns of a rollout, or the advantages of a batch for `gae`, are brought to mean 0 and deviation 1.
    /// Default true: the notebook.
    pub normalise: bool,
    /// Bound of the probability ratio. Default 0.2: the notebook.
    pub clip: f64,
    /// Passes over a rollout. Default 80: the notebook.
    pub epochs: u32,
    /// Parts of a pass, by environment. Default 1: the notebook.
    pub num_minibatches: usize,
    /// Weight of the value loss, half of the squared error. Default 1: the notebook.
    pub value_coef: f64,
    /// Weight of the entropy bonus. Default 0.01: the notebook.
    pub entropy_coef: f64,
    /// Weight of the penalty on changes of the mean from a step to the next. Default 0: the notebook (its penalty on the
    /// actions taken has no gradient).
    pub lam_a: f64,
    /// Largest norm of the gradient; 0 for no limit. Default 0.5: the reference implementation of PPO (the notebook: none).
    pub max_grad_norm: f64,
    /// Estimated divergence from the policy that acted beyond which an update has no further pass; 0 for no limit. Default
    /// 0: the notebook.
    pub target_kl: f64,
    /// Which weights act when the training has ended. Default the last ones.
    pub judged: Judged,
}

impl Default for GaussianPpoConfig {
    fn default() -> Self {
        Self {
            sizes: vec![128, 64],
            body: Body::Dense,
            activation: Hidden::Tanh,
            mean: MeanHead::Sigmoid,
            std: Deviation::Fixed(0.6),
            bound: Bound::Clip,
            learning_rate: 1e-5,
            schedule: Schedule::Constant,
            discount: 1.0,
            advantages: Advantages::Returns,
            gae_lambda: 0.95,
            normalise: true,
            clip: 0.2,
            epochs: 80,
            num_minibatches: 1,
            value_coef: 1.0,
            entropy_coef: 0.01,
            lam_a: 0.0,
            max_grad_norm: 0.5,
            target_kl: 0.0,
            judged: Judged::Last,
        }
    }
}

/// What follows a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// `tanh y`.
    Tanh,
    /// `max(0, y)`.
    Relu,
}

impl From<Hidden> for Activation {
    fn from(hidden: Hidden) -> Self {
        match hidden {
            Hidden::Tanh => Activation::Tanh,
            Hidden::Relu => Activation::Relu,
        }
    }
}

/// What the mean is made of the actor's output `y`, as a share of the action's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeanHead {
    /// `1 / (1 + e^-y)`.
    Sigmoid,
    /// `(1 + tanh y) / 2`.
    Tanh,
    /// `1/2 + y`, or `y` where it is squashed: an untrained policy stands in the middle.
    Linear,
}

/// Deviation of the law, as a share of the action's range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// Always this.
    Fixed(f64),
    /// A parameter a number of the action, this at the start.
    Learned(f64),
}

impl Deviation {
    pub(super) fn start(self) -> f64 {
        match self {
            Self::Fixed(std) | Self::Learned(std) => std,
        }
    }
}

/// How drawn numbers become actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// They are clipped to the bounds; probabilities are those of the numbers that were drawn.
    Clip,
    /// They are squashed by a tanh; probabilities are those of the squashed numbers. Needs a linear mean.
    Squash,
    /// They are clipped first, and the law's density there counts as the probability of the clipped number, of which
    /// there is more: the notebook.
    AsPublished,
}

/// What an action is credited with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advantages {
    /// The discounted rewards up to the end of the episode or of the rollout, less the value of the state.
    Returns,
    /// Generalised advantage estimation.
    Gae,
}

/// Which weights act when the training has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// Those of the last update.
    Last,
    /// Those that acted in the rollout whose ended episodes had the highest mean reward.
    Best,
}

pub(crate) fn parse(from: toml::de::ValueDeserializer<'_>) -> Result<Box<dyn AgentConfig>, toml::de::Error> {
    GaussianPpoConfig::deserialize(from).map(|config| Box::new(config) as Box<dyn AgentConfig>)
}

impl AgentConfig for GaussianPpoConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        let (sizes, parts, std) = (&self.sizes, self.num_minibatches, self.std.start());
        let fit = (1..=8).contains(&sizes.len()) && sizes.iter().all(|size| (1..=4096).contains(size));
        let bounded = self.bound != Bound::Squash || self.mean == MeanHead::Linear;
        let own = [
            ("sizes", fit, "be one to eight numbers in 1..=4096", format!("{sizes:?}")),
            ("num_minibatches", (1..=4096).contains(&parts), "lie in 1..=4096", parts.to_string()),
            ("std", std > 0.0 && std.is_finite(), "be positive", std.to_string()),
            ("mean", bounded, "be linear where bound = \"squash\", which bounds it", format!("{:?}", self.mean)),
        ];
        let common = ppo::Common {
            learning_rate: self.learning_rate,
            discount: self.discount,
            gae_lambda: self.gae_lambda,
            clip: self.clip,
            epochs: self.epochs,
            weights: &[
                ("value_coef", self.value_coef),
                ("entropy_coef", self.entropy_coef),
                ("lam_a", self.lam_a),
                ("max_grad_norm", self.max_grad_norm),
                ("target_kl", self.target_kl),
            ],
        };
        registry::problems(own.into_iter().chain(common.rules()))
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::try_from(self).expect("plain fields make a table")
    }

    fn notes(&self) -> Vec<String> {
        let flaw = "bound = as_published: an action that was clipped is credited with the density of its law at the bound, which \
                    is not its probability";
        (self.bound == Bound::AsPublished).then(|| flaw.to_owned()).into_iter().collect()
    }

    fn build(&self, context: &AgentContext<'_>, rng: &RngTree) -> Result<Box<dyn Agent>, AgentError> {
        Ok(Box::new(GaussianPpo::new(self.clone(), context, rng)?))
    }
}
