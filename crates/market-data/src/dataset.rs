//! From a manifest to bars or a series: the first source that has them.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::Float64Array;
use pavlov_store::{Disk, Hash};

use crate::cache::{self, Columns};
use crate::csv_file::{self, CsvLayout, Read, Source};
use crate::network::Network;
use crate::provider::{Fetched, Provider, Request};
use crate::resample::resample;
use crate::{
    Adjustment, BarColumns, Bars, Cleaning, Kind, Manifest, MarketDataError, Place, Provenance, ReadAs, Resampling,
    Series, SourceKind, Span, Stamp, fetch,
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
    /// How the file was understood, if they came from one this time.
    pub read_as: Option<ReadAs>,
    /// What went wrong on the way and was helped, for the log: a damaged cache, a cache that cannot be written.
    pub notes: Vec<String>,
}

/// A series and where it comes from; the fields are those of [`Dataset`].
#[derive(Clone, Debug)]
pub struct SeriesDataset {
    /// The series.
    pub series: Series,
    /// Which source gave it this time.
    pub origin: Origin,
    /// [`Series::content_hash`].
    pub hash: Hash,
    /// Its history, the same whatever the origin.
    pub provenance: Provenance,
    /// How the file was understood, if it came from one this time.
    pub read_as: Option<ReadAs>,
    /// What went wrong on the way and was helped.
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

/// Loads bars from the first of their manifest's sources that has them, and keeps the cache up to date.
///
/// A source that is not there, and a cache that is damaged or stale, is passed over with a note; a file that is there
/// but wrong is an error. Bars from a file or a provider are written to the cache if the manifest names it as a source;
/// a cache that cannot be written is a note too.
///
/// # Errors
/// [`MarketDataError::Unavailable`] naming everything that was tried, [`MarketDataError::WrongContent`] if the bars
/// do not have the manifest's `expected_hash`, [`MarketDataError::WrongKind`] if it describes a series, and whatever
/// is wrong with the file.
pub fn load_dataset(manifest: &Manifest, sources: &Sources) -> Result<Dataset, MarketDataError> {
    load(manifest, sources, None).map(Dataset::from)
}

/// Reads bars from any file in the format of the manifest's; its span and its expected hash do not apply, and no cache is
/// read or written.
///
/// # Errors
/// [`MarketDataError::Unavailable`] if the manifest describes no file, [`MarketDataError::WrongKind`] if it describes a
/// series, and whatever is wrong with the file.
pub fn bars_of_file(manifest: &Manifest, file: &Path, disk: &dyn Disk) -> Result<Dataset, MarketDataError> {
    if manifest.kind() != Kind::Bars {
        return Err(MarketDataError::WrongKind { dataset: manifest.name().to_owned(), kind: manifest.kind() });
    }
    if manifest.file().is_none() {
        let (dataset, tried) = (manifest.name().to_owned(), vec!["its manifest has no [file]".to_owned()]);
        let cure = format!("without one, nothing says how to read {}", file.display());
        return Err(MarketDataError::Unavailable { dataset, tried, cure });
    }
    let bytes = pavlov_store::read(disk, file)?;
    from_csv(&manifest.of_any_content(), file, &bytes).map(Dataset::from)
}

impl From<Found<Series>> for SeriesDataset {
    fn from(found: Found<Series>) -> SeriesDataset {
        let Found { content: series, origin, hash, provenance, read_as, notes } = found;
        SeriesDataset { series, origin, hash, provenance, read_as, notes }
    }
}

impl From<Found<Bars>> for Dataset {
    fn from(found: Found<Bars>) -> Dataset {
        let Found { content: bars, origin, hash, provenance, read_as, notes } = found;
        Dataset { bars, origin, hash, provenance, read_as, notes }
    }
}

/// Loads a series as [`load_dataset`] loads bars.
///
/// # Errors
/// Those of [`load_dataset`]; [`MarketDataError::WrongKind`] if the manifest describes bars.
pub fn load_series(manifest: &Manifest, sources: &Sources) -> Result<SeriesDataset, MarketDataError> {
    load(manifest, sources, None).map(SeriesDataset::from)
}

/// Bars or a series with their history.
pub(crate) struct Found<T> {
    pub(crate) content: T,
    pub(crate) origin: Origin,
    pub(crate) hash: Hash,
    pub(crate) provenance: Provenance,
    pub(crate) read_as: Option<ReadAs>,
    pub(crate) notes: Vec<String>,
}

/// What a manifest can describe.
pub(crate) trait Content: Columns {
    const KIND: Kind;

    fn read(source: Source<'_>, layout: &CsvLayout, manifest: &Manifest) -> Result<Read<Self>, MarketDataError>;

    /// Validates what a provider gave; the counts are those of what was kept in spite of a fault.
    fn from_fetched(
        fetched: Fetched,
        manifest: &Manifest,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<(Self, Cleaning), MarketDataError>;

    /// Some rows.
    fn slice(&self, rows: Range<usize>) -> Self;

    /// What is compared of the row with this stamp, to find out whether its source has rewritten it.
    fn fingerprint(&self, time_ns: i64) -> Option<[f64; 4]>;

    /// When each row is known, UTC ns.
    fn times(&self) -> &[i64];

    /// Refuses prices that are adjusted in part, unless the manifest allows it by name.
    fn check_adjustment(&self, manifest: &Manifest, origin: &Origin) -> Result<(), MarketDataError>;

    /// The coarser bars that the manifest asks for, if it does.
    fn resampled(self, manifest: &Manifest) -> Result<(Self, Option<Resampling>), MarketDataError>;
}

impl Content for Bars {
    const KIND: Kind = Kind::Bars;

    fn read(source: Source<'_>, layout: &CsvLayout, manifest: &Manifest) -> Result<Read<Bars>, MarketDataError> {
        csv_file::read_bars(source, layout, manifest.recipe(), manifest.adjustment())
    }

    fn from_fetched(
        fetched: Fetched,
        manifest: &Manifest,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<(Bars, Cleaning), MarketDataError> {
        let extras = fetched.extras.map(|extras| [extras.vwap, extras.trades].map(Float64Array::from));
        let bars = Bars::from_columns(manifest.symbol(), manifest.recipe().interval_ns(), fetched.columns)?;
        let (bars, kept) = bars.with_extras(extras)?.checked(manifest.recipe().policy(), place)?;
        let cleaning =
            Cleaning { inconsistent_kept: kept.inconsistent, non_positive_kept: kept.non_positive, ..fetched.cleaning };
        Ok((bars, cleaning))
    }

    fn slice(&self, rows: Range<usize>) -> Bars {
        Bars::slice(self, rows)
    }

    fn fingerprint(&self, time_ns: i64) -> Option<[f64; 4]> {
        let bar = self.bar(Bars::times(self).binary_search(&time_ns).ok()?);
        Some([bar.open, bar.high, bar.low, bar.close])
    }

    fn times(&self) -> &[i64] {
        Bars::times(self)
    }

    /// Dividends only ever lower an adjusted close, so a mixed file has it below many lows and above no high; rounding
    /// and bad ticks go both ways.
    fn check_adjustment(&self, manifest: &Manifest, origin: &Origin) -> Result<(), MarketDataError> {
        let below: Vec<usize> = (0..self.len()).filter(|i| self.close()[*i] < self.low()[*i]).collect();
        let above = (0..self.len()).filter(|i| self.close()[*i] > self.high()[*i]).count();
        let looks_mixed = below.len() * 20 > self.len() && above * 10 < below.len();
        match below.first() {
            Some(first) if looks_mixed && manifest.adjustment() != Adjustment::Mixed => {
                Err(MarketDataError::MixedAdjustment {
                    dataset: manifest.name().to_owned(),
                    origin: origin.to_string(),
                    rows: below.len(),
                    of: self.len(),
                    first: Bars::times(self)[*first],
                })
            }
            _ => Ok(()),
        }
    }

    fn resampled(self, manifest: &Manifest) -> Result<(Bars, Option<Resampling>), MarketDataError> {
        let Some(plan) = manifest.recipe().resampling() else { return Ok((self, None)) };
        let until = Bars::times(&self).last().copied().unwrap_or(i64::MIN);
        let (coarse, report) = resample(&self, &plan, until)?;
        let place = |row| Place::Row { of: format!("{}, resampled", self.symbol()), row };
        let (coarse, _) = coarse.checked(manifest.recipe().policy(), &place)?;
        Ok((coarse, Some(report)))
    }
}

impl Content for Series {
    const KIND: Kind = Kind::Series;

    fn read(source: Source<'_>, layout: &CsvLayout, manifest: &Manifest) -> Result<Read<Series>, MarketDataError> {
        csv_file::read_series(source, layout, manifest.recipe())
    }

    /// The closes, which may have any sign.
    fn from_fetched(
        fetched: Fetched,
        manifest: &Manifest,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<(Series, Cleaning), MarketDataError> {
        let BarColumns { times, close, .. } = fetched.columns;
        let series = Series::checked(manifest.symbol(), manifest.interval_ns(), times, close, place)?;
        Ok((series, fetched.cleaning))
    }

    fn slice(&self, rows: Range<usize>) -> Series {
        Series::slice(self, rows)
    }

    fn fingerprint(&self, time_ns: i64) -> Option<[f64; 4]> {
        let row = self.times_ns().binary_search(&time_ns).ok()?;
        Some([self.values()[row]; 4])
    }

    fn times(&self) -> &[i64] {
        self.times_ns()
    }

    fn check_adjustment(&self, _: &Manifest, _: &Origin) -> Result<(), MarketDataError> {
        Ok(())
    }

    fn resampled(self, _: &Manifest) -> Result<(Series, Option<Resampling>), MarketDataError> {
        Ok((self, None))
    }
}

/// Loads or, over a network, fetches.
pub(crate) fn load<T: Content>(
    manifest: &Manifest,
    sources: &Sources,
    network: Option<&Network>,
) -> Result<Found<T>, MarketDataError> {
    if manifest.kind() != T::KIND {
        return Err(MarketDataError::WrongKind { dataset: manifest.name().to_owned(), kind: manifest.kind() });
    }
    let mut tried = Vec::new();
    for kind in manifest.sources() {
        let found: Option<Found<T>> = match kind {
            // A fetch reads the cache itself, for what lacks there.
            SourceKind::Cache if network.is_some() && manifest.is_remote() => None,
            SourceKind::Cache => from_cache(manifest, sources, &mut tried),
            SourceKind::File => from_data_dir(manifest, sources, &mut tried)?,
            SourceKind::Provider => match network.filter(|_| manifest.is_remote()) {
                Some(network) => fetch::from_remote(manifest, sources, network, &mut tried)?,
                None => from_provider(manifest, &mut tried)?,
            },
        };
        if let Some(mut found) = found {
            if found.origin == Origin::Cache {
                // The mark may have changed since; it is no part of what makes a cache stale.
                found.content.check_adjustment(manifest, &found.origin)?;
            }
            found.notes.splice(0..0, tried.into_iter().filter(|t| t.is_fault).map(|t| t.reason));
            let keeps = manifest.sources().contains(&SourceKind::Cache) && !manifest.is_remote();
            if found.origin != Origin::Cache && keeps {
                refresh_cache(manifest, sources, &mut found);
            }
            return Ok(found);
        }
    }
    let tried = tried.into_iter().map(|t| t.reason).collect();
    Err(MarketDataError::Unavailable { dataset: manifest.name().to_owned(), tried, cure: cure(manifest) })
}

/// A source that did not give the content.
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

fn from_cache<T: Content>(manifest: &Manifest, sources: &Sources, tried: &mut Vec<Tried>) -> Option<Found<T>> {
    let Some(dir) = &sources.cache_dir else {
        tried.push(Tried::absent("no cache folder is set".to_owned()));
        return None;
    };
    match cache::load::<T>(sources.disk.as_ref(), dir, manifest) {
        Ok(Some(cached)) => {
            let provenance = Provenance::new(manifest, cached.stamp, cached.content.times(), cached.cleaning);
            let (content, hash) = (cached.content, cached.hash);
            Some(Found { content, origin: Origin::Cache, hash, provenance, read_as: None, notes: Vec::new() })
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

fn from_data_dir<T: Content>(
    manifest: &Manifest,
    sources: &Sources,
    tried: &mut Vec<Tried>,
) -> Result<Option<Found<T>>, MarketDataError> {
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
pub(crate) fn from_csv<T: Content>(
    manifest: &Manifest,
    path: &Path,
    bytes: &[u8],
) -> Result<Found<T>, MarketDataError> {
    let Some(layout) = &manifest.recipe().file else { return Err(no_file(manifest)) };
    let read = T::read(Source { path, bytes }, layout, manifest)?;
    let origin = Origin::File(path.to_owned());
    let found = accept(manifest, read.content, read.cleaning, layout.stamp, origin)?;
    Ok(Found { read_as: Some(read.read_as), ..found })
}

pub(crate) fn no_file(manifest: &Manifest) -> MarketDataError {
    let (dataset, tried) = (manifest.name().to_owned(), vec!["its manifest has no [file]".to_owned()]);
    MarketDataError::Unavailable { dataset, tried, cure: "load it, there is nothing to import".to_owned() }
}

fn from_provider<T: Content>(manifest: &Manifest, tried: &mut Vec<Tried>) -> Result<Option<Found<T>>, MarketDataError> {
    let (Some((name, provider)), Some(span)) = (manifest.provider(), manifest.span()) else { return Ok(None) };
    match provided(manifest, (name, provider), span, None) {
        Err(MarketDataError::Offline { .. }) => {
            tried.push(Tried::absent(format!("provider {name} is asked by `cargo xtask data fetch` only")));
            Ok(None)
        }
        Err(error) => Err(error),
        Ok((content, cleaning)) => {
            accept(manifest, content, cleaning, Stamp::Close, Origin::Provider(name.to_owned())).map(Some)
        }
    }
}

/// What a provider gives of a span, validated.
pub(crate) fn provided<T: Content>(
    manifest: &Manifest,
    (name, provider): (&str, &dyn Provider),
    span: Span,
    network: Option<&Network>,
) -> Result<(T, Cleaning), MarketDataError> {
    let (symbol, interval_ns) = (manifest.symbol(), manifest.recipe().interval_ns());
    let request = Request { symbol, interval_ns, adjustment: manifest.adjustment(), span };
    let fetched = provider.fetch(&request, network)?;
    T::from_fetched(fetched, manifest, &|row| Place::Row { of: format!("provider {name}"), row })
}

/// The content, if there is any, it is not adjusted in part, and it is the expected one.
pub(crate) fn accept<T: Content>(
    manifest: &Manifest,
    content: T,
    cleaning: Cleaning,
    stamp: Stamp,
    origin: Origin,
) -> Result<Found<T>, MarketDataError> {
    let dataset = manifest.name().to_owned();
    if content.times().is_empty() {
        return Err(MarketDataError::Empty { dataset, origin: origin.to_string(), rows: cleaning.outside_span });
    }
    content.check_adjustment(manifest, &origin)?;
    let (content, resampled) = content.resampled(manifest)?;
    let cleaning = Cleaning { resampled, ..cleaning };
    if content.times().is_empty() {
        let rows = cleaning.rows_read;
        return Err(MarketDataError::NothingWhole { dataset, origin: origin.to_string(), rows });
    }
    let hash = content.content_hash();
    if let Some(expected) = manifest.expected_hash().filter(|expected| *expected != hash) {
        return Err(MarketDataError::WrongContent { dataset, origin: origin.to_string(), expected, got: hash });
    }
    let provenance = Provenance::new(manifest, stamp, content.times(), cleaning);
    Ok(Found { content, origin, hash, provenance, read_as: None, notes: Vec::new() })
}

fn refresh_cache<T: Content>(manifest: &Manifest, sources: &Sources, found: &mut Found<T>) {
    let Some(dir) = &sources.cache_dir else { return };
    let stored = cache::store(sources.disk.as_ref(), dir, manifest, &found.content, &found.provenance, None);
    if let Err(error) = stored {
        found.notes.push(format!("the cache is not written: {error}"));
    }
}
