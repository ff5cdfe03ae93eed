//! Table 6 of the TDQN paper: the four columns without learning, from the files by their manifests through the
//! environment, the windows chosen on the training span.

use std::path::Path;
use std::sync::Arc;

use pavlov_envs::{BatchFactory, EnvironmentConfig, EpisodeMode, environment};
use pavlov_evaluation::compat::{PaperInput, tdqn_paper};
use pavlov_experiment::EpisodeRecord;
use pavlov_experiment::baselines::{Rule, Windows};
use pavlov_features::{FittedScaler, Scaling, feature, market};
use pavlov_market_data::{Manifest, Sources, load_dataset, manifest_text};
use pavlov_rl_core::{Action, ActionBatch, Ledger, Market, RngTree, Segment, Status};
use pavlov_store::OsDisk;

const STOCKS: usize = 30;
const TOLERANCE: f64 = 0.0015;
/// The paper's state is 30 bars long.
const WINDOW: u32 = 30;

/// A span as a game, with its closes.
struct Game {
    market: Arc<Market>,
    segment: Segment,
    whole: Box<dyn BatchFactory>,
    rules: Box<dyn EnvironmentConfig>,
}

fn game(data_dir: &Path, dataset: &str, keys: &str) -> Game {
    let rules = environment("long_short").unwrap().parse_text(keys).unwrap();
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let (path, text) = manifest_text(&datasets, dataset, &OsDisk).unwrap();
    let manifest = Manifest::parse(&text, &path).unwrap();
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(data_dir.to_owned()) };
    let bars = load_dataset(&manifest, &sources).unwrap().bars;
    let features = [feature("close_position").unwrap().parse_text("").unwrap()];
    let scaler = FittedScaler::fit(&Scaling::None, &features, &bars, std::slice::from_ref(&(0..bars.len()))).unwrap();
    let segment = Segment { start: 0, first: WINDOW - 1, end: bars.len() as u32 };
    let market = Arc::new(market(&bars, &[], &features, &scaler, vec![segment]).unwrap());
    let whole = rules.build(market.clone(), &[segment], EpisodeMode::Whole).unwrap();
    Game { market, segment, whole, rules }
}

/// The rows of table 6: ticker, and the ratios of buy & hold, sell & hold, trend following, mean reversion.
fn published(path: &Path) -> Vec<(String, [f64; 4])> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let table = text.split("## Table 6").nth(1).expect("table 6").split("\n## ").next().expect("its section");
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = |i: usize| cells.get(i)?.parse::<f64>().ok();
        let ticker = cells.get(2).filter(|ticker| !ticker.is_empty())?.to_string();
        Some((ticker, [number(3)?, number(4)?, number(5)?, number(6)?]))
    });
    rows.collect()
}

/// The paper's code bounds a short by the close of the decision, rounded down.
const PAPER: &str = "short_bound = 'at_decision'";

/// A stock's training and test files as games.
fn games(data_dir: &Path, ticker: &str) -> [Game; 2] {
    ["train", "test"].map(|span| game(data_dir, &format!("tdqn-{span}/{ticker}"), PAPER))
}

impl Game {
    fn closes(&self) -> &[f64] {
        &self.market.prices.close
    }

    fn play(&self, rule: Rule, windows: Windows) -> EpisodeRecord {
        rule.play(&*self.whole, self.closes(), self.rules.sides().unwrap(), windows)
    }

    /// The paper's ratio, which counts the rows before the first decision.
    fn sharpe(&self, books: &[Ledger]) -> f64 {
        let idle = std::iter::repeat_n(books[0], self.segment.first as usize);
        let money: Vec<f64> = idle.chain(books.iter().copied()).map(|ledger| ledger.net_worth()).collect();
        let (times, traded) = (&self.market.times[..money.len()], vec![false; money.len()]);
        let found = tdqn_paper(&PaperInput { times, money: &money, traded: &traded });
        let ratio =
            found.into_iter().find(|(name, _)| *name == "Sharpe ratio").expect("one of the paper's indicators").1;
        ratio.unwrap_or(f64::NAN)
    }

    /// The books of buy & hold and of sell & hold.
    fn passive(&self) -> [Vec<Ledger>; 2] {
        let mut passive = self.rules.passive(&self.market, self.segment).unwrap().into_iter();
        ["buy & hold", "sell & hold"].map(|name| {
            let investor = passive.next().unwrap();
            assert_eq!(investor.name, name);
            investor.ledgers
        })
    }

    /// Takes a side at the first decision and holds it.
    fn play_once(&self, side: Action<'_>) -> Vec<Ledger> {
        const HOLD: u32 = 2;
        let Action::Discrete(mut choice) = side else { panic!("a choice") };
        let mut env = self.whole.batch(0..1, &RngTree::new(0));
        let (mut books, mut now) = (Vec::new(), Vec::new());
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
}

fn ratios([train, test]: &[Game; 2]) -> [f64; 4] {
    let [buy, sell] = test.passive();
    let score = |record: &EpisodeRecord| Some(train.sharpe(&record.ledgers)).filter(|ratio| ratio.is_finite());
    let by_rule = |rule: Rule| {
        let windows = rule.choose(&*train.whole, train.closes(), train.rules.sides().unwrap(), score);
        test.sharpe(&test.play(rule, windows).ledgers)
    };
    [test.sharpe(&buy), test.sharpe(&sell), by_rule(Rule::TrendFollowing), by_rule(Rule::MeanReversion)]
}

#[test]
fn table6_buy_and_hold_and_sell_and_hold_are_published_and_played_by_the_default_rules() {
    let Some(data_dir) = pavlov_testkit::data_dir() else { return };
    let mut wrong = Vec::new();
    for (ticker, published) in published(&data_dir.join("tdqn/PAPER_RESULTS.md")) {
        let test = game(&data_dir, &format!("tdqn-test/{ticker}"), "");
        let sides = test.rules.sides().unwrap();
        for (k, (books, side)) in test.passive().into_iter().zip([sides.long, sides.short]).enumerate() {
            assert_eq!(test.play_once(side), books, "{ticker}: the investor and the game differ");
            let got = test.sharpe(&books);
            if (got - published[k]).abs() > TOLERANCE {
                wrong.push(format!("{ticker}: {got:.4}, published {}", published[k]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of 60 ratios differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn table6_all_four_columns_without_learning_are_the_published_ones_but_one() {
    let Some(data_dir) = pavlov_testkit::data_dir() else { return };
    let rows = published(&data_dir.join("tdqn/PAPER_RESULTS.md"));
    assert_eq!(rows.len(), STOCKS, "stocks of table 6");
    let mut wrong = Vec::new();
    for (ticker, published) in rows {
        let got = ratios(&games(&data_dir, &ticker));
        for (column, (got, published)) in ["B&H", "S&H", "TF", "MR"].into_iter().zip(got.into_iter().zip(published)) {
            if (got - published).abs() > TOLERANCE {
                wrong.push(format!("{ticker} {column} {published}"));
            }
        }
    }
    assert_eq!(wrong, ["TSLA MR 0.358"], "ratios that differ from the published ones");
}

/// The paper reverts Tesla's mean with windows that its code took from an account that was broke after a year of training,
/// and went on in debt, buying negative numbers of shares. Ours ends there, and other windows win; with the paper's windows
/// the published ratio comes out.
#[test]
fn table6_the_one_that_differs_was_chosen_by_an_account_in_debt() {
    let Some(data_dir) = pavlov_testkit::data_dir() else { return };
    let [train, test] = games(&data_dir, "TSLA");
    let windows = Windows { short: 4, long: 20 };
    let training = train.play(Rule::MeanReversion, windows);
    assert!(training.ledgers.len() < train.market.frame.rows() / 4, "the training ends early");
    assert!(training.ledgers.last().unwrap().net_worth() <= 0.0, "for want of money");
    let got = test.sharpe(&test.play(Rule::MeanReversion, windows).ledgers);
    assert!((got - 0.358).abs() <= TOLERANCE, "{got}");
}
