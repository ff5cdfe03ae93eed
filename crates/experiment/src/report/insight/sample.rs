//! Invented forecasts and attention for the tests of the report.

use pavlov_evaluation::{Outcome, Summary};

use super::*;
use crate::report::sample::sample_of;

/// The invented experiment with a manager that attends to `window` rows and an order network that also sees the forecast.
pub(crate) fn insight_sample(seeds: u64, window: usize, test_bars: usize) -> (Report, Curves) {
    let (mut report, mut curves) = sample_of(seeds, 2_000, test_bars);
    let close = curves.test.close[0].clone();
    let decisions = close.len() - 1;
    let wave = |t: usize, seed: u64| (t as f64 * 0.37 + seed as f64).sin();
    let expected = |seed: u64| (0..decisions).map(|t| close[t] * (1.0 + 0.002 * wave(t, seed))).collect::<Vec<_>>();
    let change = |now: f64, next: f64| 100.0 * (next / now - 1.0);
    let changes = |next: &[f64]| next.iter().zip(&close).map(|(next, now)| change(*now, *next)).collect::<Vec<_>>();
    let of_seeds: Vec<Vec<f64>> = (1..=seeds).map(expected).collect();
    let panel = |label: &str, came: Vec<f64>, seeds| ForecastPanel { label: label.into(), came, seeds };
    let panels = vec![
        panel("next close, USD", close[1..].to_vec(), of_seeds.clone()),
        panel("returns(kind=percent)", changes(&close[1..]), of_seeds.iter().map(|next| changes(next)).collect()),
    ];
    let rows = (0..window).map(|row| format!("row {}", row as i64 + 1 - window as i64));
    let manager: Vec<String> = rows.collect();
    let order: Vec<String> = manager.iter().cloned().chain(["forecast".to_owned()]).collect();
    let parts = [("manager", manager), ("order network", order)].map(|(of, labels)| part(of, labels, seeds, decisions));
    let (attention, attention_curves) = parts.into_iter().unzip();
    report.insight = Some(InsightReport { seeds: seeds as usize, forecast: Some(forecast(seeds)), attention });
    curves.insight = Some(InsightCurves {
        times: curves.test.times.clone(),
        forecast: Some(ForecastCurve { panels }),
        attention: attention_curves,
    });
    (report, curves)
}

fn over(seeds: u64, of: impl Fn(f64) -> f64) -> Summary {
    Summary::of((1..=seeds).map(|seed| of(seed as f64)))
}

fn forecast(seeds: u64) -> ForecastReport {
    let naive = |name: &str, mae: f64| NaiveFigures {
        name: name.into(),
        mae,
        ratio: over(seeds, |seed| (0.4321 + 0.001 * seed) / mae),
    };
    let column = |name: &str, naive: Vec<NaiveFigures>| ForecastFigures {
        column: name.into(),
        unscaled: true,
        mae: over(seeds, |seed| 0.4321 + 0.001 * seed),
        naive,
        over_time: Some([0.961_25, 1.012_5]),
        outcome: if seeds == 1 { Outcome::OneSeed } else { Outcome::NotDistinguishable },
    };
    let returns = vec![naive("0", 0.4399), naive("training median", 0.4401), naive("this row", 0.621)];
    let volume = vec![naive("training median", 31.25), naive("this row", 44.5)];
    let columns = vec![column("returns(kind=percent)", returns), column("raw(of=volume) & more", volume)];
    let sentence = "The forecast of `returns(kind=percent)` cannot be told from the best naive one.".to_owned();
    ForecastReport { shown: "returns(kind=percent)".into(), sentence, columns }
}

/// Attention that moves from the first label to the last, the last having a quarter more.
fn part(of: &str, labels: Vec<String>, seeds: u64, decisions: usize) -> (AttentionReport, AttentionCurve) {
    let (num, num_blocks) = (labels.len(), 160.min(decisions));
    let weight = |label: usize, place: f64| {
        let near = 1.0 + (-(label as f64 / num as f64 - place).powi(2) * 30.0).exp() * 4.0;
        if label + 1 == num { 1.25 * near } else { near }
    };
    let share = |label: usize, place: f64| weight(label, place) / (0..num).map(|l| weight(l, place)).sum::<f64>();
    let report = AttentionReport {
        of: of.into(),
        even: 1.0 / num as f64,
        labels: (labels.iter().enumerate())
            .map(|(i, label)| LabelShare {
                label: label.clone(),
                share: over(seeds, |seed| share(i, 0.1 * seed % 1.0)),
            })
            .collect(),
    };
    let bounds = (0..=num_blocks).map(|i| i * decisions / num_blocks).collect();
    let of_label = |label| (0..num_blocks).map(|b| share(label, b as f64 / num_blocks as f64)).collect();
    (report, AttentionCurve { bounds, shares: (0..num).map(of_label).collect() })
}
