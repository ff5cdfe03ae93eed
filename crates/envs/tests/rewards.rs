//! Promise R14 for rewards: every kind is a finite number within its clip, whatever prices do.

use std::sync::Arc;

use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, BatchEnv, RngTree, below, uniform_f64};
use pavlov_testkit::synthetic;

const KINDS: [&str; 6] =
    ["relative_to_initial_account", "absolute", "return", "log_return", "sharpe", "differential_sharpe"];
const COPIES: u64 = 80;

fn closes() -> [(&'static str, Vec<f64>); 6] {
    let walk = synthetic::random_walk(300, 1, 1, 3).prices.close;
    let mut rng = RngTree::new(4).stream("jumps", 0);
    let jump = |t: usize| if t.is_multiple_of(2) { 1.0 } else { 1_000.0 } * (1.0 + uniform_f64(&mut rng));
    [
        ("flat", vec![100.0; 300]),
        ("jumps", (0..300).map(jump).collect()),
        ("crash", (0..300).map(|t| 9_000.0 * 0.93_f64.powi(t)).collect()),
        ("rise", (0..300).map(|t| 1e-6 * 1.1_f64.powi(t)).collect()),
        ("tiny", walk.iter().map(|c| c * 1e-14).collect()),
        ("huge", walk.iter().map(|c| c * 1e10).collect()),
    ]
}

fn game(name: &str, keys: &str, closes: &[f64]) -> Box<dyn BatchEnv> {
    let config = environment(name).expect("registered").parse_text(keys).expect(keys);
    let market = synthetic::market(synthetic::prices(1, closes.to_vec()), 1, 1);
    let segment = market.segments[0];
    let copies = config.build(Arc::new(market), &[segment], EpisodeMode::Sampled).expect("a game");
    copies.batch(0..COPIES, &RngTree::new(1))
}

#[test]
fn every_reward_is_finite_and_within_its_clip_on_extreme_prices() {
    for (series, closes) in closes() {
        for kind in KINDS {
            for (name, keys) in
                [("bitcoin", ""), ("long_short", "window = 1\n"), ("long_short", "window = 1\nepsilon = 0.01\n")]
            {
                for clip in [f64::INFINITY, 0.5] {
                    let reward = if clip.is_finite() { format!(", clip = {clip:?}") } else { String::new() };
                    let keys = format!("{keys}sample_len = 12\nreward = {{ kind = \"{kind}\"{reward} }}");
                    let mut env = game(name, &keys, &closes);
                    let mut rng = RngTree::new(2).stream("play", 0);
                    for t in 0..60 {
                        let choices = (0..COPIES).map(|_| below(&mut rng, 3)).collect();
                        let step = env.step(&ActionBatch::Discrete(choices));
                        let worst = step.rewards.iter().find(|r| !(r.is_finite() && r.abs() <= clip));
                        assert_eq!(worst, None, "{name}, {kind}, {series}, step {t}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_reward_of_log_returns_adds_up_to_the_growth_of_the_account() {
    let closes: Vec<f64> = (0..60).map(|t| 100.0 + 3.0 * f64::from(t % 7)).collect();
    let mut env = game("long_short", "window = 1\nsample_len = 50\nreward = \"log_return\"", &closes);
    let mut rng = RngTree::new(2).stream("play", 0);
    let mut sums = vec![0.0; COPIES as usize];
    for t in 0..50 {
        let choices = (0..COPIES).map(|_| below(&mut rng, 3)).collect();
        let step = env.step(&ActionBatch::Discrete(choices));
        sums.iter_mut().zip(step.rewards).for_each(|(sum, reward)| *sum += reward);
        if t == 49 {
            for (sum, books) in sums.iter().zip(step.end_ledgers) {
                assert!((sum - (books.net_worth() / 100_000.0).ln()).abs() < 1e-12, "{sum}, {books:?}");
            }
        }
    }
}
