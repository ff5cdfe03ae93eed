//! R10 and R11 for the manager and order networks, going long and short on the markets of LSTM-PPO, with the same criteria.

use pavlov_evaluation::Outcome;
use pavlov_experiment::report::{ForecastFigures, Report};
use pavlov_testkit::scale::nightly;

use crate::game::{Game, SPANS, agents, markets};
use crate::gates;

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

const UPDATES: u32 = 60;

fn run(game: &Game, (body, keys): (&str, &str)) -> Report {
    let environment = format!("name = \"long_short\"\n{KEYS}");
    let agent = AGENT.replace("hidden", &format!("body = \"{body}\"\n{keys}hidden"));
    let report = game.run_scaled(&environment, 0.3, &agent);
    assert_eq!(report.runs.len() as u64, agents());
    report
}

#[test]
fn a_planted_signal_is_found_on_every_seed_by_each_body() {
    for body in BODIES {
        let agent = format!("manager and order, {}", body.0);
        gates::finds_a_planted_signal(&agent, KEYS, UPDATES, &|game| run(game, body));
    }
}

/// What the report says of the forecasts of the next change of the close.
fn forecast(mode: (&'static str, &'static str), market: u64) -> ForecastFigures {
    let game = Game { mode, volatility: 0.005, market, commission: 0.0, spans: SPANS, body: "", updates: UPDATES };
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
    // Both bodies at night: the test span is long.
    for body in BODIES.into_iter().take(if nightly() { 2 } else { 1 }) {
        let agent = format!("manager and order, {}", body.0);
        gates::finds_nothing_in_a_martingale(&agent, UPDATES, &|game| run(game, body));
    }
}
