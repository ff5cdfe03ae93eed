//! Planted bugs: disks that do what a careless `write_atomic` would do.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_store::{Disk, LockGuard, TEMP_SUFFIX};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bug {
    NoFileSync,
    NoFolderSync,
    SyncAfterRename,
    WriteInPlace,
    CopyInsteadOfRename,
    RemoveBeforeRename,
}

impl Bug {
    pub(crate) const ALL: [Bug; 6] = [
        Bug::NoFileSync,
        Bug::NoFolderSync,
        Bug::SyncAfterRename,
        Bug::WriteInPlace,
        Bug::CopyInsteadOfRename,
        Bug::RemoveBeforeRename,
    ];
}

#[derive(Debug)]
pub(crate) struct Buggy {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) bug: Bug,
}

impl Buggy {
    /// The file that a temporary one stands for: `<name>.<process>-<count>.pavlov-tmp`.
    fn target(path: &Path) -> PathBuf {
        let name = path.file_name().unwrap().to_str().unwrap();
        match name.strip_suffix(TEMP_SUFFIX).and_then(|name| name.rsplit_once('.')) {
            Some((target, _)) => path.with_file_name(target),
            None => path.to_owned(),
        }
    }
}

impl Disk for Buggy {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.bug {
            Bug::WriteInPlace => self.disk.write_new(&Self::target(path), bytes),
            _ => self.disk.write_new(path, bytes),
        }
    }

    fn append(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(path, at, bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        match self.bug {
            Bug::NoFileSync | Bug::SyncAfterRename => Ok(()),
            Bug::WriteInPlace => self.disk.sync_file(&Self::target(path)),
            _ => self.disk.sync_file(path),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self.bug {
            Bug::WriteInPlace => Ok(()),
            Bug::SyncAfterRename => {
                self.disk.rename(from, to)?;
                self.disk.sync_file(to)
            }
            Bug::CopyInsteadOfRename => {
                self.disk.write_new(to, &self.disk.read(from)?)?;
                self.disk.remove(from)
            }
            Bug::RemoveBeforeRename => {
                let _ = self.disk.remove(to);
                self.disk.rename(from, to)
            }
            _ => self.disk.rename(from, to),
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        match self.bug {
            Bug::NoFolderSync => Ok(()),
            _ => self.disk.sync_dir(dir),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        self.disk.lock(path)
    }
}
