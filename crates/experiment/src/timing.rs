//! `timing.json`: how long a run took, and the machine. No other file but TensorBoard's event files knows a clock.

use serde::{Deserialize, Serialize};

use crate::run::Options;

/// How long a run took, and on what.
#[derive(Serialize)]
pub struct Timing {
    schema_version: u32,
    /// Seconds from the start of the training to the report.
    seconds: f64,
    threads: usize,
    machine: Machine,
    git_commit: Option<String>,
    runs: Vec<SeedTiming>,
}

#[derive(Serialize)]
struct Machine {
    os: &'static str,
    arch: &'static str,
    cpu: Option<String>,
    cores: Option<usize>,
}

#[derive(Deserialize, Serialize)]
struct SeedTiming {
    seed: u64,
    seconds: f64,
    env_steps: u64,
    env_steps_per_second: Option<f64>,
}

impl Timing {
    /// Nothing timed yet.
    pub fn new(options: &Options) -> Self {
        let machine = Machine {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            cpu: cpu_model(),
            cores: std::thread::available_parallelism().ok().map(usize::from),
        };
        let git_commit = options.git_commit.clone();
        Self { schema_version: 1, seconds: 0.0, threads: options.threads, machine, git_commit, runs: Vec::new() }
    }

    /// Adds a run: the environment steps that this process took and the seconds it took for them.
    pub fn add(&mut self, seed: u64, env_steps: u64, seconds: f64) {
        let rate = (env_steps > 0 && seconds > 0.0).then(|| env_steps as f64 / seconds);
        self.runs.push(SeedTiming { seed, seconds, env_steps, env_steps_per_second: rate });
    }

    /// The file's text; a seed that took no step in this process keeps what the file said before.
    pub fn finish(mut self, seconds: f64, before: Option<&[u8]>) -> String {
        #[derive(Deserialize)]
        struct Before {
            runs: Vec<SeedTiming>,
        }
        self.seconds = seconds;
        let before = before.and_then(|text| serde_json::from_slice::<Before>(text).ok());
        for old in before.into_iter().flat_map(|b| b.runs) {
            if let Some(run) = self.runs.iter_mut().find(|run| run.seed == old.seed && run.env_steps == 0) {
                *run = old;
            }
        }
        serde_json::to_string_pretty(&self).expect("plain data") + "\n"
    }
}

fn cpu_model() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split(':').nth(1)?.trim().to_owned())
}
