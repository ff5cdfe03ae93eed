//! Tracking: the metrics of a seed as TensorBoard event files, to be watched while it is trained.
//!
//! They carry the time, so they are outside the promise of the same bytes, and nothing is ever read from them. Bytes are
//! collected in memory and handed to the operating system about once a second and before each checkpoint, without a
//! sync. What a process wrote behind its last checkpoint is written again by the process that goes on.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use pavlov_rl_core::ActionSpec;
use pavlov_tensorboard::{Event as Entry, encode};
use serde_json::{Map, Value};

use crate::hooks::Event;
use crate::plan::Plan;
use crate::train::Job;

/// Points of a run, at most: as many as TensorBoard shows of a scalar; of more it drops some at random.
const MAX_POINTS: u64 = 1_000;

/// Seconds between two writes.
const WRITE_SECONDS: f64 = 1.0;

/// The tracking of one seed by one process, which has an event file of its own.
pub(crate) struct Tracking<'a> {
    job: &'a Job<'a>,
    means: Means,
    /// Time and environment steps of the last point, or of the beginning.
    last_point: (f64, u64),
    last_write: f64,
    /// Events that are not in the file yet.
    pending: Vec<u8>,
    file: EventFile,
}

/// The event file.
enum EventFile {
    /// Not begun: a process that does not train leaves none.
    None,
    /// Begun, with its length.
    Open(PathBuf, u64),
    /// A write failed: nothing more is tried.
    Failed,
}

impl<'a> Tracking<'a> {
    /// Goes on behind `update` updates and `env_steps` environment steps; `log` is the metrics log so far.
    pub(crate) fn new(job: &'a Job<'a>, update: u64, env_steps: u64, log: &[u8]) -> Self {
        let actions = match &job.world.training.spec().action {
            ActionSpec::Discrete { names } => names,
            ActionSpec::Continuous { .. } => [].as_slice(),
        };
        let mut means = Means::new(actions, job.plan);
        means.go_on(update, log);
        let now = (job.hooks.clock)();
        Self { job, means, last_point: (now, env_steps), last_write: now, pending: Vec::new(), file: EventFile::None }
    }

    /// Takes the line of the metrics log of an update.
    pub(crate) fn add(&mut self, line: &Map<String, Value>, update: u64, env_steps: u64) {
        self.means.add(line);
        if !self.means.due(update) {
            return;
        }
        let (begun, steps_before) = self.last_point;
        if matches!(self.file, EventFile::None) && self.pending.is_empty() {
            encode(&mut self.pending, begun, 0, &Entry::FileVersion);
            encode(&mut self.pending, begun, steps_before + 1, &Entry::SessionStart);
        }
        let now = (self.job.hooks.clock)();
        let mut values = self.means.take();
        if now > begun {
            let rate = (env_steps - steps_before) as f64 / (now - begun);
            values.insert("time/steps_per_second".into(), rate as f32);
        }
        let values: Vec<(&str, f32)> = values.iter().map(|(tag, value)| (tag.as_str(), *value)).collect();
        encode(&mut self.pending, now, env_steps, &Entry::Scalars(&values));
        self.last_point = (now, env_steps);
        if now - self.last_write >= WRITE_SECONDS {
            self.write();
        }
    }

    /// Hands everything so far to the operating system; a failure is noted once and ends the tracking.
    pub(crate) fn write(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.last_write = (self.job.hooks.clock)();
        let pending = std::mem::take(&mut self.pending);
        let file = std::mem::replace(&mut self.file, EventFile::Failed);
        match self.append(file, &pending) {
            Ok(file) => self.file = file,
            Err(error) => {
                let (seed, folder) = (self.job.seed, self.job.folder.root().display());
                let note = format!("seed {seed} is trained on without TensorBoard events in {folder}: {error}");
                (self.job.hooks.progress)(Event::Note(&note));
            }
        }
    }

    fn append(&self, file: EventFile, bytes: &[u8]) -> io::Result<EventFile> {
        let (path, len) = match file {
            EventFile::Failed => return Ok(EventFile::Failed),
            EventFile::None => (self.next_file()?, 0),
            EventFile::Open(path, len) => (path, len),
        };
        self.job.disk.append(&path, len, bytes)?;
        Ok(EventFile::Open(path, len + bytes.len() as u64))
    }

    /// The name behind those of the processes before.
    fn next_file(&self) -> io::Result<PathBuf> {
        let folder = &self.job.folder;
        let present = self.job.disk.list(folder.root())?;
        let numbers = present.iter().filter_map(|path| path.extension()?.to_str()?.parse::<u32>().ok());
        let last = numbers.filter(|number| present.contains(&folder.events(*number))).max();
        Ok(folder.events(last.map_or(1, |last| last.saturating_add(1))))
    }
}

/// A training that ends with an error shows how it came to it.
impl Drop for Tracking<'_> {
    fn drop(&mut self) {
        self.write();
    }
}

/// The means of the figures over the updates that make up a point.
struct Means {
    actions: &'static [&'static str],
    updates: u64,
    /// Whether the agent is the KOSPI ratio notebook's, whose names are shown too.
    notebook: bool,
    /// Sum and number of the values of each tag since the last point.
    sums: BTreeMap<String, (f64, u32)>,
}

impl Means {
    fn new(actions: &'static [&'static str], plan: &Plan) -> Self {
        let notebook = plan.agent.name() == "gaussian_ppo";
        Self { actions, updates: plan.train.updates, notebook, sums: BTreeMap::new() }
    }

    /// Updates that make up a point.
    fn stride(&self) -> u64 {
        self.updates.div_ceil(MAX_POINTS)
    }

    fn due(&self, update: u64) -> bool {
        update.is_multiple_of(self.stride()) || update == self.updates
    }

    /// Takes the updates of the log that a process before had taken for its next point.
    fn go_on(&mut self, update: u64, log: &[u8]) {
        let shown = update - update % self.stride();
        let lines = log.split(|byte| *byte == b'\n').skip(shown as usize);
        lines.filter_map(|line| serde_json::from_slice(line).ok()).for_each(|line| self.add(&line));
    }

    fn add(&mut self, line: &Map<String, Value>) {
        let share = |action: usize| line.get("action_share").and_then(|shares| shares.get(action)?.as_f64());
        let actions = self.actions.iter().enumerate();
        let shares = actions.map(|(i, name)| (format!("actions/{name}"), share(i).unwrap_or(0.0)));
        let figures = line.iter().filter_map(|(key, value)| Some((tag(key)?, value.as_f64()?)));
        let named = self.notebook.then(|| notebook(line)).into_iter().flatten();
        for (tag, value) in shares.chain(figures).chain(named) {
            let (sum, n) = self.sums.entry(tag).or_default();
            *sum += value;
            *n += 1;
        }
    }

    /// The means by tag; a figure that no update had is left out.
    fn take(&mut self) -> BTreeMap<String, f32> {
        let sums = std::mem::take(&mut self.sums);
        sums.into_iter().map(|(tag, (sum, n))| (tag, (sum / f64::from(n)) as f32)).collect()
    }
}

/// The notebook's names of figures that Gaussian PPO has, by the keys of the metrics log (source: the KOSPI ratio notebook,
/// `writer.add_scalar`).
const NOTEBOOK: [(&str, &str); 6] = [
    ("episode_profit", "Reward"),
    ("loss", "Loss"),
    ("value_loss", "Loss_MSE"),
    ("advantage_max", "Loss_adv_max"),
    ("advantage_min", "Loss_adv_min"),
    ("episode_terminated", "Trigger"),
];

/// The same figures by the notebook's names, where it is the notebook's agent: `Max_Time` is what `Trigger` leaves.
fn notebook(line: &Map<String, Value>) -> impl Iterator<Item = (String, f64)> {
    let named = NOTEBOOK.iter().filter_map(|(key, tag)| Some(((*tag).to_owned(), line.get(*key)?.as_f64()?)));
    let triggered = line.get("episode_terminated").and_then(Value::as_f64);
    named.chain(triggered.map(|share| ("Max_Time".to_owned(), 1.0 - share)))
}

/// The tag of a number in the metrics log; the counters of the training are the horizontal axis.
fn tag(key: &str) -> Option<String> {
    match (key, key.strip_prefix("episode_")) {
        ("update" | "env_steps", _) => None,
        ("episodes", _) => Some("episode/ended".into()),
        (_, Some(figure)) => Some(format!("episode/{figure}")),
        _ => Some(format!("train/{key}")),
    }
}
