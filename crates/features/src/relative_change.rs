//! Relative change in per cent: `100 * (x[t] / x[t-1] - 1)`.
//!
//! Observation of the Bitcoin LSTM-PPO article, section 4 (`norm_df`). The first bar gives 0. A
//! volume of 0 before gives 0 (the article's data hold 14 such hours, which would give infinities);
//! prices are positive by the rules of [`pavlov_market_data::Bars`].

use pavlov_market_data::Bar;
use serde::{Deserialize, Serialize};

use crate::{Feature, FeatureConfig};

/// A column of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum PriceField {
    Open,
    High,
    Low,
    Close,
    Volume,
}

impl PriceField {
    /// The value of this column in a bar.
    pub fn of(self, bar: &Bar) -> f64 {
        match self {
            Self::Open => bar.open,
            Self::High => bar.high,
            Self::Low => bar.low,
            Self::Close => bar.close,
            Self::Volume => bar.volume,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
        }
    }
}

/// Parameters of the relative change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelativeChange {
    /// Column whose change is taken.
    pub of: PriceField,
    /// Largest absolute value in per cent; larger changes are cut to it, in training and test alike. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

pub(crate) fn parse(from: toml::de::ValueDeserializer<'_>) -> Result<Box<dyn FeatureConfig>, toml::de::Error> {
    RelativeChange::deserialize(from).map(|config| Box::new(config) as Box<dyn FeatureConfig>)
}

impl FeatureConfig for RelativeChange {
    fn name(&self) -> &'static str {
        "relative_change"
    }

    fn column(&self) -> String {
        format!("relative_change({})", self.of.name())
    }

    fn validate(&self) -> Vec<String> {
        match self.clip {
            Some(clip) if clip.is_nan() || clip <= 0.0 => vec![format!("clip must be positive, got {clip}")],
            _ => Vec::new(),
        }
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::try_from(self).expect("plain fields make a table")
    }

    fn warm_up(&self) -> usize {
        1
    }

    fn stream(&self) -> Box<dyn Feature> {
        Box::new(Stream { of: self.of, clip: self.clip.unwrap_or(f64::INFINITY), previous: None })
    }
}

struct Stream {
    of: PriceField,
    clip: f64,
    previous: Option<f64>,
}

impl Feature for Stream {
    fn update(&mut self, bar: &Bar) -> f64 {
        let now = self.of.of(bar);
        match self.previous.replace(now) {
            Some(before) if before != 0.0 => (100.0 * (now / before - 1.0)).clamp(-self.clip, self.clip),
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volumes(clip: Option<f64>, values: &[f64]) -> Vec<f64> {
        let mut stream = RelativeChange { of: PriceField::Volume, clip }.stream();
        let bar = |volume| Bar { time: 0, open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume };
        values.iter().map(|&v| stream.update(&bar(v))).collect()
    }

    #[test]
    fn a_change_from_zero_volume_is_zero_and_the_clip_holds_on_both_sides() {
        assert_eq!(volumes(None, &[0.0, 5.0, 0.0, 0.0, 2.0, 3.0]), [0.0, 0.0, -100.0, 0.0, 0.0, 50.0]);
        assert_eq!(volumes(Some(40.0), &[1.0, 2.0, 0.5]), [0.0, 40.0, -40.0]);
    }

    #[test]
    fn a_clip_that_is_not_positive_is_refused() {
        for clip in [0.0, -1.0, f64::NAN] {
            assert_eq!(RelativeChange { of: PriceField::Open, clip: Some(clip) }.validate().len(), 1);
        }
    }
}
