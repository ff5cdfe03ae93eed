//! The article's long/short environment, number by number.

use std::sync::Arc;

use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, BatchEnv, Fill, Frame, Ledger, Market, PriceTable, RngTree, Segment, Status};
use pavlov_testkit::golden::{float, floats, floats_f32};
use pavlov_testkit::{GoldenCase, assert_close, assert_close_f32, golden_group};
use serde_json::Value;

const CASES: usize = 8;
const PRICES: [&str; 5] = ["Open", "High", "Low", "Close", "Volume"];

#[test]
fn golden_long_short_accounts_rewards_and_observations() {
    golden_group("long_short", CASES).iter().for_each(replay);
}

fn replay(case: &GoldenCase) {
    let json = &case.json;
    let mut env = build(case);
    check_observation(&case.name, &*env, &json["reset"]["observation"]);
    let steps = json["steps"].as_array().expect("steps");
    let actions = floats(&json["actions"]);
    assert!(actions.len() >= steps.len(), "{}", case.name);
    let sharpe_mode = json["config"]["reward_mode"] == "sharpe";
    let mut shares = 0.0;
    env.record_fills(true);
    for (t, (expected, action)) in steps.iter().zip(actions).enumerate() {
        let name = format!("{}, step {t}", case.name);
        let step = env.step(&ActionBatch::Discrete(vec![action as u32]));
        let (reward, ended, end) = (step.rewards[0], step.statuses[0] != Status::Running, step.end_ledgers[0]);
        // A Sharpe ratio of equal returns is rounding noise in the reference.
        let noise = expected["degenerate_sharpe"].as_bool().unwrap_or(false);
        if !(sharpe_mode && noise) {
            assert_close(&format!("{name}: reward"), &[reward], &[float(&expected["reward"])], 1e-12, 1e-9);
        }
        assert_eq!(ended, expected["done"].as_bool().expect("done"), "{name}: done");
        let mut books = Vec::new();
        env.ledgers(&mut books);
        shares += env.fills()[0].iter().map(|fill: &Fill| fill.shares).sum::<f64>();
        env.record_fills(true);
        check_account(&name, if ended { end } else { books[0] }, shares, &expected["account"]);
        if ended {
            assert_eq!(t + 1, steps.len(), "{name}: the episode ended early");
        } else {
            check_observation(&name, &*env, &expected["observation"]);
        }
    }
}

/// `total_shares` is a number of shares long or short; `position` says which.
fn check_account(name: &str, books: Ledger, shares: f64, expected: &Value) {
    let [cash, holdings, money, total, position] =
        ["cash", "holdings", "money", "total_shares", "position"].map(|key| float(&expected[key]));
    let signed = if position < 0.0 { -total } else { total };
    let got = [books.cash, shares, books.holdings_value, books.net_worth()];
    let expected = [cash, signed, holdings, money];
    assert_close(&format!("{name}: cash, shares, their value, net worth"), &got, &expected, 1e-9, 1e-9);
}

/// The reference shows the windows alone.
fn check_observation(name: &str, env: &dyn BatchEnv, expected: &Value) {
    let got = env.observations().window(0);
    assert_close_f32(&format!("{name}: observation"), got, &floats_f32(expected), 0.0, 1e-6);
}

/// The article's environment on the case's rows, which are one whole episode.
fn build(case: &GoldenCase) -> Box<dyn BatchEnv> {
    let config = case.json["config"].as_object().expect("config");
    let number = |key: &str| float(&config[key]);
    let mut toml = String::from("variant = \"as_published\"\n");
    let mut reward = String::new();
    for (key, value) in config {
        match key.as_str() {
            "capital" => toml += &format!("initial_cash = {value}\n"),
            "state_length" => toml += &format!("window = {value}\n"),
            "transaction_cost" => toml += &format!("commission = {value}\n"),
            "market_costs" => toml += &format!("epsilon = {value}\n"),
            "reward_clip" => reward += &format!("clip = {value}, "),
            "reward_mode" if value == "sharpe" => reward += "kind = \"sharpe\", ",
            "reward_mode" if value == "returns" => reward += "kind = \"return\", ",
            "risk_free_rate" => reward += &format!("risk_free_rate = {value}, "),
            "trading_days_year" => reward += &format!("periods_per_year = {value}, "),
            "act_short" | "act_long" | "act_hold" | "features" | "discount" => {} // checked below, or not the game's
            other => panic!("{}: unknown key `{other}` or value {value}", case.name),
        }
    }
    assert_eq!(["act_short", "act_long", "act_hold"].map(number), [0.0, 1.0, 2.0], "{}", case.name);
    toml += &format!("reward = {{ {} }}\n", reward.trim_end_matches(", "));
    let market = market(&case.json);
    let rows = market.frame.rows() as u32;
    let config = environment("long_short").expect("registered").parse_text(&toml).expect("a valid configuration");
    let episode = Segment { start: 0, first: number("state_length") as u32, end: rows };
    let copies = config.build(Arc::new(market), &[episode], EpisodeMode::Whole).expect("a game");
    copies.batch(0..1, &RngTree::new(0))
}

fn market(json: &Value) -> Market {
    let features = json["config"]["features"].as_array().expect("features");
    let columns: Vec<Vec<f32>> =
        features.iter().map(|name| floats_f32(&json["scaled_features"][name.as_str().expect("a name")])).collect();
    let rows = columns[0].len();
    let data = (0..rows).flat_map(|t| columns.iter().map(move |column| column[t])).collect();
    let [open, high, low, close, volume] = PRICES.map(|key| floats(&json["input"][key]));
    let prices = PriceTable { assets: 1, open, high, low, close, volume, vwap: None };
    let all = Segment { start: 0, first: 0, end: rows as u32 };
    Market::new(Frame::new(columns.len(), data), prices, (0..rows as i64).collect(), vec![all]).expect("a market")
}
