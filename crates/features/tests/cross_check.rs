//! Our indicators against those of an independent library.

mod common;

use common::{bars, column, one, walk};
use pavlov_features::fold;
use pavlov_testkit::assert_close;
use yata::core::{Method, PeriodType};
use yata::methods::{EMA, RMA, SMA, StDev, TR};

const LEN: usize = 2_000;

fn rows() -> Vec<[f64; 5]> {
    walk(LEN, 42)
}

fn closes() -> Vec<f64> {
    rows().iter().map(|row| row[3]).collect()
}

/// A column of ours.
fn ours(name: &str, parameters: &str, col: usize) -> Vec<f64> {
    column(&fold(&bars(rows()), &[one(name, parameters)]).unwrap(), col)
}

/// Theirs, over a series; it begins with the first value.
fn theirs<M: Method<Input = f64, Output = f64, Params = PeriodType>>(window: PeriodType, values: &[f64]) -> Vec<f64> {
    let mut method = M::new(window, &values[0]).unwrap();
    values.iter().map(|x| method.next(x)).collect()
}

/// Equal from a row on.
fn check(name: &str, got: &[f64], expected: &[f64], from: usize) {
    assert_close(name, &got[from..], &expected[from..], 1e-10, 1e-9);
}

#[test]
fn averages_agree() {
    let closes = closes();
    for window in [2, 12, 26, 200] {
        check("ema", &ours("ema", &format!("window = {window}"), 0), &theirs::<EMA>(window, &closes), 0);
        let average = ours("moving_average", &format!("window = {window}"), 0);
        check("moving average", &average, &theirs::<SMA>(window, &closes), window as usize - 1);
    }
}

#[test]
fn an_ema_that_begins_with_a_mean_is_the_sum_of_its_weighted_values() {
    let (closes, window) = (closes(), 26);
    let a = 2.0 / (window as f64 + 1.0);
    let mean = closes[..window].iter().sum::<f64>() / window as f64;
    let expected: Vec<f64> = (window - 1..300)
        .map(|t| {
            let later = closes[window..=t].iter().rev().enumerate();
            let sum: f64 = later.map(|(age, x)| a * (1.0 - a).powi(age as i32) * x).sum();
            sum + (1.0 - a).powi((t + 1 - window) as i32) * mean
        })
        .collect();
    let got = ours("ema", "window = 26\nseed = \"sma\"", 0);
    assert_close("ema", &got[window - 1..300], &expected, 1e-10, 1e-12);
}

#[test]
fn macd_agrees() {
    let closes = closes();
    let macd: Vec<f64> =
        theirs::<EMA>(12, &closes).iter().zip(theirs::<EMA>(26, &closes)).map(|(a, b)| a - b).collect();
    let signal = theirs::<EMA>(9, &macd);
    check("macd", &ours("macd", "", 0), &macd, 0);
    check("signal", &ours("macd", "", 1), &signal, 0);
    let histogram: Vec<f64> = macd.iter().zip(&signal).map(|(a, b)| a - b).collect();
    check("histogram", &ours("macd", "", 2), &histogram, 0);
}

#[test]
fn wilders_averages_agree_once_the_different_beginnings_are_forgotten() {
    let rows = rows();
    let candles: Vec<_> = rows.iter().map(|[o, h, l, c, v]| (*o, *h, *l, *c, *v)).collect();
    let mut range = TR::new(&candles[0]).unwrap();
    let ranges: Vec<f64> = candles.iter().map(|candle| range.next(candle)).collect();
    check("atr", &ours("atr", "", 0), &theirs::<RMA>(14, &ranges), 400);
    let closes = closes();
    let changes = closes.windows(2).map(|pair| pair[1] - pair[0]);
    let (up, down): (Vec<f64>, Vec<f64>) = changes.map(|change| (change.max(0.0), (-change).max(0.0))).unzip();
    let (up, down) = (theirs::<RMA>(14, &up), theirs::<RMA>(14, &down));
    let rsi: Vec<f64> = up.iter().zip(&down).map(|(up, down)| 100.0 - 100.0 / (1.0 + up / down)).collect();
    check("rsi", &ours("rsi", "", 0)[1..], &rsi, 400);
}

#[test]
fn windows_agree() {
    let closes = closes();
    let returns: Vec<f64> = closes.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    let (deviation, mean) = (theirs::<StDev>(20, &returns), theirs::<SMA>(20, &returns));
    check("volatility", &ours("volatility", "", 0)[1..], &deviation, 19);
    let sharpe: Vec<f64> = mean.iter().zip(&deviation).map(|(mean, deviation)| mean / deviation).collect();
    check("sharpe", &ours("sharpe", "", 0)[1..], &sharpe, 19);
    // Theirs divides by n - 1, the bands by n.
    let to_population = (19.0_f64 / 20.0).sqrt();
    let bands = theirs::<SMA>(20, &closes).into_iter().zip(theirs::<StDev>(20, &closes));
    let position: Vec<f64> = bands
        .zip(&closes)
        .map(|((mean, deviation), close)| {
            let half = 2.0 * deviation * to_population;
            (close - (mean - half)) / (2.0 * half)
        })
        .collect();
    check("bollinger", &ours("bollinger", "", 0), &position, 19);
}
