use pavlov_features::{FeatureConfig, FittedScaler, Scaling};

use crate::plan::Plan;

/// A column of the frame, and what its numbers mean.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    /// Its name.
    pub name: String,
    /// Whether it is the change since the bar before, so that 0 says that nothing changes.
    pub change: bool,
    /// How a close follows from it.
    pub price: Option<Price>,
    place: usize,
    /// `None` where its numbers cannot be brought back.
    scaler: Option<&'a FittedScaler>,
}

/// What a column says about the close of what is traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Price {
    /// It is the close.
    Level,
    /// `x[t] / x[t-1] - 1`
    Simple,
    /// `ln(x[t] / x[t-1])`
    Log,
    /// `100 (x[t] / x[t-1] - 1)`
    Percent,
}

impl<'a> Column<'a> {
    /// The columns of a plan in their order.
    pub fn all(plan: &Plan, scaler: &'a FittedScaler) -> Vec<Self> {
        // The rows of the test span are scaled by themselves there, and by whom is not kept.
        let scaler = Some(scaler).filter(|_| plan.scaling != Scaling::MinMaxOfEachSpan);
        // Other assets than the dataset have other closes.
        let own_close = plan.data.assets.is_empty();
        let columns = plan.features.iter().flat_map(|feature| {
            let price = Price::of(&**feature).filter(|_| own_close && scaler.is_some());
            let change = ["returns", "volume_change"].contains(&feature.name());
            feature.columns().into_iter().map(move |name| (name, change, price))
        });
        columns.enumerate().map(|(place, (name, change, price))| Self { name, change, price, place, scaler }).collect()
    }

    /// Whether [`Self::value`] gives the feature's own numbers.
    pub fn is_unscaled(&self) -> bool {
        self.scaler.is_some()
    }

    /// The number of this column in a row of the frame, unscaled where that can be done.
    pub fn value(&self, row: &[f32]) -> f64 {
        let scaled = row[self.place];
        self.scaler.map_or(f64::from(scaled), |scaler| scaler.unscaled(self.place, scaled))
    }
}

impl Price {
    fn of(feature: &dyn FeatureConfig) -> Option<Self> {
        let keys = feature.to_toml();
        let key = |name: &str| keys.get(name).and_then(toml::Value::as_str);
        // A clipped change does not tell the next close.
        if keys.contains_key("clip") {
            return None;
        }
        match (feature.name(), key("of")?, key("kind")) {
            ("raw", "close", _) => Some(Self::Level),
            ("returns", "close", Some("simple")) => Some(Self::Simple),
            ("returns", "close", Some("log")) => Some(Self::Log),
            ("returns", "close", Some("percent")) => Some(Self::Percent),
            _ => None,
        }
    }

    /// The next close if this is the close now and `value` the next number of the column.
    pub fn next_close(self, close: f64, value: f64) -> f64 {
        match self {
            Self::Level => value,
            Self::Simple => close * (1.0 + value),
            Self::Log => close * value.exp(),
            Self::Percent => close * (1.0 + value / 100.0),
        }
    }
}
