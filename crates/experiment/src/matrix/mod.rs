//! Experiments of several cells: `[matrix]`, folds, and the run of one cell that both are made of.
//!
//! A cell is a complete config with a run folder of its own, `<run>/cells/<labels>-<training hash>`. So what is trained
//! already is found again by what it is, whichever run of the command made it, and only what is missing is done.

mod aggregate;
mod axes;
mod books;
pub(crate) mod cells;
mod chain;
mod folds;
mod html;
mod merge;
mod plots;
mod results;
mod selection;
mod text;
pub(crate) mod todo;
mod work;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use pavlov_store::{RunFolder, write_atomic};

use crate::error::ExperimentError;
use crate::hooks::{Event, Hooks};
use crate::matrix::cells::{Cell, Matrix, named};
use crate::matrix::folds::Rows;
use crate::matrix::todo::Todo;
use crate::matrix::work::Judged;
use crate::plan::Plan;
use crate::report::Report;
use crate::run::{self, Options, Place, manifest_path, read_manifest};
use crate::train;
use crate::trials::{self, OtherTrials};
use crate::world::{Stages, World};

pub use aggregate::{Aggregate, Overfitting};
pub use chain::{Chain, ChainRun};
pub use folds::{CombinatorialConfig, PurgedConfig, SplitConfig, WalkForwardConfig, WindowConfig};
pub use merge::merge;
pub use results::{CellReport, MatrixReport};
pub use selection::{Part, Selection};

/// What came of working on a run.
#[derive(Debug)]
pub enum Outcome {
    /// A run of one cell is judged.
    Run(Box<Report>),
    /// Cells of a matrix are judged, perhaps not all.
    Matrix(Box<MatrixReport>),
    /// A part was done: the run waits for the others, which `cargo xtask merge` joins.
    Part {
        /// Trainings that are finished in the run folder.
        done: usize,
        /// Trainings of the whole run.
        of: usize,
    },
}

impl Outcome {
    /// The report of a run of one cell.
    pub(crate) fn report(self, place: &Path) -> Result<Report, ExperimentError> {
        match self {
            Self::Run(report) => Ok(*report),
            _ => Err(ExperimentError::SeveralCells { place: place.to_owned() }),
        }
    }
}

/// Trains and judges what is selected of a config, and is not done yet, in the run folder `out`.
///
/// A config of one cell needs a new folder. One of several goes on in a folder that holds a run of its name.
///
/// # Errors
/// [`ExperimentError`]; a config that is refused leaves no run folder.
pub fn run(
    config: &Path,
    overrides: &[String],
    selection: &Selection,
    out: &Path,
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<Outcome, ExperimentError> {
    let matrix = Matrix::parse(config, &run::read(config)?, overrides)?;
    let project = Project { origin: &|dataset| manifest_path(dataset, options), out, options, hooks };
    let matrix = project.complete(matrix)?;
    let todo = todo::missing(&matrix, selection, out, &*options.disk)?;
    let new = !is_run_of(&matrix, out, options);
    project.work(matrix, todo, new)
}

/// Goes on with an interrupted run, bit for bit as if it had not stopped.
///
/// # Errors
/// [`ExperimentError`].
pub fn resume(
    run: &Path,
    selection: &Selection,
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<Outcome, ExperimentError> {
    let (plan, matrix) = open(run, options)?;
    let project = Project { origin: &|_| plan.clone(), out: run, options, hooks };
    let matrix = project.complete(matrix)?;
    let todo = todo::missing(&matrix, selection, run, &*options.disk)?;
    project.work(matrix, todo, false)
}

/// Writes tables and reports of all that is trained anew.
///
/// # Errors
/// [`ExperimentError::Unfinished`] if nothing is trained to its end.
pub fn report(run: &Path, options: &Options, hooks: &Hooks<'_>) -> Result<Outcome, ExperimentError> {
    let (plan, matrix) = open(run, options)?;
    let project = Project { origin: &|_| plan.clone(), out: run, options, hooks };
    let matrix = project.complete(matrix)?;
    let (todo, unfinished) = todo::finished(&matrix, run, &*options.disk);
    if let (true, Some(seed)) = (todo.is_empty(), unfinished) {
        return Err(ExperimentError::Unfinished { seed, run: run.to_owned() });
    }
    project.work(matrix, todo, false)
}

/// The cells of a config, each by its labels, before folds are cut and manifests are read; one without labels if it has no
/// matrix.
///
/// # Errors
/// [`ExperimentError::Config`].
pub fn plans(path: &Path, text: &str, overrides: &[String]) -> Result<Vec<(Vec<String>, Plan)>, ExperimentError> {
    let cells = Matrix::parse(path, text, overrides)?.cells.into_iter();
    Ok(cells.map(|cell| (cell.labels, cell.plan)).collect())
}

/// The plans of a config's cells that differ in data, features or environment, or in the seed of what is drawn.
pub(crate) fn distinct_games(
    config: &Path,
    overrides: &[String],
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<Vec<Plan>, ExperimentError> {
    let matrix = Matrix::parse(config, &run::read(config)?, overrides)?;
    let project = Project { origin: &|dataset| manifest_path(dataset, options), out: config, options, hooks };
    let mut seen = BTreeSet::new();
    let game = |plan: &Plan| {
        let mut table = plan.to_toml();
        for key in ["name", "agent", "train", "eval", "runs", "published"] {
            table.remove(key);
        }
        format!("{table}{}", plan.runs.seed)
    };
    let cells = project.complete(matrix)?.cells.into_iter();
    Ok(cells.map(|cell| cell.plan).filter(|plan| seen.insert(game(plan))).collect())
}

/// The config of a run folder, and where it stands.
fn open(run: &Path, options: &Options) -> Result<(PathBuf, Matrix), ExperimentError> {
    let plan = RunFolder::open(options.disk.clone(), run)?.plan();
    let text = pavlov_store::read(&*options.disk, &plan)?;
    let matrix = Matrix::parse(&plan, &String::from_utf8_lossy(&text), &[])?;
    Ok((plan, matrix))
}

/// Whether the folder holds a run of this matrix, perhaps with other alternatives.
fn is_run_of(matrix: &Matrix, out: &Path, options: &Options) -> bool {
    let text = options.disk.read(&out.join("plan.toml")).unwrap_or_default();
    let before = Matrix::parse(out, &String::from_utf8_lossy(&text), &[]);
    before.is_ok_and(|before| !before.plain && !matrix.plain && before.name == matrix.name)
}

/// The folder of a cell.
pub(crate) fn cell_folder(matrix: &Matrix, cell: &Cell, out: &Path) -> PathBuf {
    if matrix.plain { out.to_owned() } else { out.join("cells").join(cell.folder()) }
}

/// Whether two plans trade the same bars in the same test span.
fn on_the_same(one: &Plan, other: &Plan) -> bool {
    let what = |plan: &Plan| {
        let data = plan.data.clone();
        (data.dataset, data.continued_by, data.assets, data.test)
    };
    what(one) == what(other)
}

/// What is worked on, and with what.
struct Project<'a> {
    /// The file of a dataset's manifest, for errors.
    origin: &'a dyn Fn(&str) -> PathBuf,
    out: &'a Path,
    options: &'a Options,
    hooks: &'a Hooks<'a>,
}

impl<'a> Project<'a> {
    /// The matrix with manifests, folds and names.
    fn complete(&self, mut matrix: Matrix) -> Result<Matrix, ExperimentError> {
        let Self { options, hooks, .. } = *self;
        matrix.add_manifests(&|key, dataset| read_manifest(key, dataset, options))?;
        matrix.split(&|plan| {
            let (dataset, assets, series) = run::load_data(plan, self.origin, options, hooks)?;
            let assets: Vec<_> = assets.into_iter().map(|asset| asset.bars).collect();
            Ok(Rows::new(plan, &plan.join(&dataset.bars, &assets, &series)?.bars))
        })?;
        matrix.name_cells();
        Ok(matrix)
    }

    /// Builds the worlds, then trains and judges; nothing is written before all worlds stand.
    fn work(&self, mut matrix: Matrix, todo: Vec<Todo>, new: bool) -> Result<Outcome, ExperimentError> {
        let told = Mutex::new(BTreeSet::new());
        let once = |event: Event<'_>| match event {
            Event::Note(note) if !told.lock().is_ok_and(|mut told| told.insert(note.to_owned())) => {}
            event => (self.hooks.progress)(event),
        };
        let hooks = Hooks { progress: &once, ..*self.hooks };
        let mut worlds = Vec::with_capacity(todo.len());
        for Todo { cell, .. } in &todo {
            let cell = &matrix.cells[*cell];
            let world = run::load_world(&cell.plan, self.origin, self.options, &hooks).and_then(|world| {
                train::check_agent(&cell.plan, &world, &self.options.device)?;
                Ok(world)
            });
            worlds.push(world.map_err(|error| named(cell, error))?);
        }
        for (Todo { cell, .. }, world) in todo.iter().zip(&worlds) {
            let trials = self.trials(&matrix, *cell, world)?;
            matrix.cells[*cell].plan.trials = Some(trials);
        }
        let matrix = &matrix;
        let root = self.root(new)?;
        let (disk, text) = (&*self.options.disk, matrix.to_text());
        if disk.read(&root.plan()).ok().as_deref() != Some(text.as_bytes()) {
            write_atomic(disk, &root.plan(), text.as_bytes())?;
        }
        let mut places = Vec::with_capacity(todo.len());
        let mut root = Some(root);
        for (Todo { cell, .. }, world) in todo.iter().zip(worlds) {
            let cell = &matrix.cells[*cell];
            let folder = match root.take_if(|_| matrix.plain) {
                Some(root) => root,
                None => self.cell_folder(&cell_folder(matrix, cell, self.out), &cell.plan)?,
            };
            let (cell, plan) = (cell.name(), &cell.plan);
            places.push(Place { cell, folder, plan, world, options: self.options, hooks: &hooks });
        }
        let results = work::work(&places, &todo, &hooks, self.options)?;
        match matrix.plain {
            true => self.one(matrix, results),
            false => self.several(matrix, &places, results),
        }
    }

    /// The trials that a cell is held against: those of its plan, or those that the ledger and the matrix have now.
    fn trials(&self, matrix: &Matrix, cell: usize, world: &World) -> Result<OtherTrials, ExperimentError> {
        let plan = &matrix.cells[cell].plan;
        let folder = cell_folder(matrix, &matrix.cells[cell], self.out);
        let before = todo::written_plan(&folder, &*self.options.disk);
        if let Some(trials) = plan.trials.or(before.and_then(|before| before.trials)) {
            return Ok(trials);
        }
        let siblings =
            matrix.cells.iter().enumerate().filter(|(n, other)| *n != cell && on_the_same(&other.plan, plan));
        let siblings: BTreeSet<String> = siblings.map(|(_, other)| other.plan.trial_hash().to_string()).collect();
        trials::others(&*self.options.disk, &self.options.trials_dir, plan, world, &siblings)
    }

    /// The run's own folder.
    fn root(&self, new: bool) -> Result<RunFolder, ExperimentError> {
        let disk = self.options.disk.clone();
        Ok(if new { RunFolder::create(disk, self.out)? } else { RunFolder::open(disk, self.out)? })
    }

    /// The folder of a cell with its plan in it.
    fn cell_folder(&self, root: &Path, plan: &Plan) -> Result<RunFolder, ExperimentError> {
        let disk = &self.options.disk;
        let (path, text) = (root.join("plan.toml"), plan.to_text());
        let before = disk.read(&path).ok();
        let folder = match before.is_some() {
            true => RunFolder::open(disk.clone(), root)?,
            false => RunFolder::create(disk.clone(), root)?,
        };
        if before.as_deref() != Some(text.as_bytes()) {
            write_atomic(&**disk, &path, text.as_bytes())?;
        }
        Ok(folder)
    }

    fn one(&self, matrix: &Matrix, results: Vec<Judged>) -> Result<Outcome, ExperimentError> {
        match results.into_iter().next().transpose()?.flatten() {
            Some(report) => Ok(Outcome::Run(Box::new(report))),
            None => self.part(matrix),
        }
    }

    fn several(&self, matrix: &Matrix, places: &[Place<'_>], results: Vec<Judged>) -> Result<Outcome, ExperimentError> {
        let of = |(place, result): (&Place<'_>, Judged)| {
            let source = Box::new(result.err()?);
            Some(ExperimentError::Cell { cell: place.cell.clone(), source })
        };
        let errors: Vec<_> = places.iter().zip(results).filter_map(of).collect();
        let run = self.out.to_owned();
        if !errors.is_empty() && errors.iter().all(ExperimentError::is_unfinished) {
            return Err(ExperimentError::Interrupted { run });
        }
        let report = self.write_report(matrix)?;
        match (errors.is_empty(), report) {
            (true, Some(report)) => Ok(Outcome::Matrix(Box::new(report))),
            (true, None) => self.part(matrix),
            (false, _) => Err(ExperimentError::Cells { errors, run }),
        }
    }

    /// Joins the reports of all cells that are judged; `None` if there is none.
    fn write_report(&self, matrix: &Matrix) -> Result<Option<MatrixReport>, ExperimentError> {
        let disk = &*self.options.disk;
        let folder = |n: usize| cell_folder(matrix, &matrix.cells[n], self.out);
        let report = |n: usize| Some((n, todo::judged(&matrix.cells[n], &folder(n), disk)?));
        let judged: Vec<(usize, Report)> = (0..matrix.cells.len()).filter_map(report).collect();
        if judged.is_empty() {
            return Ok(None);
        }
        let (overfitting, chains) = chain::histories(matrix, &judged, &folder, disk)?;
        let report = MatrixReport::new(matrix, &judged, overfitting, chains);
        let encode = |e: serde_json::Error| ExperimentError::Encode { what: "report.json", reason: e.to_string() };
        let (html, json) = (html::page(&report, &matrix.to_text()), report.to_json().map_err(encode)?);
        write_atomic(disk, &self.out.join("report.html"), html.as_bytes())?;
        write_atomic(disk, &self.out.join("report.json"), json.as_bytes())?;
        Ok(Some(report))
    }

    /// How far a run is that is not finished.
    fn part(&self, matrix: &Matrix) -> Result<Outcome, ExperimentError> {
        let (mut done, mut of) = (0, 0);
        for cell in &matrix.cells {
            let folder = cell_folder(matrix, cell, self.out);
            for seed in cell.plan.seeds() {
                of += 1;
                done += usize::from(todo::checkpoint(&folder, seed, &*self.options.disk).is_some());
            }
        }
        Ok(Outcome::Part { done, of })
    }
}
