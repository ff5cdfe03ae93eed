//! A small experiment on a generated market, and a folder to run it in.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pavlov_experiment::{Device, ExperimentError, Hooks, Options, report::Report, run};
use pavlov_store::{Hash, OsDisk};

/// Six updates a second on any machine: small nets, few environments, a checkpoint at every other update.
pub const CONFIG: &str = r#"
name = "tiny"
[data]
dataset = "synthetic-hourly"
train = ["2018-01-01", "2018-02-01"]
test = ["2018-02-01", "2018-02-15"]
[features]
columns = [{ returns = { of = "close", kind = "percent" } }, { volume_change = { kind = "percent", clip = 100.0 } }]
[environment]
name = "bitcoin"
sample_len = 40
[agent]
name = "lstm_ppo"
fc = 8
hidden = 8
[train]
num_envs = 4
rollout_len = 32
updates = 12
checkpoint_every = 2
reward_scale = 0.01
[runs]
num = 2
"#;

/// The same experiment with Double DQN: most of its options, and sticky actions.
pub fn double_dqn() -> String {
    const AGENT: &str = r#"[agent]
name = "double_dqn"
sizes = [8, 8]
duelling = true
n_steps = 2
sampling = { prioritised = { alpha = 0.6, beta = 0.4 } }
target = { copy_every = 20 }
warm_up = 64
[train]
sticky_actions = 0.1"#;
    let config = CONFIG.replace("[agent]\nname = \"lstm_ppo\"\nfc = 8\nhidden = 8\n[train]", AGENT);
    assert_ne!(config, CONFIG);
    config
}

/// The same market with the manager and order networks, which attend to four rows.
pub fn manager_order() -> String {
    const ENVIRONMENT: &str = "name = \"long_short\"\nwindow = 4";
    const AGENT: &str = r#"[agent]
name = "manager_order"
hidden = 8
warm_up = 64
batch_size = 16
learn_every = 4
target = { copy_every = 20 }"#;
    let config = CONFIG.replace("[agent]\nname = \"lstm_ppo\"\nfc = 8\nhidden = 8", AGENT);
    let config =
        config.replace("name = \"bitcoin\"", ENVIRONMENT).replace("reward_scale = 0.01", "reward_scale = 10.0");
    assert!(config.contains(AGENT) && config.contains(ENVIRONMENT));
    config
}

/// The same market with Gaussian PPO, whose action is the share of the net worth to hold.
pub fn gaussian_ppo() -> String {
    const ENVIRONMENT: &str = "name = \"long_short\"\naction = \"target_weight\"\nwindow = 4";
    const AGENT: &str = r#"[agent]
name = "gaussian_ppo"
sizes = [8, 8]
body = "lstm"
std = { learned = 0.3 }
learning_rate = 1e-3
num_minibatches = 2
epochs = 3"#;
    let config = CONFIG.replace("[agent]\nname = \"lstm_ppo\"\nfc = 8\nhidden = 8", AGENT);
    let config =
        config.replace("name = \"bitcoin\"", ENVIRONMENT).replace("reward_scale = 0.01", "reward_scale = 10.0");
    assert!(config.contains(AGENT) && config.contains(ENVIRONMENT));
    config
}

/// The repository's manifests, with the generated hourly market cached like a downloaded one.
fn datasets(place: &Path) -> PathBuf {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let folder = place.join("datasets");
    std::fs::create_dir_all(&folder).unwrap();
    for manifest in sorted(&manifests) {
        let text = std::fs::read_to_string(&manifest).unwrap();
        let text = text.replace("sources = [\"provider\"]", "sources = [\"cache\", \"provider\"]");
        let copy = folder.join(manifest.file_name().unwrap());
        if !copy.exists() {
            pavlov_store::write_atomic(&pavlov_store::OsDisk, &copy, text.as_bytes()).unwrap();
        }
    }
    folder
}

/// A made-up market of hours between two days.
pub fn manifest(name: &str, from: &str, to: &str, seed: u32) -> String {
    format!(
        "schema_version = 1\nname = \"{name}\"\nsummary = \"hours\"\nsource = \"generated\"\nsymbol = \"{name}\"\n\
         interval = \"1h\"\nadjustment = \"none\"\nspan = [\"{from}\", \"{to}\"]\nsources = [\"provider\"]\n\
         [provider]\nname = \"synthetic\"\nseed = {seed}\nstart_price = 100.0\nmean_volume = 10.0\n\
         [provider.mode.martingale]\nvolatility = 0.01\n"
    )
}

pub fn options(place: &Path, threads: usize) -> Options {
    Options {
        disk: Arc::new(OsDisk),
        datasets_dir: datasets(place),
        cache_dir: place.join("cache"),
        trials_dir: place.join("trials"),
        data_dir: None,
        threads,
        device: Device::Cpu,
        git_commit: None,
    }
}

pub fn with_hooks<T>(work: impl FnOnce(&Hooks<'_>) -> T) -> T {
    let stop = AtomicBool::new(false);
    work(&Hooks { clock: &|| 0.0, progress: &|_| {}, stop: &stop })
}

/// Runs `config` into `<place>/<name>`.
pub fn experiment(place: &Path, name: &str, config: &str, threads: usize) -> Result<Report, ExperimentError> {
    let file = place.join(format!("{name}.toml"));
    pavlov_store::write_atomic(&pavlov_store::OsDisk, &file, config.as_bytes()).unwrap();
    with_hooks(|hooks| run::run(&file, &[], &place.join(name), &options(place, threads), hooks))
}

/// Hash of every file of a run that must not depend on anything but config, seed and data.
///
/// Of the checkpoints only the final one counts: which earlier one is still there depends on where a run was stopped.
pub fn fingerprint(run: &Path) -> Vec<(String, String)> {
    let mut files = vec![run.join("report.json"), run.join("report.html")];
    for seed in sorted(&run.join("runs")) {
        files.extend(["metrics.jsonl", "done.json", "equity.parquet", "fills.parquet"].map(|name| seed.join(name)));
        files.extend(Some(seed.join("insight.parquet")).filter(|file| file.exists()));
        files.extend(sorted(&seed.join("checkpoints")).pop());
    }
    let hash = |file: PathBuf| {
        let bytes = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        (file.strip_prefix(run).unwrap().display().to_string(), Hash::of(&bytes).to_string())
    };
    files.into_iter().map(hash).collect()
}

pub fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
