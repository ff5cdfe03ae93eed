//! The published stock order environment with the recorded draws, number by number.

use std::sync::Arc;

use pavlov_envs::stock_order::{StockOrder, StockOrderConfig, StockOrderState};
use pavlov_envs::{EpisodeMode, Order};
use pavlov_rl_core::{Environment, Frame, Market, PriceTable, RngTree, Segment, Status};
use pavlov_testkit::golden::{float, floats, floats_f32};
use pavlov_testkit::{GoldenCase, assert_close, assert_close_f32, golden_group};
use serde_json::Value;

const CASES: usize = 6;
const COLUMNS: [&str; 5] = ["Open", "High", "Low", "Close", "Volume"];
const WINDOW: usize = 6;

#[test]
fn golden_stock_order_accounts_rewards_and_observations() {
    golden_group("stock_order", CASES).iter().for_each(replay);
}

fn replay(case: &GoldenCase) {
    let json = &case.json;
    let (game, mut state) = start(case);
    check_observation(&case.name, &game, &state, &json["reset"]["observation"]);
    let steps = json["steps"].as_array().expect("steps");
    let actions = json["actions"].as_array().expect("actions");
    assert_eq!(steps.len(), actions.len(), "{}", case.name);
    let (mut position, mut sold) = (0.0, 0.0);
    for (t, (expected, action)) in steps.iter().zip(actions).enumerate() {
        let name = format!("{}, step {t}", case.name);
        let [kind, amount] = floats(action)[..] else { panic!("{name}: {action}") };
        let mut fills = Vec::new();
        let step = game.execute(&mut state, Order::from_type(kind, amount), float(&expected["u"]), &mut fills);
        for fill in &fills {
            assert_close(&format!("{name}: price"), &[fill.price], &[float(&expected["exec_price"])], 0.0, 1e-9);
            position += fill.shares;
            sold -= fill.shares.min(0.0);
        }
        let ended = step.status == Status::Terminated;
        assert_close(&format!("{name}: reward"), &[step.reward], &[float(&expected["reward"])], 0.0, 1e-9);
        assert_eq!(ended, expected["done"].as_bool().expect("done"), "{name}: done");
        check_account(&name, &game, &state, [position, sold], &expected["account"]);
        check_observation(&name, &game, &state, &expected["observation"]);
        assert!(!ended || t + 1 == steps.len(), "{name}: the episode ended early");
    }
}

fn check_account(name: &str, game: &StockOrder, state: &StockOrderState, counts: [f64; 2], expected: &Value) {
    assert_eq!(counts, ["shares_held", "total_shares_sold"].map(|key| float(&expected[key])), "{name}: shares");
    let books = game.ledger(state);
    let expected = ["balance", "net_worth"].map(|key| float(&expected[key]));
    assert_close(&format!("{name}: cash, net worth"), &[books.cash, books.net_worth()], &expected, 0.0, 1e-9);
}

/// The article's observation has a row a column and a column a bar, and the account as its last row.
fn check_observation(name: &str, game: &StockOrder, state: &StockOrderState, expected: &Value) {
    let mut account = vec![0.0; game.spec().observation.account];
    let window = game.frame().window(game.observe(state, &mut account), WINDOW);
    let transposed = (0..COLUMNS.len()).flat_map(|col| (0..WINDOW).map(move |t| window[t * COLUMNS.len() + col]));
    let got: Vec<f32> = transposed.chain(account).collect();
    assert_close_f32(&format!("{name}: observation"), &got, &floats_f32(expected), 0.0, 1e-6);
}

/// The article's environment on all rows, reset until it starts at the case's row.
fn start(case: &GoldenCase) -> (StockOrder, StockOrderState) {
    let steps = case.json["steps"].as_array().expect("steps").len();
    let mut toml = format!("variant = \"as_published\"\nsample_len = {}\n", steps + 1);
    let mut first = 0;
    for (key, value) in case.json["config"].as_object().expect("config") {
        match key.as_str() {
            "initial_balance" => toml += &format!("initial_cash = {value}\n"),
            "start_step" => first = float(value) as u32,
            "max_account_balance" | "max_num_shares" => assert_eq!(float(value), 2_147_483_647.0),
            "max_share_price" => assert_eq!(float(value), 5_000.0),
            "max_steps" => assert_eq!(float(value), 20_000.0),
            "window" => assert_eq!(float(value), WINDOW as f64),
            other => panic!("{}: unknown key `{other}`", case.name),
        }
    }
    let config: StockOrderConfig = toml::from_str(&toml).expect("a valid configuration");
    let market = market(case);
    let all = market.segments[0];
    let game = StockOrder::new(&config, Arc::new(market), &[all], EpisodeMode::Sampled).expect("a game");
    let mut rng = RngTree::new(0).stream("env", 0);
    let mut state = game.new_state();
    let mut account = vec![0.0; game.spec().observation.account];
    for _ in 0..10_000 {
        game.reset(&mut state, &mut rng);
        if game.observe(&state, &mut account) == first + WINDOW as u32 - 1 {
            return (game, state);
        }
    }
    panic!("{}: no episode starts at row {first}", case.name);
}

fn market(case: &GoldenCase) -> Market {
    let columns = COLUMNS.map(|key| floats(&case.json["input"][key]));
    let config = &case.json["config"];
    let scales = [["max_share_price"; 4].as_slice(), &["max_num_shares"]].concat().into_iter();
    let scales: Vec<f64> = scales.map(|key| float(&config[key])).collect();
    let rows = columns[0].len();
    let scaled = |t: usize| (0..COLUMNS.len()).map(move |col| (t, col));
    let frame = (0..rows).flat_map(scaled).map(|(t, col)| (columns[col][t] / scales[col]) as f32).collect();
    let [open, high, low, close, volume] = columns;
    let prices = PriceTable { assets: 1, open, high, low, close, volume, vwap: None };
    let all = Segment { start: 0, first: 0, end: rows as u32 };
    Market::new(Frame::new(COLUMNS.len(), frame), prices, (0..rows as i64).collect(), vec![all]).expect("a market")
}
