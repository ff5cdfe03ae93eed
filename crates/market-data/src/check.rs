//! The quality of a dataset's source, and whether its manifest takes it.

use std::fmt::Write as _;

use serde::Serialize;

use crate::csv_file::{self, Misplaced, Order, Repeats, Rows, Source};
use crate::dataset::{self, Content};
use crate::quality::{Expect, Finding, Quality};
use crate::{Bar, Bars, Kind, Manifest, MarketDataError, Provenance, Series, Sources, load_dataset, load_series};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The dataset.
    pub dataset: String,
    /// What was looked at: the file, the cache or a provider.
    pub origin: String,
    /// Its rows before any policy was applied, if they are a file's; else the validated bars.
    pub quality: Quality,
    /// What comes out of them.
    pub loaded: Option<Provenance>,
    /// Why nothing does.
    pub refused: Option<String>,
}

/// Checks what a dataset is made of: its file if the data folder has it, else the cache or the provider.
///
/// A file is judged before its repeats and odd bars are dropped or refused, with the line of each.
///
/// # Errors
/// A source that cannot be had, or a file whose numbers and times cannot be read at all. A dataset that its policies
/// refuse is no error: see [`Check::refused`].
pub fn check(manifest: &Manifest, sources: &Sources) -> Result<Check, MarketDataError> {
    let file = manifest.file().zip(sources.data_dir.as_ref()).map(|(file, dir)| dir.join(file));
    let bytes = file.as_ref().and_then(|path| sources.disk.read(path).ok());
    match (file, bytes, manifest.kind()) {
        (Some(path), Some(bytes), Kind::Bars) => check_file::<Bars>(manifest, Source { path: &path, bytes: &bytes }),
        (Some(path), Some(bytes), Kind::Series) => {
            check_file::<Series>(manifest, Source { path: &path, bytes: &bytes })
        }
        (.., kind) => check_loaded(manifest, sources, kind),
    }
}

fn check_file<T: Content>(manifest: &Manifest, source: Source<'_>) -> Result<Check, MarketDataError> {
    let recipe = manifest.recipe();
    let Some(layout) = &recipe.file else { return Err(dataset::no_file(manifest)) };
    let Rows { rows, lines } = match T::KIND {
        Kind::Bars => csv_file::bar_rows(source, layout, recipe, manifest.adjustment())?,
        Kind::Series => csv_file::series_rows(source, layout, recipe)?,
    };
    let (rows, lines): (Vec<Bar>, Vec<u64>) =
        rows.into_iter().zip(lines).filter(|(row, _)| recipe.spans(row.time)).unzip();
    let expect = Expect {
        order: layout.order,
        misplaced: layout.misplaced,
        repeats: layout.repeats,
        lines: Some(&lines),
        ..expect(manifest)
    };
    let quality = Quality::of(&rows, &expect);
    let (loaded, refused) = match dataset::from_csv::<T>(manifest, source.path, source.bytes) {
        Ok(found) => (Some(found.provenance), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let origin = source.path.display().to_string();
    Ok(Check { dataset: manifest.name().to_owned(), origin, quality, loaded, refused })
}

fn check_loaded(manifest: &Manifest, sources: &Sources, kind: Kind) -> Result<Check, MarketDataError> {
    let (rows, origin, provenance): (Vec<Bar>, _, _) = match kind {
        Kind::Bars => {
            let found = load_dataset(manifest, sources)?;
            let rows = (0..found.bars.len()).map(|row| found.bars.bar(row)).collect();
            (rows, found.origin, found.provenance)
        }
        Kind::Series => {
            let found = load_series(manifest, sources)?;
            let values = found.series.times_ns().iter().zip(found.series.values());
            (values.map(|(time, value)| csv_file::as_bar(*time, *value)).collect(), found.origin, found.provenance)
        }
    };
    let expect = Expect { interval: manifest.recipe().final_interval(), ..expect(manifest) };
    let quality = Quality::of(&rows, &expect);
    Ok(Check {
        dataset: manifest.name().to_owned(),
        origin: origin.to_string(),
        quality,
        loaded: Some(provenance),
        refused: None,
    })
}

/// What a manifest says about the rows of its source, for rows in rising time.
fn expect(manifest: &Manifest) -> Expect<'static> {
    let recipe = manifest.recipe();
    Expect {
        kind: manifest.kind(),
        interval: recipe.interval,
        zone: recipe.resampling().map_or_else(|| recipe.zone(), |plan| plan.zone),
        order: Order::OldestFirst,
        misplaced: Misplaced::Reject,
        repeats: Repeats::Reject,
        inconsistent: recipe.policy().inconsistent,
        non_positive: recipe.policy().non_positive,
        lines: None,
    }
}

impl Check {
    /// The findings and the verdict as a table for people.
    pub fn table(&self) -> String {
        let Quality { rows, span, interval, expected, findings, moves } = &self.quality;
        let span = span.map_or_else(|| "no span".to_owned(), |span| span.to_string());
        let mut text = format!("dataset {} ({})\n{rows} rows of {interval} in {span}\n", self.dataset, self.origin);
        let _ = writeln!(text, "expected: {expected}\n\n{:<16} {:>9}  {:<7} rule", "finding", "count", "policy");
        findings.iter().for_each(|finding| text += &lines_of(finding));
        let show = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:.4e}"));
        let _ = writeln!(
            text,
            "\nmoves ln(close / close before): {}, mean {}, std {}, skewness {}, excess kurtosis {}\n",
            moves.count,
            show(moves.mean),
            show(moves.std),
            show(moves.skewness),
            show(moves.excess_kurtosis)
        );
        let verdict = match (&self.refused, &self.loaded) {
            (Some(reason), _) => format!("REFUSED: {reason}"),
            (None, Some(loaded)) => format!("accepted: {}", loaded.summary()),
            (None, None) => "accepted".to_owned(),
        };
        text + &verdict + "\n"
    }
}

fn lines_of(finding: &Finding) -> String {
    let Finding { kind, count, policy, rule, first } = finding;
    let policy = if *count == 0 { "-" } else { policy.name() };
    let mut text = format!("{:<16} {count:>9}  {policy:<7} {rule}\n", kind.name());
    for example in first {
        let line = example.line.map_or_else(String::new, |line| format!(", line {line}"));
        let _ = writeln!(text, "{:20}{}{line}: {}", "", example.at, example.what);
    }
    text
}
