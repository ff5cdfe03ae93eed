//! Durable files: atomic writes, content hashes verified before anybody parses, run folders with a lock.
//!
//! Place in the flow: the data cache of `market-data` and the run folder of `experiment` write through this crate, and
//! nothing else in the workspace creates a file. Three rules hold everywhere:
//!
//! 1. A file appears whole or not at all: [`write_atomic`] writes a temporary file, syncs it, renames it and syncs the
//!    folder. A crash or power loss at any instant leaves the old content or the new one.
//! 2. Data first, manifest last: the rename of the manifest (or of a self-naming checkpoint) is the commit point.
//! 3. Hash before parse: [`read_verified`] returns bytes only if they hash to what the manifest promised.
//!
//! Every disk access goes through the trait [`Disk`], so that tests can replace the machine's disk with one that loses
//! power or runs full at a chosen call.
//!
//! ```
//! use std::sync::Arc;
//! use pavlov_store::{CheckpointStore, OsDisk, RunFolder, read_verified, write_atomic};
//!
//! let parent = tempfile::tempdir()?;
//! let run = RunFolder::create(Arc::new(OsDisk), &parent.path().join("my_run"))?;
//! let hash = write_atomic(run.disk().as_ref(), &run.plan(), b"seed = 1\n")?;
//! assert_eq!(read_verified(run.disk().as_ref(), &run.plan(), &hash)?, b"seed = 1\n");
//!
//! let checkpoints = CheckpointStore::open(run.disk().clone(), run.seed(1).checkpoints())?;
//! checkpoints.save(200, b"weights")?;
//! assert_eq!(checkpoints.latest()?.checkpoint.unwrap().index, 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod checkpoints;
mod disk;
mod error;
mod hash;
mod run_folder;

pub use atomic::{TEMP_SUFFIX, append_durable, create_dir_all, read, read_verified, sweep_temps, write_atomic};
pub use checkpoints::{CheckpointStore, Latest, StoredCheckpoint};
pub use disk::{Disk, LockGuard, OsDisk};
pub use error::StoreError;
pub use hash::Hash;
pub use run_folder::{RunFolder, SeedFolder};
