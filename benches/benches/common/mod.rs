//! An agent and one copy of an environment, stepped together.

use std::sync::Arc;

use pavlov_agents::{Agent, AgentConfig, AgentContext, Device, RolloutLen};
use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActMode, BatchEnv, Decisions, Experience, Memory, Rng, RngTree, Segment, Snapshot};
use pavlov_testkit::synthetic;

/// The loop of a training with one copy, without mirrored experience.
pub struct OneCopy {
    env: Box<dyn BatchEnv>,
    agent: Box<dyn Agent>,
    memory: Memory,
    decisions: Decisions,
    before: Snapshot,
    rngs: [Rng; 2],
}

impl OneCopy {
    /// On a random walk of `rows` with `features` columns; an update takes `rollout_len` steps.
    pub fn new(
        config: &dyn AgentConfig,
        (name, keys): (&str, &str),
        [rows, features]: [usize; 2],
        rollout_len: u32,
    ) -> Self {
        let rules = environment(name).expect("it is registered").parse_text(keys).expect("valid keys");
        let market = Arc::new(synthetic::random_walk(rows, rules.assets(), features, 1));
        let segment = Segment { start: 0, first: rules.window() as u32 - 1, end: rows as u32 };
        let game = rules.build(market, &[segment], EpisodeMode::Sampled).expect("a market with enough rows");
        let (rng, rollout_len) = (RngTree::new(1), RolloutLen::Steps(rollout_len));
        let context = AgentContext { spec: game.spec(), num_envs: 1, rollout_len, updates: 1, device: Device::Cpu };
        let agent = config.build(&context, &rng).expect("actions that suit it");
        Self {
            env: game.batch(0..1, &rng),
            memory: agent.memory(1),
            decisions: Decisions::new(&game.spec().action, 1),
            before: Snapshot::default(),
            rngs: [rng.stream("policy", 0), rng.stream("shuffle", 0)],
            agent,
        }
    }

    /// Acts and steps; if it `learns`, also observes and, where it is due, updates.
    pub fn step(&mut self, learns: bool) {
        let seen = self.env.observations();
        self.before.copy_from(seen);
        let memory_before = self.memory.clone();
        let acted = self.agent.act(seen, &mut self.memory, ActMode::Sample, &mut self.rngs[0], &mut self.decisions);
        acted.expect("finite numbers");
        let after = self.env.step(&self.decisions.actions);
        if !learns {
            return;
        }
        let step = Experience {
            before: &self.before,
            memory_before: &memory_before,
            decisions: &self.decisions,
            memory_after: &self.memory,
            mirrored: None,
            after,
        };
        self.agent.observe(step).expect("finite numbers");
        self.agent.update(&mut self.rngs[1]).expect("finite numbers");
    }
}
