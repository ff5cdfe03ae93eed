//! An agent learns in a game of your own: `cargo run -p pavlov-agents --example learn`.
#![allow(clippy::print_stdout)]

use std::sync::Arc;

use pavlov_agents::lstm_ppo::LstmPpoConfig;
use pavlov_agents::{AgentConfig, AgentContext, Device, RolloutLen};
use pavlov_rl_core::{
    ActMode, Action, ActionSpec, Batch, BatchEnv, Decisions, EnvSpec, Environment, Experience, Fills, Frame, Ledger,
    ObservationSpec, Rng, RngTree, Snapshot, StateError, Status, Step, below,
};

const ENVS: usize = 32;
const STEPS: u32 = 16;

/// A coin is shown; naming its side pays 1.
struct Coin {
    spec: EnvSpec,
    frame: Frame,
}

impl Environment for Coin {
    type State = u32;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn new_state(&self) -> u32 {
        0
    }

    fn reset(&self, side: &mut u32, rng: &mut Rng) {
        *side = below(rng, 2);
    }

    fn step<F: Fills>(&self, side: &mut u32, action: Action<'_>, _: &mut F) -> Step {
        Step { reward: f64::from(action == Action::Discrete(*side)), status: Status::Terminated }
    }

    fn observe(&self, side: &u32, account: &mut [f32]) -> u32 {
        account[0] = 2.0 * *side as f32 - 1.0;
        0
    }

    fn ledger(&self, _: &u32) -> Ledger {
        Ledger::default()
    }

    fn check(&self, side: &u32) -> Result<(), StateError> {
        if *side < 2 { Ok(()) } else { Err(StateError::Value(format!("side {side}"))) }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let observation = ObservationSpec { window: 1, features: 1, account: 1 };
    let spec = EnvSpec { observation, action: ActionSpec::Discrete { names: &["heads", "tails"] } };
    let rng = RngTree::new(1);
    let game = Arc::new(Coin { spec: spec.clone(), frame: Frame::new(1, vec![0.0]) });
    let mut env = Batch::new(game, 0..ENVS as u64, &rng);

    let config = LstmPpoConfig { fc: 16, hidden: 16, learning_rate: 1e-2, ..LstmPpoConfig::default() };
    let rollout_len = RolloutLen::Steps(STEPS);
    let context = AgentContext { spec: &spec, num_envs: ENVS, rollout_len, updates: 20, device: Device::Cpu };
    let mut agent = config.build(&context, &rng)?;
    let (mut memory, mut decisions) = (agent.memory(ENVS), Decisions::new(&spec.action, ENVS));
    let (mut policy, mut shuffle) = (rng.stream("policy", 0), rng.stream("shuffle", 0));
    let (mut before, mut earned, mut update) = (Snapshot::default(), 0.0, 0);
    while update < 20 {
        before.copy_from(env.observations());
        let memory_before = memory.clone();
        agent.act(env.observations(), &mut memory, ActMode::Sample, &mut policy, &mut decisions)?;
        let after = env.step(&decisions.actions);
        earned += after.rewards.iter().sum::<f64>();
        agent.observe(Experience {
            before: &before,
            memory_before: &memory_before,
            decisions: &decisions,
            memory_after: &memory,
            mirrored: None,
            after,
        })?;
        memory.forget_ended(after.statuses);
        if agent.update(&mut shuffle)?.is_some() {
            update += 1;
            if update % 5 == 0 {
                println!("update {update}: right {:.0} % of the time", 100.0 * earned / f64::from(ENVS as u32 * STEPS));
            }
            earned = 0.0;
        }
    }
    Ok(())
}
