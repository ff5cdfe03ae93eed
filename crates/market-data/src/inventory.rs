//! What datasets there are, and whether their cache is sound.

use std::path::{Path, PathBuf};

use pavlov_store::{Disk, StoreError};

use crate::dataset::Content;
use crate::{Bars, Kind, Manifest, MarketDataError, Provenance, Series, Sources, Span, cache};

/// A manifest and what is at hand of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetStatus {
    /// The dataset.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// What it holds.
    pub kind: Kind,
    /// The span its bars must open in, if the manifest limits it.
    pub span: Option<Span>,
    /// Whether a cache is committed; [`verify`] says whether it is sound.
    pub cached: bool,
    /// The file that the manifest names, if any, and whether it is in the data folder.
    pub file: Option<(PathBuf, bool)>,
    /// The provider that it can be fetched from.
    pub provider: Option<&'static str>,
}

/// The state of one cached dataset.
#[derive(Debug)]
pub struct VerifyResult {
    /// The dataset.
    pub dataset: String,
    /// Its history, or what is wrong with which file.
    pub outcome: Result<Provenance, MarketDataError>,
}

/// Every manifest of a folder, sorted by file name; one that names several symbols counts once for each.
///
/// # Errors
/// A folder that cannot be read, or the first manifest that is wrong.
pub fn manifests(datasets_dir: &Path, disk: &dyn Disk) -> Result<Vec<Manifest>, MarketDataError> {
    let listed = disk.list(datasets_dir);
    let listed =
        listed.map_err(|source| StoreError::Io { operation: "list", path: datasets_dir.to_owned(), source })?;
    let toml = listed.iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut all = Vec::new();
    for path in toml {
        all.extend(Manifest::load_all(disk, path)?);
    }
    Ok(all)
}

/// What is at hand of every dataset of a folder.
///
/// # Errors
/// Those of [`manifests`].
pub fn list(datasets_dir: &Path, sources: &Sources) -> Result<Vec<DatasetStatus>, MarketDataError> {
    let disk = sources.disk.as_ref();
    let status = |manifest: Manifest| {
        let cache = sources.cache_dir.as_ref().map(|dir| cache::commit_path(dir, manifest.name()));
        let file =
            manifest.file().map(|file| sources.data_dir.as_ref().map_or_else(|| file.into(), |dir| dir.join(file)));
        DatasetStatus {
            cached: cache.is_some_and(|path| exists(disk, &path)),
            file: file.map(|path| (path.clone(), sources.data_dir.is_some() && exists(disk, &path))),
            provider: manifest.provider().map(|(name, _)| name),
            name: manifest.name().to_owned(),
            summary: manifest.summary().to_owned(),
            kind: manifest.kind(),
            span: manifest.span(),
        }
    };
    Ok(manifests(datasets_dir, disk)?.into_iter().map(status).collect())
}

/// Verifies every cached dataset of the manifests in a folder: hashes, then content.
///
/// # Errors
/// Those of [`manifests`]; damage is in the results.
pub fn verify(datasets_dir: &Path, cache_dir: &Path, disk: &dyn Disk) -> Result<Vec<VerifyResult>, MarketDataError> {
    let check = |manifest: &Manifest| {
        let outcome = match manifest.kind() {
            Kind::Bars => verify_as::<Bars>(disk, cache_dir, manifest),
            Kind::Series => verify_as::<Series>(disk, cache_dir, manifest),
        };
        Some(VerifyResult { dataset: manifest.name().to_owned(), outcome: outcome.transpose()? })
    };
    Ok(manifests(datasets_dir, disk)?.iter().filter_map(check).collect())
}

fn verify_as<T: Content>(
    disk: &dyn Disk,
    cache_dir: &Path,
    manifest: &Manifest,
) -> Result<Option<Provenance>, MarketDataError> {
    let cached = cache::load_whole::<T>(disk, cache_dir, manifest)?;
    Ok(cached.map(|cached| Provenance::new(manifest, cached.stamp, cached.content.times(), cached.cleaning)))
}

fn exists(disk: &dyn Disk, path: &Path) -> bool {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    disk.list(folder).is_ok_and(|listed| listed.iter().any(|found| found.file_name() == path.file_name()))
}
