//! Every registered environment keeps the contract: no opt-out.

use std::sync::Arc;

use pavlov_envs::{ENVIRONMENTS, EnvError, EnvironmentConfig, EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, BatchEnv, Market, RngTree, Segment, StickyActions};
use pavlov_testkit::{CountingAllocator, check_env, synthetic};

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

const VARIANTS: [&str; 2] = ["default", "as_published"];
const ROWS: usize = 700;
const FEATURES: usize = 5;

/// Settings that take other ways through an environment than its defaults.
const SETTINGS: [(&str, &str); 11] = [
    ("bitcoin", "reward = \"log_return\"\nslippage = { fixed_frac = 0.001 }"),
    ("long_short", "action = \"target_weight\"\nreward = \"differential_sharpe\""),
    ("long_short", "action = \"sides\"\nreward = \"log_return\""),
    ("long_short", "reward = \"sharpe\"\nfill = \"next_open\"\nborrow_rate = 0.1"),
    ("long_short", "reward = \"log_return\"\nshort_bound = \"at_decision\"\nslippage = { half_spread = 0.01 }"),
    ("long_short", "slippage = { square_root = { coefficient = 1.0, volatility = 0.01 } }\nborrow_rate = 0.1"),
    ("bitcoin", "fill = \"inside_next\""),
    ("long_short", "fill = \"inside_next\"\nreward = \"absolute\""),
    ("leverage_inverse", "fill = \"inside_next\"\nreward = \"sharpe\""),
    ("leverage_inverse", "commission = { proportional = 0.001, minimum = 1.0 }\nslippage = { half_spread = 0.01 }"),
    (
        "stock_order",
        "actions = \"type_and_amount\"\nreward = \"differential_sharpe\"\nslippage = { fixed_frac = 0.001 }",
    ),
];

/// All rows, with a full window at the first decision.
fn segment(config: &dyn EnvironmentConfig, market: &Market) -> Segment {
    Segment { first: config.window() as u32 - 1, ..market.segments[0] }
}

#[test]
fn every_environment_keeps_the_contract_in_both_variants_and_modes() {
    for entry in ENVIRONMENTS {
        for variant in VARIANTS {
            let config = entry.parse_text(&format!("variant = \"{variant}\"")).expect(entry.name);
            let market = Arc::new(synthetic::random_walk(ROWS, config.assets(), FEATURES, 11));
            for mode in [EpisodeMode::Sampled, EpisodeMode::Whole] {
                let copies = config.build(market.clone(), &[segment(&*config, &market)], mode).expect(entry.name);
                check_env(&|numbers, rng| copies.batch(numbers, rng));
            }
        }
    }
}

#[test]
fn every_setting_keeps_the_contract() {
    for (name, keys) in SETTINGS {
        let entry = environment(name).expect("registered");
        let config = entry.parse_text(keys).expect(keys);
        let market = Arc::new(synthetic::random_walk(ROWS, config.assets(), FEATURES, 11));
        let copies = config.build(market.clone(), &[segment(&*config, &market)], EpisodeMode::Sampled).expect(keys);
        check_env(&|numbers, rng| copies.batch(numbers, rng));
        let resolved = config.to_toml();
        assert_eq!(entry.parse_text(&resolved.to_string()).expect(keys).to_toml(), resolved, "{name}: {keys}");
    }
}

#[test]
fn sticky_actions_keep_the_contract_and_repeat_as_often_as_asked() {
    for (name, keys) in [("bitcoin", ""), ("long_short", "action = \"target_weight\"")] {
        let config = environment(name).expect("registered").parse_text(keys).expect(keys);
        let market = Arc::new(synthetic::random_walk(ROWS, config.assets(), FEATURES, 11));
        let copies = config.build(market.clone(), &[segment(&*config, &market)], EpisodeMode::Sampled).expect(keys);
        check_env(&|numbers, rng| {
            let first = numbers.start;
            Box::new(StickyActions::new(copies.batch(numbers, rng), 0.25, first, rng))
        });
    }
    let config = environment("long_short").expect("registered").parse_text("window = 1").expect("a configuration");
    let market = Arc::new(synthetic::random_walk(ROWS, 1, FEATURES, 11));
    let copies = config.build(market.clone(), &[segment(&*config, &market)], EpisodeMode::Sampled).expect("a game");
    let tree = RngTree::new(2);
    let mut sticky = StickyActions::new(copies.batch(0..400, &tree), 0.25, 0, &tree);
    sticky.record_fills(true);
    let mut held = 0;
    for side in [0, 1] {
        sticky.record_fills(true);
        sticky.step(&ActionBatch::Discrete(vec![side; 400]));
        held = sticky.fills().iter().filter(|fills| fills.is_empty()).count();
    }
    assert!((70..130).contains(&held), "{held} of 400 copies repeated their first action");
}

#[test]
fn every_environment_reads_back_what_it_resolves_and_refuses_unknown_keys() {
    for entry in ENVIRONMENTS {
        for variant in VARIANTS {
            let config = entry.parse_text(&format!("variant = \"{variant}\"")).expect(entry.name);
            assert_eq!(config.name(), entry.name);
            assert_eq!(config.validate(), Vec::<String>::new(), "{} {variant}", entry.name);
            assert_eq!(
                config.notes().is_empty(),
                variant == "default",
                "{} {variant}: {:?}",
                entry.name,
                config.notes()
            );
            let resolved = config.to_toml();
            let again = entry.parse_text(&resolved.to_string()).expect(entry.name);
            assert_eq!(again.to_toml(), resolved, "{} {variant}", entry.name);
            assert_eq!(again.notes(), config.notes(), "{} {variant}", entry.name);
        }
        let error = entry.parse_text("# a comment\nno_such_key = 1").expect_err("an unknown key is refused");
        let message = error.to_string();
        assert!(message.contains("line 2") && message.contains("no_such_key"), "{}: {message}", entry.name);
    }
}

#[test]
fn every_environment_refuses_markets_that_it_cannot_play() {
    for entry in ENVIRONMENTS {
        let config = entry.parse_text("").expect(entry.name);
        let build = |market: Market| {
            let segment = segment(&*config, &market);
            config.build(Arc::new(market), &[segment], EpisodeMode::Whole).err()
        };
        let assets = config.assets();
        let other_assets = build(synthetic::random_walk(ROWS, assets + 1, FEATURES, 1));
        assert!(matches!(other_assets, Some(EnvError::Assets { .. })), "{}: {other_assets:?}", entry.name);
        let one_row = build(synthetic::random_walk(config.window(), assets, FEATURES, 1));
        assert!(matches!(one_row, Some(EnvError::TooShort { .. })), "{}: {one_row:?}", entry.name);
        for bad in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
            let mut market = synthetic::random_walk(ROWS, assets, FEATURES, 1);
            market.prices.close[assets * 99] = bad;
            let refused = build(market);
            assert!(matches!(refused, Some(EnvError::Price { .. })), "{}: {refused:?}", entry.name);
        }
    }
}
