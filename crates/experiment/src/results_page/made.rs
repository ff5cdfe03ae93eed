//! What was made of a config: the committed reports of its cells.

use std::path::{Path, PathBuf};

use pavlov_market_data::Span;
use pavlov_store::Disk;

use crate::error::ExperimentError;
use crate::matrix::cells::{Cell, Matrix};
use crate::report::Report;
use crate::results_page::list::Form;
use crate::run;

/// The repository, as far as its results go.
pub struct Home<'a> {
    pub root: &'a Path,
    pub disk: &'a dyn Disk,
}

/// A form of an experiment with the reports of its cells.
pub struct Made {
    /// What tells it from the other forms.
    pub label: &'static str,
    /// Name of its config.
    pub config: &'static str,
    /// Names of the axes of its matrix; empty for a config of one cell.
    pub axes: Vec<String>,
    /// From the first day of a cell's test span to the last one.
    pub test: Span,
    /// The cells by their labels, in the order of the config.
    pub cells: Vec<(String, Report)>,
    /// Cells whose report was made with another form of the config.
    pub outdated: usize,
}

impl Home<'_> {
    pub fn config(&self, name: &str) -> PathBuf {
        self.root.join("configs").join(format!("{name}.toml"))
    }

    /// The cells of a config, with their names in the reports.
    pub fn matrix(&self, name: &str) -> Result<Matrix, ExperimentError> {
        let path = self.config(name);
        let mut matrix = Matrix::parse(&path, &run::read(&path)?, &[])?;
        matrix.name_cells();
        Ok(matrix)
    }

    /// Where the report of a cell is kept.
    pub fn report(&self, config: &str, cell: &Cell) -> PathBuf {
        let stem = cell.file_stem();
        let stem = if stem.is_empty() { "report" } else { &stem };
        self.root.join("docs/results/cells").join(config).join(format!("{stem}.json"))
    }

    /// Reads the reports of all cells of a config.
    ///
    /// # Errors
    /// [`ExperimentError::Config`], [`ExperimentError::Page`] if a report is missing or cannot be read.
    pub fn made(&self, form: &Form) -> Result<Made, ExperimentError> {
        let matrix = self.matrix(form.config)?;
        let test = hull(&matrix.cells);
        let (mut cells, mut outdated) = (Vec::new(), 0);
        for cell in &matrix.cells {
            let path = self.report(form.config, cell);
            let wrong = |reason: String| ExperimentError::Page {
                path: path.clone(),
                reason: format!("{reason}; make it with `cargo xtask results --run {}`", form.config),
            };
            let bytes = self.disk.read(&path).map_err(|e| wrong(format!("there is no such report ({e})")))?;
            let report = Report::from_json(&String::from_utf8_lossy(&bytes));
            let report = report.map_err(|e| wrong(format!("it is no report of a run: {e}")))?;
            outdated += usize::from(report.subject.config_hash != cell.plan.config_hash().to_string());
            cells.push((cell.name(), report));
        }
        Ok(Made { label: form.label, config: form.config, axes: matrix.axes, test, cells, outdated })
    }
}

fn hull(cells: &[Cell]) -> Span {
    let spans = || cells.iter().map(|cell| cell.plan.data.test);
    let (from, to) = (spans().map(|span| span.from_ns).min(), spans().map(|span| span.to_ns).max());
    Span { from_ns: from.unwrap_or_default(), to_ns: to.unwrap_or_default() }
}
