//! Dataset manifests: one TOML file says where bars, or a series, come from and what they must be.

mod raw;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_store::{Disk, Hash, OsDisk};
use serde::Deserialize;

use crate::provider::Provider;
use crate::recipe::Recipe;
use crate::{Adjustment, Kind, MarketDataError, Span};
use raw::Raw;

const SCHEMA_VERSION: u32 = 1;

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

impl Manifest {
    /// Reads a manifest; `path` is only named in errors. One with `symbols` must say by `symbol` which is meant.
    ///
    /// # Errors
    /// [`MarketDataError::Manifest`] with line and column; an unknown key or value names the nearest known one.
    pub fn parse(text: &str, path: &Path) -> Result<Manifest, MarketDataError> {
        Manifest::parse_as(text, path, None)
    }

    /// Reads a manifest, of several symbols the one that is asked for.
    fn parse_as(text: &str, path: &Path, asked: Option<&str>) -> Result<Manifest, MarketDataError> {
        let fault = |at: usize, message: String| fault_at(path, text, at, message);
        let toml_fault =
            |error: toml::de::Error| fault(error.span().map_or(0, |span| span.start), with_nearest(error.message()));
        let mut raw: Raw = toml::from_str(text).map_err(toml_fault)?;
        if *raw.schema_version.get_ref() != SCHEMA_VERSION {
            let message = format!("schema_version {}, this build reads {SCHEMA_VERSION}", raw.schema_version.get_ref());
            return Err(fault(raw.schema_version.span().start, message));
        }
        raw.choose(asked).map_err(|(at, message)| fault(at, message))?;
        raw.check_kind().map_err(|(at, message)| fault(at, message))?;
        raw.check_resample().map_err(|(at, message)| fault(at, message))?;
        let provider = match &raw.provider {
            Some(table) => Some(raw.check_provider(table).map_err(|message| fault(table.span().start, message))?),
            None => None,
        };
        let provider = match provider {
            Some(entry) => Some((entry.name, (entry.build)(text).map_err(toml_fault)?)),
            None => None,
        };
        if let (Some((name, provider)), Some(table)) = (&provider, &raw.provider) {
            let checked = provider.check(raw.kind, raw.interval_ns(), raw.adjustment);
            checked.map_err(|message| fault(table.span().start, format!("provider {name}: {message}")))?;
            raw.check_remote(provider.as_ref()).map_err(|(at, message)| fault(at, message))?;
        }
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

    fn load_from(disk: &dyn Disk, path: &Path) -> Result<Manifest, MarketDataError> {
        Manifest::parse(&read_text(disk, path)?, path)
    }

    /// Reads a manifest file; one with `symbols` gives a manifest for each.
    pub(crate) fn load_all(disk: &dyn Disk, path: &Path) -> Result<Vec<Manifest>, MarketDataError> {
        #[derive(Deserialize)]
        struct Group {
            symbols: Option<Vec<String>>,
        }
        let text = read_text(disk, path)?;
        match toml::from_str::<Group>(&text) {
            Ok(Group { symbols: Some(symbols) }) if !symbols.is_empty() => {
                symbols.iter().map(|symbol| Manifest::parse_as(&text, path, Some(symbol))).collect()
            }
            _ => Ok(vec![Manifest::parse(&text, path)?]),
        }
    }

    /// What the dataset holds.
    pub fn kind(&self) -> Kind {
        self.recipe.kind
    }

    /// The dataset's name: the manifest's file name without `.toml`, with `/SYMBOL` if the manifest has several
    /// symbols, and the folder in the cache.
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
        self.recipe.symbol()
    }

    /// The size of a bar after any resampling, or the step of a series, ns; 0 if it has no fixed one.
    pub fn interval_ns(&self) -> i64 {
        self.recipe.final_interval().ns()
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

    /// The same manifest for content of any span and hash.
    pub(crate) fn of_any_content(&self) -> Manifest {
        let recipe = Recipe { span: None, ..self.recipe.clone() };
        Manifest { recipe, expected_hash: None, ..self.clone() }
    }

    /// Whether the bars come over a network, piece by piece.
    pub(crate) fn is_remote(&self) -> bool {
        self.provider.as_ref().is_some_and(|(_, provider)| provider.is_remote())
    }

    /// What a cache must have been made from to hold this dataset.
    pub(crate) fn cache_key(&self) -> Hash {
        if self.is_remote() { self.recipe.hash_without_span(self.adjustment) } else { self.recipe.hash() }
    }

    pub(crate) fn provider(&self) -> Option<(&'static str, &dyn Provider)> {
        self.provider.as_ref().map(|(name, provider)| (*name, provider.as_ref()))
    }
}

/// The file of a dataset's manifest and a text that [`Manifest::parse`] makes the dataset of.
///
/// A name `group/SYMBOL` means one symbol of the manifest `group`; its text says which one in a line more at the start.
///
/// # Errors
/// [`MarketDataError::Store`] if the file cannot be read.
pub fn manifest_text(datasets_dir: &Path, name: &str, disk: &dyn Disk) -> Result<(PathBuf, String), MarketDataError> {
    let (file, symbol) = name.split_once('/').map_or((name, None), |(file, symbol)| (file, Some(symbol)));
    let path = datasets_dir.join(format!("{file}.toml"));
    let text = read_text(disk, &path)?;
    let text = symbol.map_or_else(|| text.clone(), |symbol| format!("symbol = {symbol:?}\n{text}"));
    Ok((path, text))
}

fn read_text(disk: &dyn Disk, path: &Path) -> Result<String, MarketDataError> {
    let bytes = pavlov_store::read(disk, path)?;
    String::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
        fault_at(path, &text, text.len(), "the text is not UTF-8".to_owned())
    })
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

/// "; did you mean `x`? known are `x`, `y`".
fn suggestion(given: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|name| strsim::damerau_levenshtein(given, name));
    let nearest =
        nearest.filter(|_| !given.is_empty()).map_or_else(String::new, |name| format!("did you mean `{name}`? "));
    format!("; {nearest}known are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"schema_version = 1
name = "example"
summary = "an example"
source = "nowhere"
symbol = "BTCUSD"
interval = "1h"
adjustment = "none"
span = ["2018-01-01", "2018-02-01"]

[file]
path = "example.csv"
columns = { time = "Date", open = "Open", high = "High", low = "Low", close = "Close", volume = "Volume" }
time_format = "%Y-%m-%d"
zone = "UTC"
stamp = "open"

[provider]
name = "synthetic"
seed = 1
start_price = 100.0
mean_volume = 10.0
mode.martingale.volatility = 0.01
"#;

    fn parse(text: &str) -> Result<Manifest, MarketDataError> {
        Manifest::parse(text, Path::new("datasets/example.toml"))
    }

    #[test]
    fn sources_are_tried_in_the_order_of_the_manifest() {
        use SourceKind::{Cache, File, Provider};
        assert_eq!(parse(TEXT).unwrap().sources(), [Cache, File, Provider]);
        let stated = TEXT.replace("[file]", "sources = [\"provider\", \"file\"]\n[file]");
        assert_eq!(parse(&stated).unwrap().sources(), [Provider, File]);
    }

    #[test]
    fn each_mistake_is_named_with_line_and_column() {
        let cases = [
            ("symbol = ", "symbl = ", ":5:1: unknown key `symbl`; did you mean `symbol`?"),
            ("stamp = ", "stmp = ", ":15:1: unknown key `stmp`; did you mean `stamp`?"),
            ("open = \"Open\"", "opne = \"Open\"", ": unknown key `opne`; did you mean `open`?"),
            ("stamp = \"open\"", "stamp = \"opening\"", ":15:9: unknown value `opening`; did you mean `open`?"),
            (
                "zone = \"UTC\"",
                "zone = \"Asia/Soul\"",
                ":14:8: \"Asia/Soul\" is no time zone like \"UTC\" or \"Asia/Seoul\"; did you mean \"Asia/Seoul\"?",
            ),
            ("interval = \"1h\"", "interval = \"1mo\"", ":6:12: a bar has a fixed length"),
            (
                "symbol = \"BTCUSD\"",
                "symbols = [\"A\", \"B\"]",
                ":5:11: it has several symbols; name one, as example/A or",
            ),
            ("symbol = \"BTCUSD\"", "symbols = [\"A/B\"]", ":5:11: \"A/B\" cannot be one of several symbols"),
            (
                "symbol = \"BTCUSD\"",
                "symbol = \"C\"\nsymbols = [\"A\"]",
                ":6:11: unknown symbol `C`; did you mean `A`?",
            ),
            ("interval = \"1h\"", "interval = \"hourly\"", ":6:12: \"hourly\" is no bar size like 2m, 1h or 1d"),
            ("2018-02-01", "2017-02-01", ":8:8: span: 2018-01-01 is not before 2017-02-01"),
            ("name = \"example\"", "name = \"../example\"", ":2:8: \"../example\" is no dataset name"),
            ("schema_version = 1", "schema_version = 2", ":1:18: schema_version 2, this build reads 1"),
            (
                "name = \"synthetic\"",
                "name = \"synthetik\"",
                ": unknown provider `synthetik`; did you mean `synthetic`?",
            ),
            ("span =", "# span =", ": a provider needs the span"),
            ("symbol = \"BTCUSD\"", "symbol = \"BTCUSD\"\nsymbol = \"X\"", ":6:1: duplicate key"),
            ("start_price", "stat_price", ":20:1: unknown key `stat_price`; did you mean `start_price`?"),
            ("mode.martingale", "mode.martingal", ":22:6: unknown value `martingal`; did you mean `martingale`?"),
            ("volatility = 0.01", "volatility = 0.2", "provider.mode: volatility is 0.2, must be in 0..=0.1"),
            ("start_price = 100.0", "start_price = -1.0", "provider.start_price is -1, must be positive"),
            ("[file]", "sources = [\"cache\"]\n[file]", ":10:11: sources and the table [file] disagree"),
            ("interval = \"1h\"", "interval = ", ":6:12: "),
        ];
        for (from, to, expected) in cases {
            assert!(TEXT.contains(from));
            let error = parse(&TEXT.replace(from, to)).unwrap_err();
            assert!(error.is_bad_manifest());
            let text = error.to_string();
            assert!(
                text.starts_with("datasets/example.toml:") && text.contains(expected),
                "{to}: {text:?} lacks {expected:?}"
            );
        }
    }

    #[test]
    fn a_provider_is_not_asked_for_more_than_fits() {
        let text = TEXT.replace("2018-02-01", "2200-02-01").replace("\"1h\"", "\"1s\"");
        assert!(parse(&text).unwrap_err().to_string().contains("at most 50000000"));
    }

    #[test]
    fn only_what_decides_the_bars_changes_the_recipe() {
        let recipe = |text: &str| parse(text).unwrap().recipe().hash();
        assert_eq!(recipe(&TEXT.replace("an example", "the example")), recipe(TEXT));
        for (from, to) in
            [("seed = 1", "seed = 2"), ("\"Close\"", "\"Last\""), ("2018-02-01", "2018-03-01"), ("BTCUSD", "X")]
        {
            assert_ne!(recipe(&TEXT.replace(from, to)), recipe(TEXT), "{to}");
        }
    }
}
