//! R4: a damaged checkpoint is found before anybody decodes it, and the previous one takes its place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_store::{CheckpointStore, Disk, Hash, Latest, StoreError, StoredCheckpoint};
use pavlov_testkit::{PowerLoss, SimDisk, scale};

const LEN: usize = 4096;
const DIR: &str = "/checkpoints";

type Load = fn(&Arc<dyn Disk>) -> Result<Latest, StoreError>;

/// One way to damage a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip { bit: usize },
    Truncate { len: usize },
    Zero { from: usize, len: usize },
    Extend { len: usize },
}

impl Damage {
    fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Damage::Flip { bit } => bytes[bit / 8] ^= 1 << (bit % 8),
            Damage::Truncate { len } => bytes.truncate(len),
            Damage::Zero { from, len } => bytes[from..from + len].fill(0),
            Damage::Extend { len } => bytes.resize(bytes.len() + len, 7),
        }
    }

    /// Damage number `i`: flips and truncations over the whole file, zeroed ranges and additions.
    fn number(i: u64) -> Damage {
        let random = splitmix(i);
        let position = (random >> 8) as usize;
        match i % 4 {
            0 => Damage::Flip { bit: position % (8 * LEN) },
            1 => Damage::Truncate { len: position % LEN },
            2 => Damage::Zero { from: position % (LEN - 64), len: 1 + position % 64 },
            _ => Damage::Extend { len: 1 + position % 64 },
        }
    }
}

fn splitmix(i: u64) -> u64 {
    let mut z = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Never zero, so that a zeroed range is always a change.
fn content(index: u64) -> Vec<u8> {
    (0..LEN as u64).map(|i| (splitmix(index * 100_000 + i) as u8).max(1)).collect()
}

fn saved() -> (SimDisk, Vec<PathBuf>) {
    let sim = Arc::new(SimDisk::new());
    let store = CheckpointStore::open(sim.clone(), PathBuf::from(DIR)).unwrap();
    for index in [1, 2] {
        store.save(index, &content(index)).unwrap();
    }
    (sim.after_power_loss(PowerLoss::BytesLost), sim.files())
}

fn verified(disk: &Arc<dyn Disk>) -> Result<Latest, StoreError> {
    CheckpointStore::open(disk.clone(), PathBuf::from(DIR))?.latest()
}

/// Damages the newest checkpoint in every way of `damages`; the first that is not found and survived.
fn every_damage(load: Load, damages: impl Iterator<Item = Damage>) -> Result<u64, String> {
    let (sim, files) = saved();
    let mut trials = 0;
    for damage in damages {
        let disk = Arc::new(sim.after_power_loss(PowerLoss::AllKept));
        disk.damage(&files[1], |bytes| damage.apply(bytes));
        let latest = load(&(disk as Arc<dyn Disk>)).map_err(|e| format!("{damage:?}: {e}"))?;
        let found = latest.checkpoint.map(|checkpoint| (checkpoint.index, checkpoint.bytes));
        if found != Some((1, content(1))) || latest.damaged != [files[1].clone()] {
            return Err(format!("{damage:?}: not found"));
        }
        trials += 1;
    }
    Ok(trials)
}

#[test]
#[allow(clippy::print_stdout)]
fn every_damage_is_found_and_the_previous_checkpoint_used() {
    let random = if scale::nightly() { 1_000_000 } else { 2_000 };
    let bits = (0..8 * LEN).step_by(if scale::nightly() { 1 } else { 16 }).map(|bit| Damage::Flip { bit });
    let lengths = (0..LEN).step_by(if scale::nightly() { 1 } else { 16 }).map(|len| Damage::Truncate { len });
    let damages = (0..random).map(Damage::number).chain(bits).chain(lengths);
    let trials = every_damage(verified, damages).unwrap_or_else(|e| panic!("PROMISE=R4 {e}"));
    println!("R4: {trials} damages, all found");
}

#[test]
fn two_damaged_checkpoints_leave_none_and_both_are_named() {
    let (sim, files) = saved();
    files.iter().for_each(|path| sim.damage(path, |bytes| bytes[7] ^= 1));
    let latest = verified(&(Arc::new(sim) as Arc<dyn Disk>)).unwrap();
    assert_eq!(latest, Latest { checkpoint: None, damaged: vec![files[1].clone(), files[0].clone()] });
}

#[test]
fn two_swapped_checkpoints_are_both_refused() {
    let (sim, files) = saved();
    sim.damage(&files[0], |bytes| *bytes = content(2));
    sim.damage(&files[1], |bytes| *bytes = content(1));
    assert_eq!(verified(&(Arc::new(sim) as Arc<dyn Disk>)).unwrap().damaged.len(), 2);
}

/// A planted bug: a load that takes the newest file for which `trusted` holds.
fn load_if(disk: &Arc<dyn Disk>, trusted: fn(&Path, &[u8]) -> bool) -> Result<Latest, StoreError> {
    let mut latest = Latest::default();
    for path in disk.list(Path::new(DIR)).unwrap().into_iter().rev() {
        let bytes = disk.read(&path).unwrap();
        if !trusted(&path, &bytes) {
            latest.damaged.push(path);
            continue;
        }
        let index = path.file_name().unwrap().to_str().unwrap()[..8].parse().unwrap();
        latest.checkpoint = Some(StoredCheckpoint { index, hash: Hash::of(&bytes), bytes });
        break;
    }
    Ok(latest)
}

fn hash_in(path: &Path) -> Hash {
    path.file_name().unwrap().to_str().unwrap().split('.').nth(1).unwrap().parse().unwrap()
}

#[test]
#[allow(clippy::print_stdout)]
fn every_planted_bug_in_loading_is_caught() {
    let planted: [(&str, Load); 5] = [
        ("no verification", |disk| load_if(disk, |_, _| true)),
        ("only the length is checked", |disk| load_if(disk, |_, bytes| bytes.len() == LEN)),
        ("only what is left after cutting to length is hashed", |disk| {
            load_if(disk, |path, bytes| Hash::of(&bytes[..bytes.len().min(LEN)]) == hash_in(path))
        }),
        ("the previous one is not tried", |disk| {
            let latest = verified(disk)?;
            let kept = latest.checkpoint.filter(|_| latest.damaged.is_empty());
            Ok(Latest { checkpoint: kept, damaged: latest.damaged })
        }),
        ("damage is not reported", |disk| Ok(Latest { damaged: Vec::new(), ..verified(disk)? })),
    ];
    let sound: Load = |disk| load_if(disk, |path, bytes| Hash::of(bytes) == hash_in(path));
    assert!(every_damage(sound, (0..2_000).map(Damage::number)).is_ok(), "the harness itself raises no alarm");
    for (bug, load) in planted {
        let caught = every_damage(load, (0..2_000).map(Damage::number));
        println!("R4 {bug}: {}", caught.expect_err("the planted bug must be caught"));
    }
}
