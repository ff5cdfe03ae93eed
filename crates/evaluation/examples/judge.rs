//! Equity curves of your own to metrics and a verdict: `cargo run -p pavlov-evaluation --example judge`.
#![allow(clippy::print_stdout)]

use pavlov_evaluation::{
    Baseline, BaselineReturns, Episode, EquityCurve, METRICS, Summary, TestSpan, Verdict, evaluate,
};

const DAY_NS: i64 = 86_400_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What an account was worth at each close, by seed; where these come from does not matter.
    let days = 250;
    let curve = |seed: i64| {
        let worth =
            (0..days).map(|t| 1_000.0 * (1.0 + 0.0004 * t as f64 + 0.02 * (t as f64 / (7 + seed) as f64).sin()));
        EquityCurve::new((0..days).map(|t| t * DAY_NS).collect(), worth.collect(), vec![0.0; days as usize])
    };
    let curves = (0..5).map(curve).collect::<Result<Vec<_>, _>>()?;
    let metrics: Vec<_> = curves.iter().map(|curve| evaluate(&Episode::new(curve, &[], 0.0))).collect();
    for entry in
        METRICS.iter().filter(|entry| ["cumulative_return", "sharpe", "maximum_drawdown"].contains(&entry.name))
    {
        let summary = Summary::of(metrics.iter().map(|by_name| by_name[entry.name].unwrap_or(f64::NAN)));
        println!("{:<18} {summary}", entry.label);
    }
    let returns: Vec<f64> = metrics.iter().filter_map(|by_name| by_name["cumulative_return"].ok()).collect();
    let hold = Baseline { name: "buy & hold".into(), returns: BaselineReturns::Constant(0.08) };
    let span = TestSpan { periods: days as usize - 1, days: (days - 1) as f64 };
    let verdict = Verdict::new(&returns, &[hold], "buy & hold", span)?;
    println!("{}\n{}", verdict.headline, verdict.text());
    Ok(())
}
