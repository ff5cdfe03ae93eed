//! Double DQN inside an experiment.

mod common;

use common::{double_dqn, experiment};
use serde_json::Value;

/// The lines of the metrics log of seed 1.
fn log(config: &str) -> Vec<Value> {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "run", config, 2).unwrap();
    let text = std::fs::read_to_string(place.path().join("run/runs/1/metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn mirrored_rewards_are_scaled_like_those_that_were_earned() {
    // Without a next value a target is the reward alone, and these are dollars.
    let agent = "discount = 0.0\nreward_clip = 0.0\nn_steps = 1\n";
    let config = double_dqn().replace("n_steps = 2\n", agent);
    let largest =
        |config: &str| log(config).iter().map(|line| line["q_target"].as_f64().unwrap().abs()).fold(0.0, f64::max);
    let (scaled, plain) = (config.replace("reward_scale = 0.01", "reward_scale = 1e-9"), largest(&config));
    assert!(plain > 1e-4 && largest(&scaled) < 1e-5, "{plain} and {}", largest(&scaled));
}

#[test]
fn the_log_shows_the_figures_of_an_update() {
    let lines = log(&double_dqn());
    assert_eq!(lines.len(), 12);
    for line in &lines {
        for key in [
            "loss",
            "q_online",
            "q_target",
            "q_online_max",
            "q_target_max",
            "abs_td_error",
            "grad_norm",
            "epsilon",
            "replay_len",
        ] {
            assert!(line[key].as_f64().is_some_and(f64::is_finite), "{key} of {line}");
        }
        assert!(line["q_online_max"].as_f64() >= line["q_online"].as_f64(), "the best action is worth no less: {line}");
    }
    let epsilon: Vec<f64> = lines.iter().map(|line| line["epsilon"].as_f64().unwrap()).collect();
    assert!(epsilon.is_sorted_by(|a, b| a > b) && epsilon[0] < 1.0, "{epsilon:?}");
    // 4 environments, 32 steps of each an update; the first waits for the warm-up.
    let steps: Vec<u64> = lines.iter().map(|line| line["env_steps"].as_u64().unwrap()).collect();
    assert_eq!(steps, (1..=12).map(|update| update * 128).collect::<Vec<_>>());
}

#[test]
fn the_report_draws_the_values_of_both_networks_the_losses_and_the_exploration() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "run", &double_dqn(), 2).unwrap();
    let html = std::fs::read_to_string(place.path().join("run/report.html")).unwrap();
    let figures: Vec<&str> = html.split("<figure class=\"chart\">").collect();
    let figure = |title: &str| figures.iter().find(|f| f.contains(&format!("<h3>{title}</h3>"))).expect(title);
    for line in ["online, action taken", "its target", "online, best action", "target network, best action"] {
        assert!(figure("Q values").contains(&format!("data-label=\"{line}, median\"")), "{line}");
    }
    for title in ["Loss", "Exploration", "Error of the Q values", "Replay"] {
        assert!(figure(title).contains("class=\"line c0\""), "{title}");
    }
}
