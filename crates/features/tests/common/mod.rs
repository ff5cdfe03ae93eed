#![allow(dead_code)]

use std::collections::BTreeMap;

use pavlov_features::{FEATURES, FeatureConfig, FeatureTable, feature};
use pavlov_market_data::{Bar, BarColumns, BarPolicy, Bars, OnFault};
use pavlov_rl_core::{RngTree, normal, uniform_f64};

pub const MINUTE_NS: i64 = 60_000_000_000;

/// Every feature with its defaults and with the parameters of each example.
pub fn every_feature() -> Vec<Box<dyn FeatureConfig>> {
    let texts = FEATURES.iter().flat_map(|entry| [""].iter().chain(entry.doc.examples).map(move |text| (entry, text)));
    texts.map(|(entry, text)| entry.parse_text(text).unwrap_or_else(|e| panic!("{} {text}: {e}", entry.name))).collect()
}

/// The series that the features of [`every_feature`] ask for: what stands in the bars at the same time.
pub fn series(bars: &Bars) -> BTreeMap<String, Vec<f64>> {
    BTreeMap::from([("market".to_owned(), bars.open().to_vec()), ("vix".to_owned(), bars.volume().to_vec())])
}

/// One feature by name and parameters.
pub fn one(name: &str, parameters: &str) -> Box<dyn FeatureConfig> {
    feature(name).expect("a registered name").parse_text(parameters).expect("valid parameters")
}

/// A column of a table.
pub fn column(table: &FeatureTable, col: usize) -> Vec<f64> {
    table.values.iter().skip(col).step_by(table.columns.len()).copied().collect()
}

/// Bars by the minute; whatever their values are, they are kept.
pub fn bars(rows: impl IntoIterator<Item = [f64; 5]>) -> Bars {
    let mut columns = BarColumns::default();
    for (i, [open, high, low, close, volume]) in rows.into_iter().enumerate() {
        columns.push(Bar { time: (i as i64 + 1) * MINUTE_NS, open, high, low, close, volume });
    }
    let policy = BarPolicy { inconsistent: OnFault::Keep, non_positive: OnFault::Keep };
    Bars::new("TEST", MINUTE_NS, columns, &policy).expect("finite values")
}

/// A random walk from 100 with steps of about 1 %, and a volume that is 0 at times.
pub fn walk(len: usize, seed: u64) -> Vec<[f64; 5]> {
    let mut rng = RngTree::new(seed).stream("bars", 0);
    let mut close = 100.0;
    let mut rows = Vec::with_capacity(len);
    for _ in 0..len {
        let open = close * (1.0 + 0.002 * normal(&mut rng));
        close = open * (1.0 + 0.01 * normal(&mut rng));
        let high = f64::max(open, close) * (1.0 + 0.005 * uniform_f64(&mut rng));
        let low = f64::min(open, close) * (1.0 - 0.005 * uniform_f64(&mut rng));
        let volume = (1_000.0 * (uniform_f64(&mut rng) - 0.05)).max(0.0).floor();
        rows.push([open, high, low, close, volume]);
    }
    rows
}
