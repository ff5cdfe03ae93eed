//! Same config, same seed, same bytes (R3, R16): whatever the thread count, and across interruption.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::{CONFIG, experiment, fingerprint, options, with_hooks};
use pavlov_experiment::{Event, ExperimentError, Hooks, run};

#[test]
fn one_and_two_threads_give_the_same_bytes() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "one", CONFIG, 1).unwrap();
    experiment(place.path(), "two", CONFIG, 2).unwrap();
    assert_eq!(fingerprint(&place.path().join("one")), fingerprint(&place.path().join("two")));
}

#[test]
fn another_seed_gives_another_agent() {
    let place = tempfile::tempdir().unwrap();
    let a = experiment(place.path(), "a", CONFIG, 2).unwrap();
    assert_ne!(a.runs[0].checkpoint_hash, a.runs[1].checkpoint_hash);
}

#[test]
fn a_run_stopped_by_the_user_goes_on_bit_for_bit_and_its_report_can_be_rebuilt() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "whole", CONFIG, 2).unwrap();
    let whole = fingerprint(&place.path().join("whole"));
    let (file, out) = (place.path().join("whole.toml"), place.path().join("stopped"));
    let options = options(place.path(), 2);
    // Asked to stop at its third event, then at every fifth: an update that is no checkpoint of the plan among them.
    for (attempt, patience) in [3, 5, 5, 5, 5, 5, 5, 1000].into_iter().enumerate() {
        let (stop, events) = (AtomicBool::new(false), AtomicU64::new(0));
        let progress = |_: Event<'_>| {
            if events.fetch_add(1, Ordering::SeqCst) >= patience {
                stop.store(true, Ordering::SeqCst);
            }
        };
        let hooks = Hooks { clock: &|| 0.0, progress: &progress, stop: &stop };
        let result = match attempt {
            0 => run::run(&file, &[], &out, &options, &hooks),
            _ => run::resume(&out, &options, &hooks),
        };
        match result {
            Ok(_) => break,
            Err(ExperimentError::Interrupted { .. }) => assert!(attempt < 7, "a run that is not stopped must end"),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(fingerprint(&out), whole);

    for file in ["report.json", "report.html"] {
        std::fs::remove_file(out.join(file)).unwrap();
    }
    with_hooks(|hooks| run::report(&out, &options, hooks)).unwrap();
    assert_eq!(fingerprint(&out), whole);
}

#[test]
fn a_run_that_is_not_trained_has_no_report_and_says_how_to_go_on() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "seed", CONFIG, 2).unwrap();
    let out = place.path().join("seed");
    std::fs::remove_dir_all(out.join("runs/2/checkpoints")).unwrap();
    let error = with_hooks(|hooks| run::report(&out, &options(place.path(), 1), hooks)).unwrap_err();
    assert!(error.to_string().contains("seed 2") && error.to_string().contains("cargo xtask resume"), "{error}");
}
