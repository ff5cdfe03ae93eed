//! Checkpoints that survive damage: `cargo run -p pavlov-store --example checkpoints`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example that damages a file and prints")]

use std::sync::Arc;

use pavlov_store::{CheckpointStore, OsDisk, RunFolder, write_atomic};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = tempfile::tempdir()?;
    let run = RunFolder::create(Arc::new(OsDisk), &parent.path().join("my-run"))?;
    let hash = write_atomic(&**run.disk(), &run.plan(), b"seed = 1\n")?;
    println!("the plan is on the disk, whole or not at all; its hash is {hash}");

    let checkpoints = CheckpointStore::open(run.disk().clone(), run.seed(1).checkpoints())?;
    for update in [100, 200] {
        checkpoints.save(update, format!("weights after {update} updates").as_bytes())?;
    }
    let newest = checkpoints.latest()?.checkpoint.ok_or("a checkpoint was saved")?;
    println!("the newest checkpoint is of update {}", newest.index);

    // One flipped bit: the name of a checkpoint is its hash, so it is not taken up.
    let mut files: Vec<_> = std::fs::read_dir(run.seed(1).checkpoints())?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::path);
    let file = files.last().ok_or("the newest one")?.path();
    let mut bytes = std::fs::read(&file)?;
    bytes[3] ^= 1;
    std::fs::write(&file, bytes)?;
    let found = checkpoints.latest()?;
    let index = found.checkpoint.ok_or("the one before")?.index;
    println!("damaged, it is passed over for that of update {index}; {} file is named as damaged", found.damaged.len());
    Ok(())
}
