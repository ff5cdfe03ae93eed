//! One training run: the loop that every agent shares, with checkpoints between updates.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pavlov_agents::{Agent, AgentContext, AgentError, Device};
use pavlov_features::FittedScaler;
use pavlov_rl_core::{
    ActMode, BatchEnv, Checkpoint, CheckpointError, Decisions, EnvSpec, Experience, Memory, Outcomes, Rng, RngTree,
    Snapshot, StepBatch, StickyActions, UpdateStats,
};
use pavlov_store::{CheckpointStore, Disk, Hash, SeedFolder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::ExperimentError;
use crate::hooks::{Event, Hooks};
use crate::plan::Plan;
use crate::tally::{RunningEpisodes, Tally};
use crate::tracking::Tracking;
use crate::world::World;

/// What a finished training leaves behind.
pub struct Trained {
    /// Seed of the run.
    pub seed: u64,
    /// The agent with its final weights.
    pub agent: Box<dyn Agent>,
    /// Environment steps of the whole training.
    pub env_steps: u64,
    /// Updates of the whole training.
    pub updates: u64,
    /// Hash of the final checkpoint.
    pub checkpoint: Hash,
    /// The metrics log, verified.
    pub log: Vec<u8>,
}

/// Why a training stopped early.
pub enum Stop {
    /// The user asked for it; the last update is saved.
    Asked,
    /// It failed.
    Failed(ExperimentError),
}

impl<E: Into<ExperimentError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// One seed to train, and what it needs.
pub struct Job<'a> {
    /// Name of its cell; empty in a run of one.
    pub cell: &'a str,
    /// Its seed.
    pub seed: u64,
    /// What is trained.
    pub plan: &'a Plan,
    /// What it is trained in.
    pub world: &'a World,
    /// Where tensors live.
    pub device: &'a Device,
    /// The disk with its folder.
    pub disk: &'a Arc<dyn Disk>,
    /// Its folder.
    pub folder: SeedFolder,
    /// What comes in from outside.
    pub hooks: &'a Hooks<'a>,
}

/// Everything of the loop that a checkpoint holds besides agent and environments.
#[derive(Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) update: u64,
    env_steps: u64,
    memory: Memory,
    policy_rng: Rng,
    update_rng: Rng,
    /// What the running episodes have brought so far.
    episodes: RunningEpisodes,
    /// Length of the metrics log that belongs to this checkpoint.
    log_len: u64,
    /// Hash of that much of it.
    log_hash: Hash,
}

/// Trains one seed to its end, from its last checkpoint if it has one; also the environment steps taken here.
///
/// # Errors
/// [`Stop::Asked`] after saving, or [`Stop::Failed`].
pub fn train(job: &Job<'_>) -> Result<(Trained, u64), Stop> {
    let Job { cell, seed, plan, hooks, .. } = *job;
    let mut run = Run::new(job)?;
    let mut saved = run.resume()?;
    let begun = run.progress.env_steps;
    if hooks.stop.load(Ordering::Relaxed) && run.progress.update < plan.train.updates {
        return Err(Stop::Asked);
    }
    (hooks.progress)(Event::Started { cell, seed, update: run.progress.update, updates: plan.train.updates });
    while run.progress.update < plan.train.updates {
        let episode_profit = run.until_update()?;
        let Progress { update, env_steps, .. } = run.progress;
        (hooks.progress)(Event::Updated { cell, seed, update, env_steps: env_steps - begun, episode_profit });
        let stop = hooks.stop.load(Ordering::Relaxed);
        if stop || update == plan.train.updates || update.is_multiple_of(plan.train.checkpoint_every) {
            saved = Some(run.save()?);
        }
        if stop && update < plan.train.updates {
            return Err(Stop::Asked);
        }
    }
    let taken = run.progress.env_steps - begun;
    let trained = run.trained(saved.expect("a plan has at least one update, and the last one is saved"));
    let done = json!({
        "schema_version": 1, "seed": seed, "env_steps": trained.env_steps, "updates": trained.updates,
        "checkpoint": trained.checkpoint.to_string(),
    });
    pavlov_store::write_atomic(&**job.disk, &job.folder.done(), format!("{done:#}\n").as_bytes())?;
    (hooks.progress)(Event::Finished { cell, seed });
    Ok((trained, taken))
}

/// Builds the agent once, so that a plan it refuses is found before anything is written.
///
/// # Errors
/// [`ExperimentError::Agent`].
pub fn check_agent(plan: &Plan, world: &World, device: &Device) -> Result<(), ExperimentError> {
    build_agent(plan, world.training.spec(), plan.runs.seed, device).map(drop)
}

/// The agent of a plan, untrained.
pub(crate) fn build_agent(
    plan: &Plan,
    spec: &EnvSpec,
    seed: u64,
    device: &Device,
) -> Result<Box<dyn Agent>, ExperimentError> {
    let context = AgentContext {
        spec,
        num_envs: plan.train.num_envs,
        rollout_len: plan.train.rollout_len,
        updates: plan.train.updates,
        device: device.clone(),
    };
    plan.agent.build(&context, &RngTree::new(seed)).map_err(|source| ExperimentError::Agent { seed, source })
}

/// Takes up a finished training from its final checkpoint; `None` if it is not finished.
///
/// # Errors
/// [`ExperimentError`] if the checkpoint is not one of this run.
pub fn load_trained(job: &Job<'_>) -> Result<Option<Trained>, ExperimentError> {
    let mut run = Run::new(job)?;
    let saved = run.resume()?;
    let complete = run.progress.update == job.plan.train.updates;
    Ok(saved.filter(|_| complete).map(|checkpoint| run.trained(checkpoint)))
}

/// The environments to learn in, freshly reset.
fn training_env(plan: &Plan, world: &World, rng: &RngTree) -> Box<dyn BatchEnv> {
    let env = world.training.batch(0..plan.train.num_envs as u64, rng);
    match plan.train.sticky_actions {
        0.0 => env,
        probability => Box::new(StickyActions::new(env, probability, 0, rng)),
    }
}

struct Run<'a> {
    job: &'a Job<'a>,
    checkpoints: CheckpointStore,
    agent: Box<dyn Agent>,
    env: Box<dyn BatchEnv>,
    progress: Progress,
    /// The metrics log, also what is not on the disk yet.
    log: Vec<u8>,
    tracking: Tracking<'a>,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job<'a>) -> Result<Self, ExperimentError> {
        let Job { seed, plan, world, device, disk, folder, .. } = job;
        let rng = RngTree::new(*seed);
        let num_envs = plan.train.num_envs;
        let agent = build_agent(plan, world.training.spec(), *seed, device)?;
        let progress = Progress {
            update: 0,
            env_steps: 0,
            memory: agent.memory(num_envs),
            policy_rng: rng.stream("policy", 0),
            update_rng: rng.stream("shuffle", 0),
            episodes: RunningEpisodes::new(&world.training.spec().action, num_envs),
            log_len: 0,
            log_hash: Hash::of(&[]),
        };
        Ok(Self {
            job,
            checkpoints: CheckpointStore::open(Arc::clone(disk), folder.checkpoints())?,
            agent,
            env: training_env(plan, world, &rng),
            progress,
            log: Vec::new(),
            tracking: Tracking::new(job, 0, 0, &[]),
        })
    }

    fn trained(self, checkpoint: Hash) -> Trained {
        let Progress { update, env_steps, .. } = self.progress;
        Trained { seed: self.job.seed, agent: self.agent, env_steps, updates: update, checkpoint, log: self.log }
    }

    fn agent_error(&self, source: AgentError) -> ExperimentError {
        ExperimentError::Agent { seed: self.job.seed, source }
    }

    /// The error of an update; numbers that went wrong are left in the seed's folder to be looked at.
    fn update_error(&self, source: AgentError) -> ExperimentError {
        let AgentError::NotFinite { batch, .. } = &source else { return self.agent_error(source) };
        let path = self.job.folder.not_finite();
        match pavlov_store::write_atomic(&**self.job.disk, &path, &batch.to_bytes()) {
            Ok(_) => ExperimentError::Diverged { seed: self.job.seed, source, batch: path },
            Err(_) => self.agent_error(source),
        }
    }

    /// Takes up the newest checkpoint that verifies; its hash.
    fn resume(&mut self) -> Result<Option<Hash>, ExperimentError> {
        let latest = self.checkpoints.latest()?;
        for path in &latest.damaged {
            (self.job.hooks.progress)(Event::Note(&format!("{} is damaged and was passed over", path.display())));
        }
        let Some(stored) = latest.checkpoint else { return Ok(None) };
        let seed = self.job.seed;
        let decode = |e: CheckpointError| ExperimentError::checkpoint(seed, e);
        let checkpoint = Checkpoint::from_bytes(&stored.bytes).map_err(decode)?;
        let identity: Identity = checkpoint.value("identity").map_err(decode)?;
        identity
            .check(&Identity::of(self.job.plan, self.job.world))
            .map_err(|reason| ExperimentError::checkpoint(seed, reason))?;
        self.progress = checkpoint.value("progress").map_err(decode)?;
        if self.progress.update != stored.index {
            let reason = format!("it is of update {}, its name says {}", self.progress.update, stored.index);
            return Err(ExperimentError::checkpoint(seed, reason));
        }
        let scaler: FittedScaler = checkpoint.value("scaler").map_err(decode)?;
        if scaler != self.job.world.scaler {
            let reason = "its features were scaled otherwise".to_owned();
            return Err(ExperimentError::checkpoint(seed, reason));
        }
        self.log = self.read_log()?;
        self.tracking = Tracking::new(self.job, self.progress.update, self.progress.env_steps, &self.log);
        self.env.restore(checkpoint.bytes("env").map_err(decode)?).map_err(|e| ExperimentError::checkpoint(seed, e))?;
        self.agent.restore(&checkpoint).map_err(|e| self.agent_error(e))?;
        Ok(Some(stored.hash))
    }

    /// The part of the metrics log that belongs to the checkpoint; lines behind it are of a process that died.
    fn read_log(&self) -> Result<Vec<u8>, ExperimentError> {
        let path = self.job.folder.metrics();
        let mut log = match self.progress.log_len {
            0 => Vec::new(),
            _ => pavlov_store::read(&**self.job.disk, &path)?,
        };
        log.truncate(self.progress.log_len as usize);
        match Hash::of(&log) == self.progress.log_hash {
            true => Ok(log),
            false => Err(ExperimentError::Log { seed: self.job.seed, path }),
        }
    }

    /// Makes everything up to the last update durable: first the log, then the checkpoint that names its length. What
    /// lies before a checkpoint is not tracked again, so that is written before.
    fn save(&mut self) -> Result<Hash, ExperimentError> {
        self.tracking.write();
        let on_disk = self.progress.log_len;
        pavlov_store::append_durable(
            &**self.job.disk,
            &self.job.folder.metrics(),
            on_disk,
            &self.log[on_disk as usize..],
        )?;
        self.progress.log_len = self.log.len() as u64;
        self.progress.log_hash = Hash::of(&self.log);
        let mut checkpoint = Checkpoint::default();
        self.agent.save(&mut checkpoint).map_err(|e| self.agent_error(e))?;
        checkpoint.put_bytes("env", self.env.save());
        checkpoint.put_value("progress", &self.progress);
        checkpoint.put_value("scaler", &self.job.world.scaler);
        checkpoint.put_value("identity", &Identity::of(self.job.plan, self.job.world));
        Ok(self.checkpoints.save(self.progress.update, &checkpoint.to_bytes())?)
    }

    /// Steps until the agent has learnt once; mean profit of the episodes that ended.
    fn until_update(&mut self) -> Result<Option<f64>, ExperimentError> {
        let n = self.env.len();
        let mut decisions = Decisions::new(&self.env.spec().action, n);
        let mut twins = decisions.actions.clone();
        let (mut outcomes, mut before, mut memory_before) =
            (Outcomes::default(), Snapshot::default(), Memory::default());
        let mut rewards = vec![0.0; n];
        let mut tally = Tally::new(&self.env.spec().action);
        loop {
            let Progress { memory, policy_rng, .. } = &mut self.progress;
            let seen = self.env.observations();
            before.copy_from(seen);
            memory_before.copy_from(memory);
            let acted = self.agent.act(seen, memory, ActMode::Sample, policy_rng, &mut decisions);
            acted.map_err(|e| self.agent_error(e))?;
            let mirrored = self.agent.mirror(&decisions, &mut twins);
            let scale = self.job.plan.train.reward_scale;
            if mirrored {
                self.env.peek(&twins, &mut outcomes);
                outcomes.rewards.iter_mut().for_each(|reward| *reward *= scale);
            }
            let after = self.env.step(&decisions.actions);
            tally.step(&decisions.actions, after, &mut self.progress.episodes);
            for (scaled, reward) in rewards.iter_mut().zip(after.rewards) {
                *scaled = reward * scale;
            }
            let step = Experience {
                before: &before,
                memory_before: &memory_before,
                decisions: &decisions,
                memory_after: &self.progress.memory,
                mirrored: mirrored.then_some((&twins, &outcomes)),
                after: StepBatch { rewards: &rewards, ..after },
            };
            let observed = self.agent.observe(step);
            self.progress.memory.forget_ended(after.statuses);
            observed.map_err(|source| ExperimentError::Agent { seed: self.job.seed, source })?;
            self.progress.env_steps += n as u64;
            let update = self.agent.update(&mut self.progress.update_rng);
            if let Some(stats) = update.map_err(|e| self.update_error(e))? {
                self.progress.update += 1;
                self.log(&tally, &stats);
                return Ok(tally.mean_profit());
            }
        }
    }

    fn log(&mut self, tally: &Tally, stats: &UpdateStats) {
        let mut line = Map::new();
        line.insert("update".into(), self.progress.update.into());
        line.insert("env_steps".into(), self.progress.env_steps.into());
        line.insert("episodes".into(), tally.episodes().into());
        line.insert("episode_profit".into(), json!(tally.mean_profit()));
        line.insert("episode_terminated".into(), json!(tally.terminated()));
        line.insert("action_share".into(), json!(tally.action_share()));
        line.insert("episode_actions".into(), json!(tally.episode_actions()));
        line.extend(stats.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        self.tracking.add(&line, self.progress.update, self.progress.env_steps);
        self.log.extend_from_slice(Value::Object(line).to_string().as_bytes());
        self.log.push(b'\n');
    }
}

/// Names and hashes of the data that a checkpoint was trained on.
///
/// # Errors
/// [`CheckpointError`] if it is no checkpoint of a training.
pub fn trained_on(checkpoint: &Checkpoint) -> Result<Vec<(String, String)>, CheckpointError> {
    Ok(checkpoint.value::<Identity>("identity")?.data_hashes)
}

/// What a checkpoint belongs to.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) training_hash: String,
    data_hashes: Vec<(String, String)>,
}

impl Identity {
    fn of(plan: &Plan, world: &World) -> Self {
        let data_hashes = world.data_hashes.iter().map(|(name, hash)| (name.clone(), hash.clone())).collect();
        Self { training_hash: plan.training_hash().to_string(), data_hashes }
    }

    fn check(&self, now: &Self) -> Result<(), String> {
        if self.training_hash != now.training_hash {
            return Err(format!("its training has hash {}, the plan's {}", self.training_hash, now.training_hash));
        }
        if self.data_hashes != now.data_hashes {
            return Err(format!("it was trained on {:?}, the data now are {:?}", self.data_hashes, now.data_hashes));
        }
        Ok(())
    }
}
