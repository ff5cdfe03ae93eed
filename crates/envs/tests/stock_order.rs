//! The rules of the stock order environment that a user relies on.

use std::sync::Arc;

use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, BatchEnv, Fill, Ledger, Market, RngTree, Status};
use pavlov_testkit::{assert_close, synthetic};

const HOLD: u32 = 0;
const BUY: u32 = 1;
const SELL: u32 = 2;

fn build(market: Market, keys: &str, mode: EpisodeMode, copies: u64, seed: u64) -> Box<dyn BatchEnv> {
    let config = environment("stock_order").expect("registered").parse_text(keys).expect("a configuration");
    let segment = market.segments[0];
    let game = config.build(Arc::new(market), &[segment], mode).expect("a game");
    let mut env = game.batch(0..copies, &RngTree::new(seed));
    env.record_fills(true);
    env
}

/// One copy on these closes, as one whole episode.
fn game(closes: &[f64], keys: &str) -> Box<dyn BatchEnv> {
    let market = synthetic::market(synthetic::prices(1, closes.to_vec()), 5, 1);
    build(market, &format!("window = 1\n{keys}"), EpisodeMode::Whole, 1, 1)
}

fn step(env: &mut dyn BatchEnv, choice: u32) -> (f64, Status) {
    let step = env.step(&ActionBatch::Discrete(vec![choice]));
    (step.rewards[0], step.statuses[0])
}

fn books(env: &dyn BatchEnv) -> Ledger {
    let mut ledgers = Vec::new();
    env.ledgers(&mut ledgers);
    ledgers[0]
}

#[test]
fn all_cash_buys_whole_shares_and_all_shares_are_sold() {
    let mut env = game(&[90.0, 110.0, 120.0, 120.0], "initial_cash = 1_050\nfill = \"next_open\"\ncommission = 0.01");
    let (reward, _) = step(&mut *env, BUY);
    assert_eq!(env.fills()[0], [Fill { row: 1, asset: 0, shares: 10.0, price: 100.0, fee: 10.0 }]);
    assert_eq!(books(&*env), Ledger { cash: 40.0, holdings_value: 1_100.0, fees: 10.0 });
    assert_close("reward", &[reward], &[(1_140.0_f64 / 1_050.0).ln()], 0.0, 1e-12);
    let shown: Vec<f64> = env.observations().account(0).iter().map(|&x| f64::from(x)).collect();
    let expected = [40.0 / 1_050.0, 1_100.0 / 1_050.0, 1_140.0 / 1_050.0, 100.0 / 110.0];
    assert_close("cash, shares, highest, cost", &shown, &expected, 0.0, 1e-6);
    env.record_fills(true);
    assert_eq!(step(&mut *env, HOLD).1, Status::Running);
    assert!(env.fills()[0].is_empty());
    assert_eq!(step(&mut *env, SELL).1, Status::Truncated);
    assert_eq!(env.fills()[0], [Fill { row: 3, asset: 0, shares: -10.0, price: 120.0, fee: 12.0 }]);
}

#[test]
fn a_part_of_the_cash_or_of_the_shares_is_rounded_down() {
    let mut env = game(&[100.0; 5], "initial_cash = 1_099\nfill = \"next_open\"\namount_frac = 0.75");
    for choice in [BUY, BUY, SELL] {
        step(&mut *env, choice);
    }
    let shares: Vec<f64> = env.fills()[0].iter().map(|fill| fill.shares).collect();
    // 7 of 10 affordable, then 2 of 3, then 6 of 9 held.
    assert_eq!(shares, [7.0, 2.0, -6.0]);
}

#[test]
fn type_and_amount_say_what_and_how_much() {
    let mut env = game(&[100.0; 6], "initial_cash = 1_000\nactions = \"type_and_amount\"");
    for (kind, amount) in [(0.99, 0.5), (2.0, 1.0), (1.0, 0.4), (3.0, 1.0), (1.99, 1.0)] {
        env.step(&ActionBatch::Continuous { width: 2, values: vec![kind, amount] });
    }
    let shares: Vec<f64> = env.fills()[0].iter().map(|fill| fill.shares).collect();
    assert_eq!(shares, [5.0, -2.0, -3.0]);
}

#[test]
fn fills_inside_the_next_bar_spread_between_its_open_and_its_close() {
    let market = synthetic::market(synthetic::prices(1, vec![90.0, 110.0, 110.0]), 5, 1);
    let mut prices = Vec::new();
    for seed in 0..50 {
        let mut env = build(market.clone(), "window = 1", EpisodeMode::Whole, 8, seed);
        env.step(&ActionBatch::Discrete(vec![BUY; 8]));
        prices.extend(env.fills().iter().map(|fills| fills[0].price));
    }
    prices.sort_by(f64::total_cmp);
    assert!(prices[0] >= 100.0 && prices[399] < 110.0, "{} to {}", prices[0], prices[399]);
    // Uniform: the standard deviation of a decile of 400 draws is at most 0.25.
    let deciles: Vec<f64> = (1..10).map(|i| prices[40 * i]).collect();
    assert!(deciles.iter().zip(1..).all(|(x, i)| (x - 100.0 - f64::from(i)).abs() < 1.0), "{deciles:?}");
}

#[test]
fn slippage_moves_the_price_against_the_order_and_what_is_bought_stays_paid_for() {
    let keys = "initial_cash = 1_000\nfill = \"next_open\"\nslippage = { half_spread = 1.0 }";
    let mut env = game(&[100.0; 4], keys);
    step(&mut *env, BUY);
    step(&mut *env, SELL);
    let fill = |row, shares, price| Fill { row, asset: 0, shares, price, fee: 0.0 };
    assert_eq!(env.fills()[0], [fill(1, 9.0, 101.0), fill(2, -9.0, 99.0)]);
}

#[test]
fn a_sale_that_does_not_bring_its_own_fee_is_none() {
    let keys = "initial_cash = 12\nruin_frac = 0\nfill = \"next_open\"\ncommission = { minimum = 2.0 }";
    let mut env = game(&[1.0, 1.0, 0.1, 0.1, 0.1], keys);
    for choice in [BUY, HOLD, SELL] {
        step(&mut *env, choice);
    }
    assert_eq!(env.fills()[0], [Fill { row: 1, asset: 0, shares: 10.0, price: 1.0, fee: 2.0 }]);
    assert_eq!(books(&*env), Ledger { cash: 0.0, holdings_value: 1.0, fees: 2.0 });
}

#[test]
fn rewards_are_chosen_by_name() {
    let kinds = [("return", 0.2), ("absolute", 200.0), ("relative_to_initial_account", 200.0)];
    for (kind, expected) in kinds {
        let keys = format!("initial_cash = 1_000\nreward = \"{kind}\"\nfill = \"decision_close\"");
        let mut env = game(&[100.0, 120.0, 120.0], &keys);
        assert_close(kind, &[step(&mut *env, BUY).0], &[expected], 0.0, 1e-12);
    }
}

#[test]
fn ruin_terminates_before_the_data_ends() {
    let mut env = game(&[100.0, 100.0, 50.0, 10.5, 9.0, 9.0], "initial_cash = 1_000\nfill = \"next_open\"");
    let statuses = [(); 4].map(|()| step(&mut *env, BUY).1);
    assert_eq!(statuses, [Status::Running, Status::Running, Status::Running, Status::Terminated]);
}

#[test]
fn a_published_order_fills_in_the_bar_that_the_window_begins_with() {
    let market = synthetic::market(synthetic::prices(1, (0..20).map(|t| f64::from(100 + t)).collect()), 5, 1);
    let mut env = build(market, "variant = \"as_published\"", EpisodeMode::Whole, 1, 1);
    assert_eq!(env.observations().last_row, [5]);
    let still = ActionBatch::Continuous { width: 2, values: vec![2.5, 0.0] };
    for _ in 0..3 {
        env.step(&still);
    }
    env.step(&ActionBatch::Continuous { width: 2, values: vec![0.0, 1.0] });
    let fill = env.fills()[0][0];
    assert!(fill.row == 3 && (102.5..103.0).contains(&fill.price), "{fill:?}");
    // The last window ends at the last row; nothing wraps where the whole segment is judged.
    let steps = (5..).find(|_| env.step(&still).statuses[0] == Status::Truncated);
    assert_eq!(steps, Some(14));
}

#[test]
fn passive_investors_hold_what_their_names_say() {
    let market = synthetic::market(synthetic::prices(1, vec![90.0, 110.0, 120.0]), 1, 1);
    let config = environment("stock_order").expect("registered").parse_text("initial_cash = 1_000").expect("keys");
    let investors = config.passive(&market, market.segments[0]).expect("a game");
    let ends: Vec<_> = investors.iter().map(|p| (p.name, p.ledgers[2].net_worth())).collect();
    // The mean fill between the open of 100 and the close of 110 is 105: 9 shares.
    assert_eq!(ends, [("buy & hold", 1_000.0 + 9.0 * 15.0), ("initial account", 1_000.0)]);
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once() {
    let text = "initial_cash = 0\namount_frac = 0\ncommission = 1\nruin_frac = 1\nsample_len = 0\nwindow = 0\n\
                variant = \"as_published\"\nfill = \"next_open\"\nreward = \"return\"";
    let config = environment("stock_order").expect("registered").parse_text(text).expect("the types are right");
    assert_eq!(
        config.validate(),
        [
            "initial_cash must be a positive number, got 0",
            "amount_frac must lie above 0 and up to 1, got 0",
            "commission must lie in 0..1, got 1",
            "reward must be left out with variant = as_published, which has its own",
            "ruin_frac must lie in 0..1, got 1",
            "sample_len must lie in 1..=100000, got 0",
            "window must lie in 1..=100000, got 0",
            "fill must be inside_next (or left out) with variant = as_published",
        ]
    );
}
