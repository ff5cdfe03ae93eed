//! Promise R12: the books of every environment balance, whatever is played on whatever prices.

use std::path::Path;
use std::sync::Arc;

use pavlov_envs::{ENVIRONMENTS, EpisodeMode, environment};
use pavlov_rl_core::{
    ActionBatch, ActionSpec, BatchEnv, Fill, Ledger, PriceTable, Rng, RngTree, Segment, below, uniform_f32, uniform_f64,
};
use pavlov_testkit::golden::data_dir;
use pavlov_testkit::{BookAudit, scale, synthetic};

const COPIES: usize = 8;
const ROWS: usize = 400;

/// An environment as the audit plays it.
struct Game {
    name: &'static str,
    /// Settings that are played one after the other.
    settings: &'static [&'static str],
    /// One more for prices of stocks: a commission per share, which ruins whoever trades a share that is worth less.
    per_share: &'static str,
    /// Shares or coins of each asset at the start of an episode.
    positions: &'static [f64],
    whole_shares: bool,
    /// Part of a price that the slippage of the settings moves a fill by.
    slack: f64,
}

const BITCOIN: &[&str] = &[
    "fill = \"inside_next\"\ncommission = 0.01",
    "fill = \"next_open\"\ncommission = 0.01",
    "fill = \"next_close\"\ncommission = 0.01",
    "fill = \"decision_close\"\ncommission = 0.01",
    "commission = { proportional = 0.001, minimum = 0.5 }\nslippage = { fixed_frac = 0.005 }",
];

const LONG_SHORT: &[&str] = &[
    "fill = \"inside_next\"",
    "commission = 0.01",
    "fill = \"next_open\"",
    "fill = \"decision_close\"\nshort_bound = \"at_decision\"",
    "action = \"target_weight\"\ncommission = 0.01",
    "commission = { proportional = 0.001, minimum = 1.0 }\nslippage = { fixed_frac = 0.005 }\nborrow_rate = 2.0",
    "action = \"target_weight\"\nslippage = { square_root = { coefficient = 0.5, volatility = 0.01 } }\nborrow_rate = 0.5",
];

const LEVERAGE_INVERSE: &[&str] = &[
    "commission = 0.01",
    "fill = \"next_close\"\nstop_loss_frac = 1.0",
    "fill = \"inside_next\"\nstop_loss_frac = 0.5\ncommission = 0.001",
    "fill = \"decision_close\"\nstop_loss_frac = 1.0\ninitial_cash = 1e4",
    "commission = { proportional = 0.001, minimum = 1.0 }\nslippage = { fixed_frac = 0.005 }",
];

const STOCK_ORDER: &[&str] = &[
    "commission = 0.01",
    "fill = \"next_open\"\namount_frac = 0.3",
    "fill = \"decision_close\"\nactions = \"type_and_amount\"",
    "commission = { proportional = 0.001, minimum = 1.0 }\nslippage = { fixed_frac = 0.005 }",
    "actions = \"type_and_amount\"\nslippage = { square_root = { coefficient = 0.5, volatility = 0.01 } }",
];

const PER_SHARE: &str = "commission = { proportional = 0.001, per_share = 0.005, minimum = 1.0 }";

const GAMES: &[Game] = &[
    Game {
        name: "bitcoin",
        settings: BITCOIN,
        per_share: PER_SHARE,
        positions: &[1.0],
        whole_shares: false,
        slack: 0.00501,
    },
    Game {
        name: "long_short",
        settings: LONG_SHORT,
        per_share: PER_SHARE,
        positions: &[0.0],
        whole_shares: true,
        slack: 0.00501,
    },
    Game {
        name: "leverage_inverse",
        settings: LEVERAGE_INVERSE,
        per_share: PER_SHARE,
        positions: &[0.0; 2],
        whole_shares: true,
        slack: 0.00501,
    },
    Game {
        name: "stock_order",
        settings: STOCK_ORDER,
        per_share: PER_SHARE,
        positions: &[0.0],
        whole_shares: true,
        slack: 0.00501,
    },
];

/// How actions are drawn: the share of the way from the least to the greatest action.
type Play = fn(copy: usize, t: usize, rng: &mut Rng) -> f32;

/// At random, the same for ever, and from one extreme to the other.
const PLAYS: [Play; 3] = [
    |_, _, rng| uniform_f32(rng),
    |copy, _, _| copy as f32 / (COPIES - 1) as f32,
    |copy, t, rng| if below(rng, 8) == 0 { 0.5 } else { ((copy + t) % 2) as f32 },
];

fn actions(spec: &ActionSpec, play: Play, t: usize, rng: &mut Rng) -> ActionBatch {
    match spec {
        ActionSpec::Discrete { names } => {
            let choice = |share: f32| ((share * names.len() as f32) as u32).min(names.len() as u32 - 1);
            ActionBatch::Discrete((0..COPIES).map(|copy| choice(play(copy, t, rng))).collect())
        }
        ActionSpec::Continuous { low, high } => {
            let row = |copy: usize, rng: &mut Rng| -> Vec<f32> {
                low.iter().zip(high).map(|(l, h)| l + (h - l) * play(copy, t, rng)).collect()
            };
            ActionBatch::Continuous { width: low.len(), values: (0..COPIES).flat_map(|copy| row(copy, rng)).collect() }
        }
    }
}

/// Closes of one asset: a random walk, flat prices, jumps by 1,000, a crash to nothing, and walks around 1e-12 and 1e12.
fn closes(seed: u64) -> [Vec<f64>; 6] {
    let walk = synthetic::random_walk(ROWS, 1, 1, seed).prices.close;
    let scaled = |factor: f64| walk.iter().map(|c| c * factor).collect();
    let mut rng = RngTree::new(seed).stream("jumps", 0);
    let jumps = (0..ROWS).map(|t| if t % 2 == 0 { 1.0 } else { 1_000.0 } * (1.0 + uniform_f64(&mut rng))).collect();
    let crash = (0..ROWS).map(|t| 9_000.0 * 0.93_f64.powi(t as i32)).collect();
    [walk.clone(), vec![9_000.0; ROWS], jumps, crash, scaled(1e-14), scaled(1e10)]
}

/// Tables of as many assets as asked for, each with its own walk and jumps.
fn tables(assets: usize) -> Vec<PriceTable> {
    let by_asset: Vec<_> = (0..assets as u64).map(|asset| closes(5 + asset)).collect();
    let table = |kind: usize| (0..ROWS).flat_map(|t| by_asset.iter().map(move |kinds| kinds[kind][t])).collect();
    (0..6).map(|kind| synthetic::prices(assets, table(kind))).collect()
}

/// Opens second books beside copies of a game.
fn open<'a>(game: &Game, keys: &str, prices: &'a PriceTable, played: PriceTable, seed: u64) -> BookAudit<'a> {
    let config = environment(game.name).expect("registered").parse_text(keys).expect("a configuration");
    let market = synthetic::market(played, 1, 1);
    let segment = Segment { first: config.window() as u32 - 1, ..market.segments[0] };
    let copies = config.build(Arc::new(market), &[segment], EpisodeMode::Sampled).expect("a game");
    let env: Box<dyn BatchEnv> = copies.batch(0..COPIES as u64, &RngTree::new(seed));
    let mut books = BookAudit::new(env, prices, game.positions);
    (books.whole_shares, books.slack) = (game.whole_shares, game.slack);
    books
}

fn audit(mut books: BookAudit<'_>, play: Play, steps: usize, seed: u64) -> Result<(), String> {
    let mut rng = RngTree::new(seed).stream("play", 0);
    let spec = books.spec().action.clone();
    for t in 0..steps {
        books.step(&actions(&spec, play, t, &mut rng)).map_err(|e| format!("step {t}: {e}"))?;
    }
    Ok(())
}

fn audit_all(game: &Game, settings: &[&str], tables: &[PriceTable], sample_len: usize, total: usize, seed: u64) {
    let steps = total / (COPIES * tables.len() * PLAYS.len() * settings.len()) + 1;
    for (k, table) in tables.iter().enumerate() {
        for setting in settings {
            for (p, play) in PLAYS.into_iter().enumerate() {
                let keys = format!("sample_len = {sample_len}\n{setting}");
                if let Err(e) = audit(open(game, &keys, table, table.clone(), seed), play, steps, seed) {
                    panic!(
                        "R12 broken: {}, {setting:?}, series {k}, play {p}, {e}; PAVLOV_TEST_SEED={seed}",
                        game.name
                    );
                }
            }
        }
    }
}

#[test]
fn every_environment_is_audited() {
    let audited: Vec<_> = GAMES.iter().map(|game| game.name).collect();
    let missing: Vec<_> = ENVIRONMENTS.iter().map(|entry| entry.name).filter(|name| !audited.contains(name)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "environments without a line in GAMES");
}

#[test]
fn books_balance() {
    let total = if scale::nightly() { 100_000_000 } else { 1_000_000 };
    for game in GAMES {
        let tables = tables(game.positions.len());
        for seed in scale::seeds(1, 1) {
            audit_all(game, game.settings, &tables, 6, total, seed);
        }
    }
}

#[test]
fn books_balance_over_long_episodes() {
    for game in GAMES {
        let settings = [game.settings, &[game.per_share]].concat();
        audit_all(game, &settings, &tables(game.positions.len())[..1], 300, 100_000, 1);
    }
}

#[test]
fn books_balance_on_real_bars() {
    let Some(folder) = data_dir() else { return };
    let read = |ticker: &str| bars(&folder.join(format!("tdqn/{ticker}_2012-1-1_2018-1-1.csv")));
    let stocks: Vec<PriceTable> = ["AAPL", "TSLA", "NOK", "PTR"].into_iter().map(read).collect();
    for game in GAMES.iter().filter(|game| game.positions.len() == 1) {
        let settings = [game.settings, &[game.per_share]].concat();
        audit_all(game, &settings, &stocks, 252, 1_000_000, 1);
    }
}

/// A daily file; open and close are taken into the range where the vendor's adjustment left them outside by rounding.
fn bars(path: &Path) -> PriceTable {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name).expect("a column of prices");
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let values =
        |name: &str| -> Vec<f64> { rows.iter().map(|row| row[column(name)].parse().expect("a number")).collect() };
    let [open, high, low, close, volume] = ["Open", "High", "Low", "Close", "Volume"].map(values);
    let least = |t: usize| low[t].min(open[t]).min(close[t]);
    let most = |t: usize| high[t].max(open[t]).max(close[t]);
    let (low, high) = (0..close.len()).map(|t| (least(t), most(t))).unzip();
    PriceTable { assets: 1, open, high, low, close, volume, vwap: None }
}

type Bug = fn(&mut [Fill], &mut Ledger);

/// A promise, the words that its breach is reported with, and bugs that break it.
type Promise = (&'static str, &'static str, &'static [(&'static str, Bug)]);

const PLANTED: [Promise; 5] = [
    (
        "the second ledger agrees",
        "where the fills give",
        &[
            ("fee dropped on sales", |fills, _| fills.iter_mut().filter(|f| f.shares < 0.0).for_each(|f| f.fee = 0.0)),
            ("fee doubled", |fills, _| fills.iter_mut().for_each(|f| f.fee *= 2.0)),
            ("position off", |fills, _| fills.iter_mut().for_each(|f| f.shares *= 1.0 + 1e-6)),
            ("cash rounded to cents", |_, books| books.cash = (books.cash * 100.0).round() / 100.0),
            ("holdings misvalued", |_, books| books.holdings_value *= 1.0 + 1e-6),
            ("fees not kept", |_, books| books.fees = 0.0),
        ],
    ),
    (
        "prices and costs account for the change of the net worth",
        "account for",
        &[
            ("another price of the same bar", |fills, _| fills.iter_mut().for_each(|f| f.price *= 1.0 + 1e-6)),
            ("fee forgotten", |fills, _| fills.iter_mut().for_each(|f| f.fee = 0.0)),
            ("a fill not reported", |fills, _| fills.iter_mut().for_each(|f| f.shares = 0.0)),
            ("holdings misvalued", |_, books| books.holdings_value *= 1.0 + 1e-6),
        ],
    ),
    (
        "fills lie in their bar",
        "outside its bar",
        &[
            ("twice the price", |fills, _| fills.iter_mut().for_each(|f| f.price *= 2.0)),
            ("half of the price", |fills, _| fills.iter_mut().for_each(|f| f.price *= 0.5)),
            ("another bar", |fills, _| fills.iter_mut().for_each(|f| f.row = 0)),
        ],
    ),
    (
        "nothing is bought on credit",
        "on credit",
        &[
            ("cash overdrawn", |_, books| books.cash = -1.0),
            ("spent twice", |_, books| books.cash -= 0.7 * books.net_worth().abs() + 1.0),
            ("bought on margin", |_, books| books.cash = -0.5 * books.holdings_value),
        ],
    ),
    (
        "shares are whole",
        "not of whole shares",
        &[
            ("half a share more", |fills, _| fills.iter_mut().for_each(|f| f.shares += 0.5)),
            ("a share too little, almost", |fills, _| fills.iter_mut().for_each(|f| f.shares *= 0.999)),
            ("not rounded", |fills, _| fills.iter_mut().for_each(|f| f.shares += 1e-6)),
        ],
    ),
];

#[test]
fn planted_bookkeeping_bugs_are_caught_by_the_promise_that_they_break() {
    for game in GAMES {
        let table = &tables(game.positions.len())[0];
        for (promise, words, bugs) in PLANTED {
            let caught = bugs.iter().filter(|(_, bug)| {
                let keys = format!("sample_len = 100\n{}", game.settings[0]);
                let mut books = open(game, &keys, table, table.clone(), 1);
                (books.tamper, books.whole_shares) = (*bug, true);
                audit_for(books, words)
            });
            let count = caught.count();
            assert_eq!(count, bugs.len(), "{}: {promise}: bugs caught", game.name);
            assert!(count >= 3, "{promise}: too few planted bugs");
        }
    }
}

/// Whether 50 random steps report this breach among whatever else they break.
fn audit_for(mut books: BookAudit<'_>, words: &str) -> bool {
    let mut rng = RngTree::new(1).stream("play", 0);
    let spec = books.spec().action.clone();
    (0..50).any(|t| books.step(&actions(&spec, PLAYS[0], t, &mut rng)).is_err_and(|e| e.contains(words)))
}

#[test]
fn an_environment_that_fills_at_other_prices_than_the_bars_is_caught() {
    for game in GAMES {
        let table = &tables(game.positions.len())[0];
        let less = |prices: &[f64]| prices.iter().map(|price| 0.9 * price).collect();
        let cheaper = PriceTable { open: less(&table.open), close: less(&table.close), ..table.clone() };
        let keys = format!("sample_len = 100\n{}", game.settings[0]);
        assert!(audit_for(open(game, &keys, table, cheaper, 1), "outside its bar"), "{}", game.name);
    }
}
