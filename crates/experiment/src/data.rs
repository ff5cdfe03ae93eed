//! The data commands: import a file, fetch from a provider, list the datasets, verify the cache, check a dataset's
//! quality.

use std::fmt::Write as _;
use std::path::Path;

use pavlov_market_data::{self as market_data, DatasetStatus, Kind, Manifest, MarketDataError, Network, manifest_for};
use serde::Serialize;

use crate::error::ExperimentError;
use crate::run::{Options, manifest_path, read_manifest};

/// What a data command found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For people, ending with a line end.
    pub text: String,
    /// Whether everything that was looked at is sound.
    pub sound: bool,
}

/// Checks a CSV file against its manifest and writes it into the cache folder `out`.
///
/// The manifest is the one called `name`, or the one that names a file like this.
///
/// # Errors
/// [`ExperimentError::Data`]; the cache is then as it was.
pub fn import(file: &Path, name: Option<&str>, out: &Path, options: &Options) -> Result<Outcome, ExperimentError> {
    let manifest = manifest_for(file, name, &options.datasets_dir, &*options.disk)?;
    let imported = market_data::import(file, &manifest, out, &*options.disk)?;
    let lines = [
        format!("dataset {} ({})", imported.dataset, manifest.path().display()),
        imported.read_as.to_string(),
        imported.provenance.summary(),
        format!("content hash {}", imported.hash),
        format!("cached in {}", out.join(&imported.dataset).display()),
    ];
    Ok(Outcome { text: lines.join("\n") + "\n", sound: true })
}

/// Brings the dataset `name` into the cache, or up to date there, from the first of its manifest's sources that has it.
///
/// A remote provider is asked only for what the cache lacks, and not at all without a network.
///
/// # Errors
/// [`ExperimentError::UnknownDataset`] or [`ExperimentError::Data`]; the cache is then as it was.
pub fn fetch(name: &str, options: &Options, network: Option<&Network>) -> Result<Outcome, ExperimentError> {
    let manifest = Manifest::parse(&read_manifest(name, name, options)?, &manifest_path(name, options))?;
    let (origin, provenance, hash, notes) = match manifest.kind() {
        Kind::Bars => {
            let dataset = market_data::fetch(&manifest, &options.sources(), network)?;
            (dataset.origin, dataset.provenance, dataset.hash, dataset.notes)
        }
        Kind::Series => {
            let dataset = market_data::fetch_series(&manifest, &options.sources(), network)?;
            (dataset.origin, dataset.provenance, dataset.hash, dataset.notes)
        }
    };
    let notes = notes.iter().map(|note| format!("note: {note}"));
    let lines = [format!("{name} from {origin}"), provenance.summary(), format!("content hash {hash}")];
    Ok(Outcome { text: notes.chain(lines).collect::<Vec<_>>().join("\n") + "\n", sound: true })
}

/// Every dataset: what it is, its span, and where it can be had now.
///
/// # Errors
/// [`ExperimentError::Data`] if a manifest is wrong.
pub fn list(options: &Options) -> Result<Outcome, ExperimentError> {
    let statuses = market_data::list(&options.datasets_dir, &options.sources())?;
    let mut text = String::new();
    for group in statuses.chunk_by(|one, next| group(&one.name).is_some() && group(&one.name) == group(&next.name)) {
        text += &entry(group);
    }
    Ok(Outcome { text, sound: true })
}

/// Judges the rows of a dataset's source: what is odd, and what its manifest makes of it; also as JSON into a file.
///
/// # Errors
/// [`ExperimentError::UnknownDataset`], or [`ExperimentError::Data`] if the manifest is wrong, the source cannot be had
/// or read, or the JSON cannot be written. A dataset that its manifest refuses is not sound, and no error.
pub fn check(name: &str, json: Option<&Path>, options: &Options) -> Result<Outcome, ExperimentError> {
    let manifest = Manifest::parse(&read_manifest(name, name, options)?, &manifest_path(name, options))?;
    let found = market_data::check(&manifest, &options.sources())?;
    if let Some(json) = json {
        let file = CheckFile { schema_version: 1, check: &found };
        let text = serde_json::to_string_pretty(&file).expect("a check is numbers, texts and lists, which JSON takes");
        pavlov_store::write_atomic(&*options.disk, json, format!("{text}\n").as_bytes())
            .map_err(MarketDataError::from)?;
    }
    Ok(Outcome { text: found.table(), sound: found.refused.is_none() })
}

/// The JSON file of a check.
#[derive(Serialize)]
struct CheckFile<'a> {
    schema_version: u32,
    #[serde(flatten)]
    check: &'a market_data::Check,
}

/// What stands before the symbol in the name of one of several symbols.
fn group(name: &str) -> Option<&str> {
    name.split_once('/').map(|(group, _)| group)
}

/// What the list says of a dataset, or of the symbols of one manifest.
fn entry(group: &[DatasetStatus]) -> String {
    let [status, others @ ..] = group else { return String::new() };
    let span = status.span.map_or_else(|| "all of its file".into(), |span| span.to_string());
    let kind = if status.kind == Kind::Series { "a series; " } else { "" };
    let at_hand = if others.is_empty() { places(status) } else { counts(group) };
    let symbols = group.iter().filter_map(|status| status.name.split_once('/')).map(|(_, symbol)| symbol);
    let symbols: Vec<&str> = symbols.collect();
    let name = match self::group(&status.name) {
        Some(group) => format!("{group}/{{{}}}", symbols.join(", ")),
        None => status.name.clone(),
    };
    format!("{name}\n    {}\n    {kind}{span}; {at_hand}\n", status.summary)
}

/// How many symbols of a manifest can be had from where.
fn counts(group: &[DatasetStatus]) -> String {
    let cached = group.iter().filter(|status| status.cached).count();
    let there = group.iter().filter(|status| status.file.as_ref().is_some_and(|(_, there)| *there)).count();
    format!("of {} symbols {cached} are cached, {there} have their file in the data folder", group.len())
}

fn places(status: &DatasetStatus) -> String {
    let cached = status.cached.then(|| "cached".to_owned());
    let provider = status.provider.map(|name| format!("from provider {name}"));
    let file = status.file.as_ref().map(|(path, there)| match there {
        true => format!("file {}", path.display()),
        false => format!("file {} is not there: give its folder with --data-dir", path.display()),
    });
    cached.into_iter().chain(provider).chain(file).collect::<Vec<_>>().join(", ")
}

/// Checks hash and content of everything in the cache.
///
/// # Errors
/// [`ExperimentError::Data`] if a manifest is wrong; damage is in the outcome.
pub fn verify(options: &Options) -> Result<Outcome, ExperimentError> {
    let results = market_data::verify(&options.datasets_dir, &options.cache_dir, &*options.disk)?;
    let mut text = String::new();
    for result in &results {
        let found = match &result.outcome {
            Ok(provenance) => format!("sound, {}", provenance.summary()),
            Err(error) => format!("DAMAGED: {error}"),
        };
        let _ = writeln!(text, "{}: {found}", result.dataset);
    }
    if results.is_empty() {
        let _ = writeln!(text, "nothing is cached in {}", options.cache_dir.display());
    }
    Ok(Outcome { text, sound: results.iter().all(|result| result.outcome.is_ok()) })
}
