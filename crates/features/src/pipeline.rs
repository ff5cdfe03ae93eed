use pavlov_market_data::Bars;
use pavlov_rl_core::{Frame, Market, PriceTable, Segment};

use crate::{FeatureConfig, FeatureError, FittedScaler};

/// Unscaled features, row-major `[T, F]`, one row a bar.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureTable {
    /// Name of each column, `[F]`.
    pub columns: Vec<String>,
    /// Values `[T, F]`.
    pub values: Vec<f64>,
}

impl FeatureTable {
    /// Number of rows `T`.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.len().max(1)
    }
}

/// Folds the features over the bars: row `t` depends on bars `0..=t` only.
///
/// # Errors
/// [`FeatureError::NotFinite`] names the column and the bar.
pub fn fold(bars: &Bars, features: &[Box<dyn FeatureConfig>]) -> Result<FeatureTable, FeatureError> {
    let columns: Vec<String> = features.iter().map(|f| f.column()).collect();
    let mut streams: Vec<_> = features.iter().map(|f| f.stream()).collect();
    let mut values = Vec::with_capacity(bars.len() * streams.len());
    for i in 0..bars.len() {
        let bar = bars.bar(i);
        for (stream, column) in streams.iter_mut().zip(&columns) {
            let value = stream.update(&bar);
            if !value.is_finite() {
                return Err(FeatureError::NotFinite { column: column.clone(), value, time: bar.time });
            }
            values.push(value);
        }
    }
    Ok(FeatureTable { columns, values })
}

/// The market that environments play: scaled features and prices of the same rows.
///
/// Rows are those of the bars; segments say which of them are warm enough to decide at.
///
/// # Errors
/// [`FeatureError::Market`] if a segment lies outside the bars.
pub fn market(
    bars: &Bars,
    table: &FeatureTable,
    scaler: &FittedScaler,
    segments: Vec<Segment>,
) -> Result<Market, FeatureError> {
    let prices = PriceTable {
        assets: 1,
        open: bars.open().to_vec(),
        high: bars.high().to_vec(),
        low: bars.low().to_vec(),
        close: bars.close().to_vec(),
        volume: bars.volume().to_vec(),
    };
    let frame = Frame::new(table.columns.len(), scaler.apply(table));
    Ok(Market::new(frame, prices, bars.times().to_vec(), segments)?)
}
