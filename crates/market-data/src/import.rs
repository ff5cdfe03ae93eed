//! Takes a file into the cache.

use std::path::Path;

use pavlov_store::{Disk, Hash, read};

use crate::dataset::{self, Content};
use crate::inventory::manifests;
use crate::{Bars, Kind, Manifest, MarketDataError, Provenance, ReadAs, Series, cache};

/// What an import put into the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportSummary {
    /// The dataset.
    pub dataset: String,
    /// The content hash of the bars or the series.
    pub hash: Hash,
    /// What was read and what was done to it.
    pub provenance: Provenance,
    /// How the file was understood.
    pub read_as: ReadAs,
}

/// Reads a CSV file as a manifest says and commits what it holds to the cache folder `out`.
///
/// # Errors
/// Whatever is wrong with the file, [`MarketDataError::WrongContent`] if it is not the expected one, or a failed
/// write; the cache is then as it was.
pub fn import(file: &Path, manifest: &Manifest, out: &Path, disk: &dyn Disk) -> Result<ImportSummary, MarketDataError> {
    match manifest.kind() {
        Kind::Bars => import_as::<Bars>(file, manifest, out, disk),
        Kind::Series => import_as::<Series>(file, manifest, out, disk),
    }
}

fn import_as<T: Content>(
    file: &Path,
    manifest: &Manifest,
    out: &Path,
    disk: &dyn Disk,
) -> Result<ImportSummary, MarketDataError> {
    let bytes = read(disk, file)?;
    let found = dataset::from_csv::<T>(manifest, file, &bytes)?;
    cache::store(disk, out, manifest, &found.content, &found.provenance, None)?;
    Ok(ImportSummary {
        dataset: manifest.name().to_owned(),
        hash: found.hash,
        provenance: found.provenance,
        read_as: found.read_as.unwrap_or_default(),
    })
}

/// The manifest of a folder with a name, or else the one whose file has the name of `file`.
///
/// Of several with such a file, the one whose whole path `file` ends with.
///
/// # Errors
/// [`MarketDataError::UnknownDataset`] with all there are, [`MarketDataError::AmbiguousDataset`] with all that fit, or
/// whatever is wrong with a manifest.
pub fn manifest_for(
    file: &Path,
    name: Option<&str>,
    datasets_dir: &Path,
    disk: &dyn Disk,
) -> Result<Manifest, MarketDataError> {
    let all = manifests(datasets_dir, disk)?;
    let has_file = |manifest: &Manifest| {
        manifest.file().is_some_and(|path| Path::new(path).file_name().is_some_and(|n| file.file_name() == Some(n)))
    };
    let mut fits: Vec<&Manifest> = match name {
        Some(name) => all.iter().filter(|manifest| manifest.name() == name).collect(),
        None => all.iter().filter(|manifest| has_file(manifest)).collect(),
    };
    if fits.len() > 1 {
        let whole = fits.iter().copied().filter(|manifest| manifest.file().is_some_and(|path| file.ends_with(path)));
        let whole: Vec<&Manifest> = whole.collect();
        fits = if whole.is_empty() { fits } else { whole };
    }
    let asked = name.map_or_else(|| format!("the file {}", file.display()), |name| format!("the name {name}"));
    match fits[..] {
        [one] => Ok(one.clone()),
        [] => Err(MarketDataError::UnknownDataset { asked, known: known(&all) }),
        _ => {
            let fits = fits.iter().map(|manifest| manifest.name().to_owned()).collect();
            Err(MarketDataError::AmbiguousDataset { asked, fits })
        }
    }
}

/// The datasets that have a file, of each group the first.
fn known(all: &[Manifest]) -> Vec<String> {
    let group = |manifest: &Manifest| manifest.name().split('/').next().map(str::to_owned);
    let firsts = all.chunk_by(|one, next| group(one) == group(next)).filter_map(<[Manifest]>::first);
    firsts.filter_map(|m| m.file().map(|file| format!("{} ({file})", m.name()))).collect()
}
