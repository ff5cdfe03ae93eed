//! The data commands: import a file, fetch from a provider, list the datasets, verify the cache.

use std::fmt::Write as _;
use std::path::Path;

use pavlov_market_data::{self as market_data, DatasetStatus, Manifest, Network, Sources, manifest_for};

use crate::error::ExperimentError;
use crate::run::{Options, read_manifest};

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
        format!("read as {} ({})", imported.dataset, manifest.path().display()),
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
    let path = options.datasets_dir.join(name).with_extension("toml");
    let manifest = Manifest::parse(&read_manifest(&path, options)?, &path)?;
    let dataset = market_data::fetch(&manifest, &sources(options), network)?;
    let notes = dataset.notes.iter().map(|note| format!("note: {note}"));
    let lines = [
        format!("{name} from {}", dataset.origin),
        dataset.provenance.summary(),
        format!("content hash {}", dataset.hash),
    ];
    Ok(Outcome { text: notes.chain(lines).collect::<Vec<_>>().join("\n") + "\n", sound: true })
}

fn sources(options: &Options) -> Sources {
    Sources {
        disk: options.disk.clone(),
        cache_dir: Some(options.cache_dir.clone()),
        data_dir: options.data_dir.clone(),
    }
}

/// Every dataset: what it is, its span, and where it can be had now.
///
/// # Errors
/// [`ExperimentError::Data`] if a manifest is wrong.
pub fn list(options: &Options) -> Result<Outcome, ExperimentError> {
    let mut text = String::new();
    for status in market_data::list(&options.datasets_dir, &sources(options))? {
        let span = status.span.map_or_else(|| "all of its file".into(), |span| span.to_string());
        let _ = writeln!(text, "{}\n    {}\n    {span}; {}", status.name, status.summary, places(&status));
    }
    Ok(Outcome { text, sound: true })
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
