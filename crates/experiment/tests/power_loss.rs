//! R2 and R19 over a whole run on a simulated disk: power loss after every disk call in four variants, and a disk
//! error at every call. A restart needs no manual step and ends with the bytes of an undisturbed run.

#![allow(clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use common::{CONFIG, options};
use pavlov_experiment::{Event, ExperimentError, Hooks, Options, report::Report, run};
use pavlov_store::{Disk, Hash, OsDisk, StoreError};
use pavlov_testkit::{Fault, PowerLoss, SimDisk};

/// A run of two updates with a checkpoint after each, so that every kind of write happens more than once.
fn config() -> String {
    let small = [
        ("updates = 12", "updates = 2"),
        ("checkpoint_every = 2", "checkpoint_every = 1"),
        ("num = 2", "num = 1"),
        ("2018-02-15", "2018-02-03"),
        ("train = [\"2018-01-01\", \"2018-02-01\"]", "train = [\"2018-01-25\", \"2018-02-01\"]"),
    ];
    small.iter().fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// The real folder with config and manifests, and the simulated disk that everything is written to.
struct Place {
    real: tempfile::TempDir,
    config: PathBuf,
}

impl Place {
    fn new() -> Self {
        let real = tempfile::tempdir().unwrap();
        let config_file = real.path().join("small.toml");
        pavlov_store::write_atomic(&OsDisk, &config_file, config().as_bytes()).unwrap();
        Self { config: config_file, real }
    }

    fn options(&self, disk: &Arc<SimDisk>) -> Options {
        Options {
            disk: disk.clone(),
            cache_dir: "/cache".into(),
            trials_dir: "/trials".into(),
            ..options(self.real.path(), 1)
        }
    }

    /// Begins the run, or goes on with it if its plan is there: what a user would type.
    fn go(&self, disk: &Arc<SimDisk>) -> Result<Report, ExperimentError> {
        self.go_noting(disk).0
    }

    /// The same; also what the user is told.
    fn go_noting(&self, disk: &Arc<SimDisk>) -> (Result<Report, ExperimentError>, Vec<String>) {
        let options = self.options(disk);
        let begun = disk.files().contains(&out().join("plan.toml"));
        let notes = Mutex::new(Vec::new());
        let progress = |event: Event<'_>| {
            if let Event::Note(note) = event {
                notes.lock().unwrap().push(note.to_owned());
            }
        };
        let hooks = Hooks { clock: &|| 0.0, progress: &progress, stop: &AtomicBool::new(false) };
        let result = match begun {
            true => run::resume(&out(), &options, &hooks),
            false => run::run(&self.config, &[], &out(), &options, &hooks),
        };
        (result, notes.into_inner().unwrap())
    }
}

fn out() -> PathBuf {
    "/runs/small".into()
}

/// What a finished run leaves, without clocks (TensorBoard's event files among them), older checkpoints and the lock.
fn content(disk: &SimDisk) -> BTreeMap<PathBuf, Hash> {
    let files = disk.files().into_iter().filter(|file| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let clocked = name == "timing.json" || name.starts_with("events.out.tfevents.");
        file.starts_with(out()) && !clocked && name != ".lock" && !name.starts_with("00000001.")
    });
    files.map(|file| (file.clone(), Hash::of(&disk.read(&file).unwrap()))).collect()
}

/// Complete lines of the ledger of trials.
fn trials(disk: &SimDisk) -> usize {
    let ledger = |file: &PathBuf| file.starts_with("/trials") && file.extension().is_some_and(|e| e == "jsonl");
    let read = |file: PathBuf| disk.read(&file).unwrap().iter().filter(|byte| **byte == b'\n').count();
    disk.files().into_iter().filter(ledger).map(read).sum()
}

fn no_temps(disk: &SimDisk) -> bool {
    disk.files().iter().all(|file| !file.to_string_lossy().ends_with(pavlov_store::TEMP_SUFFIX))
}

fn undisturbed(place: &Place) -> (BTreeMap<PathBuf, Hash>, u64) {
    let disk = Arc::new(SimDisk::new());
    place.go(&disk).unwrap();
    let calls = disk.calls();
    (content(&disk), calls)
}

#[test]
fn power_loss_after_every_disk_call_of_a_run_is_survived() {
    let place = Place::new();
    let (whole, calls) = undisturbed(&place);
    assert!(whole.keys().any(|file| file.ends_with("report.json")) && calls > 50, "{calls} calls");
    for call in 1..calls {
        let disk = Arc::new(SimDisk::new());
        disk.crash_after(call);
        assert!(place.go(&disk).is_err(), "the machine was off after call {call}");
        for loss in PowerLoss::ALL {
            let restarted = Arc::new(disk.after_power_loss(loss));
            let replay = format!("PROMISE=R2 call {call} of {calls}, {loss:?}");
            place.go(&restarted).unwrap_or_else(|e| panic!("{replay}: {e}"));
            assert_eq!(content(&restarted), whole, "{replay}");
            assert_eq!(trials(&restarted), 1, "{replay}: lines of the ledger");
            assert!(no_temps(&restarted), "{replay}: temporary files are left");
        }
    }
    println!("R2: {} power losses in a run of {calls} disk calls, 0 violations", 4 * (calls - 1));
}

#[test]
fn a_disk_error_at_every_call_is_a_clear_error_and_the_run_goes_on_afterwards() {
    let place = Place::new();
    let (whole, calls) = undisturbed(&place);
    let (mut surfaced, mut untracked) = (0, 0);
    for call in 1..=calls {
        for fault in Fault::ALL {
            let disk = Arc::new(SimDisk::new());
            disk.fail_call(call, fault);
            let replay = format!("PROMISE=R19 call {call} of {calls}, {fault:?}");
            // A cache or an event file that cannot be written is a note; everything else stops the run with the
            // file's name.
            let (result, notes) = place.go_noting(&disk);
            if let Err(error) = &result {
                surfaced += 1;
                assert!(names_a_file(error), "{replay}: {error}");
            }
            let tracking: Vec<_> = notes.iter().filter(|note| note.contains("without TensorBoard events")).collect();
            if !tracking.is_empty() {
                untracked += 1;
                assert!(result.is_ok() && tracking.len() == 1, "{replay}: {tracking:?}");
            }
            place.go(&disk).unwrap_or_else(|e| panic!("{replay}, second start: {e}"));
            assert_eq!(content(&disk), whole, "{replay}");
            assert_eq!(trials(&disk), 1, "{replay}: lines of the ledger");
            assert!(no_temps(&disk), "{replay}: temporary files are left");
        }
    }
    println!("R19: {} faults, {surfaced} surfaced as errors, 0 violations", 3 * calls);
    // The list of the folder and a write before each of the two checkpoints.
    assert_eq!(untracked, 3 * 3, "faults that ended the tracking alone");
    assert!(surfaced > calls, "only {surfaced} of {} faults surfaced", 3 * calls);
}

fn names_a_file(error: &ExperimentError) -> bool {
    let named = |path: &Path| !path.as_os_str().is_empty() && error.to_string().contains(&*path.to_string_lossy());
    match error {
        ExperimentError::Store(StoreError::Io { path, .. }) => named(path),
        _ => ["/runs/", "/cache/", "/trials/"].iter().any(|folder| error.to_string().contains(folder)),
    }
}
