//! Runs the experiments whose tables the documents show.

use std::path::{Path, PathBuf};

use pavlov_store::{Disk, create_dir_all, write_atomic};

use crate::error::ExperimentError;
use crate::hooks::{Event, Hooks};
use crate::matrix::cells::{Cell, Matrix};
use crate::matrix::{self, Selection, cell_folder, todo};
use crate::results_page::list::Table;
use crate::results_page::made::Home;
use crate::run::Options;
use crate::source::suggestion;

/// What makes the tables that no experiment makes.
const LEARNING: &str = "the tables of `What can be learned` come from \
                        `PAVLOV_TEST_SCALE=nightly cargo test --workspace --test learning -- --nocapture`";

/// Trains and judges what is missing of the named configs of the tables, of all if none is named, in `runs/results`
/// below `root`, and keeps the reports of their cells where the tables are made of them.
///
/// The ledger of trials lies beside the runs, so that a report depends on the repository alone. A config that fails does
/// not keep the others from being run.
///
/// # Errors
/// [`ExperimentError::Unfit`] for a name that no table has, before anything is run; then the first error of a run.
pub fn make(
    root: &Path,
    tables: &[Table],
    names: &[String],
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<(), ExperimentError> {
    let known: Vec<&str> = tables.iter().flat_map(|table| table.forms).map(|form| form.config).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let message = format!("no table shows a config `{name}`{}", suggestion(name, &known));
        return Err(ExperimentError::Unfit { message });
    }
    let chosen: Vec<&str> =
        known.into_iter().filter(|config| names.is_empty() || names.iter().any(|name| name == config)).collect();
    let home = Home { root, disk: &*options.disk };
    let options = Options { trials_dir: root.join("runs/results/trials"), ..options.clone() };
    let mut failed = None;
    for (n, config) in chosen.iter().enumerate() {
        match make_one(&home, config, (n + 1, chosen.len()), &options, hooks) {
            Ok(()) => {}
            Err(error) if error.is_unfinished() => return Err(error),
            Err(error) => {
                (hooks.progress)(Event::Note(&format!("{config} failed: {error}")));
                failed.get_or_insert(error);
            }
        }
    }
    if names.is_empty() {
        (hooks.progress)(Event::Note(LEARNING));
    }
    failed.map_or(Ok(()), Err)
}

fn make_one(
    home: &Home<'_>,
    config: &str,
    number: (usize, usize),
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<(), ExperimentError> {
    let matrix = home.matrix(config)?;
    let out = folder(home.root, config, &matrix);
    let trained =
        |cell: &Cell, seed: u64| todo::checkpoint(&cell_folder(&matrix, cell, &out), seed, home.disk).is_some();
    let trainings = || matrix.cells.iter().flat_map(|cell| cell.plan.seeds().map(move |seed| (cell, seed)));
    (hooks.progress)(Event::Experiment {
        name: config,
        number,
        cells: matrix.cells.len(),
        trainings: trainings().count(),
        done: trainings().filter(|(cell, seed)| trained(cell, *seed)).count(),
        folder: &out,
    });
    bring_up(home, config, &matrix, &out, options, hooks)?;
    for cell in &matrix.cells {
        let bytes = pavlov_store::read(home.disk, &cell_folder(&matrix, cell, &out).join("report.json"))?;
        keep(home.disk, &home.report(config, cell), &bytes)?;
    }
    Ok(())
}

/// Writes a file unless it is there already.
fn keep(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), ExperimentError> {
    if disk.read(path).ok().as_deref() != Some(bytes) {
        path.parent().map_or(Ok(()), |folder| create_dir_all(disk, folder))?;
        write_atomic(disk, path, bytes)?;
    }
    Ok(())
}

/// The folder of a config's run. That of one cell names what decides its training, as the cells of a matrix do in their
/// folders, so that a config that was changed finds a folder of its own.
fn folder(root: &Path, config: &str, matrix: &Matrix) -> PathBuf {
    let runs = root.join("runs/results");
    match (&matrix.cells[..], matrix.plain) {
        ([cell], true) => runs.join(format!("{config}{}", cell.folder())),
        _ => runs.join(config),
    }
}

/// Does what is missing of a run.
fn bring_up(
    home: &Home<'_>,
    config: &str,
    matrix: &Matrix,
    out: &Path,
    options: &Options,
    hooks: &Hooks<'_>,
) -> Result<(), ExperimentError> {
    let all = Selection::default();
    let begun = todo::written_plan(out, home.disk);
    match (&matrix.cells[..], begun) {
        ([cell], Some(_)) if matrix.plain && todo::judged(cell, out, home.disk).is_some() => {}
        ([cell], Some(mut plan)) if matrix.plain => {
            // The training is that of the config; its seeds, or how they are judged, may be others by now.
            plan.name.clone_from(&cell.plan.name);
            plan.runs.clone_from(&cell.plan.runs);
            plan.eval.clone_from(&cell.plan.eval);
            plan.published.clone_from(&cell.plan.published);
            keep(home.disk, &out.join("plan.toml"), plan.to_text().as_bytes())?;
            matrix::resume(out, &all, options, hooks)?;
        }
        _ => _ = matrix::run(&home.config(config), &[], &all, out, options, hooks)?,
    }
    Ok(())
}
