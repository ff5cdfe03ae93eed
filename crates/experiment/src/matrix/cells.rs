//! From a config to its cells: the product of the axes, each a complete plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::error::ExperimentError;
use crate::matrix::axes::{self, Axis};
use crate::matrix::folds::{self, FOLD, Rows, SplitConfig};
use crate::plan::Plan;
use crate::run::add_manifests;
use crate::source::{self, Problem, Source};

/// Most cells of a matrix.
const MOST_CELLS: usize = 10_000;

/// A config as the cells that it stands for.
pub struct Matrix {
    /// Name of the experiment.
    pub name: String,
    /// Whether the config has no axis: one cell, which is the run itself.
    pub plain: bool,
    /// Names of the axes, in the order of the file; the folds last.
    pub axes: Vec<String>,
    /// The cells, the first axis slowest.
    pub cells: Vec<Cell>,
    /// The config with the axes as a list, without manifests.
    config: toml::Table,
    /// Manifests by dataset that the config itself has.
    manifests: BTreeMap<String, String>,
}

/// One complete config of a matrix.
pub struct Cell {
    /// Labels by axis, in the order of [`Matrix::axes`].
    pub labels: Vec<String>,
    pub plan: Plan,
    /// How it was cut out of a config; its plan is split by date.
    pub split: SplitConfig,
}

impl Cell {
    fn new(labels: Vec<String>, plan: Plan, split: SplitConfig) -> Self {
        Self { labels, plan, split }
    }
}

impl Cell {
    /// The labels as words: `AAPL, sharpe`; empty in a run of one cell.
    pub fn name(&self) -> String {
        self.labels.join(", ")
    }

    /// The labels as the name of a file: `AAPL_sharpe`; empty in a run of one cell.
    pub fn file_stem(&self) -> String {
        let word = |c: char| if c.is_ascii_alphanumeric() || "._+".contains(c) { c } else { '-' };
        let labels: Vec<String> = self.labels.iter().map(|label| label.chars().map(word).collect()).collect();
        labels.join("_").chars().take(80).collect()
    }

    /// Name of the cell's folder: its labels and the start of the hash of what decides its training.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.file_stem(), self.plan.training_hash().short())
    }
}

impl Matrix {
    /// Reads a config with the overrides of the command line; the plans of its cells lack manifests.
    ///
    /// # Errors
    /// [`ExperimentError::Config`] with every problem of every cell, each named once.
    pub fn parse(path: &Path, text: &str, overrides: &[String]) -> Result<Self, ExperimentError> {
        let source = Source::new(path, text, overrides);
        let mut problems = Vec::new();
        let mut base = source.table(&mut problems);
        let section = base.remove("matrix");
        let axes = section.as_ref().map_or(Vec::new(), |section| axes::read(&source, section, &mut problems));
        let plain = section.is_none() && !has_split(&base);
        let manifests = if plain { None } else { base.remove("other_manifests") };
        let manifests =
            manifests.map(|texts| source.read("other_manifests", &texts, &mut problems, BTreeMap::deserialize));
        let mut config = toml::Table::new();
        if problems.is_empty() {
            config.extend(base.iter().map(|(key, value)| (key.get_ref().to_string(), axes::plain(value))));
        }
        let name = config.get("name").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        if !axes.is_empty() {
            config.insert("matrix".into(), axes::to_toml(&axes));
        }
        let count = axes.iter().try_fold(1_usize, |all, axis| all.checked_mul(axis.alternatives.len()));
        if count.is_none_or(|count| count > MOST_CELLS) {
            let at = section.map(|section| section.span().start);
            problems.push(source.problem(at, format!("matrix: the axes make more than {MOST_CELLS} cells")));
            return Err(ExperimentError::Config { problems });
        }
        let (cells, found) = cells(&source, &base, &axes);
        problems.extend(found);
        if problems.is_empty() {
            problems.extend(same_folders(&source, &cells));
        }
        if !problems.is_empty() {
            source::sort(&mut problems);
            return Err(ExperimentError::Config { problems });
        }
        let axes = axes.into_iter().map(|axis| axis.name).collect();
        Ok(Self { name, plain, axes, cells, config, manifests: manifests.flatten().unwrap_or_default() })
    }

    /// Gives every plan the manifests that it needs: those of the config, others from `read`.
    ///
    /// # Errors
    /// What `read` returns, with the cell's name.
    pub fn add_manifests(
        &mut self,
        read: &dyn Fn(&str, &str) -> Result<String, ExperimentError>,
    ) -> Result<(), ExperimentError> {
        let known = &self.manifests;
        let read =
            |key: &str, dataset: &str| known.get(dataset).map_or_else(|| read(key, dataset), |text| Ok(text.clone()));
        for cell in &mut self.cells {
            add_manifests(&mut cell.plan, &read).map_err(|error| named(cell, error))?;
        }
        Ok(())
    }

    /// Replaces every cell that is cut into folds by its folds; `rows` has the rows of a plan's data.
    ///
    /// # Errors
    /// [`ExperimentError`] if the data cannot be had, or a split leaks or is empty.
    pub fn split(&mut self, rows: &dyn Fn(&Plan) -> Result<Rows, ExperimentError>) -> Result<(), ExperimentError> {
        if self.cells.iter().all(|cell| cell.plan.eval.split.is_date()) {
            return Ok(());
        }
        self.axes.push(FOLD.to_owned());
        let mut cells = Vec::new();
        for cell in std::mem::take(&mut self.cells) {
            if cell.plan.eval.split.is_date() {
                let labels = cell.labels.into_iter().chain(["-".to_owned()]).collect();
                cells.push(Cell::new(labels, cell.plan, SplitConfig::Date));
                continue;
            }
            let folds = rows(&cell.plan).and_then(|rows| folds::plans(&cell.plan, &rows));
            let folds = folds.map_err(|error| named(&cell, error))?;
            let split = cell.plan.eval.split;
            let fold = |(label, plan)| Cell::new(cell.labels.iter().cloned().chain([label]).collect(), plan, split);
            cells.extend(folds.into_iter().map(fold));
        }
        self.cells = cells;
        Ok(())
    }

    /// Gives the cells' plans their names in the reports; those of a run of one cell keep theirs.
    pub fn name_cells(&mut self) {
        if self.plain {
            return;
        }
        for cell in &mut self.cells {
            cell.plan.name = format!("{} ({})", cell.plan.name, cell.name().replace(['/', '\\'], "-"));
        }
    }

    /// The text of the run's `plan.toml`: the config, its axes as a list and the manifests of all its datasets.
    pub fn to_text(&self) -> String {
        if let ([cell], true) = (&self.cells[..], self.plain) {
            return cell.plan.to_text();
        }
        let mut manifests = BTreeMap::new();
        for Cell { plan, .. } in &self.cells {
            manifests.extend(plan.manifest.iter().map(|text| (plan.data.dataset.clone(), text.clone())));
            manifests.extend(plan.other_manifests.clone());
        }
        let mut table = self.config.clone();
        let manifests = manifests.into_iter().map(|(name, text)| (name, text.into())).collect();
        table.remove("manifest");
        table.insert("other_manifests".into(), toml::Value::Table(manifests));
        table.to_string()
    }
}

/// An error of a cell, with its name where there are several.
pub fn named(cell: &Cell, error: ExperimentError) -> ExperimentError {
    match cell.labels.is_empty() {
        true => error,
        false => ExperimentError::Cell { cell: cell.name(), source: Box::new(error) },
    }
}

fn has_split(base: &DeTable<'_>) -> bool {
    let split = base.get("eval").and_then(|eval| eval.get_ref().as_table()).and_then(|eval| eval.get("split"));
    split.is_some_and(|split| !matches!(split.get_ref(), DeValue::String(word) if word == "date"))
}

/// The cells that can be read, and what is wrong with the others.
fn cells(source: &Source, base: &DeTable<'_>, axes: &[Axis<'_>]) -> (Vec<Cell>, Vec<Problem>) {
    let choices = choices(axes);
    let mut found: Vec<(Problem, BTreeSet<usize>)> = Vec::new();
    let mut cells = Vec::new();
    for (n, choice) in choices.iter().enumerate() {
        let mut table = base.clone();
        let chosen = axes.iter().zip(choice).map(|(axis, i)| &axis.alternatives[*i]);
        chosen.clone().flat_map(|a| &a.changes).for_each(|change| axes::apply(&mut table, change));
        let mut problems = Vec::new();
        if let Some(plan) = Plan::from_table(source, table, &mut problems) {
            cells.push(Cell::new(chosen.map(|a| a.label.clone()).collect(), plan, SplitConfig::Date));
        }
        for problem in problems {
            match found.iter_mut().find(|(known, _)| *known == problem) {
                Some((_, cells)) => _ = cells.insert(n),
                None => found.push((problem, BTreeSet::from([n]))),
            }
        }
    }
    let problems = found.into_iter().map(|(mut problem, having)| {
        let of = blamed(axes, &choices, &having);
        if !of.is_empty() {
            problem.message = format!("{of}: {}", problem.message);
        }
        problem
    });
    (cells, problems.collect())
}

/// Every choice of one alternative an axis, the first axis slowest.
fn choices(axes: &[Axis<'_>]) -> Vec<Vec<usize>> {
    axes.iter().fold(vec![Vec::new()], |made, axis| {
        let longer = |choice: Vec<usize>| {
            (0..axis.alternatives.len()).map(move |i| choice.iter().copied().chain([i]).collect::<Vec<_>>())
        };
        made.into_iter().flat_map(longer).collect()
    })
}

/// The axes and labels that the cells with a problem have in common and others do not.
fn blamed(axes: &[Axis<'_>], choices: &[Vec<usize>], having: &BTreeSet<usize>) -> String {
    let one = |a: usize| {
        let labels: BTreeSet<usize> = having.iter().map(|n| choices[*n][a]).collect();
        labels.first().copied().filter(|_| labels.len() == 1 && axes[a].alternatives.len() > 1)
    };
    let of = |a: usize| Some(format!("{} = {}", axes[a].name, axes[a].alternatives[one(a)?].label));
    (0..axes.len()).filter_map(of).collect::<Vec<_>>().join(", ")
}

/// Two cells of one folder: they train the same and are called alike.
fn same_folders(source: &Source, cells: &[Cell]) -> Vec<Problem> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut problems = Vec::new();
    for cell in cells {
        if let Some(other) = seen.insert(cell.folder(), cell.name()) {
            let message = format!("matrix: the cells `{other}` and `{}` have one folder; change a label", cell.name());
            problems.push(source.problem(None, message));
        }
    }
    problems
}
