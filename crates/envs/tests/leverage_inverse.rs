//! The rules of the environment of two funds that a user relies on.

use std::sync::Arc;

use pavlov_envs::{EnvError, EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, BatchEnv, Fill, Ledger, Market, RngTree, Status};
use pavlov_testkit::{assert_close, synthetic};

fn build(market: Market, keys: &str, mode: EpisodeMode, copies: u64) -> Box<dyn BatchEnv> {
    let config = environment("leverage_inverse").expect("registered").parse_text(keys).expect("a configuration");
    let segment = market.segments[0];
    let game = config.build(Arc::new(market), &[segment], mode).expect("a game");
    let mut env = game.batch(0..copies, &RngTree::new(1));
    env.record_fills(true);
    env
}

/// One copy on these closes of both assets, as one whole episode.
fn game(closes: &[[f64; 2]], keys: &str) -> Box<dyn BatchEnv> {
    let market = synthetic::market(synthetic::prices(2, closes.concat()), 3, 1);
    build(market, &format!("window = 1\n{keys}"), EpisodeMode::Whole, 1)
}

fn step(env: &mut dyn BatchEnv, weight: f32) -> (f64, Status) {
    let step = env.step(&ActionBatch::Continuous { width: 1, values: vec![weight] });
    (step.rewards[0], step.statuses[0])
}

fn books(env: &dyn BatchEnv) -> Ledger {
    let mut ledgers = Vec::new();
    env.ledgers(&mut ledgers);
    ledgers[0]
}

#[test]
fn whole_shares_are_bought_at_the_next_open_and_the_rest_stays_cash() {
    let mut env = game(&[[90.0, 40.0], [110.0, 44.0], [120.0, 40.0]], "initial_cash = 1_000");
    let (reward, _) = step(&mut *env, 0.75);
    let fill = |asset, shares, price| Fill { row: 1, asset, shares, price, fee: 0.0 };
    assert_eq!(env.fills()[0], [fill(0, 7.0, 100.0), fill(1, 5.0, 42.0)]);
    let got = books(&*env);
    let expected = [1_000.0 - 700.0 - 210.0, 7.0 * 110.0 + 5.0 * 44.0, 0.08];
    assert_close("cash, holdings, reward", &[got.cash, got.holdings_value, reward], &expected, 0.0, 1e-12);
    let (mut shown, net_worth) = (env.observations().account(0).to_vec(), 1_080.0);
    let expected = [7.0 * 110.0 / net_worth, 5.0 * 44.0 / net_worth, 0.08];
    assert_close("account", &shown.drain(..).map(f64::from).collect::<Vec<_>>(), &expected, 0.0, 1e-6);
}

#[test]
fn what_is_sold_pays_for_what_is_bought_and_the_commission() {
    let mut env = game(&[[100.0; 2]; 4], "initial_cash = 1_000\ncommission = 0.01");
    step(&mut *env, 1.0);
    assert_eq!(env.fills()[0], [Fill { row: 1, asset: 0, shares: 9.0, price: 100.0, fee: 9.0 }]);
    env.record_fills(true);
    step(&mut *env, 0.0);
    // 91 in cash and 900 from the sale less 9 pay for 9 shares with their commission of 9.
    let fill = |asset, shares| Fill { row: 2, asset, shares, price: 100.0, fee: 9.0 };
    assert_eq!(env.fills()[0], [fill(0, -9.0), fill(1, 9.0)]);
    assert_eq!(books(&*env), Ledger { cash: 73.0, holdings_value: 900.0, fees: 27.0 });
}

#[test]
fn slippage_moves_each_price_against_its_order_and_what_is_bought_stays_paid_for() {
    let mut env = game(&[[100.0; 2]; 4], "initial_cash = 1_000\nslippage = { half_spread = 1.0 }");
    step(&mut *env, 1.0);
    step(&mut *env, 0.0);
    let fill = |row, asset, shares, price| Fill { row, asset, shares, price, fee: 0.0 };
    // 10 shares are wanted; 9 are paid for at 101, and at 99 and 101 another 9 of the second asset.
    assert_eq!(env.fills()[0], [fill(1, 0, 9.0, 101.0), fill(2, 0, -9.0, 99.0), fill(2, 1, 9.0, 101.0)]);
}

#[test]
fn a_sale_that_does_not_bring_its_own_fee_is_none() {
    let keys = "initial_cash = 12\nstop_loss_frac = 1.0\nfill = \"next_close\"\ncommission = { minimum = 2.0 }";
    let mut env = game(&[[1.0; 2], [1.0; 2], [0.1, 1.0], [0.1, 1.0]], keys);
    step(&mut *env, 1.0);
    step(&mut *env, 0.0);
    assert_eq!(env.fills()[0], [Fill { row: 1, asset: 0, shares: 10.0, price: 1.0, fee: 2.0 }]);
    assert_eq!(books(&*env), Ledger { cash: 0.0, holdings_value: 1.0, fees: 2.0 });
}

#[test]
fn rewards_are_chosen_by_name() {
    for (kind, expected) in [("return", 0.2), ("log_return", 1.2_f64.ln()), ("relative_to_initial_account", 200.0)] {
        let keys = format!("initial_cash = 1_000\nreward = \"{kind}\"\nfill = \"decision_close\"");
        let mut env = game(&[[100.0; 2], [120.0, 100.0], [120.0, 100.0]], &keys);
        assert_close(kind, &[step(&mut *env, 1.0).0], &[expected], 0.0, 1e-12);
    }
}

#[test]
fn a_loss_of_exactly_the_limit_goes_on_and_a_greater_one_ends() {
    let closes = [[100.0; 2], [100.0; 2], [95.0, 100.0], [94.99, 100.0], [94.0, 100.0]];
    for (keys, third) in [("", Status::Terminated), ("stop_loss_frac = 0.06", Status::Running)] {
        let mut env = game(&closes, &format!("initial_cash = 1_000\n{keys}"));
        let statuses = [(); 3].map(|()| step(&mut *env, 1.0).1);
        assert_eq!(statuses, [Status::Running, Status::Running, third], "{keys}");
    }
}

#[test]
fn sampled_episodes_start_anywhere_and_last_30_steps_and_whole_ones_last_to_the_end() {
    let market = || synthetic::random_walk(200, 2, 3, 4);
    let keys = "stop_loss_frac = 1.0\nwindow = 1";
    let mut env = build(market(), keys, EpisodeMode::Sampled, 64);
    let mut starts = env.observations().last_row.to_vec();
    starts.sort_unstable();
    starts.dedup();
    assert!(starts.len() > 40, "{starts:?}");
    let actions = ActionBatch::Continuous { width: 1, values: vec![0.5; 64] };
    for t in 1..=30 {
        let expected = if t == 30 { Status::Truncated } else { Status::Running };
        assert_eq!(env.step(&actions).statuses, [expected; 64], "step {t}");
    }
    let mut env = build(market(), keys, EpisodeMode::Whole, 1);
    let steps = (1..).find(|_| step(&mut *env, 0.5).1 == Status::Truncated);
    assert_eq!(steps, Some(199));
}

#[test]
fn the_published_start_is_the_first_day_with_half_of_the_money_in_each_and_no_cash() {
    let market = synthetic::random_walk(60, 2, 3, 4);
    let mut env = build(market.clone(), "variant = \"as_published\"", EpisodeMode::Sampled, 8);
    assert_eq!(env.observations().last_row, [9; 8]);
    let [first, second] = [0, 1].map(|i| (500_000.0 / market.prices.close[i]).floor() * market.prices.close[i]);
    assert_close("opening", &[books(&*env).net_worth(), books(&*env).cash], &[first + second, 0.0], 0.0, 1e-12);
    let weight = ActionBatch::Continuous { width: 1, values: vec![0.3; 8] };
    let lost = env.step(&weight).rewards[0];
    assert!(books(&*env).fees > 0.0, "money that makes no whole share is booked as lost; reward {lost}");
}

#[test]
fn passive_investors_hold_what_their_names_say() {
    let closes = [[90.0, 40.0], [110.0, 44.0], [120.0, 40.0]];
    let market = synthetic::market(synthetic::prices(2, closes.concat()), 1, 1);
    let config = environment("leverage_inverse").expect("registered").parse_text("initial_cash = 1_000").expect("keys");
    let investors = config.passive(&market, market.segments[0]).expect("a game");
    let ends: Vec<_> = investors.iter().map(|p| (p.name, p.ledgers[2].net_worth(), p.fills.len())).collect();
    let half = 1_000.0 + 5.0 * 20.0 + 11.0 * -2.0;
    let inverse = 1_000.0 + 23.0 * -2.0;
    let expected = [
        ("buy & hold", 1_200.0, 1),
        ("all inverse", inverse, 1),
        ("half & half", half, 2),
        ("initial account", 1_000.0, 0),
    ];
    assert_eq!(ends, expected);
    assert!(investors.iter().all(|p| p.ledgers.len() == 3 && p.ledgers[0].net_worth() == 1_000.0));
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once() {
    let text = "initial_cash = 0\ninitial_weight = 1.5\nstop_loss_frac = -1\ncommission = 1\nsample_len = 0\nwindow = 0\n\
                variant = \"as_published\"\nfill = \"next_open\"\nreward = \"relative_to_initial_account\"";
    let config = environment("leverage_inverse").expect("registered").parse_text(text).expect("the types are right");
    assert_eq!(
        config.validate(),
        [
            "initial_cash must be a positive number, got 0",
            "initial_weight must lie in 0..=1, got 1.5",
            "stop_loss_frac must lie in 0..=1, got -1",
            "commission must lie in 0..1, got 1",
            "reward must be left out with variant = as_published, which has its own",
            "sample_len must lie in 1..=100000, got 0",
            "window must lie in 1..=100000, got 0",
            "fill must be decision_close (or left out) with variant = as_published",
        ]
    );
}

#[test]
fn an_initial_weight_is_for_the_published_variant() {
    let config = environment("leverage_inverse").expect("registered").parse_text("initial_weight = 0.5").expect("keys");
    assert_eq!(config.validate().len(), 1, "{:?}", config.validate());
}

#[test]
fn a_missing_vwap_is_refused_before_anything_is_played() {
    let config =
        environment("leverage_inverse").expect("registered").parse_text("fill = \"vwap\"\nwindow = 1").expect("keys");
    let market = synthetic::random_walk(60, 2, 1, 1);
    let segment = market.segments[0];
    let error = config.build(Arc::new(market), &[segment], EpisodeMode::Whole).err();
    assert_eq!(error, Some(EnvError::NoVwap));
}
