//! Series beside the bars: section `[data.series.NAME]`, and from it to values.

use std::collections::BTreeMap;

use pavlov_market_data::{
    Elapsed, Kind, Manifest, MarketDataError, MarketWide, Series, Sources, load_dataset, load_series,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ExperimentError;

/// Section `[data.series.NAME]`: a series that features can follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSeries", into = "RawSeries")]
pub struct SeriesConfig {
    /// What it is made of.
    pub source: SeriesSource,
    /// How long a value may be carried forward. Required.
    pub max_age: Elapsed,
    /// How long after its stamp a value became known. Default: at once.
    pub delay: Option<Elapsed>,
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
    max_age: Elapsed,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<Elapsed>,
}

impl TryFrom<RawSeries> for SeriesConfig {
    type Error = String;

    fn try_from(RawSeries { dataset, of, value, max_age, delay }: RawSeries) -> Result<Self, String> {
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
        Ok(SeriesConfig { source, max_age, delay })
    }
}

impl From<SeriesConfig> for RawSeries {
    fn from(SeriesConfig { source, max_age, delay }: SeriesConfig) -> RawSeries {
        match source {
            SeriesSource::Dataset(name) => RawSeries { dataset: Some(name), of: None, value: None, max_age, delay },
            SeriesSource::Market { of, value } => {
                RawSeries { dataset: None, of: Some(of), value: Some(value), max_age, delay }
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
    pub max_age: Elapsed,
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
            let manifests = of.iter().map(|dataset| manifest(dataset)).collect::<Result<Vec<_>, _>>()?;
            one_adjustment(&manifests).map_err(|source| ExperimentError::series(name, source))?;
            let loaded: Vec<_> = manifests.par_iter().map(|manifest| load_dataset(manifest, sources)).collect();
            let mut symbols = Vec::new();
            for (dataset, loaded) in of.iter().zip(loaded) {
                let loaded = loaded?;
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
    let (series, later) = match config.delay {
        None => (series, String::new()),
        Some(delay) => {
            let later = format!("; known {} after its stamp", String::from(delay));
            (series.delayed(delay).map_err(|source| ExperimentError::series(name, source))?, later)
        }
    };
    let note = format!("series {name}: {what}{later}; a value is carried forward for {age} at most");
    Ok(LoadedSeries { name: name.to_owned(), series, max_age: config.max_age, hashes, note })
}

/// Returns of prices that are adjusted in different ways are not alike.
fn one_adjustment(manifests: &[Manifest]) -> Result<(), MarketDataError> {
    let [first, others @ ..] = manifests else { return Ok(()) };
    match others.iter().find(|other| other.adjustment() != first.adjustment()) {
        None => Ok(()),
        Some(other) => Err(MarketDataError::MixedAdjustments {
            datasets: [first, other].map(|manifest| manifest.name().to_owned()),
            adjustments: [first, other].map(Manifest::adjustment),
        }),
    }
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
