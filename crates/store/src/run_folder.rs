//! The files of one run, and the lock that keeps a second process out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::atomic::{is_temp, list_if_folder};
use crate::disk::LockGuard;
use crate::error::failed;
use crate::{Disk, StoreError, create_dir_all, sweep_temps};

const LOCK: &str = ".lock";
const PLAN: &str = "plan.toml";
const SEEDS: &str = "runs";
const CHECKPOINTS: &str = "checkpoints";

/// The layout of one run's folder, locked for as long as the value lives.
///
/// `plan.toml` is the first file of a run: a folder that has it holds a run.
#[derive(Debug)]
pub struct RunFolder {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    _lock: Box<dyn LockGuard>,
}

/// The layout of one seed's folder, `runs/<seed>/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Makes a folder for a new run and locks it.
    ///
    /// # Errors
    /// [`StoreError::RunExists`] or [`StoreError::NotEmpty`] if the folder is not free, [`StoreError::Locked`] if
    /// another process works in it, [`StoreError::Io`].
    pub fn create(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, StoreError> {
        check_free(disk.as_ref(), root)?;
        create_dir_all(disk.as_ref(), root)?;
        let folder = Self::locked(disk, root)?;
        // Another process may have started a run here before the lock was taken.
        check_free(folder.disk.as_ref(), root)?;
        folder.sweep()?;
        Ok(folder)
    }

    /// Opens and locks the folder of an existing run, and removes the temporary files a dead process left in it.
    ///
    /// # Errors
    /// [`StoreError::NoRun`] if there is no `plan.toml`, [`StoreError::Locked`] if another process works in it,
    /// [`StoreError::Io`].
    pub fn open(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, StoreError> {
        if !list_if_folder(disk.as_ref(), root)?.contains(&root.join(PLAN)) {
            return Err(StoreError::NoRun { root: root.to_owned() });
        }
        let folder = Self::locked(disk, root)?;
        folder.sweep()?;
        Ok(folder)
    }

    /// The run's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The disk it lies on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The resolved plan, `plan.toml`.
    pub fn plan(&self) -> PathBuf {
        self.root.join(PLAN)
    }

    /// The report for programs, `report.json`.
    pub fn report_json(&self) -> PathBuf {
        self.root.join("report.json")
    }

    /// The report for people, `report.html`.
    pub fn report_html(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// How long the run took, `timing.json`: apart from the report, which has the same bytes on every machine.
    pub fn timing(&self) -> PathBuf {
        self.root.join("timing.json")
    }

    /// The layout of one seed's folder; opening its [`crate::CheckpointStore`] creates it.
    pub fn seed(&self, seed: u64) -> SeedFolder {
        SeedFolder { root: self.root.join(SEEDS).join(seed.to_string()) }
    }

    fn locked(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, StoreError> {
        let path = root.join(LOCK);
        let lock = disk.lock(&path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => StoreError::Locked { root: root.to_owned() },
            _ => failed("lock", &path)(error),
        })?;
        Ok(RunFolder { disk, root: root.to_owned(), _lock: lock })
    }

    fn sweep(&self) -> Result<(), StoreError> {
        let disk = self.disk.as_ref();
        sweep_temps(disk, &self.root)?;
        for seed in list_if_folder(disk, &self.root.join(SEEDS))? {
            sweep_temps(disk, &seed)?;
            sweep_temps(disk, &seed.join(CHECKPOINTS))?;
        }
        Ok(())
    }
}

impl SeedFolder {
    /// The seed's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The training log, one JSON object a line, `metrics.jsonl`.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// A TensorBoard event file, `events.out.tfevents.<number>`; names sort by number up to 99,999.
    pub fn events(&self, number: u32) -> PathBuf {
        self.root.join(format!("events.out.tfevents.{number:05}"))
    }

    /// The folder of checkpoints, `checkpoints/`.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join(CHECKPOINTS)
    }

    /// The equity curves of the evaluation, `equity.parquet`.
    pub fn equity(&self) -> PathBuf {
        self.root.join("equity.parquet")
    }

    /// The fills of the evaluation, `fills.parquet`.
    pub fn fills(&self) -> PathBuf {
        self.root.join("fills.parquet")
    }

    /// What the agent expected and attended to on the test span, `insight.parquet`; only if it says so.
    pub fn insight(&self) -> PathBuf {
        self.root.join("insight.parquet")
    }

    /// What went into a loss or gradient that was not finite, `not_finite.safetensors`.
    pub fn not_finite(&self) -> PathBuf {
        self.root.join("not_finite.safetensors")
    }

    /// Says that a seed is trained to its end, and with which checkpoint: `done.json`.
    pub fn done(&self) -> PathBuf {
        self.root.join("done.json")
    }
}

/// Refuses a folder with anything but what a run leaves that died before its plan was written.
fn check_free(disk: &dyn Disk, root: &Path) -> Result<(), StoreError> {
    let entries = match disk.list(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(failed("list", root))?,
    };
    if entries.contains(&root.join(PLAN)) {
        return Err(StoreError::RunExists { root: root.to_owned() });
    }
    match entries.into_iter().find(|path| *path != root.join(LOCK) && !is_temp(path)) {
        Some(found) => Err(StoreError::NotEmpty { root: root.to_owned(), found }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OsDisk, TEMP_SUFFIX, write_atomic};

    fn disk() -> Arc<dyn Disk> {
        Arc::new(OsDisk)
    }

    fn started(root: &Path) -> RunFolder {
        let run = RunFolder::create(disk(), root).unwrap();
        write_atomic(&OsDisk, &run.plan(), b"plan").unwrap();
        run
    }

    #[test]
    fn a_second_owner_is_refused_at_once_and_let_in_when_the_first_is_gone() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("run");
        let first = started(&root);
        let error = RunFolder::open(disk(), &root).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }) && error.to_string().contains(root.to_str().unwrap()));
        drop(first);
        RunFolder::open(disk(), &root).unwrap();
    }

    #[test]
    fn a_new_run_never_lands_in_a_used_folder() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("run");
        drop(started(&root));
        let error = RunFolder::create(disk(), &root).unwrap_err().to_string();
        assert!(error.contains("resume it or choose another --out"), "{error}");

        OsDisk.write_new(&parent.path().join("thesis.doc"), b"mine").unwrap();
        let error = RunFolder::create(disk(), parent.path()).unwrap_err();
        assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
        assert!(!parent.path().join(LOCK).exists(), "a refused folder is left untouched");
    }

    #[test]
    fn a_run_that_died_before_its_plan_can_be_created_again() {
        let parent = tempfile::tempdir().unwrap();
        drop(RunFolder::create(disk(), parent.path()).unwrap());
        OsDisk.write_new(&parent.path().join(format!("plan.toml.1{TEMP_SUFFIX}")), b"pl").unwrap();
        RunFolder::create(disk(), parent.path()).unwrap();
        assert_eq!(OsDisk.list(parent.path()).unwrap(), [parent.path().join(LOCK)]);
    }

    #[test]
    fn opening_needs_a_plan_and_sweeps_every_folder() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("run");
        assert!(matches!(RunFolder::open(disk(), &root), Err(StoreError::NoRun { .. })));
        let run = started(&root);
        let seed = run.seed(3);
        OsDisk.create_dir_all(&seed.checkpoints()).unwrap();
        let left_over = [run.report_json(), seed.done(), seed.checkpoints().join("x")]
            .map(|path| PathBuf::from(format!("{}{TEMP_SUFFIX}", path.display())));
        left_over.iter().for_each(|path| OsDisk.write_new(path, b"half").unwrap());
        drop(run);
        RunFolder::open(disk(), &root).unwrap();
        assert!(left_over.iter().all(|path| !path.exists()));
    }
}
