//! What is done already, told by what lies in the folders, and what is left to do.

use std::path::Path;

use pavlov_store::{Disk, Hash};
use serde::Deserialize;

use crate::error::ExperimentError;
use crate::matrix::cell_folder;
use crate::matrix::cells::{Cell, Matrix};
use crate::matrix::selection::Selection;
use crate::plan::Plan;
use crate::report::{self, Report};

/// What is left to do for a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// Number of the cell.
    pub cell: usize,
    /// Seeds to train, rising.
    pub seeds: Vec<u64>,
}

/// The selected trainings that are not finished, and the cells that are trained but not judged.
///
/// A run of one cell is always judged again.
pub fn missing(
    matrix: &Matrix,
    selection: &Selection,
    out: &Path,
    disk: &dyn Disk,
) -> Result<Vec<Todo>, ExperimentError> {
    let chosen = selection.cells(matrix)?;
    let mut number = 0;
    let mut all = Vec::new();
    for (n, cell) in matrix.cells.iter().enumerate().filter(|(n, _)| chosen[*n]) {
        let folder = cell_folder(matrix, cell, out);
        let (mut seeds, mut elsewhere) = (Vec::new(), false);
        for seed in cell.plan.seeds() {
            let mine = selection.part.is_none_or(|part| part.has(number));
            number += 1;
            match checkpoint(&folder, seed, disk) {
                None if mine => seeds.push(seed),
                None => elsewhere = true,
                Some(_) => {}
            }
        }
        let judge = !elsewhere && (matrix.plain || judged(cell, &folder, disk).is_none());
        if !seeds.is_empty() || judge {
            all.push(Todo { cell: n, seeds });
        }
    }
    Ok(all)
}

/// The cells that are trained to their end, to be judged again, and the first seed that is not.
pub fn finished(matrix: &Matrix, out: &Path, disk: &dyn Disk) -> (Vec<Todo>, Option<u64>) {
    let unfinished = |cell: &Cell| {
        let folder = cell_folder(matrix, cell, out);
        cell.plan.seeds().find(|seed| checkpoint(&folder, *seed, disk).is_none())
    };
    let (mut whole, mut first) = (Vec::new(), None);
    for (n, cell) in matrix.cells.iter().enumerate() {
        match unfinished(cell) {
            None => whole.push(Todo { cell: n, seeds: Vec::new() }),
            Some(seed) => first = first.or(Some(seed)),
        }
    }
    (whole, first)
}

/// Hash of the final checkpoint of a training that is finished: one that says so and whose checkpoint is there.
pub fn checkpoint(folder: &Path, seed: u64, disk: &dyn Disk) -> Option<Hash> {
    #[derive(Deserialize)]
    struct Done {
        checkpoint: String,
    }
    let folder = folder.join("runs").join(seed.to_string());
    let done: Done = serde_json::from_slice(&disk.read(&folder.join("done.json")).ok()?).ok()?;
    let files = disk.list(&folder.join("checkpoints")).ok()?;
    let named = |file: &Path| file.file_name().is_some_and(|name| name.to_string_lossy().contains(&done.checkpoint));
    files.iter().any(|file| named(file)).then(|| done.checkpoint.parse().ok())?
}

/// The plan in a run folder of one cell; `None` if there is none.
pub fn written_plan(folder: &Path, disk: &dyn Disk) -> Option<Plan> {
    let path = folder.join("plan.toml");
    let text = disk.read(&path).ok()?;
    Plan::parse(&path, &String::from_utf8_lossy(&text), &[]).ok()
}

/// The report of a cell, if it is of this plan and these checkpoints and has today's form.
pub fn judged(cell: &Cell, folder: &Path, disk: &dyn Disk) -> Option<Report> {
    let text = disk.read(&folder.join("report.json")).ok()?;
    let report = Report::from_json(&String::from_utf8(text).ok()?).ok()?;
    let checkpoints = cell.plan.seeds().map(|seed| Some((seed, checkpoint(folder, seed, disk)?.to_string())));
    let judged = report.runs.iter().map(|run| Some((run.seed, run.checkpoint_hash.clone())));
    let same = report.schema_version == report::SCHEMA_VERSION
        && report.subject.config_hash == cell.plan.config_hash().to_string()
        && checkpoints.eq(judged);
    same.then_some(report)
}
