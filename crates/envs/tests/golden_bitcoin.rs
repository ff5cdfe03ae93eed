//! The published Bitcoin environment, number by number.

use std::sync::Arc;

use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, BatchEnv, Fill, Frame, Ledger, Market, PriceTable, RngTree, Segment, Status};
use pavlov_testkit::golden::{float, floats, floats_f32};
use pavlov_testkit::{GoldenCase, assert_close, assert_close_f32, golden_group};
use serde_json::Value;

const CASES: usize = 6;
const COLUMNS: [&str; 5] = ["o", "h", "l", "c", "v"];

#[test]
fn golden_bitcoin_accounts_rewards_and_observations() {
    golden_group("bitcoin", CASES).iter().for_each(replay);
}

fn replay(case: &GoldenCase) {
    let json = &case.json;
    let mut env = build(case);
    check_observation(&case.name, &*env, &json["reset"]["observation"]);
    let steps = json["steps"].as_array().expect("steps");
    let actions = floats(&json["actions"]);
    assert_eq!(steps.len(), actions.len(), "{}", case.name);
    let mut coins = float(&json["config"]["initial_stocks"]);
    env.record_fills(true);
    for (t, (expected, action)) in steps.iter().zip(actions).enumerate() {
        let name = format!("{}, step {t}", case.name);
        let step = env.step(&ActionBatch::Discrete(vec![action as u32]));
        let (reward, ended, end) = (step.rewards[0], step.statuses[0] != Status::Running, step.end_ledgers[0]);
        assert_close(&format!("{name}: reward"), &[reward], &[float(&expected["reward"])], 1e-10, 1e-9);
        assert_eq!(ended, expected["done"].as_bool().expect("done"), "{name}: done");
        let mut books = Vec::new();
        env.ledgers(&mut books);
        coins += env.fills()[0].iter().map(|fill: &Fill| fill.shares).sum::<f64>();
        env.record_fills(true);
        check_account(&name, if ended { end } else { books[0] }, coins, &expected["account"]);
        if ended {
            assert_eq!(t + 1, steps.len(), "{name}: the episode ended early");
        } else {
            check_observation(&name, &*env, &expected["observation"]);
        }
    }
}

fn check_account(name: &str, books: Ledger, coins: f64, expected: &Value) {
    let got = [books.cash, coins, books.holdings_value, books.net_worth()];
    let expected = ["balance", "stocks", "stocks_value", "value"].map(|key| float(&expected[key]));
    assert_close(&format!("{name}: cash, coins, their value, net worth"), &got, &expected, 0.0, 1e-9);
}

fn check_observation(name: &str, env: &dyn BatchEnv, expected: &Value) {
    let (expected, mut got) = (floats_f32(expected), Vec::new());
    env.observations().extend_flat(0, &mut got);
    let prices_and_account = |x: &[f32]| [&x[..4], &x[5..]].concat();
    assert_close_f32(
        &format!("{name}: observation"),
        &prices_and_account(&got),
        &prices_and_account(&expected),
        1e-5,
        0.0,
    );
    assert_close_f32(&format!("{name}: volume change"), &got[4..5], &expected[4..5], 1e-4, 0.0);
}

/// The article's environment on the case's rows, which are one whole episode.
fn build(case: &GoldenCase) -> Box<dyn BatchEnv> {
    let (mut toml, mut start, mut end) = (String::from("variant = \"as_published\"\n"), 0, 0);
    for (key, value) in case.json["config"].as_object().expect("config") {
        match key.as_str() {
            "commission" => toml += &format!("commission = {value}\n"),
            "initial_balance" => toml += &format!("initial_cash = {value}\n"),
            "initial_stocks" => toml += &format!("initial_coins = {value}\n"),
            "start" => start = float(value) as u32,
            "end" => end = float(value) as u32,
            "all_data" | "sample_length" => {} // `start` and `end` are what these led to
            other => panic!("{}: unknown key `{other}`", case.name),
        }
    }
    let config = environment("bitcoin").expect("registered").parse_text(&toml).expect("a valid configuration");
    let episode = Segment { start, first: start, end: end + 1 };
    let copies = config.build(Arc::new(market(&case.json["input"])), &[episode], EpisodeMode::Whole).expect("a game");
    copies.batch(0..1, &RngTree::new(0))
}

fn market(input: &Value) -> Market {
    let columns = COLUMNS.map(|key| floats_f32(&input[key]));
    let rows = columns[0].len();
    let features = (0..rows).flat_map(|t| columns.each_ref().map(|column| change(column, t))).collect();
    let [open, high, low, close, volume] = columns.map(|column| column.into_iter().map(f64::from).collect());
    let prices = PriceTable { assets: 1, open, high, low, close, volume, vwap: None };
    let all = Segment { start: 0, first: 0, end: rows as u32 };
    Market::new(Frame::new(COLUMNS.len(), features), prices, (0..rows as i64).collect(), vec![all]).expect("a market")
}

/// `100 * (x[t] / x[t-1] - 1)`; 0 in the first row and after a 0.
fn change(column: &[f32], t: usize) -> f32 {
    match t.checked_sub(1).map(|before| column[before]) {
        None | Some(0.0) => 0.0,
        Some(before) => 100.0 * (column[t] / before - 1.0),
    }
}
