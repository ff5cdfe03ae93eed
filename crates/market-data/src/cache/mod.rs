//! The cache of a dataset: immutable Parquet segments under one manifest, the rename of which commits.
//!
//! `<cache folder>/<dataset>/manifest.json` names the segments `<content hash>.parquet` beside it, in rising time. One
//! segment holds one fetch, not one month: history comes in one piece, a later fetch adds a piece behind it, and
//! neither rewrites a file or pays the fixed cost of many small ones.
//!
//! Nothing is decoded before its hash is verified, because damaged Parquet mostly decodes to wrong numbers without an
//! error; after decoding, bars are validated anew and must have the content hash of the manifest.

mod record;
mod segment;

use std::io;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use pavlov_store::{Disk, Hash, StoreError, read, read_verified, sweep_temps, write_atomic};

use crate::{Cleaning, Manifest, MarketDataError, Place, Provenance, Stamp};
use record::{CacheRecord, SCHEMA_VERSION, Segment};
pub(crate) use segment::Columns;

/// What a verified cache holds.
#[derive(Debug)]
pub(crate) struct Cached<T> {
    pub(crate) content: T,
    pub(crate) hash: Hash,
    pub(crate) stamp: Stamp,
    pub(crate) cleaning: Cleaning,
}

fn folder(cache_dir: &Path, dataset: &str) -> PathBuf {
    cache_dir.join(dataset)
}

fn record_path(dir: &Path) -> PathBuf {
    dir.join("manifest.json")
}

/// Where a dataset's cache is committed.
pub(crate) fn commit_path(cache_dir: &Path, dataset: &str) -> PathBuf {
    record_path(&folder(cache_dir, dataset))
}

/// Reads and verifies a dataset; `None` if it was never cached.
pub(crate) fn load<T: Columns>(
    disk: &dyn Disk,
    cache_dir: &Path,
    manifest: &Manifest,
) -> Result<Option<Cached<T>>, MarketDataError> {
    let dir = folder(cache_dir, manifest.name());
    let path = record_path(&dir);
    let Some(record) = load_record(disk, &path)? else { return Ok(None) };
    check_fresh(&path, &record, manifest)?;
    let segments = record.segments.iter();
    let batches = segments.map(|segment| load_segment::<T>(disk, &dir, segment)).collect::<Result<Vec<_>, _>>()?;
    let batch = segment::concat::<T>(&batches).map_err(|error| MarketDataError::damaged(&path, error))?;
    let (times, values) =
        segment::columns::<T>(&batch).ok_or_else(|| MarketDataError::damaged(&path, "wrong columns"))?;
    let place = |row| Place::Row { of: dir.display().to_string(), row };
    let content = T::from_columns(manifest, times, values, &place)?;
    let hash = content.content_hash();
    if hash != record.content_hash {
        let problem = format!("the content has hash {hash}, expected {}", record.content_hash);
        return Err(MarketDataError::damaged(&path, problem));
    }
    Ok(Some(Cached { content, hash, stamp: record.provenance.stamp, cleaning: record.provenance.cleaning }))
}

/// The record if the dataset was committed; its hash is verified before it is parsed.
fn load_record(disk: &dyn Disk, path: &Path) -> Result<Option<CacheRecord>, MarketDataError> {
    match read(disk, path) {
        Ok(bytes) => CacheRecord::decode(path, &bytes).map(Some),
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn check_fresh(path: &Path, record: &CacheRecord, manifest: &Manifest) -> Result<(), MarketDataError> {
    let stale = |problem: String| Err(MarketDataError::CacheStale { path: path.to_owned(), problem });
    if record.provenance.dataset != manifest.name() {
        return stale(format!("it holds dataset {}, not {}", record.provenance.dataset, manifest.name()));
    }
    if record.recipe != manifest.recipe().hash() {
        return stale("it was made from another version of the manifest".to_owned());
    }
    match manifest.expected_hash() {
        Some(expected) if expected != record.content_hash => {
            stale(format!("it has content hash {}, the manifest expects {expected}", record.content_hash))
        }
        _ => Ok(()),
    }
}

fn load_segment<T: Columns>(disk: &dyn Disk, dir: &Path, segment: &Segment) -> Result<RecordBatch, MarketDataError> {
    let path = dir.join(segment.file_name());
    let bytes = read_verified(disk, &path, &segment.hash).map_err(|error| MarketDataError::damaged(&path, error))?;
    let batch = segment::decode::<T>(bytes).map_err(|problem| MarketDataError::damaged(&path, problem))?;
    if batch.num_rows() == segment.rows {
        Ok(batch)
    } else {
        Err(MarketDataError::damaged(&path, format!("{} rows, expected {}", batch.num_rows(), segment.rows)))
    }
}

/// Commits bars or a series as the dataset's content, then removes what the commit before left.
///
/// A crash leaves the old commit or the new one. Writers of one dataset exclude each other.
pub(crate) fn store<T: Columns>(
    disk: &dyn Disk,
    cache_dir: &Path,
    manifest: &Manifest,
    content: &T,
    provenance: &Provenance,
) -> Result<(), MarketDataError> {
    let dir = folder(cache_dir, manifest.name());
    disk.create_dir_all(&dir).map_err(|source| StoreError::Io {
        operation: "create the folder",
        path: dir.clone(),
        source,
    })?;
    let lock = dir.join(".lock");
    let _guard = disk.lock(&lock).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => MarketDataError::CacheBusy { dir: dir.clone() },
        _ => StoreError::Io { operation: "lock", path: lock.clone(), source }.into(),
    })?;
    let bytes = segment::encode(content)
        .map_err(|source| MarketDataError::Encode { dataset: manifest.name().to_owned(), source })?;
    let segment = Segment { hash: Hash::of(&bytes), rows: provenance.bars };
    write_atomic(disk, &dir.join(segment.file_name()), &bytes)?;
    let record = CacheRecord {
        schema_version: SCHEMA_VERSION,
        recipe: manifest.recipe().hash(),
        content_hash: content.content_hash(),
        provenance: provenance.clone(),
        segments: vec![segment],
    };
    write_atomic(disk, &record_path(&dir), &record.encode())?;
    remove_unreferenced(disk, &dir, &record)
}

fn remove_unreferenced(disk: &dyn Disk, dir: &Path, record: &CacheRecord) -> Result<(), MarketDataError> {
    sweep_temps(disk, dir)?;
    let kept: Vec<PathBuf> = record.segments.iter().map(|segment| dir.join(segment.file_name())).collect();
    let listed = disk.list(dir).map_err(|source| StoreError::Io { operation: "list", path: dir.to_owned(), source })?;
    for path in listed.iter().filter(|path| path.extension().is_some_and(|e| e == "parquet") && !kept.contains(path)) {
        disk.remove(path).map_err(|source| StoreError::Io { operation: "remove", path: path.clone(), source })?;
    }
    Ok(())
}
