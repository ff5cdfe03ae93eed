//! Takes a file into the cache.

use std::path::Path;

use pavlov_store::{Disk, Hash, read};

use crate::inventory::manifests;
use crate::{Manifest, MarketDataError, Provenance, cache, dataset};

/// What an import put into the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportSummary {
    /// The dataset.
    pub dataset: String,
    /// [`crate::Bars::content_hash`].
    pub hash: Hash,
    /// What was read and what was done to it.
    pub provenance: Provenance,
}

/// Reads a CSV file as a manifest says and commits its bars to the cache folder `out`.
///
/// # Errors
/// Whatever is wrong with the file, [`MarketDataError::WrongContent`] if it is not the expected one, or a failed
/// write; the cache is then as it was.
pub fn import(file: &Path, manifest: &Manifest, out: &Path, disk: &dyn Disk) -> Result<ImportSummary, MarketDataError> {
    let bytes = read(disk, file)?;
    let read = dataset::from_csv(manifest, file, &bytes)?;
    cache::store(disk, out, manifest, &read.bars, &read.provenance, None)?;
    Ok(ImportSummary { dataset: manifest.name().to_owned(), hash: read.hash, provenance: read.provenance })
}

/// The manifest of a folder with a name, or else the one whose file has the name of `file`.
///
/// # Errors
/// [`MarketDataError::UnknownDataset`] with all there are, or whatever is wrong with a manifest.
pub fn manifest_for(
    file: &Path,
    name: Option<&str>,
    datasets_dir: &Path,
    disk: &dyn Disk,
) -> Result<Manifest, MarketDataError> {
    let all = manifests(datasets_dir, disk)?;
    let file_name =
        |manifest: &Manifest| manifest.file().and_then(|path| Path::new(path).file_name().map(ToOwned::to_owned));
    let fits = |manifest: &&Manifest| match name {
        Some(name) => manifest.name() == name,
        None => file.file_name().is_some_and(|asked| file_name(manifest).as_deref() == Some(asked)),
    };
    if let Some(manifest) = all.iter().find(fits) {
        return Ok(manifest.clone());
    }
    let asked = name.map_or_else(|| format!("the file {}", file.display()), |name| format!("the name {name}"));
    let known = all.iter().filter_map(|m| m.file().map(|file| format!("{} ({file})", m.name()))).collect();
    Err(MarketDataError::UnknownDataset { asked, known })
}
