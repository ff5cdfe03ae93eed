//! A small run with every kind of commit, which says what it has committed, and the check of what is found later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_store::{
    CheckpointStore, Disk, Hash, RunFolder, StoreError, TEMP_SUFFIX, append_durable, create_dir_all, read,
    read_verified, sweep_temps, write_atomic,
};

const PLAN: &[u8] = b"name = \"promises\"\nseed = 1\n";
const DONE: &[u8] = b"{\"sharpe\":0.1}\n";
const LINE_LEN: u64 = 20;

/// The newest commit of each kind that was acknowledged: plan, log, checkpoint, cache, done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acks(BTreeMap<String, u64>);

impl Acks {
    pub(crate) fn note(&mut self, kind: &str, number: u64) {
        self.0.insert(kind.to_owned(), number);
    }

    pub(crate) fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }
}

/// Where the run lives, how many steps it has and how large its files are.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) base: PathBuf,
    pub(crate) steps: u64,
    pub(crate) bytes: usize,
}

impl World {
    pub(crate) fn simulated() -> World {
        World { base: PathBuf::from("/base"), steps: 4, bytes: 100 }
    }

    /// The run that belongs to a seed: other lengths, other sizes.
    pub(crate) fn number(seed: u64) -> World {
        World { steps: 15 + seed % 5, bytes: 100 + 37 * seed as usize, ..World::simulated() }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.base.join("run")
    }

    fn manifest(&self) -> PathBuf {
        self.cache().join("manifest.txt")
    }

    fn cache(&self) -> PathBuf {
        self.base.join("cache")
    }

    fn data(&self, version: u64) -> PathBuf {
        self.cache().join(format!("bars.{version}.bin"))
    }

    /// The content that step `number` gives a file of some kind.
    pub(crate) fn content(&self, kind: u8, number: u64) -> Vec<u8> {
        let seed = number.wrapping_mul(31).wrapping_add(u64::from(kind));
        (0..self.bytes as u64).map(|i| (seed.wrapping_add(i).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
    }
}

fn line(step: u64) -> Vec<u8> {
    format!("{{\"update\":{step:08}}}\n").into_bytes()
}

/// Runs or resumes to the end, calling `ack` after each commit.
pub(crate) fn run(disk: &Arc<dyn Disk>, world: &World, ack: &mut dyn FnMut(&str, u64)) -> Result<(), StoreError> {
    let folder = open_or_create(disk, world, ack)?;
    let seed = folder.seed(1);
    let checkpoints = CheckpointStore::open(disk.clone(), seed.checkpoints())?;
    create_dir_all(disk.as_ref(), &world.cache())?;
    sweep_temps(disk.as_ref(), &world.cache())?;
    let resumed = checkpoints.latest()?.checkpoint.map_or(0, |checkpoint| checkpoint.index);
    // The log is cut back to the checkpoint: a line behind it is written again and no longer promised.
    ack("log", resumed);
    let mut log_len = resumed * LINE_LEN;
    for step in resumed + 1..=world.steps {
        log_len = append_durable(disk.as_ref(), &seed.metrics(), log_len, &line(step))?;
        ack("log", step);
        publish(disk.as_ref(), world, step)?;
        ack("cache", step);
        checkpoints.save(step, &world.content(b'c', step))?;
        ack("checkpoint", step);
    }
    write_atomic(disk.as_ref(), &seed.done(), DONE)?;
    ack("done", 1);
    Ok(())
}

fn open_or_create(
    disk: &Arc<dyn Disk>,
    world: &World,
    ack: &mut dyn FnMut(&str, u64),
) -> Result<RunFolder, StoreError> {
    match RunFolder::open(disk.clone(), &world.root()) {
        Err(StoreError::NoRun { .. }) => {
            let folder = RunFolder::create(disk.clone(), &world.root())?;
            write_atomic(disk.as_ref(), &folder.plan(), PLAN)?;
            ack("plan", 1);
            Ok(folder)
        }
        opened => opened,
    }
}

/// Data first, manifest last.
fn publish(disk: &dyn Disk, world: &World, version: u64) -> Result<(), StoreError> {
    let hash = write_atomic(disk, &world.data(version), &world.content(b'd', version))?;
    write_atomic(disk, &world.manifest(), format!("{version} {hash}").as_bytes())?;
    Ok(())
}

/// Reopens what a crash left: everything acknowledged is there, nothing half-written is visible, and the run resumes
/// to its end without help.
pub(crate) fn check(disk: &Arc<dyn Disk>, world: &World, acks: &Acks) -> Result<(), String> {
    check_committed(disk, world, acks)?;
    let mut end = Acks::default();
    run(disk, world, &mut |kind, number| end.note(kind, number))
        .map_err(|e| format!("the run does not resume: {e}"))?;
    for kind in ["plan", "done"] {
        end.note(kind, 1);
    }
    for kind in ["log", "checkpoint", "cache"] {
        end.note(kind, world.steps);
    }
    check_committed(disk, world, &end).map_err(|e| format!("after resuming: {e}"))
}

/// Checks the files, opening the run folder as a restart does but running nothing.
pub(crate) fn check_committed(disk: &Arc<dyn Disk>, world: &World, acks: &Acks) -> Result<(), String> {
    let folder = match RunFolder::open(disk.clone(), &world.root()) {
        Err(StoreError::NoRun { .. }) if acks.of("plan") == 0 => return Ok(()),
        opened => opened.map_err(|e| e.to_string())?,
    };
    let disk = disk.as_ref();
    expect(read(disk, &folder.plan()).map_err(|e| e.to_string())? == PLAN, "the plan is torn")?;
    let seed = folder.seed(1);
    let checkpoint = check_checkpoints(folder.disk(), world, acks, seed.checkpoints())?;
    check_log(disk, &seed.metrics(), checkpoint.max(acks.of("log")))?;
    check_cache(disk, world, acks.of("cache"))?;
    match read(disk, &seed.done()) {
        Ok(done) => expect(done == DONE, "the result is torn")?,
        Err(_) => expect(acks.of("done") == 0, "the result is lost")?,
    }
    for dir in [world.root(), seed.root().to_owned(), seed.checkpoints()] {
        let names = disk.list(&dir).unwrap_or_default();
        let temp = names.iter().find(|path| path.to_string_lossy().ends_with(TEMP_SUFFIX));
        expect(temp.is_none(), &format!("a temporary file is left: {temp:?}"))?;
    }
    Ok(())
}

fn check_checkpoints(disk: &Arc<dyn Disk>, world: &World, acks: &Acks, dir: PathBuf) -> Result<u64, String> {
    let store = CheckpointStore::open(disk.clone(), dir).map_err(|e| e.to_string())?;
    let latest = store.latest().map_err(|e| e.to_string())?;
    expect(latest.damaged.is_empty(), &format!("a torn checkpoint is visible: {:?}", latest.damaged))?;
    let index = latest.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.index);
    expect(index >= acks.of("checkpoint"), &format!("checkpoint {} is lost, found {index}", acks.of("checkpoint")))?;
    let bytes = latest.checkpoint.map(|checkpoint| checkpoint.bytes).unwrap_or_default();
    expect(index == 0 || bytes == world.content(b'c', index), "a checkpoint has wrong bytes")?;
    Ok(index)
}

fn check_log(disk: &dyn Disk, path: &Path, lines: u64) -> Result<(), String> {
    let expected: Vec<u8> = (1..=lines).flat_map(line).collect();
    let log = read(disk, path).unwrap_or_default();
    expect(log.starts_with(&expected), &format!("a log of {lines} lines is lost or torn, {} bytes found", log.len()))
}

fn check_cache(disk: &dyn Disk, world: &World, acknowledged: u64) -> Result<(), String> {
    let Ok(manifest) = read(disk, &world.manifest()) else {
        return expect(acknowledged == 0, "the cache's manifest is lost");
    };
    let (version, hash) = parse_manifest(&manifest).ok_or("the cache's manifest is torn")?;
    expect(version >= acknowledged, &format!("cache version {acknowledged} is lost, found {version}"))?;
    let data = read_verified(disk, &world.data(version), &hash).map_err(|e| format!("the manifest lies: {e}"))?;
    expect(data == world.content(b'd', version), "the cache has wrong bytes")
}

fn parse_manifest(bytes: &[u8]) -> Option<(u64, Hash)> {
    let (version, hash) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
    Some((version.parse().ok()?, hash.parse().ok()?))
}

fn expect(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
