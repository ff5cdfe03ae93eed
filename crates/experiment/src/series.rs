//! Series beside the bars: section `[data.series.NAME]`, and from it to values.

use std::collections::BTreeMap;

use pavlov_market_data::{
    Kind, Manifest, MarketDataError, MarketWide, MaxAge, Series, Sources, load_dataset, load_series,
};
use serde::{Deserialize, Serialize};

use crate::error::ExperimentError;

/// Section `[data.series.NAME]`: a series that features can follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSeries", into = "RawSeries")]
pub struct SeriesConfig {
    /// What it is made of.
    pub source: SeriesSource,
    /// How long a value may be carried forward. Required.
    pub max_age: MaxAge,
}

/// What a series is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum SeriesSource {
    /// A series, or the closes of bars.
    Dataset(String),
    /// The bars of many symbols.
    Market {
        /// Their datasets, two at least.
        of: Vec<String>,
        /// What is said of them.
        value: MarketWide,
    },
}

impl SeriesSource {
    /// The datasets that it needs.
    pub fn datasets(&self) -> &[String] {
        match self {
            SeriesSource::Dataset(name) => std::slice::from_ref(name),
            SeriesSource::Market { of, .. } => of,
        }
    }
}

/// The section as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeries {
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<MarketWide>,
    max_age: MaxAge,
}

impl TryFrom<RawSeries> for SeriesConfig {
    type Error = String;

    fn try_from(RawSeries { dataset, of, value, max_age }: RawSeries) -> Result<Self, String> {
        let source = match (dataset, of, value) {
            (Some(dataset), None, None) => SeriesSource::Dataset(dataset),
            (None, Some(of), Some(value)) => SeriesSource::Market { of, value },
            _ => return Err("needs either `dataset`, or `of` and `value`, and `max_age`".to_owned()),
        };
        if let SeriesSource::Market { of, .. } = &source {
            let twin = of.iter().enumerate().find(|(i, name)| of[..*i].contains(name));
            match twin {
                Some((_, name)) => return Err(format!("`of` names {name} twice")),
                None if of.len() < 2 => return Err(format!("`of` must name two datasets or more, got {}", of.len())),
                None => {}
            }
        }
        Ok(SeriesConfig { source, max_age })
    }
}

impl From<SeriesConfig> for RawSeries {
    fn from(SeriesConfig { source, max_age }: SeriesConfig) -> RawSeries {
        match source {
            SeriesSource::Dataset(name) => RawSeries { dataset: Some(name), of: None, value: None, max_age },
            SeriesSource::Market { of, value } => {
                RawSeries { dataset: None, of: Some(of), value: Some(value), max_age }
            }
        }
    }
}

/// A series and where it comes from.
pub struct LoadedSeries {
    /// Name in the config.
    pub name: String,
    /// The values.
    pub series: Series,
    /// How long a value may be carried forward.
    pub max_age: MaxAge,
    /// Hash of each of its datasets.
    pub hashes: BTreeMap<String, String>,
    /// What a reader should know of it.
    pub note: String,
}

/// Loads a series; `manifest` gives that of a dataset by name, and `told` hears what went wrong on the way and was helped.
///
/// # Errors
/// [`ExperimentError::Data`], and [`ExperimentError::Series`] if symbols do not fit together.
pub fn load(
    name: &str,
    config: &SeriesConfig,
    manifest: &dyn Fn(&str) -> Result<Manifest, MarketDataError>,
    sources: &Sources,
    told: &dyn Fn(&str),
) -> Result<LoadedSeries, ExperimentError> {
    let age = String::from(config.max_age);
    let mut hashes = BTreeMap::new();
    let (series, what) = match &config.source {
        SeriesSource::Dataset(dataset) => {
            let (series, hash, provenance, notes) = one(&manifest(dataset)?, sources)?;
            notes.iter().for_each(|note| told(note));
            hashes.insert(dataset.clone(), hash);
            (series, format!("{dataset}, {provenance}"))
        }
        SeriesSource::Market { of, value } => {
            let mut symbols = Vec::new();
            for dataset in of {
                let loaded = load_dataset(&manifest(dataset)?, sources)?;
                loaded.notes.iter().for_each(|note| told(note));
                hashes.insert(dataset.clone(), loaded.hash.to_string());
                symbols.push(loaded.bars);
            }
            let series = value.series(name, &symbols);
            let series = series.map_err(|source| ExperimentError::series(name, source))?;
            let value = match value {
                MarketWide::MeanReturn => "mean return",
                MarketWide::Dispersion => "dispersion of the returns",
            };
            let what = format!("{value} of {}, {} values", of.join(", "), series.len());
            (series, what)
        }
    };
    let note = format!("series {name}: {what}; a value is carried forward for {age} at most");
    Ok(LoadedSeries { name: name.to_owned(), series, max_age: config.max_age, hashes, note })
}

/// A dataset as a series: values, hash, provenance, notes.
fn one(manifest: &Manifest, sources: &Sources) -> Result<(Series, String, String, Vec<String>), ExperimentError> {
    Ok(match manifest.kind() {
        Kind::Bars => {
            let loaded = load_dataset(manifest, sources)?;
            let provenance = format!("closes of {}", loaded.provenance.summary());
            (loaded.bars.closes(), loaded.hash.to_string(), provenance, loaded.notes)
        }
        Kind::Series => {
            let loaded = load_series(manifest, sources)?;
            (loaded.series, loaded.hash.to_string(), loaded.provenance.summary(), loaded.notes)
        }
    })
}
