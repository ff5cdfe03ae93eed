//! The pipeline on one screen: plan, data, world, training, judgement, files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_agents::Device;
use pavlov_market_data::{Dataset, Manifest, Sources, load_dataset, manifest_text, manifests};
use pavlov_store::{Disk, OsDisk, RunFolder};
use rayon::prelude::*;

use crate::error::ExperimentError;
use crate::hooks::{Event, Hooks};
use crate::judge;
use crate::plan::Plan;
use crate::report::Report;
use crate::series::{self, LoadedSeries};
use crate::source::suggestion;
use crate::timing::Timing;
use crate::train::{self, Job, Stop, Trained};
use crate::trials;
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

/// A run folder with all that is needed to work on it.
struct Workplace<'a> {
    folder: RunFolder,
    plan: Plan,
    world: World,
    options: &'a Options,
    hooks: &'a Hooks<'a>,
}

/// Trains and judges a config in the new run folder `out`.
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
    let mut plan = read_plan(config, overrides, options)?;
    let world = load_world(&plan, &|dataset| manifest_path(dataset, options), options, hooks)?;
    train::check_agent(&plan, &world, &options.device)?;
    if plan.trials.is_none() {
        plan.trials = Some(trials::others(&*options.disk, &options.trials_dir, &plan, &world)?);
    }
    let folder = RunFolder::create(options.disk.clone(), out)?;
    pavlov_store::write_atomic(&**folder.disk(), &folder.plan(), plan.to_text().as_bytes())?;
    Workplace { folder, plan, world, options, hooks }.finish()
}

/// Goes on with an interrupted run, bit for bit as if it had not stopped.
///
/// # Errors
/// [`ExperimentError`].
pub fn resume(run: &Path, options: &Options, hooks: &Hooks<'_>) -> Result<Report, ExperimentError> {
    open(run, options, hooks)?.finish()
}

/// Writes tables and report of a trained run anew.
///
/// # Errors
/// [`ExperimentError::Unfinished`] if a seed is not trained to its end.
pub fn report(run: &Path, options: &Options, hooks: &Hooks<'_>) -> Result<Report, ExperimentError> {
    let place = open(run, options, hooks)?;
    let trained = place.each_seed(|seed| {
        let loaded = train::load_trained(&place.job(seed))?;
        loaded.ok_or_else(|| ExperimentError::Unfinished { seed, run: run.to_owned() })
    })?;
    judge::judge(&place.folder, &place.plan, &place.world, &trained)
}

fn open<'a>(run: &Path, options: &'a Options, hooks: &'a Hooks<'a>) -> Result<Workplace<'a>, ExperimentError> {
    let folder = RunFolder::open(options.disk.clone(), run)?;
    let path = folder.plan();
    let text = pavlov_store::read(&*options.disk, &path)?;
    let plan = Plan::parse(&path, &String::from_utf8_lossy(&text), &[])?;
    let world = load_world(&plan, &|_| path.clone(), options, hooks)?;
    Ok(Workplace { folder, plan, world, options, hooks })
}

impl Workplace<'_> {
    fn finish(&self) -> Result<Report, ExperimentError> {
        let begun = (self.hooks.clock)();
        let trained = self.each_seed(|seed| {
            let begun = (self.hooks.clock)();
            train::train(&self.job(seed))
                .map(|(trained, steps)| (trained, steps, (self.hooks.clock)() - begun))
                .map_err(|stop| match stop {
                    Stop::Asked => ExperimentError::Interrupted { run: self.folder.root().to_owned() },
                    Stop::Failed(error) => error,
                })
        })?;
        let mut timing = Timing::new(self.options);
        trained.iter().for_each(|(run, steps, seconds)| timing.add(run.seed, *steps, *seconds));
        let trained: Vec<Trained> = trained.into_iter().map(|(run, ..)| run).collect();
        (self.hooks.progress)(Event::Judging);
        let report = judge::judge(&self.folder, &self.plan, &self.world, &trained)?;
        let disk = &**self.folder.disk();
        let before = pavlov_store::read(disk, &self.folder.timing()).ok();
        let timing = timing.finish((self.hooks.clock)() - begun, before.as_deref());
        pavlov_store::write_atomic(disk, &self.folder.timing(), timing.as_bytes())?;
        trials::record(disk, &self.options.trials_dir, &report)?;
        Ok(report)
    }

    fn job(&self, seed: u64) -> Job<'_> {
        Job {
            seed,
            plan: &self.plan,
            world: &self.world,
            device: &self.options.device,
            disk: self.folder.disk(),
            folder: self.folder.seed(seed),
            hooks: self.hooks,
        }
    }

    /// Runs `work` for every seed, side by side; results in the order of the seeds.
    fn each_seed<T: Send>(
        &self,
        work: impl Fn(u64) -> Result<T, ExperimentError> + Send + Sync,
    ) -> Result<Vec<T>, ExperimentError> {
        let threads = self.options.threads;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|e| ExperimentError::Threads { threads, reason: e.to_string() })?;
        let seeds: Vec<u64> = self.plan.seeds().collect();
        let work = |seed| {
            work(seed).inspect_err(|error| {
                if !error.is_unfinished() {
                    (self.hooks.progress)(Event::Failed { seed, error });
                }
            })
        };
        // Every seed is brought to its stop before an error is returned, so that all of them are saved.
        let results: Vec<_> = pool.install(|| seeds.into_par_iter().with_max_len(1).map(work).collect());
        let (mut done, mut failed, mut unfinished) = (Vec::new(), Vec::new(), None);
        for result in results {
            match result {
                Ok(result) => done.push(result),
                Err(error) if error.is_unfinished() => unfinished = unfinished.or(Some(error)),
                Err(error) => failed.push(error),
            }
        }
        match unfinished {
            _ if !failed.is_empty() => {
                Err(ExperimentError::Seeds { errors: failed, run: self.folder.root().to_owned() })
            }
            Some(error) => Err(error),
            None => Ok(done),
        }
    }
}

/// The plan of a config, with the manifests that it needs.
pub(crate) fn read_plan(config: &Path, overrides: &[String], options: &Options) -> Result<Plan, ExperimentError> {
    let mut plan = Plan::parse(config, &read(config)?, overrides)?;
    add_manifests(&mut plan, options)?;
    Ok(plan)
}

/// Puts the manifests that the plan needs, and does not have, into it.
pub(crate) fn add_manifests(plan: &mut Plan, options: &Options) -> Result<(), ExperimentError> {
    if plan.manifest.is_none() {
        plan.manifest = Some(read_manifest("data.dataset", &plan.data.dataset, options)?);
    }
    let mut manifests = plan.other_manifests.clone();
    for dataset in &plan.data.assets {
        if !manifests.contains_key(dataset) {
            manifests.insert(dataset.clone(), read_manifest("data.assets", dataset, options)?);
        }
    }
    for (name, config) in plan.series() {
        for dataset in config.source.datasets() {
            if !manifests.contains_key(dataset) {
                manifests.insert(dataset.clone(), read_manifest(&format!("data.series.{name}"), dataset, options)?);
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

fn read(path: &Path) -> Result<String, ExperimentError> {
    std::fs::read_to_string(path).map_err(|source| ExperimentError::Read { path: path.to_owned(), source })
}

/// Loads bars and series by the manifests of the plan; `origin` is the file of a dataset's manifest, for errors.
fn load_world(
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
    let dataset = load_dataset(&manifest(&plan.data.dataset, plan.manifest.as_ref())?, &sources)?;
    dataset.notes.iter().for_each(|note| told(note));
    let manifest = |dataset: &str| manifest(dataset, plan.other_manifests.get(dataset));
    let asset = |dataset: &String| -> Result<Dataset, ExperimentError> {
        let asset = load_dataset(&manifest(dataset)?, &sources)?;
        asset.notes.iter().for_each(|note| told(note));
        Ok(asset)
    };
    let assets = plan.data.assets.iter().map(asset).collect::<Result<Vec<_>, _>>()?;
    let load = |(name, config)| series::load(name, config, &manifest, &sources, &told);
    let series = plan.series().map(load).collect::<Result<Vec<_>, _>>()?;
    Ok((dataset, assets, series))
}

/// The first free folder `<runs>/<name of the config>`, with a number if that name is taken.
pub fn free_folder(runs: &Path, config: &Path) -> PathBuf {
    let name = config.file_stem().map_or_else(|| "run".into(), |stem| stem.to_string_lossy().into_owned());
    let numbered = (2u32..).map(|n| runs.join(format!("{name}-{n}")));
    let mut names = std::iter::once(runs.join(&name)).chain(numbered);
    names.find(|folder| !folder.exists()).unwrap_or_else(|| runs.join(name))
}
