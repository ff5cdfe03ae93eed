//! R10 and R11 for the manager and order networks, going long and short on the markets of LSTM-PPO, with the same criteria.

use pavlov_evaluation::Outcome;

use crate::game::{Game, SIGNIFICANT, SPANS, agents, figures, least, markets, most, t_statistics};
use crate::oracle::Arena;

const SHORT: u32 = 0;
const LONG: u32 = 1;

/// As for Gaussian PPO: the last great change of the volume within the window tells, if there is one.
const KEYS: &str = "action = \"sides\"\nwindow = 4\nfill = \"next_open\"";

const AGENT: &str = r#"
[agent]
name = "manager_order"
hidden = 16
learning_rate = 2e-3
schedule = "linear"
discount = 0.4
batch_size = 64
learn_every = 1
target = { soft = 0.01 }
epsilon = { decay_steps = 30000.0 }
[train]
num_envs = 64
rollout_len = 30"#;

/// Bodies, each with what goes with it.
const BODIES: [(&str, &str); 2] = [("bilstm", ""), ("plain", "attention = false\n")];

fn run(game: &Game, (body, keys): (&str, &str)) -> pavlov_experiment::report::Report {
    let environment = format!("name = \"long_short\"\n{KEYS}");
    let agent = AGENT.replace("hidden", &format!("body = \"{body}\"\n{keys}hidden"));
    let report = game.run_scaled(&environment, 0.3, &agent);
    assert_eq!(report.runs.len() as u64, agents());
    report
}

#[test]
fn a_planted_signal_is_found_on_every_seed_by_each_body() {
    let mode = ("planted_signal", "hit_rate = 0.9");
    let cases = markets().into_iter().flat_map(|market| BODIES.map(|body| (market, body)));
    for ((market, body), commission) in cases.flat_map(|case| [(case, 0.0), (case, 0.00025)]) {
        let game = Game { mode, volatility: 0.005, market, commission, spans: SPANS, body: "", updates: 60 };
        let arena = Arena::new(&game).of("long_short", KEYS);
        let oracle = arena.play(|row, _| if arena.tells_rise(row) { LONG } else { SHORT });
        let report = run(&game, body);
        let shares = game.shares(&report, oracle);
        let what = format!("manager and order, {}, planted signal, market {market}, commission {commission}", body.0);
        println!("R11: {what}: part of the oracle's {oracle:.3}: {}", figures(&shares));
        assert!(oracle > 0.5, "{what}: {oracle:.3}");
        assert!(least(&shares) >= 0.9, "PROMISE=R11 {what}: {shares:.3?}");
        assert!(least(&t_statistics(&report)) > SIGNIFICANT, "{what}: {:?}", t_statistics(&report));
    }
}

/// What the report says of the forecasts of the next change of the close.
fn forecast(mode: (&'static str, &'static str), market: u64) -> pavlov_experiment::report::ForecastFigures {
    let game = Game { mode, volatility: 0.005, market, commission: 0.0, spans: SPANS, body: "", updates: 60 };
    let report = run(&game, BODIES[0]);
    let columns = report.insight.expect("it says what it expects").forecast.expect("it forecasts").columns;
    // That of the open is no feat: the next bar opens where this one closed.
    let close = columns.into_iter().find(|figures| figures.column == "returns(kind=percent)");
    close.expect("the change of the close is a column")
}

#[test]
fn the_manager_beats_the_naive_forecast_where_moves_go_on_and_does_not_claim_to_where_they_do_not() {
    for market in markets() {
        let figures = ["autoregressive", "martingale"].map(|law| {
            let keys = if law == "martingale" { "next_shown = false" } else { "phi = 0.3" };
            let figures = forecast((law, keys), market);
            let best = &figures.naive[0];
            let (ratio, ci) = (best.ratio.mean.unwrap(), best.ratio.ci95.unwrap());
            let over_time = figures.over_time.unwrap();
            println!(
                "R11: manager's forecast, {law}, market {market}: error over that of `{}` {ratio:.4}, {ci:.4?} over \
                 seeds, {over_time:.4?} over time",
                best.name
            );
            figures
        });
        let [leaning, martingale] = figures.map(|figures| figures.outcome);
        assert_eq!(leaning, Outcome::Better, "PROMISE=R11 market {market}");
        assert_ne!(martingale, Outcome::Better, "PROMISE=R10 market {market}: nothing can be forecast");
    }
}

#[test]
fn a_martingale_with_commission_pays_nothing() {
    const LONG_SPANS: [&str; 3] = ["2012-01-01", "2012-07-01", "2018-09-01"];
    let mode = ("martingale", "next_shown = false");
    for (market, body) in markets().into_iter().flat_map(|market| BODIES.map(|body| (market, body))) {
        let (volatility, spans) = (0.005, LONG_SPANS);
        let game = Game { mode, volatility, market, commission: 0.00025, spans, body: "", updates: 60 };
        let report = run(&game, body);
        let t = t_statistics(&report);
        let bars = report.verdict.periods;
        println!("R10: manager and order, {}, martingale, market {market}, {bars} bars: t: {}", body.0, figures(&t));
        assert!(bars >= 50_000, "{bars} bars");
        assert!(
            most(&t) < SIGNIFICANT,
            "PROMISE=R10 {}, market {market}: a martingale cannot pay, yet t = {t:.2?}",
            body.0
        );
    }
}
