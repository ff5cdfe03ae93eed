//! A manifest as its file has it, and what must fit together in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pavlov_store::Hash;
use serde::Deserialize;
use toml::Spanned;

use super::{Manifest, SourceKind, suggestion};
use crate::csv_file::{CsvLayout, Stamp};
use crate::provider::{PROVIDERS, Provider};
use crate::recipe::Recipe;
use crate::resample::Resample;
use crate::time::{DAY, Interval};
use crate::{Adjustment, BarPolicy, Kind, Span};

const MAX_PROVIDED_BARS: i64 = 50_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) schema_version: Spanned<u32>,
    name: DatasetName,
    summary: String,
    source: String,
    #[serde(default)]
    pub(super) kind: Kind,
    symbol: Option<String>,
    symbols: Option<Spanned<Vec<String>>>,
    interval: Spanned<Interval>,
    pub(super) adjustment: Adjustment,
    span: Option<Spanned<Span>>,
    expected_hash: Option<Hash>,
    #[serde(default)]
    expected_hashes: BTreeMap<String, Hash>,
    sources: Option<Spanned<Vec<SourceKind>>>,
    #[serde(default)]
    bars: BarPolicy,
    file: Option<CsvLayout>,
    pub(super) provider: Option<Spanned<toml::Table>>,
    resample: Option<Spanned<Resample>>,
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

/// What can stand in the name of a folder on any machine.
fn is_group_symbol(symbol: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".^=-_".contains(c);
    !symbol.is_empty() && !symbol.starts_with('.') && symbol.chars().all(fits)
}

impl Raw {
    /// Makes of a manifest with several symbols that of one of them.
    pub(super) fn choose(&mut self, asked: Option<&str>) -> Result<(), (usize, String)> {
        let Some(symbols) = &self.symbols else {
            return match self.symbol {
                Some(_) if self.expected_hashes.is_empty() => Ok(()),
                Some(_) => Err((0, "expected_hashes belongs to symbols; use expected_hash".to_owned())),
                None => Err((0, "missing field `symbol`".to_owned())),
            };
        };
        let (at, known) = (symbols.span().start, symbols.get_ref());
        let refuse = |message: String| Err((at, message));
        if let Some(odd) = known.iter().find(|symbol| !is_group_symbol(symbol)) {
            return refuse(format!("{odd:?} cannot be one of several symbols; use letters, digits, . ^ = - and _"));
        }
        if let Some(odd) = self.expected_hashes.keys().find(|symbol| !known.contains(symbol)) {
            return refuse(format!("expected_hashes names {odd:?}, which symbols does not"));
        }
        if self.expected_hash.is_some() {
            return refuse("expected_hash belongs to symbol; use expected_hashes".to_owned());
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let name = &self.name.0;
        let Some(symbol) = asked.map(str::to_owned).or(self.symbol.take()) else {
            return refuse(format!(
                "it has several symbols; name one, as {name}/{}",
                known.join(&format!(" or {name}/"))
            ));
        };
        if !known.contains(&symbol.as_str()) {
            return refuse(format!("unknown symbol `{symbol}`{}", suggestion(&symbol, &known)));
        }
        self.expected_hash = self.expected_hashes.get(&symbol).copied();
        self.name.0 = format!("{name}/{symbol}");
        if let Some(file) = &mut self.file {
            file.path = file.path.replace("{symbol}", &symbol);
            file.only
                .iter_mut()
                .flat_map(BTreeMap::values_mut)
                .for_each(|value| *value = value.replace("{symbol}", &symbol));
        }
        self.symbol = Some(symbol);
        Ok(())
    }

    pub(super) fn interval_ns(&self) -> i64 {
        self.interval.get_ref().ns()
    }

    /// Whether interval, sources and stamp fit what the dataset holds.
    pub(super) fn check_kind(&self) -> Result<(), (usize, String)> {
        let at = self.interval.span().start;
        let stamped_open = self.file.as_ref().is_some_and(|file| file.stamp == Stamp::Open);
        match (self.kind, self.interval.get_ref()) {
            (Kind::Bars, Interval::Months(_) | Interval::Irregular) => Err((
                at,
                "a bar has a fixed length; read the values of months as a series: kind = \"series\"".to_owned(),
            )),
            (Kind::Series, Interval::Irregular) if stamped_open => {
                Err((at, "without an interval a value is stamped when it is known: file.stamp = \"close\"".to_owned()))
            }
            (Kind::Series, Interval::Months(_) | Interval::Irregular) if self.provider.is_some() => {
                Err((at, "a provider gives a series of fixed steps, like interval = \"1d\"".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether the source's bars can become those that the manifest asks for.
    pub(super) fn check_resample(&self) -> Result<(), (usize, String)> {
        let Some(resample) = &self.resample else { return Ok(()) };
        let Resample { to, zone, session } = resample.get_ref();
        let (from_ns, to_ns) = (self.interval.get_ref().ns(), to.ns());
        let has_zone = zone.is_some() || self.file.as_ref().is_some_and(|file| file.zone.is_some());
        let problem = if self.kind == Kind::Series {
            "only bars are resampled, and this is a series".to_owned()
        } else if to_ns <= 0 || DAY % to_ns != 0 {
            "resample.to must divide a day, like 5m, 1h or 1d".to_owned()
        } else if to_ns <= from_ns || to_ns % from_ns != 0 {
            let [from, to] = [*self.interval.get_ref(), *to].map(String::from);
            format!("resample.to = {to:?} is no multiple of the source's interval = {from:?}")
        } else if session.is_some() && !has_zone {
            "a session needs the zone of its times: resample.zone, such as \"America/New_York\"".to_owned()
        } else {
            return Ok(());
        };
        Err((resample.span().start, problem))
    }

    /// Whether bars that come piece by piece can be kept as they come.
    pub(super) fn check_remote(&self, provider: &dyn Provider) -> Result<(), (usize, String)> {
        match &self.resample {
            Some(resample) if provider.is_remote() => {
                let message =
                    "a provider on the network gives bars of many sizes: set interval, and leave resample out";
                Err((resample.span().start, message.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// The registry's entry for the provider, once the manifest has what any provider needs.
    pub(super) fn check_provider(&self, table: &Spanned<toml::Table>) -> Result<&'static crate::ProviderEntry, String> {
        let known = || PROVIDERS.iter().map(|entry| entry.name).collect::<Vec<_>>();
        let name = table.get_ref().get("name").and_then(toml::Value::as_str);
        let name = name.ok_or_else(|| format!("provider.name is missing{}", suggestion("", &known())))?;
        let span = self.span.as_ref().ok_or("a provider needs the span to fetch; add span = [from, to]")?.get_ref();
        let bars = span.to_ns.saturating_sub(span.from_ns) / self.interval_ns().max(1);
        if bars > MAX_PROVIDED_BARS {
            return Err(format!("the span holds {bars} bars, a provider gives at most {MAX_PROVIDED_BARS}"));
        }
        let entry = PROVIDERS.iter().find(|entry| entry.name == name);
        entry.ok_or_else(|| format!("unknown provider `{name}`{}", suggestion(name, &known())))
    }

    /// The order of the sources: as stated, or the cache and whatever the manifest describes.
    pub(super) fn order(&self) -> Result<Vec<SourceKind>, (usize, String)> {
        let described = [
            (SourceKind::File, self.file.is_some(), "[file]"),
            (SourceKind::Provider, self.provider.is_some(), "[provider]"),
        ];
        let Some(stated) = &self.sources else {
            let there = described.iter().filter(|(_, there, _)| *there).map(|(kind, ..)| *kind);
            let order: Vec<_> = std::iter::once(SourceKind::Cache).chain(there).collect();
            return if order.len() > 1 {
                Ok(order)
            } else {
                Err((0, "no source: add a [file] or a [provider]".to_owned()))
            };
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

    pub(super) fn into_manifest(
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
                symbol: self.symbol.unwrap_or_default(),
                interval: self.interval.into_inner(),
                span: self.span.map(Spanned::into_inner),
                policy: self.bars,
                file: self.file,
                provider: self.provider.map(Spanned::into_inner),
                kind: self.kind,
                resample: self.resample.map(Spanned::into_inner),
            },
            provider,
        }
    }
}
