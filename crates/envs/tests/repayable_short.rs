//! Theorem 2 of the TDQN paper: a short that the bound allows can be bought back as long as prices move within epsilon.

use std::sync::Arc;

use pavlov_envs::{Account, Bound, EpisodeMode, ShortBound, environment};
use pavlov_rl_core::{ActionBatch, ActionSpec, Fill, Ledger, Market, Rng, RngTree, below, uniform_f64};
use pavlov_testkit::{scale, synthetic};

const ROWS: usize = 300;
const COPIES: usize = 64;
/// What rounding may take from an account.
const ROUNDING: f64 = 1e-9;

/// A price that rises by at most `epsilon`: by all of it, or by anything from a fall of half of it.
fn next_price(price: f64, epsilon: f64, rng: &mut Rng) -> f64 {
    match below(rng, 8) {
        0..4 => price * (1.0 + epsilon),
        _ => price * (1.0 + epsilon * (1.5 * uniform_f64(rng) - 0.5)),
    }
}

fn market(epsilon: f64, rng: &mut Rng) -> Market {
    let mut price = 1.0 + 100.0 * uniform_f64(rng);
    let closes = (0..ROWS).map(|_| {
        // A fall that no short is hurt by keeps prices in a sane range.
        price = if price > 1e5 { 1.0 + 100.0 * uniform_f64(rng) } else { next_price(price, epsilon, rng) };
        price
    });
    synthetic::market(synthetic::prices(1, closes.collect()), 1, 1)
}

/// Short in two of three cases, or any weight, mostly far short.
fn draw(spec: &ActionSpec, rng: &mut Rng) -> ActionBatch {
    match spec {
        ActionSpec::Discrete { .. } => {
            ActionBatch::Discrete((0..COPIES).map(|_| below(rng, 6).saturating_sub(3)).collect())
        }
        ActionSpec::Continuous { .. } => {
            let values = (0..COPIES).map(|_| (1.2 * uniform_f64(rng) - 1.0).clamp(-1.0, 1.0) as f32).collect();
            ActionBatch::Continuous { width: 1, values }
        }
    }
}

/// Whether the account can buy its short back at this price, commission included.
fn repayable(books: &Ledger, valued_at: f64, price: f64, commission: f64) -> bool {
    let short = -(books.holdings_value / valued_at).min(0.0);
    books.cash >= short * price * (1.0 + commission) - ROUNDING * books.cash.abs()
}

/// Plays the game on prices that move within `moves` and counts the fills at which a short could not have been repaid.
fn unpaid(keys: &str, moves: f64, commission: f64, steps: usize, seed: u64) -> usize {
    let keys = format!("window = 1\nsample_len = 40\ncommission = {commission}\n{keys}");
    let config = environment("long_short").expect("registered").parse_text(&keys).expect("a configuration");
    let mut rng = RngTree::new(seed).stream("repay", 0);
    let market = Arc::new(market(moves, &mut rng));
    let close = &market.prices.close;
    let copies = config.build(market.clone(), &[market.segments[0]], EpisodeMode::Sampled).expect("a game");
    let mut env = copies.batch(0..COPIES as u64, &RngTree::new(seed));
    let (mut before, mut count) = (Vec::new(), 0);
    for _ in 0..steps {
        env.ledgers(&mut before);
        let rows = env.observations().last_row.to_vec();
        let actions = draw(&env.spec().action.clone(), &mut rng);
        env.step(&actions);
        for (i, books) in before.iter().enumerate() {
            let (now, next) = (close[rows[i] as usize], close[rows[i] as usize + 1]);
            count += usize::from(!repayable(books, now, next, commission));
        }
    }
    count
}

#[test]
fn every_short_stays_repayable_while_prices_move_within_epsilon() {
    let steps = if scale::nightly() { 20_000 } else { 500 };
    for seed in scale::seeds(4, 40) {
        for kind in ["discrete", "target_weight"] {
            for (epsilon, commission) in [(0.1, 0.001), (0.02, 0.0), (0.5, 0.01), (1.0, 0.02), (0.001, 0.0005)] {
                let keys = format!("action = \"{kind}\"\nepsilon = {epsilon}");
                let broken = unpaid(&keys, epsilon, commission, steps, seed);
                assert_eq!(broken, 0, "{kind}, epsilon {epsilon}, commission {commission}, PAVLOV_TEST_SEED={seed}");
            }
        }
    }
}

#[test]
fn games_with_weaker_bounds_are_caught() {
    let weaker = [
        ("at the close of the decision", "epsilon = 0.1\nshort_bound = \"at_decision\""),
        ("half of the epsilon", "epsilon = 0.05"),
        ("the article's bound", "epsilon = 0.1\nvariant = \"as_published\""),
    ];
    let caught = weaker.iter().filter(|(_, keys)| unpaid(keys, 0.1, 0.001, 500, 1) > 0).count();
    assert_eq!(caught, weaker.len(), "weaker games caught");
}

/// Shares to buy back at a price.
type Cut<'a> = &'a dyn Fn(&Account, f64) -> f64;

/// Keeps shorts by this rule on prices that move within 10 % and counts those that could not be repaid at the next price.
fn unpaid_by(cut: Cut<'_>) -> usize {
    let (epsilon, commission) = (0.1, 0.01);
    let mut rng = RngTree::new(2).stream("cut", 0);
    let mut count = 0;
    for _ in 0..300 {
        let mut price = 1.0 + 500.0 * uniform_f64(&mut rng);
        let mut account = Account::new(10_000.0, 0.0);
        let trade = |account: &mut Account, shares: f64, price: f64| {
            let fee = commission * (shares * price).abs();
            account.trade(Fill { row: 0, asset: 0, shares, price, fee }, &mut pavlov_rl_core::NoFills);
        };
        trade(&mut account, -(10_000.0 / (price * (1.0 + commission))).floor(), price);
        for _ in 0..40 {
            let shares = cut(&account, price).min(-account.position).max(0.0);
            trade(&mut account, shares, price);
            price = next_price(price, epsilon, &mut rng);
            count += usize::from(!repayable(&account.ledger(price), price, price, commission));
        }
    }
    count
}

#[test]
fn the_theorem_holds_for_the_bound_and_for_none_that_is_weaker() {
    let bound = |epsilon, commission| Bound::new(ShortBound::AtFill, epsilon, commission);
    let theorem = bound(0.1, 0.01);
    assert_eq!(unpaid_by(&|account, price| theorem.least(account, price).ceil()), 0);
    let weaker: [(&str, Cut<'_>); 5] = [
        ("no bound", &|_, _| 0.0),
        ("rounded down", &|account, price| theorem.least(account, price).floor()),
        ("commission forgotten", &|account, price| bound(0.1, 0.0).least(account, price).ceil()),
        ("epsilon too small", &|account, price| bound(0.09, 0.01).least(account, price).ceil()),
        ("the article's", &|account, price| Bound::published(0.1, 0.01).least(account, price).ceil()),
    ];
    let missed: Vec<&str> = weaker.iter().filter(|(_, cut)| unpaid_by(cut) == 0).map(|(name, _)| *name).collect();
    assert_eq!(missed, Vec::<&str>::new(), "weaker bounds that were not caught");
}
