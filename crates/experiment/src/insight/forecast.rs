//! Forecasts against what came, and against forecasts that need no learning.

use std::ops::Range;

use pavlov_evaluation::stats::{BlockBootstrap, median, optimal_block_length, percentile_interval};
use pavlov_evaluation::{Outcome, Summary};
use pavlov_rl_core::Market;

use super::Insight;
use super::column::{Column, Price};
use crate::report::{ForecastCurve, ForecastFigures, ForecastPanel, ForecastReport, NaiveFigures};

/// Histories drawn anew for the interval over time.
const REPLICATES: usize = 1_000;

/// What forecasts are compared with.
pub(super) struct Test<'a> {
    pub market: &'a Market,
    /// Rows that were learned from.
    pub training: &'a [Range<usize>],
    /// Columns of the frame.
    pub columns: &'a [Column<'a>],
    /// Unit of prices.
    pub money: &'a str,
    /// Seed of the histories drawn anew.
    pub draws: u64,
}

/// Figures of every column, and the curves of one; `None` if the agents forecast nothing.
pub(super) fn compared(test: &Test<'_>, seeds: &[&Insight]) -> Option<(ForecastReport, ForecastCurve)> {
    if seeds.iter().any(|seed| seed.forecast.is_empty()) {
        return None;
    }
    let columns: Vec<ForecastFigures> = test.columns.iter().map(|column| figures(test, column, seeds)).collect();
    let shown = test.columns.iter().position(|column| column.price.is_some()).unwrap_or(0);
    let sentence = sentence(columns.get(shown)?, seeds.len());
    let report = ForecastReport { shown: columns[shown].column.clone(), sentence, columns };
    Some((report, curve(test, &test.columns[shown], seeds)))
}

/// A forecast that needs no learning.
struct Naive {
    name: &'static str,
    /// What it expects, given the number now.
    expects: Box<dyn Fn(f64) -> f64>,
}

/// Those that suit a column: the last row again, no change, the constant with the least error in training.
fn naive(test: &Test<'_>, column: &Column<'_>) -> Vec<Naive> {
    let rows = test.training.iter().cloned().flatten();
    let learned: Vec<f64> = rows.map(|row| column.value(test.market.frame.row(row))).collect();
    let mut all = vec![Naive { name: "this row", expects: Box::new(|now| now) }];
    if column.change && column.is_unscaled() {
        all.push(Naive { name: "0", expects: Box::new(|_| 0.0) });
    }
    all.extend(median(&learned).map(|middle| Naive { name: "training median", expects: Box::new(move |_| middle) }));
    all
}

/// Errors of one seed by decision.
struct Errors {
    agent: Vec<f64>,
    /// By naive forecast.
    naive: Vec<Vec<f64>>,
}

fn figures(test: &Test<'_>, column: &Column<'_>, seeds: &[&Insight]) -> ForecastFigures {
    let naive = naive(test, column);
    let errors: Vec<Errors> = seeds.iter().map(|seed| errors(test, column, &naive, seed)).collect();
    let mut against: Vec<(usize, NaiveFigures)> =
        naive.iter().enumerate().map(|(i, naive)| (i, naive_figures(naive.name, i, &errors))).collect();
    against.sort_by(|(_, a), (_, b)| a.mae.total_cmp(&b.mae));
    let best = &against[0];
    let over_time = over_time(test.draws, best.0, &errors);
    let outcome = outcome(seeds.len(), best.1.ratio.ci95, over_time);
    ForecastFigures {
        column: column.name.clone(),
        unscaled: column.is_unscaled(),
        mae: Summary::of(errors.iter().map(|seed| mean(&seed.agent))),
        over_time,
        outcome,
        naive: against.into_iter().map(|(_, figures)| figures).collect(),
    }
}

fn errors(test: &Test<'_>, column: &Column<'_>, naive: &[Naive], seed: &Insight) -> Errors {
    let frame = &test.market.frame;
    let mut errors = Errors { agent: Vec::new(), naive: vec![Vec::new(); naive.len()] };
    for (d, pair) in seed.rows.windows(2).enumerate() {
        let [now, came] = [pair[0], pair[1]].map(|row| column.value(frame.row(row as usize)));
        errors.agent.push((column.value(seed.forecast_at(d, frame.cols())) - came).abs());
        for (errors, naive) in errors.naive.iter_mut().zip(naive) {
            errors.push(((naive.expects)(now) - came).abs());
        }
    }
    errors
}

fn naive_figures(name: &str, i: usize, errors: &[Errors]) -> NaiveFigures {
    let maes = errors.iter().map(|seed| mean(&seed.naive[i])).collect::<Vec<_>>();
    let ratios = errors.iter().zip(&maes).map(|(seed, naive)| mean(&seed.agent) / naive);
    NaiveFigures { name: name.to_owned(), mae: mean(&maes), ratio: Summary::of(ratios) }
}

/// 95 % interval, over histories drawn anew, of the error of the seeds together over that of a naive forecast; `None` unless
/// all seeds played the same bars.
fn over_time(draws: u64, naive: usize, errors: &[Errors]) -> Option<[f64; 2]> {
    let decisions = errors.first()?.agent.len();
    // A seed that was ruined has no errors behind its end.
    if errors.iter().any(|seed| seed.agent.len() != decisions) {
        return None;
    }
    let together = |d: usize| errors.iter().map(|seed| seed.agent[d]).sum::<f64>() / errors.len() as f64;
    let agent: Vec<f64> = (0..decisions).map(together).collect();
    let naive = &errors.first()?.naive[naive][..decisions];
    let differences: Vec<f64> = agent.iter().zip(naive).map(|(a, b)| a - b).collect();
    let mean_length = optimal_block_length(&differences);
    let bootstrap = BlockBootstrap { mean_length, replicates: REPLICATES, seed: draws };
    let ratios = bootstrap.totals(&[&agent, naive], |sums| sums[0] / sums[1]);
    percentile_interval(&ratios).filter(|ci| ci.iter().all(|x| x.is_finite()))
}

/// Better or worse only where the chance of the seeds and that of the history agree.
fn outcome(seeds: usize, over_seeds: Option<[f64; 2]>, over_time: Option<[f64; 2]>) -> Outcome {
    let side = |[low, high]: [f64; 2]| match () {
        () if high < 1.0 => Outcome::Better,
        () if low > 1.0 => Outcome::Worse,
        () => Outcome::NotDistinguishable,
    };
    match (over_seeds.map(side), over_time.map(side)) {
        _ if seeds == 1 => Outcome::OneSeed,
        (Some(one), Some(other)) if one == other => one,
        _ => Outcome::NotDistinguishable,
    }
}

fn sentence(figures: &ForecastFigures, seeds: usize) -> String {
    let ForecastFigures { column, naive, over_time, outcome, .. } = figures;
    let best = &naive[0];
    let Some(ratio) = best.ratio.mean else {
        return format!("The forecast of `{column}` cannot be judged: one that needs no learning never misses.");
    };
    let expects = format!("the best naive one (next row = {})", best.name);
    let says = match outcome {
        Outcome::Better => format!("beats {expects}"),
        Outcome::Worse => format!("is worse than {expects}"),
        Outcome::NotDistinguishable => format!("cannot be told from {expects}"),
        Outcome::OneSeed => format!("is of one seed, which proves nothing against {expects}"),
    };
    let range = |[low, high]: [f64; 2]| format!("{low:.3} to {high:.3}");
    let over_seeds = best.ratio.ci95.map(|ci| format!("over {seeds} seeds {}", range(ci)));
    let intervals = over_seeds.into_iter().chain(over_time.map(|ci| format!("over time {}", range(ci))));
    let intervals: Vec<String> = intervals.collect();
    let intervals = match intervals.is_empty() {
        true => String::new(),
        false => format!("; 95 % intervals: {}", intervals.join(", ")),
    };
    format!("The forecast of `{column}` {says}: its mean absolute error is {ratio:.3} times as large{intervals}.")
}

fn curve(test: &Test<'_>, column: &Column<'_>, seeds: &[&Insight]) -> ForecastCurve {
    let Test { market, money, .. } = test;
    let features = market.frame.cols();
    let panel = |label: String, of: &dyn Fn(u32, f64) -> f64| {
        let expected = |seed: &Insight| -> Vec<f64> {
            let forecast = |d: usize| of(seed.rows[d], column.value(seed.forecast_at(d, features)));
            (0..seed.decisions()).map(forecast).collect()
        };
        let longest = seeds.iter().max_by_key(|seed| seed.decisions()).map_or(&[][..], |seed| &seed.rows);
        let came = |pair: &[u32]| of(pair[0], column.value(market.frame.row(pair[1] as usize)));
        ForecastPanel {
            label,
            came: longest.windows(2).map(came).collect(),
            seeds: seeds.iter().map(|seed| expected(seed)).collect(),
        }
    };
    let close = |row: u32| market.prices.close[row as usize];
    let itself = panel(column.name.clone(), &|_, value| value);
    let panels = match column.price {
        None => vec![itself],
        Some(price @ Price::Level) => vec![
            panel(format!("next close, {money}"), &|_, value| value),
            panel(format!("change to the next close, {money}"), &|row, value| {
                price.next_close(0.0, value) - close(row)
            }),
        ],
        Some(price) => {
            let implied = |row: u32, value: f64| price.next_close(close(row), value);
            vec![panel(format!("next close, {money}"), &implied), itself]
        }
    };
    ForecastCurve { panels }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
