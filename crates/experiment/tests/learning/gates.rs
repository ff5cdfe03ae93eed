//! The gates of agents that go long and short, on the markets of LSTM-PPO and with its criteria.

use pavlov_experiment::report::Report;

use crate::game::{Game, SIGNIFICANT, SPANS, figures, gross_t, least, markets, most, random, t_statistics};
use crate::oracle::Arena;

const SHORT: u32 = 0;
const LONG: u32 = 1;
const COMMISSION: f64 = 0.00025;

/// R11: on every seed, at least 90 % of the log growth of an oracle that reads the cue, with and without commission.
///
/// `keys` are those of `long_short` that the oracle plays with too.
pub fn finds_a_planted_signal(agent: &str, keys: &str, updates: u32, run: &dyn Fn(&Game) -> Report) {
    let mode = ("planted_signal", "hit_rate = 0.9");
    for (market, commission) in markets().into_iter().flat_map(|market| [(market, 0.0), (market, COMMISSION)]) {
        let game = Game { mode, volatility: 0.005, market, commission, spans: SPANS, body: "", updates };
        let arena = Arena::new(&game).of("long_short", keys);
        let oracle = arena.play(|row, _| if arena.tells_rise(row) { LONG } else { SHORT });
        let report = run(&game);
        let (shares, random) = (game.shares(&report, oracle), random(&report) / oracle);
        let what = format!("{agent}, planted signal, market {market}, commission {commission}");
        println!("R11: {what}: part of the oracle's {oracle:.3}: {}; random {random:.3}", figures(&shares));
        assert!(oracle > 0.5 && random < 0.2, "{what}: random makes {random:.3} of {oracle:.3}");
        assert!(least(&shares) >= 0.9, "PROMISE=R11 {what}: {shares:.3?}");
        assert!(least(&t_statistics(&report)) > SIGNIFICANT, "{what}: {:?}", t_statistics(&report));
    }
}

/// R10: no profit that is significant at one-sided 0.1 % on 50,000 bars of a martingale with commission, and neither profit
/// nor loss without it.
pub fn finds_nothing_in_a_martingale(agent: &str, updates: u32, run: &dyn Fn(&Game) -> Report) {
    let spans = ["2012-01-01", "2012-07-01", "2018-09-01"];
    let mode = ("martingale", "next_shown = false");
    for market in markets() {
        let game = Game { mode, volatility: 0.005, market, commission: COMMISSION, spans, body: "", updates };
        let report = run(&game);
        let (t, gross, bars) = (t_statistics(&report), gross_t(&report), report.verdict.periods);
        println!("R10: {agent}, martingale, market {market}, {bars} bars: t: {}", figures(&t));
        println!("R10: {agent}, market {market}, the same without commission: mean t {gross:.2}");
        assert!(bars >= 50_000, "{bars} bars");
        let what = format!("PROMISE=R10 {agent}, market {market}");
        assert!(most(&t) < SIGNIFICANT, "{what}: a martingale cannot pay, yet t = {t:.2?}");
        assert!(gross.abs() < SIGNIFICANT, "{what}: without commission t = {gross:.2}");
    }
}
