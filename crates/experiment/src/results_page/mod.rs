//! The documents that show results: `docs/results.md` and the README, their tables made of committed reports.
//!
//! Each cell of each config in [`TABLES`] has its `report.json` in `docs/results/cells/<config>/<labels>.json`, a config
//! without a matrix in `docs/results/cells/<config>/report.json`. The tables are made of nothing else, so that
//! [`write()`] and [`check`] need no data; [`make`] runs the experiments and renews the reports.

mod blocks;
mod cells_table;
mod line;
mod list;
mod made;
mod make;
mod markdown;
mod measures_table;
mod summary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pavlov_store::{Disk, write_atomic};

use crate::error::ExperimentError;
use crate::results_page::blocks::Block;
use crate::results_page::made::{Home, Made};

pub use list::{Form, TABLES, Table};
pub use make::make;

/// Where the tables stand, from the root of the repository.
const PAGE: &str = "docs/results.md";
const README: &str = "README.md";

/// Name of the block of the README.
const SUMMARY: &str = "results";

/// What is to be known of the documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The blocks that differed, as `docs/results.md: bitcoin`.
    pub changed: Vec<String>,
    /// Configs with the number of their reports that another form of the config has made.
    pub outdated: BTreeMap<&'static str, usize>,
}

impl Written {
    /// What the command line says of it.
    pub fn text(&self) -> String {
        let changed = match &self.changed[..] {
            [] => "every table is up to date\n".to_owned(),
            changed => format!("written: {}\n", changed.join(", ")),
        };
        let outdated = self.outdated.iter().map(|(config, n)| {
            format!(
                "note: {config} was changed after {n} of its reports; `cargo xtask results --run {config}` renews them\n"
            )
        });
        changed + &outdated.collect::<String>()
    }
}

/// Writes the tables of the documents of the repository in `root` anew.
///
/// # Errors
/// [`ExperimentError::Page`] if a report or a block is missing; then no document is touched.
pub fn write(root: &Path, tables: &[Table], disk: &dyn Disk) -> Result<Written, ExperimentError> {
    let Documents { texts, written } = documents(root, tables, disk)?;
    for (path, text) in texts {
        write_atomic(disk, &path, text.as_bytes())?;
    }
    Ok(written)
}

/// Compares the tables of the documents with the reports that they are made of; writes nothing.
///
/// # Errors
/// [`ExperimentError::StaleTables`] with the blocks that would change, [`ExperimentError::Page`] if a report or a block is
/// missing.
pub fn check(root: &Path, tables: &[Table], disk: &dyn Disk) -> Result<Written, ExperimentError> {
    let written = documents(root, tables, disk)?.written;
    match written.changed.is_empty() {
        true => Ok(written),
        false => Err(ExperimentError::StaleTables { blocks: written.changed }),
    }
}

/// The documents whose text would change, and what is to be known of them.
struct Documents {
    texts: Vec<(PathBuf, String)>,
    written: Written,
}

fn documents(root: &Path, tables: &[Table], disk: &dyn Disk) -> Result<Documents, ExperimentError> {
    let home = Home { root, disk };
    let mut all: Vec<(&str, Vec<Made>)> = Vec::new();
    let mut blocks = Vec::new();
    for table in tables {
        let forms = table.forms.iter().map(|form| home.made(form)).collect::<Result<Vec<_>, _>>()?;
        blocks.push(Block { name: table.name, content: content(&forms) });
        all.push((table.title, forms));
    }
    let mut written = Written::default();
    let outdated = all.iter().flat_map(|(_, forms)| forms).filter(|made| made.outdated > 0);
    written.outdated.extend(outdated.map(|made| (made.config, made.outdated)));
    let readme = [Block { name: SUMMARY, content: summary::table(&all) }];
    let mut texts = Vec::new();
    for (file, blocks) in [(PAGE, &blocks[..]), (README, &readme)] {
        let path = root.join(file);
        let before = pavlov_store::read(disk, &path)?;
        let (text, changed) = blocks::replace(&path, &String::from_utf8_lossy(&before), blocks)?;
        if text.as_bytes() != before {
            texts.push((path, text));
        }
        written.changed.extend(changed.into_iter().map(|name| format!("{file}: {name}")));
    }
    Ok(Documents { texts, written })
}

/// The content of a table's block: of a matrix a row for each cell, otherwise a row for each measure.
fn content(forms: &[Made]) -> String {
    if forms.iter().any(|made| !made.axes.is_empty()) {
        return cells_table::table(forms);
    }
    let whose = match forms {
        [first, _, ..] => format!("\nThe policies that did not learn are those of `{}`.\n", first.config),
        _ => String::new(),
    };
    measures_table::table(forms) + &whose
}
