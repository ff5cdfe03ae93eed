//! The pipeline on one screen: plan, data, world, training, judgement, files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_agents::Device;
use pavlov_market_data::{Dataset, Manifest, Sources, load_dataset, manifest_text, manifests};
use pavlov_store::{Disk, OsDisk, RunFolder};

use crate::error::ExperimentError;
use crate::hooks::{Event, Hooks};
use crate::judge;
use crate::matrix::{self, Selection};
use crate::plan::Plan;
use crate::report::Report;
use crate::series::{self, LoadedSeries};
use crate::source::suggestion;
use crate::train::{self, Job, Stop, Trained};
use crate::world::{self, World};

/// Where things are and how fast they run; nothing here changes a result.
#[derive(Clone, Debug)]
pub struct Options {
    /// Disk with the cache and the run folder.
    pub disk: Arc<dyn Disk>,
    /// Folder with the dataset manifests.
    pub datasets_dir: PathBuf,
    /// Folder of the bar cache.
    pub cache_dir: PathBuf,
    /// Folder of the ledger of trials.
    pub trials_dir: PathBuf,
    /// Folder with the user's market files.
    pub data_dir: Option<PathBuf>,
    /// Runs trained side by side.
    pub threads: usize,
    /// Where tensors live.
    pub device: Device,
    /// Commit of the code, for `timing.json`.
    pub git_commit: Option<String>,
}

impl Options {
    /// Where datasets are looked for.
    pub fn sources(&self) -> Sources {
        Sources { disk: self.disk.clone(), cache_dir: Some(self.cache_dir.clone()), data_dir: self.data_dir.clone() }
    }
}

/// One cell of an experiment, of which a plain run has one: a plan, its world and its folder.
pub(crate) struct Place<'a> {
    /// Name of the cell; empty in a run of one.
    pub cell: String,
    pub folder: RunFolder,
    pub plan: &'a Plan,
    pub world: World,
    pub options: &'a Options,
    pub hooks: &'a Hooks<'a>,
}

/// Trains and judges a config of one cell in the new run folder `out`; [`matrix::run`] takes any config.
///
/// # Errors
/// [`ExperimentError`]; a config that is refused leaves no run folder.
pub fn run(
    config: &Path,
    overrides: &[String],
    out: &Path,
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<Report, ExperimentError> {
    matrix::run(config, overrides, &Selection::default(), out, options, hooks)?.report(config)
}

/// Goes on with an interrupted run of one cell, bit for bit as if it had not stopped.
///
/// # Errors
/// [`ExperimentError`].
pub fn resume(run: &Path, options: &Options, hooks: &Hooks<'_>) -> Result<Report, ExperimentError> {
    matrix::resume(run, &Selection::default(), options, hooks)?.report(run)
}

/// Writes tables and report of a trained run of one cell anew.
///
/// # Errors
/// [`ExperimentError::Unfinished`] if a seed is not trained to its end.
pub fn report(run: &Path, options: &Options, hooks: &Hooks<'_>) -> Result<Report, ExperimentError> {
    matrix::report(run, options, hooks)?.report(run)
}

/// A training that was brought to its end here, and what that took.
pub(crate) struct Timed {
    pub trained: Trained,
    pub env_steps: u64,
    pub seconds: f64,
}

impl Place<'_> {
    /// Trains a seed to its end, from its last checkpoint if it has one.
    pub fn train(&self, seed: u64) -> Result<Timed, ExperimentError> {
        let begun = (self.hooks.clock)();
        let (trained, env_steps) = train::train(&self.job(seed)).map_err(|stop| match stop {
            Stop::Asked => ExperimentError::Interrupted { run: self.folder.root().to_owned() },
            Stop::Failed(error) => error,
        })?;
        Ok(Timed { trained, env_steps, seconds: (self.hooks.clock)() - begun })
    }

    /// Takes up a finished training.
    pub fn load(&self, seed: u64) -> Result<Trained, ExperimentError> {
        let loaded = train::load_trained(&self.job(seed))?;
        loaded.ok_or_else(|| ExperimentError::Unfinished { seed, run: self.folder.root().to_owned() })
    }

    /// Plays both spans with every agent, measures, compares and writes.
    pub fn judge(&self, trained: &[Trained]) -> Result<Report, ExperimentError> {
        (self.hooks.progress)(Event::Judging { cell: &self.cell });
        judge::judge(&self.folder, self.plan, &self.world, trained)
    }

    fn job(&self, seed: u64) -> Job<'_> {
        Job {
            cell: &self.cell,
            seed,
            plan: self.plan,
            world: &self.world,
            device: &self.options.device,
            disk: self.folder.disk(),
            folder: self.folder.seed(seed),
            hooks: self.hooks,
        }
    }
}

/// Puts the manifests that the plan needs, and does not have, into it; `read` has those that some key asks for.
pub(crate) fn add_manifests(
    plan: &mut Plan,
    read: &dyn Fn(&str, &str) -> Result<String, ExperimentError>,
) -> Result<(), ExperimentError> {
    if plan.manifest.is_none() {
        plan.manifest = Some(read("data.dataset", &plan.data.dataset)?);
    }
    let mut manifests = plan.other_manifests.clone();
    let listed = [("data.continued_by", &plan.data.continued_by), ("data.assets", &plan.data.assets)];
    for (key, dataset) in listed.iter().flat_map(|(key, datasets)| datasets.iter().map(move |dataset| (key, dataset))) {
        if !manifests.contains_key(dataset) {
            manifests.insert(dataset.clone(), read(key, dataset)?);
        }
    }
    for (name, config) in plan.series() {
        for dataset in config.source.datasets() {
            if !manifests.contains_key(dataset) {
                manifests.insert(dataset.clone(), read(&format!("data.series.{name}"), dataset)?);
            }
        }
    }
    plan.other_manifests = manifests;
    Ok(())
}

/// The file with the manifest of a dataset.
pub(crate) fn manifest_path(dataset: &str, options: &Options) -> PathBuf {
    let file = dataset.split('/').next().unwrap_or_default();
    options.datasets_dir.join(format!("{file}.toml"))
}

/// The manifest of the dataset that `key` asks for.
pub(crate) fn read_manifest(key: &str, asked: &str, options: &Options) -> Result<String, ExperimentError> {
    let path = manifest_path(asked, options);
    if path.exists() {
        return Ok(manifest_text(&options.datasets_dir, asked, &OsDisk)?.1);
    }
    let known = manifests(&options.datasets_dir, &*options.disk).unwrap_or_default();
    let file = |manifest: &Manifest| manifest.name().split('/').next().unwrap_or_default().to_owned();
    let mut known: Vec<String> = known.iter().map(file).collect();
    known.dedup();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(ExperimentError::UnknownDataset { key: key.to_owned(), path, hint: suggestion(asked, &known) })
}

pub(crate) fn read(path: &Path) -> Result<String, ExperimentError> {
    std::fs::read_to_string(path).map_err(|source| ExperimentError::Read { path: path.to_owned(), source })
}

/// Loads bars and series by the manifests of the plan; `origin` is the file of a dataset's manifest, for errors.
pub(crate) fn load_world(
    plan: &Plan,
    origin: &dyn Fn(&str) -> PathBuf,
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<World, ExperimentError> {
    let (dataset, assets, series) = load_data(plan, origin, options, hooks)?;
    world::build(plan, &dataset, &assets, &series)
}

/// Bars, those of the traded assets, and series of a plan.
pub(crate) fn load_data(
    plan: &Plan,
    origin: &dyn Fn(&str) -> PathBuf,
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<(Dataset, Vec<Dataset>, Vec<LoadedSeries>), ExperimentError> {
    let sources = options.sources();
    let told = |note: &str| (hooks.progress)(Event::Note(note));
    let manifest =
        |dataset: &str, text: Option<&String>| Manifest::parse(text.map_or("", String::as_str), &origin(dataset));
    let load = |manifest: Manifest| -> Result<Dataset, ExperimentError> {
        let dataset = load_dataset(&manifest, &sources)?;
        dataset.notes.iter().for_each(|note| told(note));
        Ok(dataset)
    };
    let dataset = load(manifest(&plan.data.dataset, plan.manifest.as_ref())?)?;
    let manifest = |dataset: &str| manifest(dataset, plan.other_manifests.get(dataset));
    let continued = |dataset: Dataset, next: &String| -> Result<Dataset, ExperimentError> {
        Ok(dataset.continued_by(load(manifest(next)?)?)?)
    };
    let dataset = plan.data.continued_by.iter().try_fold(dataset, continued)?;
    let asset = |dataset: &String| load(manifest(dataset)?);
    let assets = plan.data.assets.iter().map(asset).collect::<Result<Vec<_>, _>>()?;
    let load_series = |(name, config)| series::load(name, config, &manifest, &sources, &told);
    let series = plan.series().map(load_series).collect::<Result<Vec<_>, _>>()?;
    Ok((dataset, assets, series))
}

/// The first free folder `<runs>/<name of the config>`, with a number if that name is taken.
pub fn free_folder(runs: &Path, config: &Path) -> PathBuf {
    let name = config.file_stem().map_or_else(|| "run".into(), |stem| stem.to_string_lossy().into_owned());
    let numbered = (2u32..).map(|n| runs.join(format!("{name}-{n}")));
    let mut names = std::iter::once(runs.join(&name)).chain(numbered);
    names.find(|folder| !folder.exists()).unwrap_or_else(|| runs.join(name))
}
