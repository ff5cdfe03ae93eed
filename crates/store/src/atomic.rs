//! The one way to make a file durable, and the one way to read it back.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::disk::folder_of;
use crate::error::failed;
use crate::{Disk, Hash, StoreError};

/// The end of the name of every temporary file: what is left of a write that did not finish.
pub const TEMP_SUFFIX: &str = ".pavlov-tmp";

/// Writes a file so that any crash leaves the old content or the new one, and returns the content's hash.
///
/// The bytes go to a temporary file in the same folder, which is synced, renamed over `path`, and made durable by
/// syncing the folder. When the function returns, the new content survives a power loss.
///
/// # Errors
/// [`StoreError::Io`] naming `path` and the step; the temporary file is removed. If only the last step failed, the new
/// content may already be visible.
pub fn write_atomic(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<Hash, StoreError> {
    let temp = temp_beside(path);
    let written = write_synced(disk, &temp, path, bytes);
    if written.is_err() {
        let _ = disk.remove(&temp);
    }
    written.map(|()| Hash::of(bytes))
}

fn write_synced(disk: &dyn Disk, temp: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    disk.write_new(temp, bytes).map_err(failed("write", path))?;
    disk.sync_file(temp).map_err(failed("sync", path))?;
    disk.rename(temp, path).map_err(failed("rename a temporary file to", path))?;
    disk.sync_dir(folder_of(path)).map_err(failed("sync the folder of", path))
}

/// Cuts a log to `at` bytes, writes `bytes` there durably and returns the new length.
///
/// `at` is the length that the last commit recorded: whatever an interrupted run left behind it is replaced. A crash
/// may leave a part of `bytes` behind `at`; the bytes before it are never touched.
///
/// # Errors
/// [`StoreError::Io`] naming `path`; also if the log is shorter than `at`.
pub fn append_durable(disk: &dyn Disk, path: &Path, at: u64, bytes: &[u8]) -> Result<u64, StoreError> {
    disk.append(path, at, bytes).map_err(failed("append to", path))?;
    disk.sync_file(path).map_err(failed("sync", path))?;
    if at == 0 {
        disk.sync_dir(folder_of(path)).map_err(failed("sync the folder of", path))?;
    }
    Ok(at + bytes.len() as u64)
}

/// Reads a whole file.
///
/// # Errors
/// [`StoreError::Io`] naming `path`.
pub fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, StoreError> {
    disk.read(path).map_err(failed("read", path))
}

/// Reads a file and returns its bytes only if they have the expected hash, so that no decoder ever sees damage.
///
/// # Errors
/// [`StoreError::Damaged`] with both hashes, or [`StoreError::Io`].
pub fn read_verified(disk: &dyn Disk, path: &Path, expected: &Hash) -> Result<Vec<u8>, StoreError> {
    let bytes = read(disk, path)?;
    let got = Hash::of(&bytes);
    if got == *expected {
        Ok(bytes)
    } else {
        Err(StoreError::Damaged { path: path.to_owned(), expected: *expected, got })
    }
}

/// Creates a folder and its missing parents, durably; an existing folder is left as it is.
///
/// # Errors
/// [`StoreError::Io`] naming `dir`.
pub fn create_dir_all(disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
    disk.create_dir_all(dir).map_err(failed("create the folder", dir))
}

/// Removes the temporary files that interrupted writes left in a folder; a missing folder has none.
///
/// Call it only where no other writer is at work, as in a locked run folder: it would take that writer's file away.
///
/// # Errors
/// [`StoreError::Io`] naming the folder or the file.
pub fn sweep_temps(disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
    for path in list_if_folder(disk, dir)?.iter().filter(|path| is_temp(path)) {
        disk.remove(path).map_err(failed("remove", path))?;
    }
    Ok(())
}

/// What a folder holds; nothing if there is no such folder.
pub(crate) fn list_if_folder(disk: &dyn Disk, dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match disk.list(dir) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        listed => listed.map_err(failed("list", dir)),
    }
}

pub(crate) fn is_temp(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(TEMP_SUFFIX.as_bytes()))
}

/// A name in the same folder that no other writer alive uses: `<name>.<process>-<count>.pavlov-tmp`.
fn temp_beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(format!(".{}-{count}{TEMP_SUFFIX}", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsDisk;

    #[test]
    fn a_written_file_reads_back_and_leaves_no_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan.toml");
        write_atomic(&OsDisk, &path, b"old").unwrap();
        let hash = write_atomic(&OsDisk, &path, b"new").unwrap();
        assert_eq!(read_verified(&OsDisk, &path, &hash).unwrap(), b"new");
        assert_eq!(OsDisk.list(dir.path()).unwrap(), [path]);
    }

    #[test]
    fn wrong_bytes_are_refused_with_both_hashes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bars.parquet");
        let promised = write_atomic(&OsDisk, &path, b"bars").unwrap();
        let actual = write_atomic(&OsDisk, &path, b"Bars").unwrap();
        let error = read_verified(&OsDisk, &path, &promised).unwrap_err();
        assert!(
            matches!(error, StoreError::Damaged { path: p, expected, got } if p == path && expected == promised && got == actual)
        );
    }

    #[test]
    fn a_failed_write_names_the_target_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("folder");
        OsDisk.create_dir_all(&target.join("child")).unwrap();
        let error = write_atomic(&OsDisk, &target, b"bytes").unwrap_err();
        assert!(matches!(&error, StoreError::Io { path, .. } if *path == target), "{error}");
        assert_eq!(OsDisk.list(dir.path()).unwrap(), [target]);
    }

    #[test]
    fn sweeping_removes_temporary_files_only() {
        let dir = tempfile::tempdir().unwrap();
        let keep = dir.path().join("plan.toml");
        OsDisk.write_new(&keep, b"plan").unwrap();
        OsDisk.write_new(&temp_beside(&keep), b"pl").unwrap();
        sweep_temps(&OsDisk, dir.path()).unwrap();
        assert_eq!(OsDisk.list(dir.path()).unwrap(), [keep]);
        sweep_temps(&OsDisk, &dir.path().join("none")).unwrap();
    }

    #[test]
    fn two_writers_of_one_file_use_two_temporary_files() {
        assert_ne!(temp_beside(Path::new("a")), temp_beside(Path::new("a")));
    }
}
