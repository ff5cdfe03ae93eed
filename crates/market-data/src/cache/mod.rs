//! The cache of a dataset: immutable Parquet segments under one manifest, the rename of which commits.
//!
//! `<cache folder>/<dataset>/manifest.json` names the segments `<content hash>.parquet` beside it, in rising time. One
//! segment holds one fetch, not one month: history comes in one piece, a later fetch adds a piece behind it, and
//! neither rewrites a file or pays the fixed cost of many small ones. Of bars that come over a network the manifest
//! keeps which span is covered, so that only what is missing is asked for.
//!
//! Nothing is decoded before its hash is verified, because damaged Parquet mostly decodes to wrong numbers without an
//! error; after decoding, bars are validated anew. `data verify` also takes the content hash anew and compares it with
//! the manifest's.

mod columns;
mod record;
mod segment;

use std::io;
use std::path::{Path, PathBuf};

use pavlov_store::{Disk, Hash, LockGuard, StoreError, read, read_verified, sweep_temps, write_atomic};

use crate::time::rows_between;
use crate::{Cleaning, Manifest, MarketDataError, Place, Provenance, Span, Stamp};
use columns::Arrays;
pub(crate) use columns::{Columns, bars_of};
pub(crate) use record::Coverage;
use record::{CacheRecord, SCHEMA_VERSION, Segment};

/// What a verified cache holds.
#[derive(Debug)]
pub(crate) struct Cached<T> {
    pub(crate) content: T,
    pub(crate) hash: Hash,
    pub(crate) stamp: Stamp,
    pub(crate) cleaning: Cleaning,
}

/// Everything in a verified cache that grows, also what lies outside the manifest's span.
#[derive(Debug)]
pub(crate) struct Held<T> {
    pub(crate) cached: Cached<T>,
    pub(crate) coverage: Coverage,
    segments: Vec<Segment>,
}

/// Some columns of the bars of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScannedColumns {
    /// Close stamps, UTC ns.
    pub times: Vec<i64>,
    /// The columns in the order in which they were asked for.
    pub values: Vec<Vec<f64>>,
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
///
/// Its hash is that of the record: the record and every segment have been verified by their own hashes, and hashing the
/// content again would take as long as reading it. Only a part of what is cached is hashed anew.
pub(crate) fn load<T: Columns>(
    disk: &dyn Disk,
    cache_dir: &Path,
    manifest: &Manifest,
) -> Result<Option<Cached<T>>, MarketDataError> {
    let path = commit_path(cache_dir, manifest.name());
    let Some(record) = fresh_record(disk, &path, manifest)? else { return Ok(None) };
    let (true, Some(span)) = (manifest.is_remote(), manifest.span()) else {
        return load_all(disk, &path, &record, manifest).map(Some);
    };
    if !record.coverage.is_some_and(|coverage| coverage.holds(span)) {
        let (dataset, covered) = (manifest.name().to_owned(), record.coverage.map_or(span, |c| c.covered));
        return Err(MarketDataError::CachePart { path, dataset, covered, span });
    }
    let arrays = read_segments::<T>(disk, &path, &record)?;
    let part = arrays.slice(rows_between(arrays.times.values(), span.from_ns, span.to_ns, manifest.interval_ns()));
    let is_whole = part.len() == arrays.len();
    let cached = checked::<T>(&path, &record, manifest, part)?;
    let hash = if is_whole { cached.hash } else { cached.content.content_hash() };
    check_expected(&path, manifest, hash)?;
    Ok(Some(Cached { hash, ..cached }))
}

/// Reads everything cached of a dataset, also what lies outside its span, and hashes the content too; `None` if it was
/// never cached.
pub(crate) fn load_whole<T: Columns>(
    disk: &dyn Disk,
    dir: &Path,
    manifest: &Manifest,
) -> Result<Option<Cached<T>>, MarketDataError> {
    let path = commit_path(dir, manifest.name());
    let Some(record) = fresh_record(disk, &path, manifest)? else { return Ok(None) };
    let cached = load_all::<T>(disk, &path, &record, manifest)?;
    let hash = cached.content.content_hash();
    if hash != record.content_hash {
        let problem = format!("the content has hash {hash}, expected {}", record.content_hash);
        return Err(MarketDataError::damaged(&path, problem));
    }
    Ok(Some(cached))
}

/// Everything that is cached of a remote provider's dataset; `None` if nothing is or it does not say what it covers.
pub(crate) fn load_held<T: Columns>(
    disk: &dyn Disk,
    dir: &Path,
    manifest: &Manifest,
) -> Result<Option<Held<T>>, MarketDataError> {
    let path = commit_path(dir, manifest.name());
    let Some(record) = fresh_record(disk, &path, manifest)? else { return Ok(None) };
    let Some(coverage) = record.coverage else { return Ok(None) };
    let cached = load_all(disk, &path, &record, manifest)?;
    Ok(Some(Held { cached, coverage, segments: record.segments }))
}

/// Reads some columns (`open`, `high`, `low`, `close`, `volume`, and `vwap`, `trades` where there are any) of the bars
/// that close in a span; segments outside it are not touched, other columns not decoded. `None` if nothing is cached.
///
/// # Errors
/// A cache that is damaged or stale, or does not have a column.
pub fn scan(
    disk: &dyn Disk,
    cache_dir: &Path,
    manifest: &Manifest,
    columns: &[&str],
    closes: Span,
) -> Result<Option<ScannedColumns>, MarketDataError> {
    let path = commit_path(cache_dir, manifest.name());
    let Some(record) = fresh_record(disk, &path, manifest)? else { return Ok(None) };
    let mut all = ScannedColumns { times: Vec::new(), values: vec![Vec::new(); columns.len()] };
    for segment in record.segments.iter().filter(|segment| segment.meets(closes)) {
        let path = path.with_file_name(segment.file_name());
        let part = segment::decode_part(segment_bytes(disk, &path, segment)?, columns, closes.from_ns..closes.to_ns);
        let part = part.map_err(|problem| MarketDataError::damaged(&path, problem))?;
        all.times.extend(part.times);
        all.values.iter_mut().zip(part.values).for_each(|(all, values)| all.extend(values));
    }
    Ok(Some(all))
}

/// The record if the dataset was committed from this manifest.
fn fresh_record(disk: &dyn Disk, path: &Path, manifest: &Manifest) -> Result<Option<CacheRecord>, MarketDataError> {
    let Some(record) = load_record(disk, path)? else { return Ok(None) };
    check_fresh(path, &record, manifest)?;
    Ok(Some(record))
}

fn load_all<T: Columns>(
    disk: &dyn Disk,
    path: &Path,
    record: &CacheRecord,
    manifest: &Manifest,
) -> Result<Cached<T>, MarketDataError> {
    checked(path, record, manifest, read_segments::<T>(disk, path, record)?)
}

/// The columns of all segments, each verified by its hash.
fn read_segments<T: Columns>(disk: &dyn Disk, path: &Path, record: &CacheRecord) -> Result<Arrays, MarketDataError> {
    let load = |segment: &Segment| load_segment::<T>(disk, &path.with_file_name(segment.file_name()), segment);
    let pieces = record.segments.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    Arrays::joined(&pieces).map_err(|error| MarketDataError::damaged(path, error))
}

/// Validated content with the record's hash.
fn checked<T: Columns>(
    path: &Path,
    record: &CacheRecord,
    manifest: &Manifest,
    arrays: Arrays,
) -> Result<Cached<T>, MarketDataError> {
    let place = |row| Place::Row { of: path.with_file_name("").display().to_string(), row };
    let content = T::from_arrays(manifest, arrays, &place)?;
    let Provenance { stamp, cleaning, .. } = record.provenance;
    Ok(Cached { content, hash: record.content_hash, stamp, cleaning })
}

/// Neighbouring pieces of one dataset as one, validated.
pub(crate) fn joined<T: Columns>(manifest: &Manifest, pieces: &[&T]) -> Result<T, MarketDataError> {
    let arrays: Vec<Arrays> = pieces.iter().map(|piece| piece.arrays()).collect();
    let arrays = Arrays::joined(&arrays)
        .map_err(|source| MarketDataError::Encode { dataset: manifest.name().to_owned(), source: source.into() })?;
    T::from_arrays(manifest, arrays, &|row| Place::Row { of: manifest.symbol().to_owned(), row })
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
    if record.recipe != manifest.cache_key() {
        return stale("it was made from another version of the manifest".to_owned());
    }
    if manifest.is_remote() { Ok(()) } else { check_expected(path, manifest, record.content_hash) }
}

fn check_expected(path: &Path, manifest: &Manifest, got: Hash) -> Result<(), MarketDataError> {
    match manifest.expected_hash() {
        Some(expected) if expected != got => {
            let problem = format!("it has content hash {got}, the manifest expects {expected}");
            Err(MarketDataError::CacheStale { path: path.to_owned(), problem })
        }
        _ => Ok(()),
    }
}

fn segment_bytes(disk: &dyn Disk, path: &Path, segment: &Segment) -> Result<Vec<u8>, MarketDataError> {
    read_verified(disk, path, &segment.hash).map_err(|error| MarketDataError::damaged(path, error))
}

fn load_segment<T: Columns>(disk: &dyn Disk, path: &Path, segment: &Segment) -> Result<Arrays, MarketDataError> {
    let arrays = segment::decode::<T>(segment_bytes(disk, path, segment)?);
    let arrays = arrays.map_err(|problem| MarketDataError::damaged(path, problem))?;
    if arrays.len() == segment.rows {
        Ok(arrays)
    } else {
        Err(MarketDataError::damaged(path, format!("{} rows, expected {}", arrays.len(), segment.rows)))
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
    coverage: Option<Coverage>,
) -> Result<(), MarketDataError> {
    let dir = folder(cache_dir, manifest.name());
    let _guard = lock(disk, &dir)?;
    let segments = vec![write_segment(disk, &dir, manifest, content)?];
    commit(disk, &dir, manifest, content.content_hash(), provenance, coverage, segments)
}

/// Commits what is cached with content before and behind it; only that is written. `joined` is all of it.
pub(crate) fn extend<T: Columns>(
    disk: &dyn Disk,
    cache_dir: &Path,
    manifest: &Manifest,
    held: Held<T>,
    [before, behind]: [&T; 2],
    joined: (&T, &Provenance),
    coverage: Coverage,
) -> Result<(), MarketDataError> {
    let dir = folder(cache_dir, manifest.name());
    let _guard = lock(disk, &dir)?;
    let present = load_record(disk, &record_path(&dir))?;
    if present.is_none_or(|record| record.segments != held.segments) {
        return Err(MarketDataError::CacheBusy { dir });
    }
    let write = |end: &T| -> Result<Option<Segment>, MarketDataError> {
        if end.arrays().len() == 0 { Ok(None) } else { write_segment(disk, &dir, manifest, end).map(Some) }
    };
    let (before, behind) = (write(before)?, write(behind)?);
    let segments = before.into_iter().chain(held.segments).chain(behind).collect();
    let (content, provenance) = joined;
    commit(disk, &dir, manifest, content.content_hash(), provenance, Some(coverage), segments)
}

fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn LockGuard>, MarketDataError> {
    disk.create_dir_all(dir).map_err(|source| StoreError::Io {
        operation: "create the folder",
        path: dir.to_owned(),
        source,
    })?;
    let lock = dir.join(".lock");
    disk.lock(&lock).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => MarketDataError::CacheBusy { dir: dir.to_owned() },
        _ => StoreError::Io { operation: "lock", path: lock.clone(), source }.into(),
    })
}

fn write_segment<T: Columns>(
    disk: &dyn Disk,
    dir: &Path,
    manifest: &Manifest,
    content: &T,
) -> Result<Segment, MarketDataError> {
    let arrays = content.arrays();
    let bytes = segment::encode::<T>(&arrays)
        .map_err(|source| MarketDataError::Encode { dataset: manifest.name().to_owned(), source })?;
    let segment = Segment { hash: Hash::of(&bytes), rows: arrays.len(), closes: arrays.closes() };
    write_atomic(disk, &dir.join(segment.file_name()), &bytes)?;
    Ok(segment)
}

fn commit(
    disk: &dyn Disk,
    dir: &Path,
    manifest: &Manifest,
    content_hash: Hash,
    provenance: &Provenance,
    coverage: Option<Coverage>,
    segments: Vec<Segment>,
) -> Result<(), MarketDataError> {
    let record = CacheRecord {
        schema_version: SCHEMA_VERSION,
        recipe: manifest.cache_key(),
        content_hash,
        provenance: provenance.clone(),
        coverage,
        segments,
    };
    write_atomic(disk, &record_path(dir), &record.encode())?;
    remove_unreferenced(disk, dir, &record)
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
