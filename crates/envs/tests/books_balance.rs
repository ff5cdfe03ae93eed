//! Promise R12: the books of every environment balance, whatever is played on whatever prices.

use std::sync::Arc;

use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, Fill, Ledger, Market, PriceTable, Rng, RngTree, below, uniform_f64};
use pavlov_testkit::{BookAudit, scale, synthetic};

const COPIES: usize = 8;
const ROWS: usize = 400;
const FILLS: [&str; 3] = ["next_open", "next_close", "decision_close"];

/// What every copy plays at every step.
type Play = fn(copy: usize, t: usize, rng: &mut Rng) -> u32;

const PLAYS: [Play; 3] =
    [|_, _, rng| below(rng, 3), |copy, _, _| (copy % 3) as u32, |copy, t, _| 1 + ((copy + t) % 2) as u32];

/// A random walk, flat prices, jumps by 1,000, a crash to nothing, and walks around 1e-12 and 1e12.
fn series() -> Vec<PriceTable> {
    let walk = synthetic::random_walk(ROWS, 1, 1, 5).prices;
    let scaled = |factor: f64| walk.close.iter().map(|c| c * factor).collect();
    let mut rng = RngTree::new(6).stream("jumps", 0);
    let jumps = (0..ROWS).map(|t| if t % 2 == 0 { 1.0 } else { 1_000.0 } * (1.0 + uniform_f64(&mut rng))).collect();
    let crash = (0..ROWS).map(|t| 9_000.0 * 0.9_f64.powi(t as i32)).collect();
    let closes = [walk.close.clone(), vec![9_000.0; ROWS], jumps, crash, scaled(1e-14), scaled(1e10)];
    closes.into_iter().map(|close| synthetic::prices(1, close)).collect()
}

fn bitcoin(market: Market, keys: &str, seed: u64) -> Box<dyn pavlov_rl_core::BatchEnv> {
    let config = environment("bitcoin").expect("registered").parse_text(keys).expect("a configuration");
    let segment = market.segments[0];
    let copies = config.build(Arc::new(market), segment, EpisodeMode::Sampled).expect("a game");
    copies.batch(0..COPIES as u64, &RngTree::new(seed))
}

fn audit(mut books: BookAudit<'_>, play: Play, steps: usize, seed: u64) -> Result<(), String> {
    let mut rng = RngTree::new(seed).stream("play", 0);
    for t in 0..steps {
        let choices = (0..COPIES).map(|copy| play(copy, t, &mut rng)).collect();
        books.step(&ActionBatch::Discrete(choices)).map_err(|e| format!("step {t}: {e}"))?;
    }
    Ok(())
}

#[test]
fn books_balance() {
    let total = if scale::nightly() { 100_000_000 } else { 1_000_000 };
    let tables = series();
    let steps = total / (COPIES * tables.len() * PLAYS.len() * FILLS.len()) + 1;
    for seed in scale::seeds(1, 1) {
        for (k, table) in tables.iter().enumerate() {
            for fill in FILLS {
                for (p, play) in PLAYS.into_iter().enumerate() {
                    let keys = format!("fill = \"{fill}\"\nsample_len = 8\ncommission = 0.01");
                    let env = bitcoin(synthetic::market(table.clone(), 1, 1), &keys, seed);
                    if let Err(e) = audit(BookAudit::new(env, table, &[1.0]), play, steps, seed) {
                        panic!("R12 broken: series {k}, {fill}, play {p}, {e}; replay with PAVLOV_TEST_SEED={seed}");
                    }
                }
            }
        }
    }
}

#[test]
fn books_balance_over_whole_episodes() {
    let table = synthetic::random_walk(ROWS, 1, 1, 5).prices;
    for play in PLAYS {
        let env = bitcoin(synthetic::market(table.clone(), 1, 1), "sample_len = 398", 1);
        audit(BookAudit::new(env, &table, &[1.0]), play, 1_000, 1).unwrap();
    }
}

#[test]
fn planted_bookkeeping_bugs_are_caught() {
    type Bug = fn(&mut [Fill], &mut Ledger);
    let planted: [(&str, Bug); 8] = [
        ("fee dropped on sells", |fills, _| fills.iter_mut().filter(|f| f.shares < 0.0).for_each(|f| f.fee = 0.0)),
        ("fee doubled", |fills, _| fills.iter_mut().for_each(|f| f.fee *= 2.0)),
        ("another price of the same bar", |fills, _| fills.iter_mut().for_each(|f| f.price *= 1.0 + 1e-6)),
        ("a price outside the bar", |fills, _| fills.iter_mut().for_each(|f| f.price *= 2.0)),
        ("position off", |fills, _| fills.iter_mut().for_each(|f| f.shares *= 1.0 + 1e-6)),
        ("cash rounded to cents", |_, books| books.cash = (books.cash * 100.0).round() / 100.0),
        ("holdings misvalued", |_, books| books.holdings_value *= 1.0 + 1e-6),
        ("fees not kept", |_, books| books.fees = 0.0),
    ];
    let table = synthetic::random_walk(ROWS, 1, 1, 5).prices;
    for (name, bug) in planted {
        let mut books =
            BookAudit::new(bitcoin(synthetic::market(table.clone(), 1, 1), "sample_len = 100", 1), &table, &[1.0]);
        books.tamper = bug;
        assert!(audit(books, PLAYS[0], 50, 1).is_err(), "not caught: {name}");
    }
}

#[test]
fn an_environment_that_fills_at_other_prices_than_the_bars_is_caught() {
    let table = synthetic::random_walk(ROWS, 1, 1, 5).prices;
    let cheaper = PriceTable { open: table.open.iter().map(|open| 0.99 * open).collect(), ..table.clone() };
    let env = bitcoin(synthetic::market(cheaper, 1, 1), "sample_len = 100", 1);
    let message = audit(BookAudit::new(env, &table, &[1.0]), PLAYS[0], 50, 1).unwrap_err();
    assert!(message.contains("outside its bar"), "{message}");
}
