//! The passive columns of table 6 of the TDQN paper, played through `long_short` on the paper's own prices.

use std::path::Path;
use std::sync::Arc;

use pavlov_envs::{EnvironmentConfig, EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, Frame, Ledger, Market, PriceTable, RngTree, Segment, Status};
use pavlov_testkit::golden::data_dir;

const SHORT: u32 = 0;
const LONG: u32 = 1;
const HOLD: u32 = 2;
const STOCKS: usize = 30;
const TOLERANCE: f64 = 0.0015;

/// A stock with its published Sharpe ratios of buy & hold and of sell & hold.
struct Row {
    ticker: String,
    published: [f64; 2],
}

#[test]
fn table6_buy_and_hold_and_sell_and_hold_give_all_published_sharpe_ratios() {
    let Some(folder) = data_dir() else { return };
    let folder = folder.join("tdqn");
    let rows = published(&folder.join("PAPER_RESULTS.md"));
    assert_eq!(rows.len(), STOCKS, "stocks of table 6");
    let config = environment("long_short").expect("registered").parse_text("").expect("the defaults");
    let mut wrong = Vec::new();
    for Row { ticker, published } in &rows {
        let market = Arc::new(market(&folder.join(format!("{ticker}_2018-1-1_2020-1-1.csv"))));
        let passive = config.passive(&market, market.segments[0]).expect("a playable market");
        for (k, choice) in [LONG, SHORT].into_iter().enumerate() {
            let books = play(&*config, &market, choice);
            assert_eq!(books, passive[k].ledgers, "{ticker}: {} and the game differ", passive[k].name);
            let (got, expected) = (sharpe(&books, market.frame.rows()), published[k]);
            if (got - expected).abs() > TOLERANCE {
                wrong.push(format!("{ticker} {}: {got:.4}, published {expected}", passive[k].name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of 60 ratios differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Takes a side at the first decision and holds it: the books at every row from there on.
fn play(config: &dyn EnvironmentConfig, market: &Arc<Market>, choice: u32) -> Vec<Ledger> {
    let copies = config.build(market.clone(), market.segments[0], EpisodeMode::Whole).expect("a game");
    let mut env = copies.batch(0..1, &RngTree::new(0));
    let (mut books, mut now, mut choice) = (Vec::new(), Vec::new(), choice);
    env.ledgers(&mut now);
    books.push(now[0]);
    loop {
        let step = env.step(&ActionBatch::Discrete(vec![choice]));
        let (status, end) = (step.statuses[0], step.end_ledgers[0]);
        choice = HOLD;
        if status != Status::Running {
            assert_eq!(status, Status::Truncated, "the account was ruined");
            books.push(end);
            return books;
        }
        env.ledgers(&mut now);
        books.push(now[0]);
    }
}

/// Annualised over 252 days, the deviation over n - 1, rows before the first decision counted as returns of 0.
fn sharpe(books: &[Ledger], rows: usize) -> f64 {
    let returns: Vec<f64> = books.windows(2).map(|pair| pair[1].net_worth() / pair[0].net_worth() - 1.0).collect();
    let n = rows as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let idle = (rows - returns.len()) as f64 * mean * mean;
    let squares = returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() + idle;
    252.0_f64.sqrt() * mean / (squares / (n - 1.0)).sqrt()
}

/// The rows of table 6: name, ticker, B&H, S&H and more.
fn published(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let table = text.split("## Table 6").nth(1).expect("table 6").split("\n## ").next().expect("its section");
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = |i: usize| cells.get(i)?.parse::<f64>().ok();
        let ticker = cells.get(2).filter(|ticker| !ticker.is_empty())?.to_string();
        Some(Row { ticker, published: [number(3)?, number(4)?] })
    });
    rows.collect()
}

/// The closes of a daily file; the paper decides first at the 30th row, where a window of 30 is full.
fn market(path: &Path) -> Market {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let column = header.split(',').position(|name| name == "Close").expect("a column `Close`");
    let read = |line: &str| line.split(',').nth(column).and_then(|cell| cell.parse().ok()).expect("a close");
    let close: Vec<f64> = lines.map(read).collect();
    let rows = close.len();
    let [open, high, low] = [close.clone(), close.clone(), close.clone()];
    let prices = PriceTable { assets: 1, open, high, low, close, volume: vec![1.0; rows], vwap: None };
    let segment = Segment { start: 0, first: 29, end: rows as u32 };
    Market::new(Frame::new(1, vec![0.0; rows]), prices, (0..rows as i64).collect(), vec![segment]).expect("a market")
}
