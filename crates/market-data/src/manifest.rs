//! Dataset manifests: one TOML file says where bars come from and what they must be.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_store::{Disk, Hash, OsDisk};
use serde::Deserialize;
use toml::Spanned;

use crate::csv_file::CsvLayout;
use crate::provider::{PROVIDERS, Provider};
use crate::recipe::Recipe;
use crate::time::Interval;
use crate::{Adjustment, BarPolicy, MarketDataError, Span};

const SCHEMA_VERSION: u32 = 1;
const MAX_PROVIDED_BARS: i64 = 50_000_000;

/// One way to come by the bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The verified cache.
    Cache,
    /// The manifest's file below the data folder.
    File,
    /// The manifest's provider.
    Provider,
}

/// A checked dataset manifest; `docs/dataset-manifest.md` explains every key.
#[derive(Clone, Debug)]
pub struct Manifest {
    path: PathBuf,
    name: String,
    summary: String,
    source: String,
    adjustment: Adjustment,
    expected_hash: Option<Hash>,
    sources: Vec<SourceKind>,
    recipe: Recipe,
    provider: Option<(&'static str, Arc<dyn Provider>)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    schema_version: Spanned<u32>,
    name: DatasetName,
    summary: String,
    source: String,
    symbol: String,
    interval: Interval,
    adjustment: Adjustment,
    span: Option<Spanned<Span>>,
    expected_hash: Option<Hash>,
    sources: Option<Spanned<Vec<SourceKind>>>,
    #[serde(default)]
    bars: BarPolicy,
    file: Option<CsvLayout>,
    provider: Option<Spanned<toml::Table>>,
}

/// A name that can be a folder's.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct DatasetName(String);

impl TryFrom<String> for DatasetName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !name.is_empty() && name.chars().all(fits) {
            Ok(DatasetName(name))
        } else {
            Err(format!("{name:?} is no dataset name; use a-z, 0-9, - and _"))
        }
    }
}

impl Manifest {
    /// Reads a manifest; `path` is only named in errors.
    ///
    /// # Errors
    /// [`MarketDataError::Manifest`] with line and column; an unknown key or value names the nearest known one.
    pub fn parse(text: &str, path: &Path) -> Result<Manifest, MarketDataError> {
        let fault = |at: usize, message: String| fault_at(path, text, at, message);
        let toml_fault = |error: toml::de::Error| {
            fault(error.span().map_or(0, |span| span.start), with_nearest(error.message()))
        };
        let raw: Raw = toml::from_str(text).map_err(toml_fault)?;
        if *raw.schema_version.get_ref() != SCHEMA_VERSION {
            let message = format!("schema_version {}, this build reads {SCHEMA_VERSION}", raw.schema_version.get_ref());
            return Err(fault(raw.schema_version.span().start, message));
        }
        let provider = match &raw.provider {
            Some(table) => Some(raw.check_provider(table).map_err(|message| fault(table.span().start, message))?),
            None => None,
        };
        let provider = match provider {
            Some(entry) => Some((entry.name, (entry.build)(text).map_err(toml_fault)?)),
            None => None,
        };
        let sources = raw.order().map_err(|(at, message)| fault(at, message))?;
        Ok(raw.into_manifest(path, sources, provider))
    }

    /// Reads a manifest file.
    ///
    /// # Errors
    /// [`MarketDataError::Store`] if it cannot be read, else those of [`Manifest::parse`].
    pub fn load(path: &Path) -> Result<Manifest, MarketDataError> {
        Manifest::load_from(&OsDisk, path)
    }

    pub(crate) fn load_from(disk: &dyn Disk, path: &Path) -> Result<Manifest, MarketDataError> {
        let bytes = pavlov_store::read(disk, path)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Manifest::parse(text, path),
            Err(error) => {
                let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                Err(fault_at(path, &text, text.len(), "the text is not UTF-8".to_owned()))
            }
        }
    }

    /// The dataset's name: the manifest's file name without `.toml`, and the folder in the cache.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One line for people.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Where the data comes from, in words.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The symbol.
    pub fn symbol(&self) -> &str {
        &self.recipe.symbol
    }

    /// The size of a bar, ns.
    pub fn interval_ns(&self) -> i64 {
        self.recipe.interval_ns()
    }

    /// The adjustment of prices.
    pub fn adjustment(&self) -> Adjustment {
        self.adjustment
    }

    /// The span that bars must open in; `None` takes all.
    pub fn span(&self) -> Option<Span> {
        self.recipe.span
    }

    /// The content hash that the bars must have.
    pub fn expected_hash(&self) -> Option<Hash> {
        self.expected_hash
    }

    /// The ways to come by the bars, in the order in which they are tried.
    pub fn sources(&self) -> &[SourceKind] {
        &self.sources
    }

    /// The file, relative to the data folder.
    pub fn file(&self) -> Option<&str> {
        self.recipe.file.as_ref().map(|layout| layout.path.as_str())
    }

    /// Where the manifest was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    pub(crate) fn provider(&self) -> Option<(&'static str, &dyn Provider)> {
        self.provider.as_ref().map(|(name, provider)| (*name, provider.as_ref()))
    }
}

impl Raw {
    /// The registry's entry for the provider, once the manifest has what any provider needs.
    fn check_provider(&self, table: &Spanned<toml::Table>) -> Result<&'static crate::ProviderEntry, String> {
        let known = || PROVIDERS.iter().map(|entry| entry.name).collect::<Vec<_>>();
        let name = table.get_ref().get("name").and_then(toml::Value::as_str);
        let name = name.ok_or_else(|| format!("provider.name is missing{}", suggestion("", &known())))?;
        let span = self.span.as_ref().ok_or("a provider needs the span to fetch; add span = [from, to]")?.get_ref();
        let bars = span.to_ns.saturating_sub(span.from_ns) / self.interval.0;
        if bars > MAX_PROVIDED_BARS {
            return Err(format!("the span holds {bars} bars, a provider gives at most {MAX_PROVIDED_BARS}"));
        }
        let entry = PROVIDERS.iter().find(|entry| entry.name == name);
        entry.ok_or_else(|| format!("unknown provider `{name}`{}", suggestion(name, &known())))
    }

    /// The order of the sources: as stated, or the cache and whatever the manifest describes.
    fn order(&self) -> Result<Vec<SourceKind>, (usize, String)> {
        let described =
            [(SourceKind::File, self.file.is_some(), "[file]"), (SourceKind::Provider, self.provider.is_some(), "[provider]")];
        let Some(stated) = &self.sources else {
            let there = described.iter().filter(|(_, there, _)| *there).map(|(kind, ..)| *kind);
            let order: Vec<_> = std::iter::once(SourceKind::Cache).chain(there).collect();
            return if order.len() > 1 { Ok(order) } else { Err((0, "no source: add a [file] or a [provider]".to_owned())) };
        };
        let at = stated.span().start;
        for (kind, there, table) in described {
            if stated.get_ref().contains(&kind) != there {
                return Err((at, format!("sources and the table {table} disagree: name both or neither")));
            }
        }
        if stated.get_ref().iter().all(|kind| *kind == SourceKind::Cache) {
            return Err((at, "sources names neither \"file\" nor \"provider\"".to_owned()));
        }
        Ok(stated.get_ref().clone())
    }

    fn into_manifest(
        self,
        path: &Path,
        sources: Vec<SourceKind>,
        provider: Option<(&'static str, Arc<dyn Provider>)>,
    ) -> Manifest {
        Manifest {
            path: path.to_owned(),
            name: self.name.0,
            summary: self.summary,
            source: self.source,
            adjustment: self.adjustment,
            expected_hash: self.expected_hash,
            sources,
            recipe: Recipe {
                symbol: self.symbol,
                interval: self.interval,
                span: self.span.map(Spanned::into_inner),
                policy: self.bars,
                file: self.file,
                provider: self.provider.map(Spanned::into_inner),
            },
            provider,
        }
    }
}

fn fault_at(path: &Path, text: &str, at: usize, message: String) -> MarketDataError {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    MarketDataError::Manifest { path: path.to_owned(), line, column, message }
}

/// Serde's "unknown field `x`, expected one of `a`, `b`" with the nearest known name instead of the list.
fn with_nearest(message: &str) -> String {
    let what = match message.split_once(" `") {
        Some(("unknown field", _)) => "unknown key",
        Some(("unknown variant", _)) => "unknown value",
        _ => return message.to_owned(),
    };
    let mut quoted = message.split('`').skip(1).step_by(2);
    let given = quoted.next().unwrap_or_default();
    format!("{what} `{given}`{}", suggestion(given, &quoted.collect::<Vec<_>>()))
}

/// "; did you mean `x`?", or the known names if none is near.
pub(crate) fn suggestion(given: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (strsim::damerau_levenshtein(given, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 2.max(name.len() / 2) && distance < name.len() => {
            format!("; did you mean `{name}`?")
        }
        _ => format!("; known are {}", known.join(", ")),
    }
}
