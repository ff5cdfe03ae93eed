//! Bars and series from a remote provider: what the cache has is not asked for again.

use crate::cache::{self, Coverage, Held};
use crate::dataset::{self, Content, Found, Tried};
use crate::network::Network;
use crate::provider::Provider;
use crate::time::{DAY, rows_between};
use crate::{
    Cleaning, Dataset, Manifest, MarketDataError, Origin, Provenance, SeriesDataset, SourceKind, Sources, Span, Stamp,
};

/// Relative difference up to which two prices of one bar are the same.
const SAME: f64 = 1e-9;

/// Loads bars as [`crate::load_dataset`] does, and asks its remote provider for what the cache does not have.
///
/// The provider is asked for the missing ends of the span, each with the one bar that lies next to it in the cache: if
/// its prices have changed (a split, a dividend, a correction), the history was rewritten, and all of it is fetched
/// anew, so that two versions are never mixed. Bars that are not over by the clock are left out; those of the last
/// day count as incomplete and are asked for again by the next fetch. Without a network the cache and the files must do.
///
/// # Errors
/// Those of [`crate::load_dataset`]; the cache is then as it was.
pub fn fetch(manifest: &Manifest, sources: &Sources, network: Option<&Network>) -> Result<Dataset, MarketDataError> {
    dataset::load(manifest, sources, network).map(Dataset::from)
}

/// Loads a series as [`fetch`] loads bars.
///
/// # Errors
/// Those of [`fetch`].
pub fn fetch_series(
    manifest: &Manifest,
    sources: &Sources,
    network: Option<&Network>,
) -> Result<SeriesDataset, MarketDataError> {
    dataset::load(manifest, sources, network).map(SeriesDataset::from)
}

type NamedProvider<'a> = (&'a str, &'a dyn Provider);

/// The dataset from the cache and, for what is missing there, from the manifest's provider.
pub(crate) fn from_remote<T: Content>(
    manifest: &Manifest,
    sources: &Sources,
    network: &Network,
    tried: &mut Vec<Tried>,
) -> Result<Option<Found<T>>, MarketDataError> {
    let (Some(provider), Some(span)) = (manifest.provider(), manifest.span()) else { return Ok(None) };
    let held = held(manifest, sources, tried).filter(|held| touches(held, span));
    let fetched = match held {
        Some(held) => extended(manifest, provider, span, network, held),
        None => whole(manifest, provider, span, network),
    };
    match fetched {
        Ok(fetched) => fetched.into_found(manifest, sources, span, provider.0).map(Some),
        Err(error) if error.is_unavailable() => {
            tried.push(Tried::fault(error));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What the cache has, if it may be used; damage is noted and fetched again.
fn held<T: Content>(manifest: &Manifest, sources: &Sources, tried: &mut Vec<Tried>) -> Option<Held<T>> {
    let dir = sources.cache_dir.as_ref().filter(|_| manifest.sources().contains(&SourceKind::Cache))?;
    let held = cache::load_held(sources.disk.as_ref(), dir, manifest);
    held.unwrap_or_else(|error| {
        tried.push(Tried::fault(error));
        None
    })
}

/// Whether the cache has rows, and nothing lies between them and the span.
fn touches<T: Content>(held: &Held<T>, span: Span) -> bool {
    let covered = held.coverage.covered;
    !held.cached.content.times().is_empty() && span.from_ns <= covered.to_ns && covered.from_ns <= span.to_ns
}

/// All rows of a dataset, and which of them are new.
struct Fetched<T> {
    content: T,
    cleaning: Cleaning,
    coverage: Coverage,
    /// What was cached, and the new rows before and behind it; nothing if all are new.
    grown: Option<(Held<T>, [T; 2])>,
    notes: Vec<String>,
}

fn whole<T: Content>(
    manifest: &Manifest,
    provider: NamedProvider<'_>,
    asked: Span,
    network: &Network,
) -> Result<Fetched<T>, MarketDataError> {
    let (content, cleaning) = dataset::provided::<T>(manifest, provider, asked, Some(network))?;
    let coverage = Coverage { asked, covered: covered(asked, content.times(), manifest, network) };
    Ok(Fetched { content, cleaning, coverage, grown: None, notes: Vec::new() })
}

/// The part of what was asked for that will not get more rows: up to a day ago, or the last one.
fn covered(asked: Span, times: &[i64], manifest: &Manifest, network: &Network) -> Span {
    let settled = network.clock.now_ns().saturating_sub(DAY.max(2 * manifest.interval_ns()));
    let last = times.last().copied().unwrap_or(i64::MIN);
    Span { from_ns: asked.from_ns, to_ns: asked.to_ns.min(settled.max(last)).max(asked.from_ns) }
}

fn extended<T: Content>(
    manifest: &Manifest,
    provider: NamedProvider<'_>,
    span: Span,
    network: &Network,
    held: Held<T>,
) -> Result<Fetched<T>, MarketDataError> {
    let Coverage { asked, covered: known } = held.coverage;
    let union = |a: Span, b: Span| Span { from_ns: a.from_ns.min(b.from_ns), to_ns: a.to_ns.max(b.to_ns) };
    let (times, interval_ns) = (held.cached.content.times(), manifest.interval_ns());
    let (first, last) = (times[0], times[times.len() - 1]);
    let mut cleaning = held.cached.cleaning.without_unfinished();
    let mut ends = [held.cached.content.slice(0..0), held.cached.content.slice(0..0)];
    let until = span.to_ns.min(network.clock.now_ns());
    // Whether an end is missing, the span to ask for, the stamp shared with the cache, and the stamps that are new.
    let missing = [
        (
            span.from_ns < known.from_ns,
            Span { from_ns: span.from_ns, to_ns: first },
            first,
            Span { from_ns: i64::MIN, to_ns: first },
        ),
        (
            until > known.to_ns,
            Span { from_ns: last - interval_ns, to_ns: span.to_ns },
            last,
            Span { from_ns: last + 1, to_ns: i64::MAX },
        ),
    ];
    for (end, (is_missing, part, shared, closes)) in ends.iter_mut().zip(missing) {
        if !is_missing {
            continue;
        }
        let (fetched, counts) = dataset::provided::<T>(manifest, provider, part, Some(network))?;
        if !same_at(&held.cached.content, &fetched, shared) {
            let note = format!(
                "the row closing at {} has changed at provider {}: all of it is fetched anew",
                crate::time::write_time(shared),
                provider.0
            );
            let whole = whole(manifest, provider, union(known, span), network)?;
            return Ok(Fetched { notes: vec![note], ..whole });
        }
        // The shared row is counted with what is cached.
        cleaning = cleaning.plus(Cleaning { rows_read: counts.rows_read.saturating_sub(1), ..counts });
        *end = fetched.slice(rows_between(fetched.times(), closes.from_ns, closes.to_ns, 0));
    }
    let content = cache::joined(manifest, &[&ends[0], &held.cached.content, &ends[1]])?;
    let behind = Span { from_ns: known.to_ns, to_ns: span.to_ns.max(known.to_ns) };
    let reached = covered(behind, content.times(), manifest, network);
    let covered = union(known, Span { from_ns: span.from_ns, to_ns: reached.to_ns });
    let coverage = Coverage { asked: union(asked, span), covered };
    Ok(Fetched { content, cleaning, coverage, grown: Some((held, ends)), notes: Vec::new() })
}

/// Whether both have a row with this stamp, with the same values.
fn same_at<T: Content>(held: &T, fetched: &T, time_ns: i64) -> bool {
    let (Some(held), Some(fetched)) = (held.fingerprint(time_ns), fetched.fingerprint(time_ns)) else { return false };
    held.iter().zip(fetched).all(|(a, b)| (a - b).abs() <= SAME * a.abs().max(b.abs()))
}

impl<T: Content> Fetched<T> {
    /// The rows of the span, accepted as the manifest's, once the cache has them.
    fn into_found(
        self,
        manifest: &Manifest,
        sources: &Sources,
        span: Span,
        provider: &str,
    ) -> Result<Found<T>, MarketDataError> {
        let new = self.grown.as_ref().is_none_or(|(_, ends)| ends.iter().any(|end| !end.times().is_empty()));
        let origin = if new { Origin::Provider(provider.to_owned()) } else { Origin::Cache };
        let rows = rows_between(self.content.times(), span.from_ns, span.to_ns, manifest.interval_ns());
        let in_span = self.content.slice(rows);
        let mut found = dataset::accept(manifest, in_span, self.cleaning, Stamp::Close, origin)?;
        found.notes.clone_from(&self.notes);
        let dir = sources.cache_dir.as_ref().filter(|_| manifest.sources().contains(&SourceKind::Cache));
        if let Some(dir) = dir
            && let Err(error) = self.keep(manifest, sources, dir)
        {
            found.notes.push(format!("the cache is not written: {error}"));
        }
        Ok(found)
    }

    fn keep(self, manifest: &Manifest, sources: &Sources, dir: &std::path::Path) -> Result<(), MarketDataError> {
        let disk = sources.disk.as_ref();
        let provenance = Provenance::new(manifest, Stamp::Close, self.content.times(), self.cleaning);
        match self.grown {
            None => cache::store(disk, dir, manifest, &self.content, &provenance, Some(self.coverage)),
            Some((held, _)) if held.coverage == self.coverage => Ok(()),
            Some((held, [before, behind])) => cache::extend(
                disk,
                dir,
                manifest,
                held,
                [&before, &behind],
                (&self.content, &provenance),
                self.coverage,
            ),
        }
    }
}
