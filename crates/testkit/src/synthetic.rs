//! Small made-up markets for tests: seeded prices, features and one segment.

use pavlov_rl_core::{Frame, Market, PriceTable, RngTree, Segment, uniform_f64};

const HOUR_NS: i64 = 3_600_000_000_000;

/// A market of `assets` random walks from 100 with steps of at most 1 %, and uniform features in -1..1.
pub fn random_walk(rows: usize, assets: usize, features: usize, seed: u64) -> Market {
    let mut rng = RngTree::new(seed).stream("walk", 0);
    let mut last = vec![100.0; assets];
    let mut closes = Vec::with_capacity(rows * assets);
    for _ in 0..rows {
        for price in &mut last {
            *price *= 1.0 + 0.02 * (uniform_f64(&mut rng) - 0.5);
            closes.push(*price);
        }
    }
    market(prices(assets, closes), features, seed)
}

/// Bars around the given closes `[T, N]`: an open halfway from the close before, a range of 0.1 % around both.
pub fn prices(assets: usize, close: Vec<f64>) -> PriceTable {
    let open: Vec<f64> = (0..close.len()).map(|i| 0.5 * (close[i.saturating_sub(assets)] + close[i])).collect();
    let high = open.iter().zip(&close).map(|(o, c)| 1.001 * o.max(*c)).collect();
    let low = open.iter().zip(&close).map(|(o, c)| 0.999 * o.min(*c)).collect();
    let volume = vec![1_000.0; close.len()];
    PriceTable { assets, open, high, low, close, volume, vwap: None }
}

/// An hourly market with these prices, uniform features in -1..1 and one segment over all rows.
///
/// # Panics
/// If the price table is ragged or empty.
pub fn market(prices: PriceTable, features: usize, seed: u64) -> Market {
    let rows = prices.close.len() / prices.assets;
    let mut rng = RngTree::new(seed).stream("features", 0);
    let data = (0..rows * features).map(|_| (2.0 * uniform_f64(&mut rng) - 1.0) as f32).collect();
    let times = (1..=rows as i64).map(|t| t * HOUR_NS).collect();
    let all = Segment { start: 0, first: 0, end: rows as u32 };
    Market::new(Frame::new(features, data), prices, times, vec![all]).expect("a made-up market is rectangular")
}
