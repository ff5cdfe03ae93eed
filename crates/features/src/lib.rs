//! Causal features: bars in, one shared frame out.
//!
//! Every feature is a stream ([`Feature::update`] sees one bar at a time), so the future is not in
//! scope; the table that an experiment trains on is a fold over the same streams that live trading
//! would call. A [`FittedScaler`] comes only from training rows, and a [`pavlov_rl_core::Market`]
//! is built only through one.
//!
//! ```
//! use pavlov_features::{FEATURES, Feature, FeatureConfig, relative_change::{PriceField, RelativeChange}};
//! use pavlov_market_data::Bar;
//!
//! let bar = |close| Bar { time: 0, open: close, high: close, low: close, close, volume: 1.0 };
//! let mut feature = RelativeChange { of: PriceField::Close, clip: None }.stream();
//! assert_eq!(feature.update(&bar(100.0)), 0.0);
//! assert_eq!(feature.update(&bar(150.0)), 50.0);
//! assert_eq!(FEATURES[0].name, "relative_change");
//! ```

mod pipeline;
pub mod relative_change;
mod scaler;

use pavlov_market_data::Bar;
pub use pipeline::{FeatureTable, fold, market};
pub use scaler::{FittedScaler, Scaling};

/// A number that follows the bars; the future is not in scope.
pub trait Feature: Send {
    /// Takes in the next bar and returns the feature's value at its close.
    fn update(&mut self, bar: &Bar) -> f64;
}

/// A feature's parameters.
pub trait FeatureConfig: Send + Sync {
    /// Name in [`FEATURES`].
    fn name(&self) -> &'static str;
    /// Column name, for example `relative_change(close)`.
    fn column(&self) -> String;
    /// Everything that is wrong with the parameters.
    fn validate(&self) -> Vec<String>;
    /// All parameters, without the name.
    fn to_toml(&self) -> toml::Table;
    /// Bars before the value is meaningful; earlier rows are cut.
    fn warm_up(&self) -> usize;
    /// A fresh stream.
    fn stream(&self) -> Box<dyn Feature>;
}

/// A line of the registry of features.
pub struct FeatureEntry {
    /// Name in a config file.
    pub name: &'static str,
    /// What it computes, in one line.
    pub summary: &'static str,
    /// Reads the parameters from a table without its `name` key.
    pub parse: fn(toml::de::ValueDeserializer<'_>) -> Result<Box<dyn FeatureConfig>, toml::de::Error>,
}

/// All features.
pub const FEATURES: &[FeatureEntry] = &[FeatureEntry {
    name: "relative_change",
    summary: "100 x relative change of a price or of the volume since the bar before",
    parse: relative_change::parse,
}];

/// Why features cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// A feature gave a number that is not finite.
    #[error("feature `{column}` is {value} at the bar that closes at {time} ns UTC")]
    NotFinite {
        /// Column of the feature.
        column: String,
        /// Its value.
        value: f64,
        /// Close time of the bar, UTC nanoseconds.
        time: i64,
    },
    /// The tables do not fit together.
    #[error(transparent)]
    Market(#[from] pavlov_rl_core::MarketError),
}
