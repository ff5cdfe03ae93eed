//! Same config, same seed, same bytes (R3, R16): whatever the thread count, and across interruption.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::{CONFIG, double_dqn, experiment, fingerprint, gaussian_ppo, manager_order, options, with_hooks};
use pavlov_experiment::{Event, ExperimentError, Hooks, run};
use pavlov_rl_core::Checkpoint;
use pavlov_store::CheckpointStore;

#[test]
fn one_and_two_threads_give_the_same_bytes() {
    for config in [CONFIG, &double_dqn(), &gaussian_ppo(), &manager_order()] {
        let place = tempfile::tempdir().unwrap();
        experiment(place.path(), "one", config, 1).unwrap();
        experiment(place.path(), "two", config, 2).unwrap();
        assert_eq!(fingerprint(&place.path().join("one")), fingerprint(&place.path().join("two")));
    }
}

#[test]
fn another_seed_gives_another_agent() {
    let place = tempfile::tempdir().unwrap();
    let a = experiment(place.path(), "a", CONFIG, 2).unwrap();
    assert_ne!(a.runs[0].checkpoint_hash, a.runs[1].checkpoint_hash);
}

#[test]
fn a_run_stopped_by_the_user_goes_on_bit_for_bit_and_its_report_can_be_rebuilt() {
    for config in [CONFIG, &double_dqn(), &gaussian_ppo(), &manager_order()] {
        a_stopped_run_goes_on(config);
    }
}

fn a_stopped_run_goes_on(config: &str) {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "whole", config, 2).unwrap();
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

/// Planted bugs for R3: a part of the checkpoint that is lost or wrong must show, or be refused.
#[test]
fn every_entry_of_a_checkpoint_is_needed_to_go_on() {
    for config in [CONFIG, &double_dqn(), &gaussian_ppo(), &manager_order()] {
        every_entry_is_needed(&config.replace("num = 2", "num = 1"));
    }
}

fn every_entry_is_needed(config: &str) {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "whole", config, 1).unwrap();
    let out = place.path().join("whole");
    let whole = fingerprint(&out);
    let folder = out.join("runs/1/checkpoints");
    let [middle, last] = [0, 1].map(|i| common::sorted(&folder)[i].clone());
    let bytes = std::fs::read(&middle).unwrap();
    std::fs::remove_file(last).unwrap();
    let names: Vec<String> = Checkpoint::from_bytes(&bytes).unwrap().names().map(str::to_owned).collect();
    let options = options(place.path(), 1);
    let mut caught = 0;
    for name in names.iter().map(Some).chain([None]) {
        let mut checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
        if let Some(name) = name {
            spoil(&mut checkpoint, name);
        }
        for file in common::sorted(&folder) {
            std::fs::remove_file(file).unwrap();
        }
        CheckpointStore::open(options.disk.clone(), folder.clone()).unwrap().save(10, &checkpoint.to_bytes()).unwrap();
        let resumed = with_hooks(|hooks| run::resume(&out, &options, hooks));
        let same = resumed.is_ok() && fingerprint(&out) == whole;
        assert_eq!(same, name.is_none(), "PROMISE=R3: entry {name:?} of {names:?} spoilt, yet nothing shows: {same}");
        caught += u32::from(!same);
    }
    assert!(caught > 20, "only {caught} entries");
}

/// Zeroes a tensor (or fills a zero one), flips bits all over other bytes.
fn spoil(checkpoint: &mut Checkpoint, name: &str) {
    if let Ok(bytes) = checkpoint.bytes(name) {
        let mut bytes = bytes.to_vec();
        let step = bytes.len().div_ceil(16);
        bytes.iter_mut().step_by(step).for_each(|byte| *byte ^= 1);
        checkpoint.put_bytes(name, bytes);
    } else {
        let shape = checkpoint.shape(name).unwrap().to_vec();
        let values = checkpoint.f32(name, &shape).unwrap();
        let spoilt = if values.iter().all(|v| *v == 0.0) { 0.25 } else { 0.0 };
        checkpoint.put_f32(name, &shape, &vec![spoilt; values.len()]);
    }
}

#[test]
fn a_metrics_log_that_was_cut_or_changed_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "log", &CONFIG.replace("num = 2", "num = 1"), 1).unwrap();
    let out = place.path().join("log");
    let log = out.join("runs/1/metrics.jsonl");
    let whole = std::fs::read(&log).unwrap();
    let options = options(place.path(), 1);
    let changed =
        [whole[..whole.len() - 1].to_vec(), whole.iter().map(|b| b ^ u8::from(*b == b'3')).collect(), Vec::new()];
    for content in changed {
        pavlov_store::write_atomic(&*options.disk, &log, &content).unwrap();
        let error = with_hooks(|hooks| run::report(&out, &options, hooks)).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl does not match the checkpoint of seed 1"), "{error}");
    }
    // Lines behind the checkpoint are of a process that died.
    pavlov_store::write_atomic(&*options.disk, &log, &[whole, b"half a li".to_vec()].concat()).unwrap();
    with_hooks(|hooks| run::report(&out, &options, hooks)).unwrap();
}
