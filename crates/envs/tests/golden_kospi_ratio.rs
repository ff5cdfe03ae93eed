//! The published environment of the KOSPI's two funds, number by number.

use std::sync::Arc;

use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, BatchEnv, Frame, Ledger, Market, PriceTable, RngTree, Segment, Status};
use pavlov_testkit::golden::{float, floats, floats_f32};
use pavlov_testkit::{GoldenCase, assert_close, assert_close_f32, golden_group};
use serde_json::Value;

const CASES: usize = 7;
const COLUMNS: [&str; 6] = ["Open", "High", "Low", "Close", "Adj Close", "Volume"];

#[test]
fn golden_kospi_ratio_accounts_rewards_and_observations() {
    golden_group("kospi_ratio", CASES).iter().for_each(replay);
}

fn replay(case: &GoldenCase) {
    let json = &case.json;
    let mut env = build(case);
    let start = &json["reset"]["account"];
    let mut shares = ["shares_leverage", "shares_inverse"].map(|key| float(&start[key]));
    let mut books = Vec::new();
    env.ledgers(&mut books);
    check_account(&format!("{}, reset", case.name), books[0], shares, start);
    check_observation(&case.name, &*env, &json["reset"]["observation"]);
    let steps = json["steps"].as_array().expect("steps");
    let actions = floats_f32(&json["actions"]);
    assert_eq!(steps.len(), actions.len(), "{}", case.name);
    for (t, (expected, action)) in steps.iter().zip(actions).enumerate() {
        let name = format!("{}, step {t}", case.name);
        env.record_fills(true);
        let step = env.step(&ActionBatch::Continuous { width: 1, values: vec![action] });
        let (reward, ended, end) = (step.rewards[0], step.statuses[0] != Status::Running, step.end_ledgers[0]);
        // A gain is the difference of two net worths and carries their rounding.
        let rounding = 1e-15 * float(&start["init_total"]);
        assert_close(&format!("{name}: reward"), &[reward], &[float(&expected["reward"])], rounding, 1e-9);
        assert_eq!(ended, expected["done"].as_bool().expect("done"), "{name}: done");
        env.fills()[0].iter().for_each(|fill| shares[fill.asset as usize] += fill.shares);
        env.ledgers(&mut books);
        check_account(&name, if ended { end } else { books[0] }, shares, &expected["account"]);
        if ended {
            assert_eq!(t + 1, steps.len(), "{name}: the episode ended early");
        } else {
            check_observation(&name, &*env, &expected["observation"]);
        }
    }
}

fn check_account(name: &str, books: Ledger, shares: [f64; 2], expected: &Value) {
    assert_eq!(shares, ["shares_leverage", "shares_inverse"].map(|key| float(&expected[key])), "{name}: shares");
    let total = float(&expected["total_cash"]);
    assert_close(&format!("{name}: net worth"), &[books.net_worth()], &[total], 0.0, 1e-9);
    assert_close(&format!("{name}: no cash is kept"), &[books.cash], &[0.0], 1e-15 * total, 0.0);
}

fn check_observation(name: &str, env: &dyn BatchEnv, expected: &Value) {
    let mut got = Vec::new();
    env.observations().extend_flat(0, &mut got);
    assert_close_f32(&format!("{name}: observation"), &got, &floats_f32(expected), 1e-6, 1e-6);
}

/// The notebook's environment on the case's rows; a sampled episode starts on the first one.
fn build(case: &GoldenCase) -> Box<dyn BatchEnv> {
    let mut toml = String::from("variant = \"as_published\"\n");
    for (key, value) in case.json["config"].as_object().expect("config") {
        toml += &match key.as_str() {
            "initial_cash" => format!("initial_cash = {value}\n"),
            "state_window" => format!("window = {value}\n"),
            "sim_day_max" => format!("sample_len = {value}\n"),
            "stop_loss" => format!("stop_loss_frac = {}\n", -float(value)),
            "reset_random_ratio" if value.is_null() => String::new(),
            "reset_random_ratio" => format!("initial_weight = {value}\n"),
            other => panic!("{}: unknown key `{other}`", case.name),
        };
    }
    let config = environment("leverage_inverse").expect("registered").parse_text(&toml).expect("a valid configuration");
    let market = market(&case.json);
    let segment = market.segments[0];
    let copies = config.build(Arc::new(market), &[segment], EpisodeMode::Sampled).expect("a game");
    copies.batch(0..1, &RngTree::new(0))
}

fn market(json: &Value) -> Market {
    let (input, scaler) = (&json["input"], &json["scaler"]);
    let (scale, min) = (floats(&scaler["scale"]), floats(&scaler["min"]));
    let columns = COLUMNS.map(|key| floats(&input["kospi"][key]));
    let [leverage, inverse] = ["leverage_close", "inverse_close"].map(|key| floats(&input[key]));
    let rows = leverage.len();
    let scaled = |t: usize| (0..COLUMNS.len()).map(move |col| (t, col));
    let frame = (0..rows).flat_map(scaled).map(|(t, col)| (columns[col][t] * scale[col] + min[col]) as f32).collect();
    let close: Vec<f64> = leverage.into_iter().zip(inverse).flat_map(|(first, second)| [first, second]).collect();
    let [open, high, low] = [(); 3].map(|()| close.clone());
    let prices = PriceTable { assets: 2, open, high, low, close, volume: vec![0.0; 2 * rows], vwap: None };
    let all = Segment { start: 0, first: 0, end: rows as u32 };
    Market::new(Frame::new(COLUMNS.len(), frame), prices, (0..rows as i64).collect(), vec![all]).expect("a market")
}
