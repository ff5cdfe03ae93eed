//! The reference's trade metrics: where its definitions are ours, and under its own definitions.
//!
//! Ours differ by intent in three places: Sortino's downside runs over all periods (theirs over the losses), the starting
//! capital is the first peak (theirs is the first period's close), and a ratio without variance is undefined (theirs 0).

use pavlov_evaluation::compat::{ArticleInput, ddqn_article};
use pavlov_evaluation::{Episode, EquityCurve, METRICS, Metric, Undefined, evaluate};
use pavlov_testkit::golden::{GoldenCase, assert_close, float, floats, golden_cases};

/// Net worth from returns, on stamps that make `trading_days` periods a year.
fn curve(case: &GoldenCase) -> EquityCurve {
    let mut net_worth = vec![1.0];
    net_worth.extend(floats(&case.json["input"]["returns"]).iter().scan(1.0, |w, r| {
        *w *= 1.0 + r;
        Some(*w)
    }));
    let period_ns = 365.25 * 86_400e9 / float(&case.json["config"]["trading_days_year"]);
    let times = (0..net_worth.len()).map(|i| (i as f64 * period_ns).round() as i64).collect();
    EquityCurve::new(times, net_worth.clone(), vec![0.0; net_worth.len()]).unwrap()
}

fn check(case: &GoldenCase, name: &str, got: Metric, key: &str) {
    let expected = float(&case.json["output"][key]);
    let got = got.unwrap_or_else(|reason| panic!("{}: {name} is undefined: {reason}", case.name));
    assert_close(&format!("{} {name}", case.name), &[got], &[expected], 1e-12, 1e-9);
}

#[test]
fn golden_metrics_equal_the_references_where_the_definitions_agree() {
    let cases = golden_cases("metrics", "case_");
    let least = if std::env::var_os("PAVLOV_GOLDEN_DIR").is_some() { 1 } else { 12 };
    assert!(cases.len() >= least, "read {} cases, expected {least}", cases.len());
    for case in &cases {
        let config = case.json["config"].as_object().expect("a case has a config");
        assert!(config.keys().eq(["risk_free_rate", "trading_days_year"]), "{}: {config:?}", case.name);
        let curve = curve(case);
        let metrics = evaluate(&Episode::new(&curve, &[], float(&case.json["config"]["risk_free_rate"])));
        assert_eq!(metrics.len(), METRICS.len());
        check(case, "cumulative_return", metrics["cumulative_return"], "Cumulative Returns");
        if floats(&case.json["input"]["returns"])[0] >= 0.0 {
            check(case, "maximum_drawdown", metrics["maximum_drawdown"].map(|d| -d), "Maximum Drawdown");
            check(case, "drawdown_length", metrics["drawdown_length_periods"], "Drawdown Length");
        }
        let undefined = match case.name.as_str() {
            "case_11_total_loss" => Some(Undefined::Ruined),
            "case_06_all_zero" => Some(Undefined::NoVariance),
            "case_10_one_row" => Some(Undefined::TooFewPeriods),
            _ => None,
        };
        if let Some(reason) = undefined {
            assert_eq!(metrics["sharpe"], Err(reason), "{}", case.name);
        }
        if metrics["sharpe"].is_ok() {
            check(case, "annualised_return", metrics["annualised_return"], "Annualized Returns");
            check(case, "sharpe", metrics["sharpe"], "Sharpe Ratio");
            let per_period = metrics["volatility"].map(|v| v / curve.periods_per_year().get().sqrt());
            check(case, "volatility", per_period, "Standard Deviation");
        }
    }
}

#[test]
fn golden_metrics_of_the_article_are_met_under_its_own_definitions() {
    let cases = golden_cases("metrics", "case_");
    let mut compared = 0;
    for case in &cases {
        let input = &case.json["input"];
        let market = (!input["market_close"].is_null()).then(|| floats(&input["market_close"]));
        let got = ddqn_article(&ArticleInput {
            returns: &floats(&input["returns"]),
            positions: &floats(&input["position"]),
            market_close: market.as_deref(),
            risk_free: float(&case.json["config"]["risk_free_rate"]),
            trading_days: float(&case.json["config"]["trading_days_year"]),
        });
        let output = case.json["output"].as_object().expect("a case has an output");
        assert_eq!(got.len(), output.len(), "{}", case.name);
        for (name, got) in got {
            match output[name].as_f64() {
                Some(expected) => {
                    let got = got.unwrap_or_else(|reason| panic!("{} {name} is undefined: {reason}", case.name));
                    assert_close(&format!("{} {name}", case.name), &[got], &[expected], 1e-12, 1e-9);
                    compared += 1;
                }
                None => assert!(got.is_err(), "{} {name} is {got:?}, the article has {}", case.name, output[name]),
            }
        }
    }
    assert!(std::env::var_os("PAVLOV_GOLDEN_DIR").is_some() || compared >= 200, "compared {compared} numbers");
}
