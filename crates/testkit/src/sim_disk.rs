//! A disk in memory that loses power or fails at a chosen call.
//!
//! The model follows what POSIX promises and no more: bytes are durable after `sync_file`, names after `sync_dir` of
//! their folder, and what was not synced may be there after a power loss, or not, or in part.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use pavlov_store::{Disk, LockGuard};

/// What a power loss leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerLoss {
    /// Unsynced bytes are lost, unsynced names are kept: a renamed file may be empty.
    BytesLost,
    /// Everything is kept, as if all had been synced.
    AllKept,
    /// The last unsynced write of each file is cut in the middle.
    TornWrites,
    /// Unsynced names are undone as well: new files vanish, replaced and removed ones are back.
    NamesUndone,
}

impl PowerLoss {
    /// Every variant.
    pub const ALL: [PowerLoss; 4] =
        [PowerLoss::BytesLost, PowerLoss::AllKept, PowerLoss::TornWrites, PowerLoss::NamesUndone];
}

/// An error of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `ENOSPC`: the disk is full.
    NoSpace,
    /// `EIO`: the device failed.
    Io,
    /// `EACCES`: no permission.
    NoAccess,
}

impl Fault {
    /// Every variant.
    pub const ALL: [Fault; 3] = [Fault::NoSpace, Fault::Io, Fault::NoAccess];

    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Fault::NoSpace => 28,
            Fault::Io => 5,
            Fault::NoAccess => 13,
        })
    }
}

/// A [`Disk`] in memory; every method of that trait counts as one call, failed ones too.
#[derive(Debug, Default)]
pub struct SimDisk(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: u64,
    last_call: Option<u64>,
    fault: Option<(u64, Fault)>,
    folders: BTreeSet<PathBuf>,
    files: Vec<Content>,
    /// The names that programs see, each with its file's number.
    names: BTreeMap<PathBuf, usize>,
    /// The names that a power loss cannot undo.
    durable_names: BTreeMap<PathBuf, usize>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

/// Cuts a file to `at` bytes and writes `bytes` there.
#[derive(Clone, Debug)]
struct Write {
    at: usize,
    bytes: Vec<u8>,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of calls made so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Switches the machine off after call number `n` (counted from 1): that call succeeds, every later one fails.
    pub fn crash_after(&self, n: u64) {
        self.state().last_call = Some(n);
    }

    /// Lets call number `n` (counted from 1) fail; a failing write leaves half of its bytes.
    pub fn fail_call(&self, n: u64, fault: Fault) {
        self.state().fault = Some((n, fault));
    }

    /// The disk as the next start of the machine may find it.
    pub fn after_power_loss(&self, loss: PowerLoss) -> SimDisk {
        let state = self.state();
        let names = if loss == PowerLoss::NamesUndone { &state.durable_names } else { &state.names };
        SimDisk(Mutex::new(State {
            folders: state.folders.clone(),
            files: state.files.iter().map(|file| Content { durable: file.after(loss), unsynced: Vec::new() }).collect(),
            names: names.clone(),
            durable_names: names.clone(),
            ..State::default()
        }))
    }

    /// Every file, without counting as a call.
    pub fn files(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// Changes a file's durable bytes behind everybody's back, as a decaying disk does.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn damage(&self, path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let file = state.number(path).expect("the file to damage exists");
        edit(&mut state.files[file].durable);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no thread panicked inside a disk call")
    }

    /// Counts a call; fails if the machine is off, and says if this call is the one to fail.
    fn begin(&self) -> io::Result<(MutexGuard<'_, State>, Option<Fault>)> {
        let mut state = self.state();
        state.calls += 1;
        if state.last_call.is_some_and(|last| state.calls > last) {
            return Err(io::Error::other("the simulated machine is switched off"));
        }
        let fault = state.fault.filter(|&(n, _)| n == state.calls).map(|(_, fault)| fault);
        Ok((state, fault))
    }

    fn begin_or_fail(&self) -> io::Result<MutexGuard<'_, State>> {
        match self.begin()? {
            (state, None) => Ok(state),
            (_, Some(fault)) => Err(fault.error()),
        }
    }
}

impl Content {
    fn current(&self) -> Vec<u8> {
        self.after(PowerLoss::AllKept)
    }

    fn after(&self, loss: PowerLoss) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        if matches!(loss, PowerLoss::BytesLost | PowerLoss::NamesUndone) {
            return bytes;
        }
        for (i, write) in self.unsynced.iter().enumerate() {
            let torn = loss == PowerLoss::TornWrites && i + 1 == self.unsynced.len();
            let kept = if torn { write.bytes.len() / 2 } else { write.bytes.len() };
            bytes.truncate(write.at);
            bytes.extend_from_slice(&write.bytes[..kept]);
        }
        bytes
    }
}

impl State {
    fn number(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn number_or_new(&mut self, path: &Path) -> io::Result<usize> {
        let folder = path.parent().unwrap_or(path);
        if self.folders.contains(path) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !self.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.number(path).or_else(|_| {
            self.files.push(Content::default());
            self.names.insert(path.to_owned(), self.files.len() - 1);
            Ok(self.files.len() - 1)
        })
    }

    fn write(&mut self, file: usize, at: usize, bytes: &[u8], fault: Option<Fault>) -> io::Result<()> {
        let kept = if fault.is_some() { bytes.len() / 2 } else { bytes.len() };
        self.files[file].unsynced.push(Write { at, bytes: bytes[..kept].to_vec() });
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }
}

impl Disk for SimDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.begin_or_fail()?;
        Ok(state.files[state.number(path)?].current())
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (mut state, fault) = self.begin()?;
        let file = state.number_or_new(path)?;
        state.write(file, 0, bytes, fault)
    }

    fn append(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut state, fault) = self.begin()?;
        let file = state.number_or_new(path)?;
        let at = at as usize;
        if state.files[file].current().len() < at {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        state.write(file, at, bytes, fault)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin_or_fail()?;
        let file = state.number(path)?;
        let durable = state.files[file].current();
        state.files[file] = Content { durable, unsynced: Vec::new() };
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.begin_or_fail()?;
        let file = state.number(from)?;
        if state.folders.contains(to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        state.names.remove(from);
        state.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.begin_or_fail()?;
        if !state.folders.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let state = &mut *state;
        state.durable_names.retain(|path, _| path.parent() != Some(dir));
        let in_dir = state.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        state.durable_names.extend(in_dir.map(|(path, file)| (path.clone(), *file)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin_or_fail()?;
        state.names.remove(path).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.begin_or_fail()?;
        if state.names.contains_key(dir) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        if !state.folders.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut paths: Vec<PathBuf> =
            state.folders.iter().chain(state.names.keys()).filter(|path| path.parent() == Some(dir)).cloned().collect();
        paths.sort();
        Ok(paths)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.begin_or_fail()?;
        if dir.ancestors().any(|folder| state.names.contains_key(folder)) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        state.folders.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    /// A simulated machine has one process: the lock is always free.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        let mut state = self.begin_or_fail()?;
        state.number_or_new(path)?;
        Ok(Box::new(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_with_synced(bytes: &[u8]) -> (SimDisk, PathBuf) {
        let (disk, path) = (SimDisk::new(), PathBuf::from("/d/file"));
        disk.create_dir_all(Path::new("/d")).unwrap();
        disk.write_new(&path, bytes).unwrap();
        disk.sync_file(&path).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        (disk, path)
    }

    #[test]
    fn unsynced_bytes_are_lost_kept_or_torn() {
        let (disk, path) = disk_with_synced(b"old");
        disk.append(&path, 3, b"new!").unwrap();
        let after = |loss| disk.after_power_loss(loss).read(&path).unwrap();
        assert_eq!(PowerLoss::ALL.map(after), [&b"old"[..], b"oldnew!", b"oldne", b"old"]);
    }

    #[test]
    fn an_unsynced_rename_is_kept_or_undone_and_a_synced_one_stays() {
        let (disk, path) = disk_with_synced(b"old");
        let temp = Path::new("/d/temp");
        disk.write_new(temp, b"new").unwrap();
        disk.rename(temp, &path).unwrap();
        assert_eq!(disk.after_power_loss(PowerLoss::BytesLost).read(&path).unwrap(), b"");
        assert_eq!(disk.after_power_loss(PowerLoss::NamesUndone).read(&path).unwrap(), b"old");
        disk.sync_file(&path).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        assert!(PowerLoss::ALL.iter().all(|&loss| disk.after_power_loss(loss).read(&path).unwrap() == b"new"));
    }

    #[test]
    fn an_unsynced_removal_can_come_back() {
        let (disk, path) = disk_with_synced(b"old");
        disk.remove(&path).unwrap();
        assert_eq!(disk.after_power_loss(PowerLoss::AllKept).files(), [] as [PathBuf; 0]);
        assert_eq!(disk.after_power_loss(PowerLoss::NamesUndone).files(), [path]);
    }

    #[test]
    fn calls_after_the_crash_fail_and_change_nothing() {
        let (disk, path) = disk_with_synced(b"old");
        disk.crash_after(disk.calls() + 1);
        disk.append(&path, 3, b"1").unwrap();
        assert!(disk.append(&path, 4, b"2").is_err());
        assert_eq!(disk.after_power_loss(PowerLoss::AllKept).read(&path).unwrap(), b"old1");
    }

    #[test]
    fn one_call_fails_with_the_chosen_error_and_a_failing_write_is_torn() {
        let (disk, path) = disk_with_synced(b"old");
        disk.fail_call(disk.calls() + 1, Fault::NoSpace);
        let error = disk.append(&path, 3, b"new!").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.read(&path).unwrap(), b"oldne");
        assert_eq!(Fault::NoAccess.error().kind(), io::ErrorKind::PermissionDenied);
    }
}
