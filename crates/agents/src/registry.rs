use std::fmt;

use pavlov_rl_core::{Agent, AgentError, EnvSpec, RngTree};
use serde::{Deserialize, Serialize};

/// What an agent is built for.
#[derive(Clone, Debug)]
pub struct AgentContext<'a> {
    /// What the environments show and accept.
    pub spec: &'a EnvSpec,
    /// Number of environments stepped together.
    pub num_envs: usize,
    /// Steps between two updates.
    pub rollout_len: RolloutLen,
    /// Updates of the whole training, for schedules.
    pub updates: u64,
    /// Where tensors live.
    pub device: candle_core::Device,
}

/// Steps of each environment between two updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RolloutLen {
    /// A fixed number of steps.
    Steps(u32),
    /// `"episode"`: until the episode ends; needs a single environment.
    Episode(EpisodeWord),
}

/// The word `"episode"` in a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeWord {
    /// One whole episode.
    Episode,
}

impl fmt::Display for RolloutLen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "{steps}"),
            Self::Episode(_) => f.write_str("episode"),
        }
    }
}

/// An agent's hyper-parameters.
pub trait AgentConfig: Send + Sync {
    /// Name in [`AGENTS`].
    fn name(&self) -> &'static str;
    /// Everything that is wrong with the values.
    fn validate(&self) -> Vec<String>;
    /// All values, without the name.
    fn to_toml(&self) -> toml::Table;
    /// What a reader of the results must know of the agent: the flaws of a published variant.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
    /// A fresh agent, its weights drawn from the stream `"init"`.
    ///
    /// # Errors
    /// [`AgentError::Mismatch`] if the agent cannot play the environment.
    fn build(&self, context: &AgentContext<'_>, rng: &RngTree) -> Result<Box<dyn Agent>, AgentError>;
}

/// `(key, in bounds, rule, value)` of a hyper-parameter.
pub(crate) type Rule = (&'static str, bool, &'static str, String);

/// A sentence for each rule that is broken.
pub(crate) fn problems(rules: impl IntoIterator<Item = Rule>) -> Vec<String> {
    let broken = rules.into_iter().filter(|(_, fits, ..)| !fits);
    broken.map(|(key, _, rule, got)| format!("{key} must {rule}, got {got}")).collect()
}

/// A line of the registry of agents.
pub struct AgentEntry {
    /// Name in a config file.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Reads the hyper-parameters from a table without its `name` key.
    pub parse: fn(toml::de::ValueDeserializer<'_>) -> Result<Box<dyn AgentConfig>, toml::de::Error>,
}

/// All agents.
pub const AGENTS: &[AgentEntry] = &[
    AgentEntry {
        name: "lstm_ppo",
        summary: "proximal policy optimisation with one LSTM under policy and value heads",
        parse: crate::lstm_ppo::parse,
    },
    AgentEntry {
        name: "double_dqn",
        summary: "deep Q-learning with a target network, double estimates and a replay of mirrored experience",
        parse: crate::double_dqn::parse,
    },
    AgentEntry {
        name: "gaussian_ppo",
        summary: "proximal policy optimisation of actions that are numbers, with a Gaussian policy",
        parse: crate::gaussian_ppo::parse,
    },
    AgentEntry {
        name: "manager_order",
        summary: "a manager that forecasts the next row and an order network that sees the forecast, with attention",
        parse: crate::manager_order::parse,
    },
];

#[cfg(test)]
mod tests {
    use toml::de::ValueDeserializer;

    use super::*;

    #[test]
    fn every_agent_has_valid_defaults_and_reads_back_what_it_writes() {
        for AgentEntry { name, parse, .. } in AGENTS {
            let defaults = parse(ValueDeserializer::parse("{}").unwrap()).unwrap();
            assert_eq!((defaults.name(), defaults.validate()), (*name, Vec::new()));
            let text = toml::Value::Table(defaults.to_toml()).to_string();
            let again =
                parse(ValueDeserializer::parse(&text).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
            assert_eq!(again.to_toml(), defaults.to_toml(), "{name}");
            assert!(parse(ValueDeserializer::parse("{ no_such_key = 1 }").unwrap()).is_err(), "{name}");
        }
    }
}
