//! The rules of the long/short environment that a user relies on.

use std::sync::Arc;

use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, ActionSpec, BatchEnv, Fill, Ledger, RngTree, Status};
use pavlov_testkit::{assert_close, synthetic};

const SHORT: u32 = 0;
const LONG: u32 = 1;
const HOLD: u32 = 2;

/// One copy on these closes, as one whole episode.
fn game(closes: &[f64], keys: &str) -> Box<dyn BatchEnv> {
    let keys = format!("window = 1\n{keys}");
    let config = environment("long_short").expect("registered").parse_text(&keys).expect("a configuration");
    let market = synthetic::market(synthetic::prices(1, closes.to_vec()), 5, 1);
    let segment = market.segments[0];
    let copies = config.build(Arc::new(market), &[segment], EpisodeMode::Whole).expect("a game");
    let mut env = copies.batch(0..1, &RngTree::new(1));
    env.record_fills(true);
    env
}

fn take(env: &mut dyn BatchEnv, actions: &ActionBatch) -> (f64, Status, Vec<Fill>) {
    env.record_fills(true);
    let step = env.step(actions);
    let (reward, status) = (step.rewards[0], step.statuses[0]);
    (reward, status, env.fills()[0].clone())
}

fn step(env: &mut dyn BatchEnv, choice: u32) -> (f64, Status, Vec<Fill>) {
    take(env, &ActionBatch::Discrete(vec![choice]))
}

fn weigh(env: &mut dyn BatchEnv, weight: f32) -> (f64, Status, Vec<Fill>) {
    take(env, &ActionBatch::Continuous { width: 1, values: vec![weight] })
}

fn books(env: &dyn BatchEnv) -> Ledger {
    let mut ledgers = Vec::new();
    env.ledgers(&mut ledgers);
    ledgers[0]
}

#[test]
fn a_side_takes_all_that_the_cash_affords_in_whole_shares_at_the_next_close() {
    let mut env = game(&[90.0, 100.0, 110.0, 120.0, 120.0, 120.0], "commission = 0.01");
    let (reward, _, fills) = step(&mut *env, LONG);
    // floor(100,000 / 101) shares
    assert_eq!(fills, [Fill { row: 1, asset: 0, shares: 990.0, price: 100.0, fee: 990.0 }]);
    assert_close("return", &[reward], &[-0.0099], 0.0, 1e-12);
    assert_close("weight", &[f64::from(env.observations().account(0)[0])], &[99_000.0 / 99_010.0], 0.0, 1e-6);
    assert_eq!(step(&mut *env, LONG).2, [], "a side is taken once");
    // 10 + 990 * 120 * 0.99 = 117,622 are left; floor(117,622 / 121.2) = 970 are sold short on top
    let (_, _, fills) = step(&mut *env, SHORT);
    assert_eq!(fills, [Fill { row: 3, asset: 0, shares: -1_960.0, price: 120.0, fee: 0.01 * 1_960.0 * 120.0 }]);
    assert_eq!(step(&mut *env, HOLD).2, []);
}

#[test]
fn the_fill_rule_chooses_the_price() {
    for (rule, price, row) in [("next_open", 95.0, 1), ("next_close", 100.0, 1), ("decision_close", 90.0, 0)] {
        let mut env = game(&[90.0, 100.0, 110.0], &format!("fill = \"{rule}\""));
        let fill = step(&mut *env, SHORT).2[0];
        assert_eq!((fill.price, fill.row), (price, row), "{rule}");
    }
}

#[test]
fn sides_are_the_same_game_without_a_way_to_stand_aside() {
    let closes = [90.0, 100.0, 110.0, 95.0, 105.0];
    let (mut sides, mut choices) = (game(&closes, "action = \"sides\""), game(&closes, ""));
    assert!(matches!(&sides.spec().action, ActionSpec::Discrete { names } if *names == ["short", "long"]));
    for side in [LONG, SHORT, SHORT] {
        assert_eq!(step(&mut *sides, side).2, step(&mut *choices, side).2);
        assert_eq!(books(&*sides), books(&*choices));
    }
}

#[test]
fn a_target_weight_is_reached_in_whole_shares_and_never_overdraws() {
    let mut env = game(&[100.0; 9], "action = \"target_weight\"\ncommission = 0.001");
    assert!(matches!(&env.spec().action, ActionSpec::Continuous { low, high } if **low == [-1.0] && **high == [1.0]));
    for (weight, position) in [(0.5, 500.0), (1.0, 999.0), (1.0, 999.0), (0.0, 0.0), (-0.25, -249.0), (-1.0, -997.0)] {
        weigh(&mut *env, weight);
        let books = books(&*env);
        assert_eq!(books.holdings_value / 100.0, position, "after {weight}");
        assert!(books.cash >= 0.0, "after {weight}: {books:?}");
    }
}

#[test]
fn slippage_moves_the_fill_against_the_order_and_is_paid_for() {
    let mut env = game(&[100.0, 100.0, 100.0, 100.0], "commission = 0.0\nslippage = { half_spread = 0.5 }");
    let fill = step(&mut *env, LONG).2[0];
    assert_eq!((fill.price, fill.shares), (100.5, 995.0));
    assert!(books(&*env).cash >= 0.0);
    let fill = step(&mut *env, SHORT).2[0];
    assert_eq!(fill.price, 99.5);
    let impact = "commission = 0.0\nslippage = { square_root = { coefficient = 1.0, volatility = 0.02 } }";
    let mut env = game(&[100.0, 100.0, 100.0], impact);
    let fill = step(&mut *env, LONG).2[0];
    assert_eq!(fill.price, 102.0, "1,000 shares are the whole volume of the bar");
    assert!(books(&*env).cash >= 0.0);
}

#[test]
fn borrowed_shares_cost_their_rate_for_the_time_that_they_are_held() {
    let hour = 1.0 / (365.25 * 24.0);
    let mut env = game(&[100.0; 5], "commission = 0.0\nborrow_rate = 0.5");
    assert_eq!(step(&mut *env, SHORT).2.len(), 1, "nothing was held before the fill at the next close");
    let charge = step(&mut *env, HOLD).2;
    assert_close("charge", &[charge[0].fee], &[0.5 * hour * 100_000.0], 0.0, 1e-12);
    assert_eq!((charge[0].shares, charge.len()), (0.0, 1));
    assert_close("fees", &[books(&*env).fees], &[charge[0].fee], 0.0, 1e-12);
    let mut long = game(&[100.0; 5], "commission = 0.0\nborrow_rate = 0.5");
    step(&mut *long, LONG);
    assert_eq!(step(&mut *long, HOLD).2, []);
}

#[test]
fn holding_revalues_by_default_and_not_as_published() {
    for (variant, expected) in [("default", 0.1), ("as_published", 0.0)] {
        let keys = format!("commission = 0.0\nreward = \"return\"\nvariant = \"{variant}\"");
        let mut env = game(&[100.0, 100.0, 110.0, 120.0], &keys);
        step(&mut *env, LONG);
        assert_close(variant, &[step(&mut *env, HOLD).0], &[expected], 1e-12, 0.0);
    }
}

#[test]
fn a_jump_beyond_epsilon_ruins_a_short_and_ends_the_game() {
    let mut env = game(&[100.0, 100.0, 250.0, 250.0], "");
    step(&mut *env, SHORT);
    let (reward, status, _) = step(&mut *env, HOLD);
    assert_eq!((reward, status), (-1.0, Status::Terminated), "the reward is clipped");
    let mut published = game(&[100.0, 100.0, 250.0, 250.0], "variant = \"as_published\"");
    step(&mut *published, SHORT);
    assert_eq!(step(&mut *published, SHORT).1, Status::Running);
}

#[test]
fn the_constant_policies_are_buy_and_hold_and_sell_and_hold() {
    let config = environment("long_short").expect("registered").parse_text("window = 1").expect("a configuration");
    let closes = [100.0, 100.0, 110.0, 120.0];
    let market = synthetic::market(synthetic::prices(1, closes.to_vec()), 5, 1);
    let passive = config.passive(&market, market.segments[0]).expect("playable");
    for (choice, passive) in [LONG, SHORT].into_iter().zip(passive) {
        let mut env = game(&closes, "");
        for expected in &passive.ledgers[..3] {
            assert_eq!(books(&*env), *expected, "{}", passive.name);
            step(&mut *env, choice);
        }
        assert_eq!(passive.fills.len(), 1);
    }
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once() {
    let text = "initial_cash = 0\nwindow = 0\ncommission = 2\nslippage = { fixed_frac = 1.5 }\nborrow_rate = -1\n\
                epsilon = 0\nruin_frac = 1\nsample_len = 0\naction = \"target_weight\"\nvariant = \"as_published\"\n\
                short_bound = \"at_fill\"\nreward = { kind = \"return\", clip = -1.0 }";
    let config = environment("long_short").expect("registered").parse_text(text).expect("the types are right");
    assert_eq!(config.validate().len(), 11, "{:#?}", config.validate());
}
