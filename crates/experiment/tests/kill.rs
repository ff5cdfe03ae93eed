//! R1 and R3: kill -9 at random moments of data load, training and report loses nothing that was
//! committed, shows nothing torn, and the resumed run ends with the bytes of an undisturbed one.

#![allow(clippy::print_stdout)]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{CONFIG, double_dqn, experiment, fingerprint, gaussian_ppo, manager_order, options, with_hooks};
use pavlov_experiment::run;
use pavlov_rl_core::{RngTree, below};
use pavlov_store::{CheckpointStore, OsDisk};
use pavlov_testkit::scale::nightly;

const PLACE: &str = "PAVLOV_TEST_KILL_PLACE";

/// Not a test by itself: the process that is killed. It runs or resumes the experiment in the folder it is given.
#[test]
fn victim() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let place = Path::new(&place);
    let out = place.join("killed");
    with_hooks(|hooks| {
        let options = options(place, 2);
        if out.join("plan.toml").exists() {
            run::resume(&out, &options, hooks).unwrap();
        } else {
            run::run(&place.join("whole.toml"), &[], &out, &options, hooks).unwrap();
        }
    });
}

fn victim_in(place: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture"])
        .env(PLACE, place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills a victim after `delay`; whether it had ended by itself before.
fn ends_within(place: &Path, delay: Duration) -> bool {
    let mut child = victim_in(place);
    std::thread::sleep(delay);
    let ended = child.try_wait().unwrap();
    child.kill().ok();
    child.wait().unwrap();
    assert!(ended.is_none_or(|status| status.success()), "the victim failed by itself after {delay:?}");
    ended.is_some()
}

/// Everything visible verifies: the newest checkpoint of every seed by its hash, a report by being whole JSON.
fn nothing_torn(out: &Path) {
    for seed in std::fs::read_dir(out.join("runs")).into_iter().flatten() {
        let folder = seed.unwrap().path().join("checkpoints");
        if folder.exists() {
            let store = CheckpointStore::open(std::sync::Arc::new(OsDisk), folder).unwrap();
            assert_eq!(store.latest().unwrap().damaged, Vec::<std::path::PathBuf>::new());
        }
    }
    if let Ok(report) = std::fs::read(out.join("report.json")) {
        serde_json::from_slice::<serde_json::Value>(&report).unwrap();
    }
}

#[test]
fn killed_runs_lose_nothing_and_end_with_the_same_bytes() {
    killed_runs_end_with_the_same_bytes(CONFIG, if nightly() { 1_000 } else { 20 });
}

/// Also those whose checkpoints hold a replay.
#[test]
fn killed_runs_of_double_dqn_end_with_the_same_bytes() {
    killed_runs_end_with_the_same_bytes(&double_dqn(), if nightly() { 500 } else { 10 });
}

#[test]
fn killed_runs_of_gaussian_ppo_end_with_the_same_bytes() {
    killed_runs_end_with_the_same_bytes(&gaussian_ppo(), if nightly() { 500 } else { 10 });
}

#[test]
fn killed_runs_of_manager_and_order_networks_end_with_the_same_bytes() {
    killed_runs_end_with_the_same_bytes(&manager_order(), if nightly() { 500 } else { 5 });
}

fn killed_runs_end_with_the_same_bytes(config: &str, kills: u32) {
    let place = tempfile::tempdir().unwrap();
    let begun = clock();
    experiment(place.path(), "whole", config, 2).unwrap();
    let span = (begun() * 1e6) as u32 + 20_000;
    let whole = fingerprint(&place.path().join("whole"));
    let mut rng = RngTree::new(1).stream("kill", 0);
    let (mut killed, mut finished) = (0, 0);
    while killed < kills {
        let delay = Duration::from_micros(u64::from(below(&mut rng, span)));
        let ended = ends_within(place.path(), delay);
        nothing_torn(&place.path().join("killed"));
        if !ended {
            killed += 1;
        }
        if ended || killed == kills {
            // Undisturbed from here on.
            assert!(
                ended || victim_in(place.path()).wait().unwrap().success(),
                "the victim failed after {killed} kills"
            );
            finished += 1;
            assert_eq!(fingerprint(&place.path().join("killed")), whole, "after {killed} kills, SEED=1");
            std::fs::remove_dir_all(place.path().join("killed")).unwrap();
            // Every other victim must also write the cache.
            if finished % 2 == 0 {
                std::fs::remove_dir_all(place.path().join("cache")).unwrap();
            }
        }
    }
    println!("R1, R3: {kills} kills, {finished} resumed runs with the bytes of an undisturbed one, 0 violations");
    assert!(finished >= 1, "PROMISE=R1: {killed} kills, {finished} runs finished");
}

#[allow(clippy::disallowed_methods)]
fn clock() -> impl Fn() -> f64 {
    let start = std::time::Instant::now();
    move || start.elapsed().as_secs_f64()
}
