//! From a manifest to bars: the first source that has them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::Float64Array;
use pavlov_store::{Disk, Hash};

use crate::network::Network;
use crate::provider::{Provider, Request};
use crate::{
    Bars, Cleaning, Manifest, MarketDataError, Place, Provenance, SourceKind, Span, Stamp, cache, csv_file, fetch,
};

/// Where datasets may lie.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The disk with both folders.
    pub disk: Arc<dyn Disk>,
    /// The cache, read and written; `None` does without.
    pub cache_dir: Option<PathBuf>,
    /// The folder with the users' files; `None` if they named none.
    pub data_dir: Option<PathBuf>,
}

/// Bars and where they come from.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The bars.
    pub bars: Bars,
    /// Which source gave them this time.
    pub origin: Origin,
    /// [`Bars::content_hash`].
    pub hash: Hash,
    /// Their history, the same whatever the origin.
    pub provenance: Provenance,
    /// What went wrong on the way and was helped, for the log: a damaged cache, a cache that cannot be written.
    pub notes: Vec<String>,
}

/// The source that gave the bars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The verified cache.
    Cache,
    /// A file.
    File(PathBuf),
    /// A provider, by name.
    Provider(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Cache => f.write_str("the cache"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Provider(name) => write!(f, "provider {name}"),
        }
    }
}

/// Loads a dataset from the first of its manifest's sources that has it, and keeps the cache up to date.
///
/// A source that is not there, and a cache that is damaged or stale, is passed over with a note; a file that is there
/// but wrong is an error. Bars from a file or a provider are written to the cache if the manifest names it as a source;
/// a cache that cannot be written is a note too.
///
/// # Errors
/// [`MarketDataError::Unavailable`] naming everything that was tried, [`MarketDataError::WrongContent`] if the bars
/// do not have the manifest's `expected_hash`, and whatever is wrong with the file.
pub fn load_dataset(manifest: &Manifest, sources: &Sources) -> Result<Dataset, MarketDataError> {
    load_with(manifest, sources, None)
}

/// Loads or, over a network, fetches.
pub(crate) fn load_with(
    manifest: &Manifest,
    sources: &Sources,
    network: Option<&Network>,
) -> Result<Dataset, MarketDataError> {
    let mut tried = Vec::new();
    for kind in manifest.sources() {
        let found = match (kind, network) {
            (SourceKind::Cache, Some(_)) if manifest.is_remote() => None,
            (SourceKind::Cache, _) => from_cache(manifest, sources, &mut tried),
            (SourceKind::File, _) => from_data_dir(manifest, sources, &mut tried)?,
            (SourceKind::Provider, Some(network)) if manifest.is_remote() => {
                fetch::from_remote(manifest, sources, network, &mut tried)?
            }
            (SourceKind::Provider, _) => from_provider(manifest, &mut tried)?,
        };
        if let Some(mut dataset) = found {
            dataset.notes.splice(0..0, tried.into_iter().filter(|t| t.is_fault).map(|t| t.reason));
            let keeps = manifest.sources().contains(&SourceKind::Cache) && !manifest.is_remote();
            if dataset.origin != Origin::Cache && keeps {
                refresh_cache(manifest, sources, &mut dataset);
            }
            return Ok(dataset);
        }
    }
    let tried = tried.into_iter().map(|t| t.reason).collect();
    Err(MarketDataError::Unavailable { dataset: manifest.name().to_owned(), tried, cure: cure(manifest) })
}

/// A source that did not give the bars.
pub(crate) struct Tried {
    pub(crate) reason: String,
    /// Whether something is broken, rather than just not there.
    pub(crate) is_fault: bool,
}

impl Tried {
    fn absent(reason: String) -> Tried {
        Tried { reason, is_fault: false }
    }

    pub(crate) fn fault(error: impl std::fmt::Display) -> Tried {
        Tried { reason: error.to_string(), is_fault: true }
    }
}

fn cure(manifest: &Manifest) -> String {
    match manifest.file() {
        Some(file) => format!(
            "name the folder that holds {file} with --data-dir or PAVLOV_DATA_DIR, \
             or import the file with `cargo xtask data import <file>`"
        ),
        None if manifest.is_remote() => {
            format!("fetch it with `cargo xtask data fetch {}` where the provider can be reached", manifest.name())
        }
        None => "check the provider in its manifest".to_owned(),
    }
}

fn from_cache(manifest: &Manifest, sources: &Sources, tried: &mut Vec<Tried>) -> Option<Dataset> {
    let Some(dir) = &sources.cache_dir else {
        tried.push(Tried::absent("no cache folder is set".to_owned()));
        return None;
    };
    match cache::load(sources.disk.as_ref(), dir, manifest) {
        Ok(Some(cached)) => {
            let provenance = Provenance::new(manifest, cached.stamp, &cached.bars, cached.cleaning);
            Some(Dataset { bars: cached.bars, origin: Origin::Cache, hash: cached.hash, provenance, notes: Vec::new() })
        }
        Ok(None) => {
            tried.push(Tried::absent(format!(
                "nothing cached in {}",
                cache::commit_path(dir, manifest.name()).display()
            )));
            None
        }
        Err(error) => {
            tried.push(Tried::fault(error));
            None
        }
    }
}

fn from_data_dir(
    manifest: &Manifest,
    sources: &Sources,
    tried: &mut Vec<Tried>,
) -> Result<Option<Dataset>, MarketDataError> {
    let Some(file) = manifest.file() else { return Ok(None) };
    let Some(dir) = &sources.data_dir else {
        tried.push(Tried::absent(format!("no data folder is set to look for {file} in")));
        return Ok(None);
    };
    let path = dir.join(file);
    match sources.disk.read(&path) {
        Ok(bytes) => from_csv(manifest, &path, &bytes).map(Some),
        Err(error) => {
            let reason = format!("cannot read {}: {error}", path.display());
            tried.push(Tried { reason, is_fault: error.kind() != io::ErrorKind::NotFound });
            Ok(None)
        }
    }
}

/// Reads a CSV file as the manifest says; the result has the expected content.
pub(crate) fn from_csv(manifest: &Manifest, path: &Path, bytes: &[u8]) -> Result<Dataset, MarketDataError> {
    let Some(layout) = &manifest.recipe().file else {
        let (dataset, tried) = (manifest.name().to_owned(), vec!["its manifest has no [file]".to_owned()]);
        return Err(MarketDataError::Unavailable {
            dataset,
            tried,
            cure: "load it, there is nothing to import".to_owned(),
        });
    };
    let (bars, cleaning) = csv_file::read_bars(path, bytes, layout, manifest.recipe())?;
    accept(manifest, bars, cleaning, layout.stamp, Origin::File(path.to_owned()))
}

fn from_provider(manifest: &Manifest, tried: &mut Vec<Tried>) -> Result<Option<Dataset>, MarketDataError> {
    let (Some((name, provider)), Some(span)) = (manifest.provider(), manifest.span()) else { return Ok(None) };
    match provided(manifest, (name, provider), span, None) {
        Err(MarketDataError::Offline { .. }) => {
            tried.push(Tried::absent(format!("provider {name} is asked by `cargo xtask data fetch` only")));
            Ok(None)
        }
        Err(error) => Err(error),
        Ok((bars, cleaning)) => {
            accept(manifest, bars, cleaning, Stamp::Close, Origin::Provider(name.to_owned())).map(Some)
        }
    }
}

/// The bars of a span as a provider gives them, validated.
pub(crate) fn provided(
    manifest: &Manifest,
    (name, provider): (&str, &dyn Provider),
    span: Span,
    network: Option<&Network>,
) -> Result<(Bars, Cleaning), MarketDataError> {
    let (symbol, interval_ns) = (manifest.symbol(), manifest.interval_ns());
    let request = Request { symbol, interval_ns, adjustment: manifest.adjustment(), span };
    let fetched = provider.fetch(&request, network)?;
    let extras = fetched.extras.map(|extras| [extras.vwap, extras.trades].map(Float64Array::from));
    let bars = Bars::from_columns(symbol, interval_ns, fetched.columns)?.with_extras(extras)?;
    let place = |row| Place::Row { of: format!("provider {name}"), row };
    let (bars, kept) = bars.checked(manifest.recipe().policy(), &place)?;
    let cleaning =
        Cleaning { inconsistent_kept: kept.inconsistent, non_positive_kept: kept.non_positive, ..fetched.cleaning };
    Ok((bars, cleaning))
}

/// A dataset, if there are bars and they are the expected ones.
pub(crate) fn accept(
    manifest: &Manifest,
    bars: Bars,
    cleaning: Cleaning,
    stamp: Stamp,
    origin: Origin,
) -> Result<Dataset, MarketDataError> {
    let dataset = manifest.name().to_owned();
    if bars.is_empty() {
        return Err(MarketDataError::Empty { dataset, origin: origin.to_string(), rows: cleaning.outside_span });
    }
    let hash = bars.content_hash();
    if let Some(expected) = manifest.expected_hash().filter(|expected| *expected != hash) {
        return Err(MarketDataError::WrongContent { dataset, origin: origin.to_string(), expected, got: hash });
    }
    let provenance = Provenance::new(manifest, stamp, &bars, cleaning);
    Ok(Dataset { bars, origin, hash, provenance, notes: Vec::new() })
}

fn refresh_cache(manifest: &Manifest, sources: &Sources, dataset: &mut Dataset) {
    let Some(dir) = &sources.cache_dir else { return };
    if let Err(error) = cache::store(sources.disk.as_ref(), dir, manifest, &dataset.bars, &dataset.provenance, None) {
        dataset.notes.push(format!("the cache is not written: {error}"));
    }
}
