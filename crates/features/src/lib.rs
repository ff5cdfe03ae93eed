//! Causal features: bars in, one shared frame out.
//!
//! Every feature is a stream ([`Feature::update`] sees one bar at a time), so the future is not in scope; the table
//! that an experiment trains on is a fold of the same streams, block by block, that live trading would call. A
//! [`FittedScaler`] comes only from training rows, and a [`pavlov_rl_core::Market`] is built only through one.
//!
//! A feature on a series ([`Inputs`]) is fed its value at the close of each bar, and is a stream like the others.
//!
//! [`FEATURES`] lists every feature; a feature is one file and one entry.
//!
//! ```
//! use pavlov_features::feature;
//! use pavlov_market_data::Bar;
//!
//! let bar = |close| Bar { time: 0, open: close, high: close, low: close, close, volume: 1.0 };
//! let config = feature("returns").expect("a registered name").parse_text("kind = 'percent'")?;
//! assert_eq!(config.columns(), ["returns(kind=percent)"]);
//! let mut returns = config.stream();
//! let mut now = [0.0];
//! returns.update(&bar(100.0), &mut now);
//! returns.update(&bar(150.0), &mut now);
//! assert_eq!(now, [50.0]);
//! # Ok::<(), toml::de::Error>(())
//! ```

mod atr;
mod bollinger;
mod calendar;
mod close_position;
mod ema;
mod exponential;
mod feature;
mod high_low;
mod inputs;
mod macd;
mod macro_series;
mod moving_average;
mod parameters;
mod pipeline;
mod raw;
mod registry;
mod returns;
mod rolling;
mod rsi;
mod scaler;
mod sharpe;
mod volatility;
mod volume_change;

pub use feature::{BLOCK, BarBlock, Feature, FeatureConfig};
pub use inputs::{Followed, Inputs, series_bar};
pub use pipeline::{FeatureTable, fold, fold_all, frame, market};
pub use registry::{FEATURES, FeatureDoc, FeatureEntry, feature};
pub use scaler::{FittedScaler, Scaling, TdqnRange};

/// Why features cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// A feature gave a number that is not finite, or not any more as the 32-bit number of a frame.
    #[error("feature `{column}` is {value}, scaled {scaled}, at the bar that closes at {time} ns UTC")]
    NotFinite {
        /// Column of the feature.
        column: String,
        /// Its value.
        value: f64,
        /// Its value in the frame.
        scaled: f32,
        /// Close time of the bar, UTC nanoseconds.
        time: i64,
    },
    /// A feature follows a series that is not there.
    #[error("there is no series `{series}` beside the bars")]
    NoSeries {
        /// Its name.
        series: String,
    },
    /// Bytes are not the saved state of the feature that was asked to go on from them.
    #[error("the saved state of a feature cannot be decoded: {0}")]
    Restore(String),
    /// The tables do not fit together.
    #[error(transparent)]
    Market(#[from] pavlov_rl_core::MarketError),
}
