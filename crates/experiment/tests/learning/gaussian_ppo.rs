//! R10 and R11 for Gaussian PPO, holding any share of its net worth, on the markets of LSTM-PPO and with its criteria.

use pavlov_experiment::report::Report;
use pavlov_testkit::scale::nightly;

use crate::game::{Game, agents};
use crate::gates;

/// The cue is whether the volume is high, and the columns show how it changed: the last great change within the window
/// tells, if there is one. It is worth something before the next close only.
const KEYS: &str = "window = 4\nfill = \"next_open\"";

/// The best share is the whole net worth, one way or the other: a linear mean reaches it, and with a wide law most of what
/// is drawn lies there. Six months are few rows for more than 16 units.
const AGENT: &str = r#"
[agent]
name = "gaussian_ppo"
sizes = [16]
activation = "relu"
mean = "linear"
std = { fixed = 2.0 }
learning_rate = 1e-2
schedule = "linear"
discount = 0.5
advantages = "gae"
gae_lambda = 0.8
clip = 0.3
epochs = 4
num_minibatches = 4
entropy_coef = 0.0
[train]
num_envs = 64
rollout_len = 30"#;

/// A memoryless body, and one that remembers what the window does not show any more.
const BODIES: [&str; 2] = ["dense", "lstm"];

const UPDATES: u32 = 120;

fn run(game: &Game, body: &str) -> Report {
    let environment = format!("name = \"long_short\"\naction = \"target_weight\"\n{KEYS}");
    let agent = AGENT.replace("sizes", &format!("body = \"{body}\"\nsizes"));
    let report = game.run_scaled(&environment, 0.3, &agent);
    assert_eq!(report.runs.len() as u64, agents());
    report
}

#[test]
fn a_planted_signal_is_found_on_every_seed_by_each_body() {
    for body in BODIES {
        let agent = format!("Gaussian PPO, {body}");
        gates::finds_a_planted_signal(&agent, KEYS, UPDATES, &|game| run(game, body));
    }
}

#[test]
fn a_martingale_with_commission_pays_nothing() {
    // Both bodies at night: the test span is long.
    for body in BODIES.into_iter().take(if nightly() { 2 } else { 1 }) {
        let agent = format!("Gaussian PPO, {body}");
        gates::finds_nothing_in_a_martingale(&agent, UPDATES, &|game| run(game, body));
    }
}
