//! Joins runs of one plan whose trainings were made in several folders.

use std::path::{Path, PathBuf};

use pavlov_rl_core::Checkpoint;
use pavlov_store::{Disk, Hash, RunFolder, create_dir_all, write_atomic};

use crate::error::ExperimentError;
use crate::hooks::Hooks;
use crate::matrix::cells::{Cell, Matrix};
use crate::matrix::{Outcome, Project, cell_folder, todo};
use crate::run::Options;
use crate::train;

/// A finished training and where it lies.
struct Found<'a> {
    cell: usize,
    seed: u64,
    run: &'a Path,
    checkpoint: Hash,
}

/// Joins the finished trainings of runs of one plan in the new run folder `out`, and judges the cells that are whole.
///
/// # Errors
/// [`ExperimentError::Merge`] naming the run that has another plan, other data, or another checkpoint of a training;
/// nothing is written then. [`ExperimentError`] otherwise.
pub fn merge(runs: &[PathBuf], out: &Path, options: &Options, hooks: &Hooks<'_>) -> Result<Outcome, ExperimentError> {
    let disk = &*options.disk;
    let folders = runs.iter().map(|run| RunFolder::open(options.disk.clone(), run)).collect::<Result<Vec<_>, _>>()?;
    let plan = folders[0].plan();
    let text = pavlov_store::read(disk, &plan)?;
    for folder in &folders[1..] {
        same_plan(&text, &pavlov_store::read(disk, &folder.plan())?, (&runs[0], folder.root()))?;
    }
    let project = Project { origin: &|_| plan.clone(), out, options, hooks };
    let mut matrix = project.complete(Matrix::parse(&plan, &String::from_utf8_lossy(&text), &[])?)?;
    let found = find(&matrix, runs, disk)?;
    for training in &found {
        let folder = cell_folder(&matrix, &matrix.cells[training.cell], training.run);
        let plan = &mut matrix.cells[training.cell].plan;
        plan.trials = plan.trials.or_else(|| todo::written_plan(&folder, disk)?.trials);
    }
    let root = RunFolder::create(options.disk.clone(), out)?;
    write_atomic(disk, &root.plan(), &text)?;
    for training in &found {
        let cell = &matrix.cells[training.cell];
        let to = cell_folder(&matrix, cell, out);
        if !matrix.plain {
            project.cell_folder(&to, &cell.plan)?;
        }
        copy(disk, &seed_folder(&cell_folder(&matrix, cell, training.run), training.seed), &to, training)?;
    }
    drop(root);
    let (whole, _) = todo::finished(&matrix, out, disk);
    project.work(matrix, whole, false)
}

/// Refuses another plan, naming the first key that differs; what each machine had tried before is not compared.
fn same_plan(first: &[u8], other: &[u8], (run, joined): (&Path, &Path)) -> Result<(), ExperimentError> {
    let table = |text: &[u8]| {
        let mut table = String::from_utf8_lossy(text).parse::<toml::Table>().unwrap_or_default();
        table.remove("trials");
        table
    };
    let (one, two) = (table(first), table(other));
    if one == two {
        return Ok(());
    }
    let key = difference(&one.into(), &two.into()).unwrap_or_default();
    let reason = format!("its plan is not that of {}: `{key}` differs", run.display());
    Err(ExperimentError::Merge { run: joined.to_owned(), reason })
}

/// The first key by which two values differ.
fn difference(a: &toml::Value, b: &toml::Value) -> Option<String> {
    let (Some(left), Some(right)) = (a.as_table(), b.as_table()) else { return (a != b).then(String::new) };
    let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
    keys.sort();
    keys.into_iter().find_map(|key| match (left.get(key), right.get(key)) {
        (Some(a), Some(b)) => match difference(a, b)? {
            inner if inner.is_empty() => Some(key.clone()),
            inner => Some(format!("{key}.{inner}")),
        },
        _ => Some(key.clone()),
    })
}

/// Every finished training once; a second one must be the same, and of the same data.
fn find<'a>(matrix: &Matrix, runs: &'a [PathBuf], disk: &dyn Disk) -> Result<Vec<Found<'a>>, ExperimentError> {
    let mut all: Vec<Found<'a>> = Vec::new();
    for (n, cell) in matrix.cells.iter().enumerate() {
        let mut data: Option<(Vec<(String, String)>, &Path)> = None;
        for seed in cell.plan.seeds() {
            let mut mine: Option<Found<'a>> = None;
            for run in runs {
                let folder = cell_folder(matrix, cell, run);
                let Some(checkpoint) = todo::checkpoint(&folder, seed, disk) else { continue };
                let refuse = |reason: String| ExperimentError::Merge { run: run.clone(), reason };
                let trained_on = trained_on(&seed_folder(&folder, seed), checkpoint, disk)
                    .map_err(|reason| refuse(format!("{}: {reason}", who(cell, seed))))?;
                match &data {
                    Some((known, first)) if *known != trained_on => {
                        let reason =
                            format!("{} was trained on other data than in {}", who(cell, seed), first.display());
                        return Err(refuse(reason));
                    }
                    Some(_) => {}
                    None => data = Some((trained_on, run)),
                }
                match &mine {
                    Some(other) if other.checkpoint != checkpoint => {
                        let (there, name) = (other.run.display(), who(cell, seed));
                        return Err(refuse(format!("{name} has another checkpoint than in {there}")));
                    }
                    Some(_) => {}
                    None => mine = Some(Found { cell: n, seed, run, checkpoint }),
                }
            }
            all.extend(mine);
        }
    }
    Ok(all)
}

fn who(cell: &Cell, seed: u64) -> String {
    if cell.labels.is_empty() { format!("seed {seed}") } else { format!("seed {seed} of cell {}", cell.name()) }
}

fn seed_folder(cell: &Path, seed: u64) -> PathBuf {
    cell.join("runs").join(seed.to_string())
}

/// The final checkpoint's file.
fn checkpoint_file(seed: &Path, checkpoint: Hash, disk: &dyn Disk) -> Option<PathBuf> {
    let name = checkpoint.to_string();
    let files = disk.list(&seed.join("checkpoints")).ok()?;
    files.into_iter().find(|file| file.file_name().is_some_and(|file| file.to_string_lossy().contains(&name)))
}

/// Names and hashes of the data that a checkpoint was trained on.
fn trained_on(seed: &Path, checkpoint: Hash, disk: &dyn Disk) -> Result<Vec<(String, String)>, String> {
    let file = checkpoint_file(seed, checkpoint, disk).ok_or("its final checkpoint is missing")?;
    let bytes = pavlov_store::read_verified(disk, &file, &checkpoint).map_err(|e| e.to_string())?;
    train::trained_on(&Checkpoint::from_bytes(&bytes).map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// Copies what a finished training left; what says that it is finished comes last.
fn copy(disk: &dyn Disk, from: &Path, cell: &Path, training: &Found<'_>) -> Result<(), ExperimentError> {
    let to = seed_folder(cell, training.seed);
    create_dir_all(disk, &to.join("checkpoints"))?;
    let mut files: Vec<PathBuf> = checkpoint_file(from, training.checkpoint, disk).into_iter().collect();
    let there = disk.list(from).unwrap_or_default();
    let name = |file: &Path| file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    files.extend(there.into_iter().filter(|file| name(file) == "metrics.jsonl" || name(file).starts_with("events.")));
    files.push(from.join("done.json"));
    for file in files {
        let inside = file.strip_prefix(from).unwrap_or(&file);
        write_atomic(disk, &to.join(inside), &pavlov_store::read(disk, &file)?)?;
    }
    Ok(())
}
