//! R10 and R11 for Double DQN, going long and short on the markets of LSTM-PPO, with the same criteria.

use pavlov_experiment::report::Report;

use crate::game::{Game, agents};
use crate::gates;

/// The cue is whether the volume is high, and the columns show how it changed: the last great change within the window
/// tells. It is worth something before the next close only.
const KEYS: &str = "window = 8\nfill = \"next_open\"";

/// Six months are few rows for a network that sees each of them hundreds of times: its weights decay by 0.3 % a step.
const AGENT: &str = r#"
[agent]
name = "double_dqn"
sizes = [64, 64]
learning_rate = 1e-3
schedule = "linear"
weight_decay = 3.0
reward_clip = 0.0
batch_size = 256
target = { soft = 0.01 }
epsilon = { decay_steps = 50000.0 }
[train]
num_envs = 64
rollout_len = 30"#;

const UPDATES: u32 = 100;

fn run(game: &Game) -> Report {
    let report = game.run_with(&format!("name = \"long_short\"\n{KEYS}"), 0.3, AGENT);
    assert_eq!(report.runs.len() as u64, agents());
    report
}

#[test]
fn a_planted_signal_is_found_on_every_seed_with_and_without_commission() {
    gates::finds_a_planted_signal("Double DQN", KEYS, UPDATES, &run);
}

#[test]
fn a_martingale_with_commission_pays_nothing() {
    gates::finds_nothing_in_a_martingale("Double DQN", UPDATES, &run);
}
