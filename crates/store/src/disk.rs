//! The calls that reach a disk, as a trait, and the machine's own disk.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Something that holds a lock until it is dropped.
pub trait LockGuard: Debug + Send + Sync {}

impl<T: Debug + Send + Sync> LockGuard for T {}

/// The few calls through which this workspace reads and writes files.
///
/// No call but `create_dir_all` is durable by itself: bytes survive a power loss after `sync_file`, names (created,
/// renamed, removed) after `sync_dir` of their folder.
pub trait Disk: Send + Sync + Debug {
    /// Reads a whole file.
    ///
    /// # Errors
    /// Those of the operating system, as for every method below.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Creates a file, or empties an existing one, and writes `bytes`.
    ///
    /// # Errors
    /// A failed write may leave a part of the bytes.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to `at` bytes, creating it if it is missing, and writes `bytes` there.
    ///
    /// # Errors
    /// `InvalidInput` if the file is shorter than `at`. A failed write may leave a part of the bytes.
    fn append(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes a file's bytes durable.
    ///
    /// # Errors
    /// After a failure the bytes may be lost although they still read back: write them again.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Renames a file within one file system, replacing `to`.
    ///
    /// # Errors
    /// `NotFound` if `from` is missing.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// `NotFound` if the folder is missing.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound` if it is missing.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Lists the files and folders in a folder, sorted.
    ///
    /// # Errors
    /// `NotFound` if the folder is missing, `NotADirectory` if `dir` is a file.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Creates a folder and its missing parents, durably; an existing folder is left as it is.
    ///
    /// # Errors
    /// `NotADirectory` or `AlreadyExists` if a file is in the way.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on a file, creating it if it is missing; the lock ends with the guard or its process.
    ///
    /// # Errors
    /// `WouldBlock` at once if another holder is alive.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>>;
}

/// The machine's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)?.write_all(bytes)
    }

    fn append(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        let len = file.metadata()?.len();
        if len < at {
            let message = format!("the file has {len} bytes, cannot append at {at}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        file.set_len(at)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        Ok(paths)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        if dir.parent().is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let parent = folder_of(dir);
        self.create_dir_all(parent)?;
        match std::fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !dir.is_dir() => Err(error),
            _ => self.sync_dir(parent),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        file.try_lock()?;
        Ok(Box::new(file))
    }
}

/// The folder that holds `path`; `.` for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn append_cuts_what_follows_and_refuses_a_gap() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        OsDisk.append(&log, 0, b"one two").unwrap();
        OsDisk.append(&log, 4, b"2").unwrap();
        assert_eq!(OsDisk.read(&log).unwrap(), b"one 2");
        assert_eq!(OsDisk.append(&log, 6, b"gap").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(OsDisk.read(&log).unwrap(), b"one 2");
    }

    #[test]
    fn nested_folders_are_created_and_listed_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        OsDisk.create_dir_all(&inner).unwrap();
        OsDisk.create_dir_all(&inner).unwrap();
        for name in ["z", "m", "a"] {
            OsDisk.write_new(&inner.join(name), b"").unwrap();
        }
        assert_eq!(OsDisk.list(&inner).unwrap(), ["a", "m", "z"].map(|name| inner.join(name)));
        assert_eq!(OsDisk.list(&dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(OsDisk.create_dir_all(&inner.join("m/n")).is_err());
        assert_eq!(OsDisk.create_dir_all(Path::new("")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_held_lock_is_refused_and_a_dropped_one_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".lock");
        let held = OsDisk.lock(&path).unwrap();
        assert_eq!(OsDisk.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        OsDisk.lock(&path).unwrap();
    }

    #[test]
    fn a_bare_file_name_lies_in_the_working_folder() {
        assert_eq!(folder_of(Path::new("name")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/name")), Path::new("a"));
        assert_eq!(folder_of(Path::new("/")), Path::new("/"));
    }
}
