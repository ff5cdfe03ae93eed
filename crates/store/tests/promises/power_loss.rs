//! R2: a power loss after any disk call loses nothing that was acknowledged.

use std::sync::Arc;

use pavlov_store::Disk;
use pavlov_testkit::{PowerLoss, SimDisk, scale};

use crate::bugs::{Bug, Buggy};
use crate::pipeline::{Acks, World, check, run};

type Wrap<'a> = &'a dyn Fn(Arc<dyn Disk>) -> Arc<dyn Disk>;

/// Loses power after every call of a run in every way; the number of trials, or the first broken promise.
fn every_power_loss(world: &World, wrap: Wrap) -> Result<u64, String> {
    let calls = calls_of(world, wrap, &SimDisk::new);
    let mut trials = 0;
    for n in 0..=calls {
        let (acks, disk) = cut(world, wrap, SimDisk::new(), n, Acks::default());
        for loss in PowerLoss::ALL {
            let after: Arc<dyn Disk> = Arc::new(disk.after_power_loss(loss));
            check(&after, world, &acks).map_err(|e| format!("power loss after call {n} of {calls}, {loss:?}: {e}"))?;
            trials += 1;
        }
    }
    Ok(trials)
}

/// As [`every_power_loss`], with a second power loss after every call of the restart.
fn every_second_power_loss(world: &World) -> Result<u64, String> {
    let plain: Wrap = &|disk| disk;
    let mut trials = 0;
    for n in 0..=calls_of(world, plain, &SimDisk::new) {
        let (acks, disk) = cut(world, plain, SimDisk::new(), n, Acks::default());
        for first in PowerLoss::ALL {
            let restart = || disk.after_power_loss(first);
            for m in 0..=calls_of(world, plain, &restart) {
                let (acks, disk) = cut(world, plain, restart(), m, acks.clone());
                let second = PowerLoss::ALL[(n + m) as usize % PowerLoss::ALL.len()];
                let after: Arc<dyn Disk> = Arc::new(disk.after_power_loss(second));
                check(&after, world, &acks).map_err(|e| format!("calls {n} {first:?}, {m} {second:?}: {e}"))?;
                trials += 1;
            }
        }
    }
    Ok(trials)
}

fn calls_of(world: &World, wrap: Wrap, start: &dyn Fn() -> SimDisk) -> u64 {
    let disk = Arc::new(start());
    run(&wrap(disk.clone()), world, &mut |_, _| {}).expect("a run without a fault succeeds");
    disk.calls()
}

fn cut(world: &World, wrap: Wrap, disk: SimDisk, calls: u64, mut acks: Acks) -> (Acks, Arc<SimDisk>) {
    let disk = Arc::new(disk);
    disk.crash_after(calls);
    // The run may also have ended: the power then goes after its last call.
    let _ = run(&wrap(disk.clone()), world, &mut |kind, number| acks.note(kind, number));
    (acks, disk)
}

#[test]
#[allow(clippy::print_stdout)]
fn a_power_loss_after_any_call_loses_nothing_acknowledged() {
    let mut trials = 0;
    for seed in scale::seeds(1, 100) {
        trials += every_power_loss(&World::number(seed), &|disk| disk)
            .unwrap_or_else(|e| panic!("PROMISE=R2 PAVLOV_TEST_SEED={seed}: {e}"));
    }
    assert!(trials >= 1_000, "only {trials} trials");
    println!("R2: {trials} power losses, 0 violations");
}

#[test]
#[allow(clippy::print_stdout)]
fn a_power_loss_during_the_restart_loses_nothing_either() {
    let world = World { steps: if scale::nightly() { 4 } else { 2 }, ..World::simulated() };
    let trials = every_second_power_loss(&world).unwrap_or_else(|e| panic!("PROMISE=R2 restart: {e}"));
    println!("R2 restart: {trials} double power losses, 0 violations");
}

#[test]
#[allow(clippy::print_stdout)]
fn every_planted_bug_in_writing_is_caught() {
    for bug in Bug::ALL {
        let caught = every_power_loss(&World::simulated(), &|disk| Arc::new(Buggy { disk, bug }));
        println!("R2 {bug:?}: {}", caught.expect_err("the planted bug must be caught"));
    }
}
