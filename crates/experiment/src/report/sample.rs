//! An invented experiment for the tests of the report: hourly bars, six baselines, any number of seeds.

use std::collections::BTreeMap;

use pavlov_envs::Commission;
use pavlov_evaluation::{Baseline, BaselineReturns, Episode, EquityCurve, TestSpan, TradeRecord, Verdict, evaluate};

use pavlov_rl_core::ActionBatch;

use super::{
    Actions, AgentCurve, BaselineCurve, BaselineReport, Curves, Evaluated, FeeRow, FeeSweep, LearningCurve,
    MetricValues, PriceCurve, Profit, Report, RunReport, SpanCurves, Subject, Trade,
};

const HOUR: i64 = 3_600_000_000_000;
/// 27 June 2019, UTC.
const TEST_FROM: i64 = 1_561_593_600_000_000_000;

/// One account on one span: what it was worth, held and traded.
struct Account {
    worth: Vec<f64>,
    held: Vec<f64>,
    trades: Vec<TradeRecord>,
}

/// A fixed sequence of numbers in [0, 1) (SplitMix64).
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The report of `seeds` runs and the curves behind it.
pub(crate) fn sample(seeds: u64) -> (Report, Curves) {
    sample_of(seeds, 9_960, 864)
}

/// The same with another number of bars.
pub(crate) fn sample_of(seeds: u64, train_bars: usize, test_bars: usize) -> (Report, Curves) {
    let (train_close, test_close) = (prices(1, 9_360.0, train_bars, 0.28), prices(2, 11_900.0, test_bars, -0.12));
    let train_from = TEST_FROM - (train_bars as i64 + 24) * HOUR;
    let worlds = [(train_from, &train_close), (TEST_FROM, &test_close)];
    let [train, test] = worlds.map(|(from, close)| span(from, close, seeds));
    let learning = (1..=seeds).map(learning).collect();
    let report = report(seeds, &train, &test);
    let times = [train.curves.times.as_slice(), &test.curves.times].concat();
    let price = PriceCurve { times, close: vec![[train_close, test_close].concat()] };
    let actions = Actions::Named(["hold", "buy", "sell"].map(String::from).to_vec());
    let assets = vec!["BTC".to_owned()];
    let curves = Curves { assets, price, train: train.curves, test: test.curves, actions, learning, insight: None };
    (report.with_sheets(&curves, 0.0), curves)
}

/// Two assets, and the share of the money in the first as the action.
pub(crate) fn two_assets(seeds: u64) -> (Report, Curves) {
    let (report, mut curves) = sample(seeds);
    curves.assets = vec!["leveraged".into(), "inverse & more".into()];
    curves.actions = Actions::Numbers(vec![[0.0, 1.0]]);
    let twice = |close: &mut Vec<Vec<f64>>| close.push(close[0].iter().map(|price| 1e7 / price).collect());
    twice(&mut curves.price.close);
    for span in [&mut curves.train, &mut curves.test] {
        twice(&mut span.close);
        for agent in &mut span.agents {
            let first = agent.weights[0].clone();
            agent.weights.push(first.iter().map(|weight| 1.0 - weight).collect());
            agent.actions =
                ActionBatch::Continuous { width: 1, values: first[1..].iter().map(|w| *w as f32).collect() };
            let others = agent.trades.iter_mut().skip(1).step_by(2);
            others.for_each(|trade| (trade.asset, trade.price) = (1, 1e7 / trade.price));
        }
    }
    (report.with_sheets(&curves, 0.0), curves)
}

/// One span with the metrics of all its accounts.
struct Evaluation {
    curves: SpanCurves,
    agents: Vec<Evaluated>,
    baselines: BTreeMap<&'static str, Vec<Evaluated>>,
}

const BASELINES: [(&str, &str); 6] = [
    ("buy & hold", "Puts all cash into the asset at the first bar and keeps it."),
    ("initial account", "Never trades."),
    ("keep cash", "Sells everything at the first bar."),
    ("always buy", "Chooses `buy` at every bar."),
    ("always sell", "Chooses `sell` at every bar."),
    ("random", "Chooses every action with equal chance."),
];

fn span(from: i64, close: &[f64], seeds: u64) -> Evaluation {
    let times: Vec<i64> = (0..close.len() as i64).map(|t| from + t * HOUR).collect();
    let judge = |account: &Account| {
        let holdings = account.held.iter().zip(close).map(|(h, p)| h * p).collect();
        let curve =
            EquityCurve::new(times.clone(), account.worth.clone(), holdings).expect("an account of finite money");
        evaluate(&Episode::new(&curve, &account.trades, 0.0))
    };
    let agents: Vec<Account> = (1..=seeds).map(|seed| trade(close, &times, momentum(seed, close))).collect();
    let mut baselines = BTreeMap::new();
    let mut lines = Vec::new();
    for (name, _) in BASELINES {
        let copies = if name == "random" { seeds } else { 1 };
        let accounts: Vec<Account> = (1..=copies).map(|seed| trade(close, &times, policy(name, seed))).collect();
        baselines.insert(name, accounts.iter().map(judge).collect());
        let mean = |t: usize| accounts.iter().map(|account| account.worth[t]).sum::<f64>() / accounts.len() as f64;
        let net_worth: Vec<f64> = (0..close.len()).map(mean).collect();
        let rewards = net_worth.windows(2).map(|pair| pair[1] - pair[0]).collect();
        lines.push(BaselineCurve { name: name.into(), net_worth, rewards });
    }
    let evaluated = agents.iter().map(judge).collect();
    let curves = agents.into_iter().zip(1..).map(|(account, seed)| curve(account, seed, close));
    let curves = SpanCurves { agents: curves.collect(), times, close: vec![close.to_vec()], baselines: lines };
    Evaluation { curves, agents: evaluated, baselines }
}

fn curve(account: Account, seed: u64, close: &[f64]) -> AgentCurve {
    let Account { worth, held, trades } = account;
    let action = |pair: &[f64]| if pair[1] > pair[0] { 1 } else { 2 * u32::from(pair[1] < pair[0]) };
    let trade = |t: &TradeRecord| Trade { time: t.time, asset: 0, shares: t.shares, price: t.price };
    AgentCurve {
        seed,
        weights: vec![held.iter().zip(close).zip(&worth).map(|((h, price), worth)| h * price / worth).collect()],
        trades: trades.iter().map(trade).collect(),
        actions: ActionBatch::Discrete(held.windows(2).map(action).collect()),
        rewards: worth.windows(2).map(|pair| pair[1] - pair[0]).collect(),
        net_worth: worth,
    }
}

fn report(seeds: u64, train: &Evaluation, test: &Evaluation) -> Report {
    let runs = (1..=seeds).zip(test.agents.iter().zip(&train.agents));
    let profit = |span: &Evaluation, seed: u64| {
        let kept = span.curves.baselines.iter().find(|b| b.name == "initial account").map(|b| b.net_worth.as_slice());
        Profit::of(&span.curves.agents[seed as usize - 1].net_worth, kept)
    };
    let runs = runs.map(|(seed, spans)| {
        let hash = format!("{:08x}", (seed * 0x9e37_79b9) as u32).repeat(8);
        let [test, train] = [(spans.0, profit(test, seed)), (spans.1, profit(train, seed))];
        RunReport::new(seed, 4_096_000, 500, hash, test, train)
    });
    let baselines = BASELINES.map(|(name, summary)| {
        let (test, train) = (&test.baselines[name], &train.baselines[name]);
        let report = match name {
            "random" => BaselineReport::seeded(summary, test, train),
            _ => BaselineReport::constant(summary, &test[0], &train[0]),
        };
        (name.to_owned(), report)
    });
    let total = |e: &Evaluated| e["cumulative_return"].expect("always defined");
    let compared = BASELINES.map(|(name, _)| {
        let returns = test.baselines[name].iter().map(total).collect::<Vec<_>>();
        let returns =
            if name == "random" { BaselineReturns::PerSeed(returns) } else { BaselineReturns::Constant(returns[0]) };
        Baseline { name: name.into(), returns }
    });
    let agent: Vec<f64> = test.agents.iter().map(total).collect();
    let verdict = Verdict::new(&agent, &compared, "buy & hold", TestSpan { periods: 863, days: 863.0 / 24.0 });
    let subject = Subject {
        name: "bitcoin <hourly> lstm".into(),
        config_hash: "c0ffee".repeat(10),
        data_hashes: BTreeMap::from([("bitfinex_btcusd_1h".into(), "da7a".repeat(16))]),
        money: "USD".into(),
        asset: "BTC".into(),
        notes: vec![
            "Orders fill at `decision_close`: the close that the agent has just seen. A real order fills later.".into(),
            "Variant `as_published`: its flaws are kept on purpose.".into(),
        ],
    };
    let mut report = Report::new(subject, runs.collect(), BTreeMap::from(baselines), verdict.expect("finite returns"));
    report.fee_sweep = Some(fee_sweep(&report));
    report.flags = crate::flags::of(&report, Some("variant = as_published: its flaws are kept on purpose"));
    report
}

/// Commissions that take a part of every return: what a sweep looks like.
fn fee_sweep(report: &Report) -> FeeSweep {
    let less = |metrics: &MetricValues, loss: f64| -> MetricValues {
        metrics.iter().map(|(name, value)| (name.clone(), value.map(|v| v - loss))).collect()
    };
    let row = |commission: f64| {
        let loss = 40.0 * (commission - 0.000_75);
        let agents: Vec<MetricValues> = report.runs.iter().map(|run| less(&run.metrics, loss)).collect();
        let held = less(&report.baselines["buy & hold"].metrics, loss / 40.0);
        FeeRow::new(Commission::proportional(commission), commission == 0.000_75, &agents, &held)
    };
    FeeSweep::new([0.0, 0.000_75, 0.001, 0.002].map(row).into())
}

/// A random walk in logarithms whose drift adds up to `drift`.
fn prices(seed: u64, start: f64, bars: usize, drift: f64) -> Vec<f64> {
    let mut chance = Sequence(seed);
    let steps = (0..bars).scan(start, |price, _| {
        *price *= (drift / bars as f64 + 0.016 * (chance.next() - 0.5)).exp();
        Some(*price)
    });
    steps.collect()
}

/// The share of the account to hold at bar `t`, given what is held.
type Target<'a> = Box<dyn FnMut(usize, f64) -> f64 + 'a>;

fn policy(name: &str, seed: u64) -> Target<'static> {
    let mut chance = Sequence(1000 + seed);
    match name {
        "buy & hold" => Box::new(|t, now| if t == 0 { 1.0 } else { now }),
        "initial account" => Box::new(|_, now| now),
        "keep cash" => Box::new(|_, _| 0.0),
        "always buy" => Box::new(|_, now| 0.5 + 0.5 * now),
        "always sell" => Box::new(|t, now| if t == 0 { 0.5 } else { 0.5 * now }),
        _ => Box::new(move |_, now| if chance.next() < 0.2 { chance.next() } else { now }),
    }
}

fn momentum(seed: u64, close: &[f64]) -> Target<'_> {
    let (mut chance, lag) = (Sequence(50 + seed), 30 + 17 * (seed as usize % 5));
    Box::new(move |t, now| {
        if t < lag || chance.next() < 0.9 {
            return now;
        }
        if close[t] > close[t - lag] { (now + 0.4).min(1.0) } else { (now - 0.3).max(0.0) }
    })
}

fn trade(close: &[f64], times: &[i64], mut target: Target<'_>) -> Account {
    let (mut cash, mut held) = (10_000.0, 1.0);
    let mut account = Account { worth: Vec::new(), held: Vec::new(), trades: Vec::new() };
    for (t, &price) in close.iter().enumerate() {
        let worth = cash + held * price;
        let shares = target(t, held * price / worth) * worth / price - held;
        if shares.abs() * price > 1.0 {
            let fee = 0.000_75 * shares.abs() * price;
            (cash, held) = (cash - shares * price - fee, held + shares);
            account.trades.push(TradeRecord { time: times[t], shares, price, fee });
        }
        account.worth.push(cash + held * price);
        account.held.push(held);
    }
    account
}

fn learning(seed: u64) -> LearningCurve {
    let mut chance = Sequence(500 + seed);
    let episodes = 4000_u64;
    let profit = |e: u64| 900.0 * (1.0 - (-(e as f64) / 900.0).exp()) - 700.0 + 60.0 * seed as f64;
    let episode_profit = (0..episodes).map(|e| profit(e) + 2500.0 * (chance.next() + chance.next() - 1.0)).collect();
    let trades = |e: u64| 20.0 + 150.0 * (-(e as f64) / 700.0).exp() + 5.0 * seed as f64;
    let [buys, sells] = [1.0, 0.8].map(|part| (0..episodes).map(|e| (part * trades(e)).round()).collect::<Vec<_>>());
    let holds = buys.iter().zip(&sells).map(|(buys, sells)| 500.0 - buys - sells).collect();
    let figure = |from: f64, to: f64| {
        (0..500).map(|u| to + (from - to) * (-f64::from(u) / 90.0).exp() + 0.01 * seed as f64).collect()
    };
    let figures = [
        ("loss", 2.0, 0.4),
        ("entropy", 1.09, 0.6),
        ("grad_norm", 5.0, 1.0),
        ("q_online", 0.0, 2.0),
        ("q_target", 0.1, 2.1),
    ];
    LearningCurve {
        seed,
        update_steps: (1..=500).map(|update| update * 8192).collect(),
        figures: figures.map(|(name, from, to)| (name.to_owned(), figure(from, to))).into(),
        env_steps: (1..=episodes).map(|e| e * 1024).collect(),
        episodes: vec![1; episodes as usize],
        episode_profit,
        episode_actions: vec![holds, buys, sells],
    }
}
