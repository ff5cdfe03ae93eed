//! R19: a full disk, a broken device or a missing permission at any call is a clear error and costs nothing committed.

use std::error::Error;
use std::sync::Arc;

use pavlov_store::{Disk, StoreError, TEMP_SUFFIX};
use pavlov_testkit::{Fault, SimDisk, scale};

use crate::pipeline::{Acks, World, check, run};

fn try_fault(world: &World, n: u64, fault: Fault) -> Result<(), String> {
    let sim = Arc::new(SimDisk::new());
    let disk: Arc<dyn Disk> = sim.clone();
    sim.fail_call(n, fault);
    let mut acks = Acks::default();
    let error =
        run(&disk, world, &mut |kind, number| acks.note(kind, number)).err().ok_or("the fault was swallowed")?;
    let StoreError::Io { path, .. } = &error else { return Err(format!("not an I/O error: {error}")) };
    if !path.starts_with(&world.base) || !error.to_string().contains(path.to_str().unwrap_or("?")) {
        return Err(format!("the message does not name the file: {error}"));
    }
    error.source().ok_or("the cause is lost")?;
    check(&disk, world, &acks)?;
    match sim.files().into_iter().find(|path| path.to_string_lossy().ends_with(TEMP_SUFFIX)) {
        Some(temp) => Err(format!("a temporary file is left: {}", temp.display())),
        None => Ok(()),
    }
}

#[test]
#[allow(clippy::print_stdout)]
fn a_fault_at_any_call_names_the_file_and_costs_nothing_committed() {
    let mut trials = 0;
    for seed in scale::seeds(1, 100) {
        let world = World::number(seed);
        let sim = Arc::new(SimDisk::new());
        run(&(sim.clone() as Arc<dyn Disk>), &world, &mut |_, _| {}).unwrap();
        for (n, fault) in (1..=sim.calls()).flat_map(|n| Fault::ALL.map(|fault| (n, fault))) {
            try_fault(&world, n, fault)
                .unwrap_or_else(|e| panic!("PROMISE=R19 PAVLOV_TEST_SEED={seed} call {n} {fault:?}: {e}"));
            trials += 1;
        }
    }
    println!("R19: {trials} faults, 0 violations");
}
