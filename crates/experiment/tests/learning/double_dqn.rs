//! R10 and R11 for Double DQN, going long and short on the markets of LSTM-PPO, with the same criteria.

use crate::game::{Game, SIGNIFICANT, SPANS, agents, figures, gross_t, least, markets, most, random, t_statistics};
use crate::oracle::Arena;

const SHORT: u32 = 0;
const LONG: u32 = 1;

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

fn run(game: &Game) -> pavlov_experiment::report::Report {
    let report = game.run_with(&format!("name = \"long_short\"\n{KEYS}"), 0.3, AGENT);
    assert_eq!(report.runs.len() as u64, agents());
    report
}

#[test]
fn a_planted_signal_is_found_on_every_seed_with_and_without_commission() {
    let mode = ("planted_signal", "hit_rate = 0.9");
    for (market, commission) in markets().into_iter().flat_map(|market| [(market, 0.0), (market, 0.00025)]) {
        let game = Game { mode, volatility: 0.005, market, commission, spans: SPANS, body: "", updates: 100 };
        let arena = Arena::new(&game).of("long_short", KEYS);
        let oracle = arena.play(|row, _| if arena.tells_rise(row) { LONG } else { SHORT });
        let report = run(&game);
        let (shares, random) = (game.shares(&report, oracle), random(&report) / oracle);
        let what = format!("Double DQN, planted signal, market {market}, commission {commission}");
        println!("R11: {what}: part of the oracle's {oracle:.3}: {}; random {random:.3}", figures(&shares));
        assert!(oracle > 0.5 && random < 0.2, "{what}: random makes {random:.3} of {oracle:.3}");
        assert!(least(&shares) >= 0.9, "PROMISE=R11 {what}: {shares:.3?}");
        assert!(least(&t_statistics(&report)) > SIGNIFICANT, "{what}: {:?}", t_statistics(&report));
    }
}

#[test]
fn a_martingale_with_commission_pays_nothing() {
    const LONG_SPANS: [&str; 3] = ["2012-01-01", "2012-07-01", "2018-09-01"];
    let mode = ("martingale", "next_shown = false");
    for market in markets() {
        let (volatility, spans) = (0.005, LONG_SPANS);
        let game = Game { mode, volatility, market, commission: 0.00025, spans, body: "", updates: 100 };
        let report = run(&game);
        let t = t_statistics(&report);
        println!("R10: Double DQN, martingale, market {market}, {} bars: t: {}", report.verdict.periods, figures(&t));
        assert!(report.verdict.periods >= 50_000, "{} bars", report.verdict.periods);
        assert!(most(&t) < SIGNIFICANT, "PROMISE=R10 market {market}: a martingale cannot pay, yet t = {t:.2?}");
        let gross = gross_t(&report);
        println!("R10: market {market}, the same without commission: mean t {gross:.2}");
        assert!(gross.abs() < SIGNIFICANT, "PROMISE=R10 market {market}: without commission t = {gross:.2}");
    }
}
