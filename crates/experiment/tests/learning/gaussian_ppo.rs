//! R10 and R11 for Gaussian PPO, holding any share of its net worth, on the markets of LSTM-PPO and with its criteria.

use crate::game::{Game, SIGNIFICANT, SPANS, agents, figures, least, markets, most, t_statistics};
use crate::oracle::Arena;

const SHORT: u32 = 0;
const LONG: u32 = 1;

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

fn run(game: &Game, body: &str) -> pavlov_experiment::report::Report {
    let environment = format!("name = \"long_short\"\naction = \"target_weight\"\n{KEYS}");
    let agent = AGENT.replace("sizes", &format!("body = \"{body}\"\nsizes"));
    let report = game.run_scaled(&environment, 0.3, &agent);
    assert_eq!(report.runs.len() as u64, agents());
    report
}

#[test]
fn a_planted_signal_is_found_on_every_seed_by_each_body() {
    let mode = ("planted_signal", "hit_rate = 0.9");
    let cases = markets().into_iter().flat_map(|market| BODIES.map(|body| (market, body)));
    for ((market, body), commission) in cases.flat_map(|case| [(case, 0.0), (case, 0.00025)]) {
        let game = Game { mode, volatility: 0.005, market, commission, spans: SPANS, body: "", updates: 120 };
        let arena = Arena::new(&game).of("long_short", KEYS);
        let oracle = arena.play(|row, _| if arena.tells_rise(row) { LONG } else { SHORT });
        let report = run(&game, body);
        let shares = game.shares(&report, oracle);
        let what = format!("Gaussian PPO, {body}, planted signal, market {market}, commission {commission}");
        println!("R11: {what}: part of the oracle's {oracle:.3}: {}", figures(&shares));
        assert!(oracle > 0.5, "{what}: {oracle:.3}");
        assert!(least(&shares) >= 0.9, "PROMISE=R11 {what}: {shares:.3?}");
        assert!(least(&t_statistics(&report)) > SIGNIFICANT, "{what}: {:?}", t_statistics(&report));
    }
}

#[test]
fn a_martingale_with_commission_pays_nothing() {
    const LONG_SPANS: [&str; 3] = ["2012-01-01", "2012-07-01", "2018-09-01"];
    let mode = ("martingale", "next_shown = false");
    for (market, body) in markets().into_iter().flat_map(|market| BODIES.map(|body| (market, body))) {
        let (volatility, spans) = (0.005, LONG_SPANS);
        let game = Game { mode, volatility, market, commission: 0.00025, spans, body: "", updates: 120 };
        let report = run(&game, body);
        let t = t_statistics(&report);
        let bars = report.verdict.periods;
        println!("R10: Gaussian PPO, {body}, martingale, market {market}, {bars} bars: t: {}", figures(&t));
        assert!(bars >= 50_000, "{bars} bars");
        assert!(
            most(&t) < SIGNIFICANT,
            "PROMISE=R10 {body}, market {market}: a martingale cannot pay, yet t = {t:.2?}"
        );
    }
}
