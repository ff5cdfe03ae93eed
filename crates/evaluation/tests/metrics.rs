//! Every metric: by hand, by invariance, and on curves that try to make it lie.

use pavlov_evaluation::metrics::drawdowns;
use pavlov_evaluation::{
    Benchmark, Episode, EquityCurve, METRICS, Metric, PeriodsPerYear, TradeRecord, Undefined, evaluate,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const DAY: i64 = 86_400_000_000_000;

fn curve(net_worth: &[f64]) -> EquityCurve {
    let times = (0..net_worth.len() as i64).map(|t| t * DAY).collect();
    EquityCurve::new(times, net_worth.to_vec(), net_worth.iter().map(|w| 0.5 * w).collect()).unwrap()
}

fn metrics(net_worth: &[f64], risk_free: f64) -> BTreeMap<&'static str, Metric> {
    evaluate(&Episode::new(&curve(net_worth), &[], risk_free))
}

fn close(got: Metric, expected: f64) {
    let got = got.unwrap();
    assert!((got - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "got {got}, expected {expected}");
}

#[test]
fn four_days_worked_by_hand() {
    // Returns +10 %, -20 %, +25 %, -10 %: mean 0.0125, squared deviations sum to 0.136875, losses 0.04 + 0.01 over 4.
    let got = metrics(&[100.0, 110.0, 88.0, 110.0, 99.0], 0.0);
    close(got["cumulative_return"], -0.01);
    close(got["annualised_return"], 0.99_f64.powf(365.25 / 4.0) - 1.0);
    close(got["volatility"], (0.121_875_f64 / 3.0 * 365.25).sqrt());
    close(got["sharpe"], 0.0125 / (0.121_875_f64 / 3.0).sqrt() * 365.25_f64.sqrt());
    close(got["sortino"], 0.0125 / 0.0125_f64.sqrt() * 365.25_f64.sqrt());
    close(got["maximum_drawdown"], 0.2);
    close(got["drawdown_length_periods"], 1.0);
    close(got["drawdown_length_days"], 1.0);
    close(got["exposure"], 0.5);
    close(got["max_return"], 0.25);
    close(got["min_return"], -0.2);
    close(got["variance"], 0.121_875 / 3.0);
    close(got["std"], (0.121_875_f64 / 3.0).sqrt());
    close(got["calmar"], (0.99_f64.powf(365.25 / 4.0) - 1.0) / 0.2);
    close(got["omega"], 0.35 / 0.30);
    close(got["hit_rate"], 0.5);
    close(got["intervals"], 4.0);
    // Deviations 0.0875, -0.2125, 0.2375, -0.1125.
    let powers = |k: i32| [0.0875, -0.2125, 0.2375, -0.1125_f64].iter().map(|d| d.powi(k)).sum::<f64>() / 4.0;
    close(got["skewness"], powers(3) / powers(2).powf(1.5));
    close(got["kurtosis"], powers(4) / powers(2).powi(2) - 3.0);
    assert_eq!(got["value_at_risk"], Err(Undefined::NoTail));
}

#[test]
fn twenty_one_days_have_one_in_the_tail() {
    // Returns -10 %, -9 % ... +10 % in another order: the 5 % quantile of 21 is the second, the tail is 1.05 of them.
    let mut worth = vec![100.0];
    let step = |i: u32| f64::from((i * 8) % 21) / 100.0 - 0.1;
    worth.extend((0..21).scan(100.0, |w, i| {
        *w *= 1.0 + step(i);
        Some(*w)
    }));
    let got = metrics(&worth, 0.0);
    close(got["value_at_risk"], 0.09);
    close(got["expected_shortfall"], (0.10 + 0.05 * 0.09) / 1.05);
    close(got["tail_ratio"], 1.0);
    close(got["hit_rate"], 0.5);
}

#[test]
fn a_benchmark_is_joined_by_stamp_and_not_by_row() {
    // The account has days 0 to 5, the benchmark all but day 2, and day -1: one common period covers days 1 to 3.
    let account = curve(&[100.0, 110.0, 99.0, 108.9, 120.0, 114.0]);
    let times = [-1, 0, 1, 3, 4, 5].map(|d| d * DAY);
    let market = [7.0, 10.0, 10.5, 10.29, 11.0, 10.45];
    let own: [f64; 4] = [0.10, 108.9 / 110.0 - 1.0, 120.0 / 108.9 - 1.0, -0.05];
    let other: [f64; 4] = [0.05, -0.02, 11.0 / 10.29 - 1.0, -0.05];
    let episode = Episode::new(&account, &[], 0.0365).against(&Benchmark::new(&times, &market).unwrap());
    let got = evaluate(&episode);
    let mean = |xs: &[f64]| xs.iter().sum::<f64>() / 4.0;
    let slope = {
        let pairs = own.iter().zip(&other).map(|(a, b)| (a - mean(&own)) * (b - mean(&other)));
        pairs.sum::<f64>() / other.iter().map(|b| (b - mean(&other)).powi(2)).sum::<f64>()
    };
    let (ppy, rate) = (4.0 / 5.0 * 365.25, 0.0365 / (4.0 / 5.0 * 365.25));
    close(got["beta"], slope);
    close(got["alpha"], ppy * (mean(&own) - rate - slope * (mean(&other) - rate)));
    let active: Vec<f64> = own.iter().zip(&other).map(|(a, b)| a - b).collect();
    close(got["information_ratio"], mean(&active) / spread(&active) * ppy.sqrt());
}

#[test]
fn a_benchmark_of_the_same_stamps_is_the_same_as_one_joined() {
    let account = curve(&[100.0, 110.0, 99.0, 108.9]);
    let (times, market) = ([0, 1, 2, 3].map(|d| d * DAY), [5.0, 5.5, 5.2, 5.1]);
    let longer: Vec<i64> = [-1].into_iter().map(|d| d * DAY).chain(times).collect();
    let values = [4.0, 5.0, 5.5, 5.2, 5.1];
    let against = |times: &[i64], values: &[f64]| {
        evaluate(&Episode::new(&account, &[], 0.01).against(&Benchmark::new(times, values).unwrap()))
    };
    let (direct, joined) = (against(&times, &market), against(&longer, &values));
    for name in ["beta", "alpha", "information_ratio"] {
        close(direct[name], joined[name].unwrap());
    }
    assert_eq!(evaluate(&Episode::new(&account, &[], 0.0))["beta"], Err(Undefined::NoBenchmark));
    assert_eq!(against(&[7, 8], &[1.0, 2.0])["alpha"], Err(Undefined::NoOverlap));
    let refusal = |times: &[i64], values: &[f64]| Benchmark::new(times, values).unwrap_err().to_string();
    assert!(refusal(&[1, 2], &[1.0, -37.6]).contains("must stay above 0, got -37.6 at point 1"));
    assert!(refusal(&[1, 2], &[1.0]).contains("one value for each of its 2 times, got 1"));
    let itself = against(&times, &[10.0, 11.0, 9.9, 10.89]);
    assert_eq!(itself["information_ratio"], Err(Undefined::NoVariance));
    close(itself["beta"], 1.0);
}

#[test]
fn trades_win_or_lose_from_one_trading_period_to_the_next() {
    let trade = |time: i64| TradeRecord { time, shares: 1.0, price: 1.0, fee: 0.0 };
    // Trading points 1, 3 and 5 (two fills in one period): results +20, -5 and 0 to the end.
    let trades = [trade(DAY), trade(3 * DAY - 5), trade(3 * DAY), trade(5 * DAY)];
    let curve = curve(&[100.0, 100.0, 90.0, 120.0, 130.0, 115.0, 115.0]);
    let got = evaluate(&Episode::new(&curve, &trades, 0.0));
    close(got["profitability_ratio"], 0.5);
    close(got["profit_loss_ratio"], 4.0);
    close(got["churn"], 0.5);
    close(got["trades_per_interval"], 4.0 / 6.0);
    let without = evaluate(&Episode::new(&curve, &[], 0.0));
    assert_eq!(without["profitability_ratio"], Err(Undefined::NoTrades));
    assert_eq!(evaluate(&Episode::new(&curve, &trades[..1], 0.0))["profit_loss_ratio"], Err(Undefined::NoLosingTrades));
}

#[test]
fn the_risk_free_rate_is_taken_off_every_period() {
    // 365.25 periods a year: a rate of 3.6525 takes 0.01 off each return.
    let shifted = metrics(&[100.0, 111.0, 112.11, 112.11], 3.6525);
    close(shifted["sharpe"], (0.10 + 0.0 - 0.01) / 3.0 / spread(&[0.10, 0.0, -0.01]) * 365.25_f64.sqrt());
}

fn spread(xs: &[f64]) -> f64 {
    let mean = xs.iter().sum::<f64>() / xs.len() as f64;
    (xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (xs.len() - 1) as f64).sqrt()
}

#[test]
fn a_drawdown_runs_from_its_peak_to_the_last_point_below_it_over_uneven_times() {
    let times = [0, 1, 4, 5, 6, 13].map(|d| d * DAY).to_vec();
    let curve = EquityCurve::new(times, vec![5.0, 4.0, 4.5, 5.0, 4.9, 4.0], vec![0.0; 6]).unwrap();
    let got = evaluate(&Episode::new(&curve, &[], 0.0));
    close(got["drawdown_length_periods"], 2.0);
    close(got["drawdown_length_days"], 8.0);
}

#[test]
fn trading_is_counted_valued_and_paid_for() {
    let trade = |shares: f64, price: f64, fee: f64| TradeRecord { time: 0, shares, price, fee };
    // The last is a charge on what is held: a cost, but no trade.
    let trades = [trade(2.0, 50.0, 0.1), trade(-2.0, 60.0, 0.12), trade(0.5, 60.0, 0.01), trade(0.0, 60.0, 0.02)];
    let curve = curve(&[90.0, 100.0, 110.0]);
    let got = evaluate(&Episode::new(&curve, &trades, 0.0));
    close(got["trades"], 3.0);
    close(got["turnover"], 2.5);
    close(got["turnover_per_year"], 2.5 * 365.25 / 2.0);
    close(got["commission"], 0.25);
}

#[test]
fn what_is_undefined_says_why() {
    assert_eq!(metrics(&[1.0, 1.1], 0.0)["volatility"], Err(Undefined::TooFewPeriods));
    assert_eq!(metrics(&[1.0, 1.1], 0.0)["sortino"], Err(Undefined::TooFewPeriods));
    let doubling: Vec<f64> = (0..20).map(|t| 3.0 * 1.1_f64.powi(t)).collect();
    assert_eq!(metrics(&doubling, 0.02)["sharpe"], Err(Undefined::NoVariance));
    assert_eq!(metrics(&[1.0, 1.1, 1.3], 0.0)["sortino"], Err(Undefined::NoLosses));
    assert_eq!(metrics(&[1.0, 1.1, 1.3], 0.0)["omega"], Err(Undefined::NoLosses));
    assert_eq!(metrics(&[1.0, 1.1, 1.3], 0.0)["calmar"], Err(Undefined::NoDrawdown));
    assert_eq!(metrics(&[1.0, 1.0, 1.0], 0.0)["hit_rate"], Err(Undefined::NoVariance));
    assert_eq!(metrics(&[1.0, 1.0, 1.0], 0.0)["skewness"], Err(Undefined::NoVariance));
    assert_eq!(serde_json::to_string(&Undefined::NoLosses).unwrap(), "\"no_losses\"");
}

#[test]
fn ruin_is_a_result_and_not_a_return() {
    let ruined = metrics(&[1.0, 0.5, -0.5, -0.2], 0.0);
    close(ruined["cumulative_return"], -1.2);
    close(ruined["maximum_drawdown"], 1.5);
    for name in ["annualised_return", "volatility", "sharpe", "sortino", "exposure"] {
        assert_eq!(ruined[name], Err(Undefined::Ruined), "{name}");
    }
    close(metrics(&[1.0, 0.5, 0.0], 0.0)["annualised_return"], -1.0);
}

#[test]
fn a_market_that_never_closes_annualises_with_more_periods_than_one_that_does() {
    let worth = [100.0, 101.0, 100.5, 102.0];
    let hours = EquityCurve::new((0..4).map(|t| t * DAY / 24).collect(), worth.to_vec(), vec![0.0; 4]).unwrap();
    let ratio = Episode::new(&hours, &[], 0.0).periods_per_year.get()
        / PeriodsPerYear::from_times(curve(&worth).times()).unwrap().get();
    assert!((ratio - 24.0).abs() < 1e-9);
    let sharpe = |c: &EquityCurve| evaluate(&Episode::new(c, &[], 0.0))["sharpe"].unwrap();
    assert!((sharpe(&hours) / sharpe(&curve(&worth)) - 24.0_f64.sqrt()).abs() < 1e-9);
}

#[test]
fn names_are_unique_and_every_metric_is_explained() {
    let names: std::collections::BTreeSet<_> = METRICS.iter().map(|m| m.name).collect();
    assert_eq!(names.len(), METRICS.len());
    assert!(METRICS.iter().all(|m| m.summary.ends_with('.') && !m.label.is_empty() && !m.source.is_empty()));
}

fn cases() -> ProptestConfig {
    let nightly = std::env::var("PAVLOV_TEST_SCALE").is_ok_and(|s| s == "nightly");
    ProptestConfig::with_cases(if nightly { 10_000 } else { 256 })
}

fn worth() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.1..10.0_f64, 3..60)
}

/// Values a healthy account never has: huge, tiny, zero, negative, repeated.
fn nasty() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |x| x.is_finite()),
        prop::sample::select(vec![0.0, -0.0, 1.0, -1.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1e-300, 1e300]),
        -10.0..10.0_f64,
    ]
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_curve_makes_a_number_that_is_not_finite(
        first in prop::sample::select(vec![5e-324, 1e-300, 1.0, 1e300, f64::MAX]),
        rest in prop::collection::vec((nasty(), nasty(), 1..i64::MAX / 64), 1..30),
        shares in nasty(), price in nasty(), risk_free in nasty(),
    ) {
        let mut times = vec![i64::MIN];
        times.extend(rest.iter().scan(i64::MIN, |t, x| { *t += x.2; Some(*t) }));
        let net_worth = [first].into_iter().chain(rest.iter().map(|x| x.0)).collect();
        let holdings = [0.0].into_iter().chain(rest.iter().map(|x| x.1)).collect();
        let curve = EquityCurve::new(times, net_worth, holdings).unwrap();
        let trades = [TradeRecord { time: 0, shares, price, fee: shares }];
        let above = |x: &f64| if *x > 0.0 { *x } else { 1.0 };
        let values: Vec<f64> = curve.holdings_value().iter().map(above).collect();
        let benchmark = Benchmark::new(curve.times(), &values).unwrap();
        for (name, metric) in evaluate(&Episode::new(&curve, &trades, risk_free).against(&benchmark)) {
            prop_assert!(metric.is_err() || metric.is_ok_and(f64::is_finite), "{} is {:?}", name, metric);
        }
    }

    #[test]
    fn money_in_another_currency_changes_only_money(worth in worth(), k in 1e-3..1e6_f64) {
        let scaled: Vec<f64> = worth.iter().map(|w| k * w).collect();
        let (one, other) = (metrics(&worth, 0.03), metrics(&scaled, 0.03));
        for (name, metric) in one {
            let Ok(a) = metric else { prop_assert_eq!(metric, other[name]); continue };
            let b = other[name].unwrap();
            prop_assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{}: {} and {}", name, a, b);
        }
    }

    #[test]
    fn a_solvent_account_has_a_drawdown_between_0_and_1(worth in worth()) {
        let drawdown = metrics(&worth, 0.0)["maximum_drawdown"].unwrap();
        prop_assert!((0.0..1.0).contains(&drawdown));
        let falls = worth.windows(2).any(|pair| pair[1] < pair[0]);
        prop_assert_eq!(drawdown > 0.0, falls);
    }

    #[test]
    fn drawdowns_are_those_of_a_walk_point_by_point(steps in prop::collection::vec(-0.05..0.05_f64, 2..300)) {
        let worth: Vec<f64> = steps.iter().scan(100.0, |w, r| { *w *= 1.0 + r; Some((*w * 4.0).round() / 4.0) }).collect();
        let got = metrics(&worth, 0.0);
        let below = drawdowns(&worth);
        prop_assert_eq!(got["maximum_drawdown"], Ok(below.iter().copied().fold(0.0, f64::max)));
        let (mut length, mut longest) = (0, 0);
        for fraction in below {
            length = if fraction > 0.0 { length + 1 } else { 0 };
            longest = longest.max(length);
        }
        prop_assert_eq!(got["drawdown_length_periods"], Ok(f64::from(longest)));
        prop_assert_eq!(got["drawdown_length_days"], Ok(f64::from(longest)));
    }

    #[test]
    fn a_higher_risk_free_rate_never_raises_a_ratio(worth in worth(), rate in 0.0..1.0_f64, more in 0.01..1.0_f64) {
        let (low, high) = (metrics(&worth, rate), metrics(&worth, rate + more));
        if let (Ok(a), Ok(b)) = (low["sharpe"], high["sharpe"]) {
            prop_assert!(b < a);
        }
        prop_assert_eq!(low["maximum_drawdown"], high["maximum_drawdown"]);
    }

    #[test]
    fn a_loss_put_last_never_lowers_the_drawdown(worth in worth(), factor in 0.1..1.0_f64) {
        let longer: Vec<f64> = worth.iter().copied().chain([worth[worth.len() - 1] * factor]).collect();
        let (before, after) = (metrics(&worth, 0.0), metrics(&longer, 0.0));
        prop_assert!(after["maximum_drawdown"].unwrap() >= before["maximum_drawdown"].unwrap());
        prop_assert!(after["cumulative_return"].unwrap() <= before["cumulative_return"].unwrap());
    }
}
