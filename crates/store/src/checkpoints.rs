//! Checkpoints that name their own content: one rename commits, the name verifies.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::atomic::list_if_folder;
use crate::error::failed;
use crate::{Disk, Hash, StoreError, create_dir_all, read_verified, sweep_temps, write_atomic};

const EXTENSION: &str = "safetensors";
const KEPT: usize = 2;

/// One folder of checkpoints, named `<8-digit index>.<hash>.safetensors`.
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

/// A checkpoint whose content has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// The update after which it was taken.
    pub index: u64,
    /// The hash of `bytes`.
    pub hash: Hash,
    /// The content.
    pub bytes: Vec<u8>,
}

/// The newest usable checkpoint and the newer ones that are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latest {
    /// The newest checkpoint whose hash verifies; `None` if there is none.
    pub checkpoint: Option<StoredCheckpoint>,
    /// The newer files that are damaged, newest first.
    pub damaged: Vec<PathBuf>,
}

impl CheckpointStore {
    /// Opens a folder, creating it if it is missing, and removes what interrupted saves left there.
    ///
    /// # Errors
    /// [`StoreError::Io`] naming the folder or the file.
    pub fn open(disk: Arc<dyn Disk>, dir: PathBuf) -> Result<Self, StoreError> {
        create_dir_all(disk.as_ref(), &dir)?;
        sweep_temps(disk.as_ref(), &dir)?;
        Ok(CheckpointStore { disk, dir })
    }

    /// Saves a checkpoint durably as the newest one, then removes all but it and its predecessor.
    ///
    /// Files of the same or a later index are what an abandoned continuation left, for instance the damaged one that
    /// [`CheckpointStore::latest`] passed over; they go too.
    ///
    /// # Errors
    /// [`StoreError::Io`] naming the file. If only the removal failed, the checkpoint is saved.
    pub fn save(&self, index: u64, bytes: &[u8]) -> Result<Hash, StoreError> {
        let path = self.dir.join(file_name(index, &Hash::of(bytes)));
        let hash = write_atomic(self.disk.as_ref(), &path, bytes)?;
        self.prune(index, &path)?;
        Ok(hash)
    }

    /// Reads the newest checkpoint whose content has the hash in its name, passing over damaged ones.
    ///
    /// # Errors
    /// [`StoreError::Io`] if a file cannot be read; damage is no error.
    pub fn latest(&self) -> Result<Latest, StoreError> {
        let mut latest = Latest::default();
        for (index, hash, path) in self.files()? {
            match read_verified(self.disk.as_ref(), &path, &hash) {
                Ok(bytes) => {
                    latest.checkpoint = Some(StoredCheckpoint { index, hash, bytes });
                    break;
                }
                Err(StoreError::Damaged { .. }) => latest.damaged.push(path),
                Err(error) => return Err(error),
            }
        }
        Ok(latest)
    }

    fn prune(&self, newest: u64, keep: &Path) -> Result<(), StoreError> {
        let (older, others): (Vec<_>, Vec<_>) =
            self.files()?.into_iter().filter(|(.., path)| path != keep).partition(|(index, ..)| *index < newest);
        let outdated: Vec<PathBuf> =
            others.into_iter().chain(older.into_iter().skip(KEPT - 1)).map(|(.., path)| path).collect();
        for path in &outdated {
            self.disk.remove(path).map_err(failed("remove", path))?;
        }
        if !outdated.is_empty() {
            self.disk.sync_dir(&self.dir).map_err(failed("sync", &self.dir))?;
        }
        Ok(())
    }

    /// Every file with a checkpoint's name, newest first.
    fn files(&self) -> Result<Vec<(u64, Hash, PathBuf)>, StoreError> {
        let mut files: Vec<_> = list_if_folder(self.disk.as_ref(), &self.dir)?
            .into_iter()
            .filter_map(|path| parse_name(&path).map(|(index, hash)| (index, hash, path)))
            .collect();
        files.sort();
        files.reverse();
        Ok(files)
    }
}

fn file_name(index: u64, hash: &Hash) -> String {
    format!("{index:08}.{hash}.{EXTENSION}")
}

fn parse_name(path: &Path) -> Option<(u64, Hash)> {
    let name = path.file_name()?.to_str()?;
    let (index, hash) = name.strip_suffix(EXTENSION)?.strip_suffix('.')?.split_once('.')?;
    let (index, hash) = (index.parse().ok()?, hash.parse().ok()?);
    (file_name(index, &hash) == name).then_some((index, hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsDisk;

    fn store() -> (tempfile::TempDir, CheckpointStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = CheckpointStore::open(Arc::new(OsDisk), dir.path().join("checkpoints")).unwrap();
        (dir, store)
    }

    fn indices(store: &CheckpointStore) -> Vec<u64> {
        store.files().unwrap().into_iter().map(|(index, ..)| index).collect()
    }

    #[test]
    fn the_last_two_are_kept_and_the_last_is_read() {
        let (_dir, store) = store();
        assert_eq!(store.latest().unwrap(), Latest::default());
        for index in [1, 2, 99_999_999, 100_000_000] {
            store.save(index, &index.to_le_bytes()).unwrap();
        }
        assert_eq!(indices(&store), [100_000_000, 99_999_999]);
        let latest = store.latest().unwrap().checkpoint.unwrap();
        assert_eq!((latest.index, latest.bytes), (100_000_000, 100_000_000_u64.to_le_bytes().to_vec()));
    }

    #[test]
    fn a_damaged_checkpoint_is_passed_over_and_replaced_by_the_next_save() {
        let (_dir, store) = store();
        store.save(1, b"one").unwrap();
        store.save(9, b"nine").unwrap();
        let nine = store.files().unwrap().remove(0).2;
        OsDisk.write_new(&nine, b"nin").unwrap();
        let latest = store.latest().unwrap();
        assert_eq!(latest.checkpoint.unwrap().index, 1);
        assert_eq!(latest.damaged, [nine]);
        store.save(2, b"two").unwrap();
        assert_eq!(indices(&store), [2, 1]);
    }

    #[test]
    fn saving_an_index_again_leaves_one_file_of_it() {
        let (_dir, store) = store();
        store.save(1, b"one").unwrap();
        store.save(2, b"two").unwrap();
        store.save(2, b"two, again").unwrap();
        assert_eq!(indices(&store), [2, 1]);
        assert_eq!(store.latest().unwrap().checkpoint.unwrap().bytes, b"two, again");
    }

    #[test]
    fn other_names_are_no_checkpoints() {
        let hash = Hash::of(b"x");
        assert_eq!(parse_name(Path::new(&file_name(7, &hash))), Some((7, hash)));
        for bad in [format!("7.{hash}.safetensors"), format!("00000007.{hash}"), format!("+0000007.{hash}.safetensors")]
        {
            assert_eq!(parse_name(Path::new(&bad)), None, "{bad}");
        }
    }
}
