//! The rules of the Bitcoin environment that a user relies on.

use std::sync::Arc;

use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, BatchEnv, Fill, Ledger, RngTree, StateError, Status};
use pavlov_testkit::{assert_close, synthetic};

const HOLD: u32 = 0;
const BUY: u32 = 1;
const SELL: u32 = 2;

/// One copy on these closes, as one whole episode.
fn game(closes: &[f64], keys: &str) -> Box<dyn BatchEnv> {
    let config = environment("bitcoin").expect("registered").parse_text(keys).expect("a configuration");
    let market = synthetic::market(synthetic::prices(1, closes.to_vec()), 5, 1);
    let segment = market.segments[0];
    let copies = config.build(Arc::new(market), &[segment], EpisodeMode::Whole).expect("a game");
    let mut env = copies.batch(0..1, &RngTree::new(1));
    env.record_fills(true);
    env
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
fn by_default_half_of_the_cash_buys_at_the_next_open() {
    let mut env = game(&[9_000.0, 10_000.0, 11_000.0], "");
    step(&mut *env, BUY);
    let (fee, open) = (0.00075 * 5_000.0, 9_500.0);
    let coins = (5_000.0 - fee) / open;
    assert_eq!(env.fills()[0], [Fill { row: 1, asset: 0, shares: coins, price: open, fee }]);
    let got = books(&*env);
    assert_close(
        "cash, holdings, fees",
        &[got.cash, got.holdings_value, got.fees],
        &[5_000.0, (1.0 + coins) * 10_000.0, fee],
        0.0,
        1e-12,
    );
}

#[test]
fn the_fill_rule_chooses_the_price_of_a_sale() {
    let fills = [("next_open", 9_500.0, 1), ("next_close", 10_000.0, 1), ("decision_close", 9_000.0, 0)];
    for (rule, price, row) in fills {
        let mut env = game(&[9_000.0, 10_000.0, 11_000.0], &format!("fill = \"{rule}\""));
        step(&mut *env, SELL);
        assert_eq!(env.fills()[0], [Fill { row, asset: 0, shares: -0.5, price, fee: 0.00075 * 0.5 * price }], "{rule}");
    }
}

#[test]
fn orders_that_are_too_small_are_ignored() {
    let closes = [100.0; 4];
    for (keys, choice) in [("initial_cash = 2.0", BUY), ("initial_coins = 0.0002", SELL), ("initial_coins = 0.0", SELL)]
    {
        let mut env = game(&closes, keys);
        let before = books(&*env);
        assert_eq!(step(&mut *env, choice), (0.0, Status::Running), "{keys}");
        assert_eq!((books(&*env), env.fills()[0].len()), (before, 0), "{keys}");
    }
    let mut env = game(&closes, "initial_cash = 2.01");
    step(&mut *env, BUY);
    assert_eq!(env.fills()[0].len(), 1);
}

#[test]
fn absolute_rewards_add_up_to_the_gain_and_relative_ones_to_the_gain_over_holding() {
    let closes = [9_000.0, 9_900.0, 8_000.0, 8_500.0, 9_100.0];
    for (kind, held) in [("absolute", 0.0), ("relative_to_initial_account", 9_100.0 - 9_000.0)] {
        let mut env = game(&closes, &format!("reward = \"{kind}\""));
        let first = books(&*env).net_worth();
        let mut rewards: f64 = [BUY, SELL, HOLD].into_iter().map(|choice| step(&mut *env, choice).0).sum();
        let last = env.step(&ActionBatch::Discrete(vec![SELL]));
        rewards += last.rewards[0];
        assert_close(kind, &[rewards], &[last.end_ledgers[0].net_worth() - first - held], 1e-9, 0.0);
    }
}

#[test]
fn the_final_bar_counts_and_ends_the_episode_as_the_variant_says() {
    for (variant, status) in [("default", Status::Truncated), ("as_published", Status::Terminated)] {
        let mut env = game(&[100.0, 110.0, 130.0], &format!("variant = \"{variant}\"\nreward = \"absolute\""));
        assert_eq!(step(&mut *env, HOLD), (10.0, Status::Running), "{variant}");
        assert_eq!(step(&mut *env, HOLD), (20.0, status), "{variant}");
        assert_eq!(env.observations().last_row, [0], "{variant}: the next episode starts in the same step");
    }
}

#[test]
fn ruin_terminates_before_the_data_ends() {
    let mut env = game(&[9_000.0, 2_000.0, 900.0, 899.0, 900.0], "initial_cash = 0.0");
    let statuses: Vec<Status> = (0..3).map(|_| step(&mut *env, HOLD).1).collect();
    assert_eq!(statuses, [Status::Running, Status::Running, Status::Terminated]);
}

#[test]
fn a_state_of_a_longer_market_is_refused_by_a_shorter_one() {
    let mut long = game(&[100.0; 20], "");
    let mut short = game(&[100.0; 10], "");
    step(&mut *long, BUY);
    let before = short.save();
    assert!(matches!(short.restore(&long.save()), Err(StateError::Value(_))));
    assert_eq!(short.save(), before);
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once() {
    let text = "initial_cash = -1\ninitial_coins = nan\ncommission = 2\nsample_len = 0\nruin_frac = 1.5\n\
                min_order_cash = -0.5\nmin_order_coins = inf\nvariant = \"as_published\"\nfill = \"next_open\"";
    let config = environment("bitcoin").expect("registered").parse_text(text).expect("the types are right");
    assert_eq!(
        config.validate(),
        [
            "initial_cash must be a number from 0 up, got -1",
            "initial_coins must be a number from 0 up, got NaN",
            "min_order_cash must be a number from 0 up, got -0.5",
            "min_order_coins must be a number from 0 up, got inf",
            "commission must lie in 0..1, got 2",
            "ruin_frac must lie in 0..1, got 1.5",
            "sample_len must be at least 1, got 0",
            "fill must be decision_close (or left out) with variant = as_published",
        ]
    );
    let nothing = environment("bitcoin").expect("registered").parse_text("initial_cash = 0\ninitial_coins = 0");
    assert_eq!(nothing.expect("a configuration").validate().len(), 1);
}

#[test]
fn a_wrong_type_is_reported_at_its_place() {
    let error = environment("bitcoin").expect("registered").parse_text("\nsample_len = \"many\"").expect_err("refused");
    assert_eq!(error.span(), Some(14..20));
}
