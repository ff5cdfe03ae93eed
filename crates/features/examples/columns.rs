//! Bars to scaled columns, with a feature of your own: `cargo run -p pavlov-features --example columns`.
#![allow(clippy::print_stdout)]

use pavlov_features::{Feature, FeatureConfig, FeatureError, FittedScaler, Scaling, TdqnRange, feature, fold, frame};
use pavlov_market_data::{Bar, BarColumns, BarPolicy, Bars};

/// How many bars in a row closed higher: a stream sees one bar after the other.
struct Streak;

#[derive(Default)]
struct State {
    last: Option<f64>,
    streak: u32,
}

impl Feature for State {
    fn update(&mut self, bar: &Bar, out: &mut [f64]) {
        let rises = self.last.replace(bar.close).is_some_and(|last| bar.close > last);
        self.streak = if rises { self.streak + 1 } else { 0 };
        out[0] = f64::from(self.streak);
    }

    fn save(&self) -> Vec<u8> {
        [self.last.unwrap_or(f64::NAN).to_le_bytes(), u64::from(self.streak).to_le_bytes()].concat()
    }

    fn restore(&mut self, saved: &[u8]) -> Result<(), FeatureError> {
        let ([last, streak], []) = saved.as_chunks::<8>() else {
            return Err(FeatureError::Restore(format!("{} bytes", saved.len())));
        };
        let last = f64::from_le_bytes(*last);
        *self = Self { last: (!last.is_nan()).then_some(last), streak: u64::from_le_bytes(*streak) as u32 };
        Ok(())
    }
}

impl FeatureConfig for Streak {
    fn name(&self) -> &'static str {
        "streak"
    }

    fn columns(&self) -> Vec<String> {
        vec!["streak".into()]
    }

    fn validate(&self) -> Vec<String> {
        Vec::new()
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::new()
    }

    fn warm_up(&self) -> usize {
        10
    }

    fn tdqn_range(&self) -> TdqnRange {
        TdqnRange::Magnitude
    }

    fn series(&self) -> Option<&str> {
        None
    }

    fn stream(&self) -> Box<dyn Feature> {
        Box::new(State::default())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut columns = BarColumns::default();
    for t in 1..=400_i64 {
        let close = 100.0 + 5.0 * (t as f64 / 9.0).sin();
        columns.push(Bar { time: t, open: close, high: close + 1.0, low: close - 1.0, close, volume: 10.0 });
    }
    let bars = Bars::new("SINE", 1, columns, &BarPolicy::default())?;
    let known = |name: &str, text: &str| feature(name).expect("a registered name").parse_text(text);
    let features = [known("returns", "kind = 'log'")?, known("rsi", "")?, Box::new(Streak)];
    let warm_up = features.iter().map(|feature| feature.warm_up()).max().unwrap_or(0);

    let table = fold(&bars, &features)?;
    println!("columns {:?}, meaningful from row {warm_up} on", table.columns);
    // Fitted to the training rows; the test rows are scaled with the same numbers.
    let scaler = FittedScaler::fit(&Scaling::Standard, &features, &bars, std::slice::from_ref(&(warm_up..300)))?;
    let frame = frame(&bars, &features, &scaler)?;
    println!("row 350 as a feature sees it {:.4?}", &table.values[350 * 3..351 * 3]);
    println!("row 350 as an agent sees it  {:.4?}", frame.row(350));
    Ok(())
}
