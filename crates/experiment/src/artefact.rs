//! What a finished training leaves behind, taken up without the data that it learned from.

use std::path::Path;
use std::sync::Arc;

use pavlov_agents::{Agent, Device};
use pavlov_features::FittedScaler;
use pavlov_rl_core::{Checkpoint, CheckpointError, EnvSpec};
use pavlov_store::{CheckpointStore, Disk, Hash, SeedFolder};

use crate::error::ExperimentError;
use crate::plan::Plan;
use crate::train::{Identity, Progress, build_agent};

/// The final checkpoint of a seed.
pub struct Artefact {
    /// Its seed.
    pub seed: u64,
    /// Hash of the checkpoint.
    pub hash: Hash,
    /// Updates of the training.
    pub updates: u64,
    /// Scaling of the features, as it was fitted on the training rows.
    pub scaler: FittedScaler,
    checkpoint: Checkpoint,
}

impl Artefact {
    /// Reads the final checkpoint of a seed of the run in the folder `run`.
    ///
    /// # Errors
    /// [`ExperimentError::Unfinished`] if the newest checkpoint that verifies is not the final one,
    /// [`ExperimentError::Checkpoint`] if it is not one of this plan.
    pub fn load(
        plan: &Plan,
        seed: u64,
        (run, folder): (&Path, &SeedFolder),
        disk: &Arc<dyn Disk>,
    ) -> Result<Self, ExperimentError> {
        let unfinished = || ExperimentError::Unfinished { seed, run: run.to_owned() };
        let latest = CheckpointStore::open(Arc::clone(disk), folder.checkpoints())?.latest()?;
        let stored = latest.checkpoint.ok_or_else(unfinished)?;
        let decode = |e: CheckpointError| ExperimentError::checkpoint(seed, e);
        let checkpoint = Checkpoint::from_bytes(&stored.bytes).map_err(decode)?;
        let Identity { training_hash, .. } = checkpoint.value("identity").map_err(decode)?;
        if training_hash != plan.training_hash().to_string() {
            let reason = format!("its config has hash {training_hash}, the plan {}", plan.training_hash());
            return Err(ExperimentError::checkpoint(seed, reason));
        }
        let Progress { update, .. } = checkpoint.value("progress").map_err(decode)?;
        if update != plan.train.updates {
            return Err(unfinished());
        }
        let scaler = checkpoint.value("scaler").map_err(decode)?;
        Ok(Self { seed, hash: stored.hash, updates: update, scaler, checkpoint })
    }

    /// The trained agent.
    ///
    /// # Errors
    /// [`ExperimentError::Agent`] if the checkpoint is not one of an agent that plays this.
    pub fn agent(&self, plan: &Plan, spec: &EnvSpec, device: &Device) -> Result<Box<dyn Agent>, ExperimentError> {
        let mut agent = build_agent(plan, spec, self.seed, device)?;
        agent.restore(&self.checkpoint).map_err(|source| ExperimentError::Agent { seed: self.seed, source })?;
        Ok(agent)
    }
}
