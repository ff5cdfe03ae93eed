//! Tables 4 and 5 of the TDQN paper: four baselines on Apple and Tesla, nine indicators each, from the paper's own data.

use std::path::Path;

use pavlov_evaluation::compat::{PaperInput, tdqn_paper};

const COST: f64 = 0.001;
const STATE: usize = 30;

/// Columns in the order of the indicators; NaN stands for the infinite ratio that we leave undefined.
const APPLE: [[f64; 9]; 4] = [
    [1.239, 79823.0, 28.86, 26.62, 100.0, f64::NAN, 1.558, 38.51, 62.0],
    [-1.593, -80023.0, -100.0, 44.39, 0.0, 0.0, -2.203, 82.48, 250.0],
    [1.178, 68738.0, 25.97, 24.86, 42.31, 3.182, 1.802, 14.89, 20.0],
    [-0.609, -34630.0, -19.09, 28.33, 56.67, 0.492, -0.812, 51.12, 204.0],
];
const TESLA: [[f64; 9]; 4] = [
    // The paper prints 29847 for buy & hold, the figure of sell & hold with its sign turned; the account gives 29647.
    [0.508, 29647.0, 24.11, 53.14, 100.0, f64::NAN, 0.741, 52.83, 205.0],
    [-0.154, -29847.0, -7.38, 46.11, 0.0, 0.0, -0.205, 54.09, 144.0],
    [-0.987, -73301.0, -100.0, 52.70, 34.38, 0.534, -1.229, 79.91, 229.0],
    [0.358, 8600.0, 19.02, 58.05, 67.65, 0.496, 0.539, 65.31, 159.0],
];

#[derive(Clone, Copy)]
enum Rule {
    Long,
    Short,
    Trend(usize, usize),
    Reversion(usize, usize),
}

fn goes_long(rule: Rule, seen: &[f64]) -> bool {
    let mean = |n: usize| seen[seen.len() - n..].iter().sum::<f64>() / n as f64;
    match rule {
        Rule::Long => true,
        Rule::Short => false,
        Rule::Trend(short, long) => mean(short) >= mean(long),
        Rule::Reversion(short, long) => mean(short) < mean(long),
    }
}

/// Shares of a short to buy back, so that a rise of 10 % leaves it repayable.
fn bound(cash: f64, short: f64, price: f64) -> f64 {
    const EPSILON: f64 = 0.1;
    let delta = -cash + short * price * (1.0 + EPSILON) * (1.0 + COST);
    let unit = if delta < 0.0 { 2.0 * COST + EPSILON * (1.0 + COST) } else { EPSILON * (1.0 + COST) };
    (delta / (price * unit)).floor().min(short)
}

/// Money and trades of a rule that sees the closes before row t and is filled at the close of row t.
fn play(close: &[f64], rule: Rule) -> (Vec<f64>, Vec<bool>) {
    let (mut cash, mut shares) = (100_000.0, 0.0_f64);
    let mut money = vec![cash; STATE];
    let mut traded = vec![false; close.len()];
    for t in STATE..close.len() {
        let (price, long) = (close[t], goes_long(rule, &close[t - STATE..t]));
        if (long && shares <= 0.0) || (!long && shares >= 0.0) {
            let side = if shares > 0.0 { 1.0 - COST } else { 1.0 + COST };
            cash += shares * price * side;
            let count = (cash / (price * (1.0 + COST))).floor();
            (shares, cash) = match long {
                true => (count, cash - count * price * (1.0 + COST)),
                false => (-count, cash + count * price * (1.0 - COST)),
            };
            traded[t] = true;
        } else if !long {
            let bought = bound(cash, -shares, close[t - 1]).max(0.0);
            cash -= bought * price * (1.0 + COST);
            shares += bought;
        }
        money.push(cash + shares * price);
    }
    (money, traded)
}

fn closes(path: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(path).expect("the paper's test file");
    text.lines().skip(1).map(|line| line.split(',').nth(4).unwrap().parse().unwrap()).collect()
}

#[test]
fn tables_4_and_5_of_the_paper_come_out_of_its_definitions() {
    let Some(data) = pavlov_testkit::data_dir() else { return };
    let systems = [
        ("AAPL", APPLE, [Rule::Long, Rule::Short, Rule::Trend(2, 21), Rule::Reversion(8, 13)]),
        ("TSLA", TESLA, [Rule::Long, Rule::Short, Rule::Trend(14, 18), Rule::Reversion(4, 20)]),
    ];
    for (symbol, published, rules) in systems {
        let close = closes(&data.join(format!("tdqn/{symbol}_2018-1-1_2020-1-1.csv")));
        // The files run from 2 January 2018 to 31 December 2019, 728 days.
        let times: Vec<i64> =
            (0..close.len()).map(|t| (t * 728 / (close.len() - 1)) as i64 * 86_400_000_000_000).collect();
        for (rule, column) in rules.into_iter().zip(published) {
            let (money, traded) = play(&close, rule);
            let got = tdqn_paper(&PaperInput { times: &times, money: &money, traded: &traded });
            for ((name, got), expected) in got.into_iter().zip(column) {
                let decimals: f64 = match name {
                    "Profit & loss [$]" | "Max drawdown duration [days]" => 0.5,
                    _ if name.contains('%') => 0.005,
                    _ => 0.0005,
                };
                match got {
                    Ok(got) => {
                        assert!((got - expected).abs() <= 1.01 * decimals, "{symbol} {name}: {got}, paper {expected}")
                    }
                    Err(reason) => assert!(expected.is_nan(), "{symbol} {name}: {reason}, paper {expected}"),
                }
            }
        }
    }
}
