//! One history out of several datasets that follow each other in time.

use crate::cache::{Columns, bars_of};
use crate::{Adjustment, Bars, Cleaning, Dataset, Gaps, MarketDataError, Provenance, Span};

impl Dataset {
    /// These bars, and behind them those of `next`: the same symbol and bar size, as one history.
    ///
    /// Where both have bars at the end of the one and the beginning of the other, they must be the same.
    ///
    /// # Errors
    /// [`MarketDataError::MixedIntervals`], or [`MarketDataError::NotContinued`] naming the first bar that differs, is
    /// in one of the two only, or another symbol or adjustment.
    pub fn continued_by(self, next: Dataset) -> Result<Dataset, MarketDataError> {
        check(&self, &next)?;
        let bars = joined(&self, &next)?;
        let Dataset { origin, provenance: before, read_as, mut notes, .. } = self;
        notes.extend(next.notes);
        Ok(Dataset {
            hash: bars.content_hash(),
            provenance: history(&bars, before, next.provenance),
            bars,
            origin,
            read_as,
            notes,
        })
    }
}

fn check(before: &Dataset, next: &Dataset) -> Result<(), MarketDataError> {
    let [one, two] = [&before.bars, &next.bars];
    if one.interval_ns() != two.interval_ns() {
        let symbols = [one, two].map(|bars| bars.symbol().to_owned());
        return Err(MarketDataError::MixedIntervals { symbols, ns: [one.interval_ns(), two.interval_ns()] });
    }
    let kind = |d: &Dataset| -> (String, Adjustment) { (d.bars.symbol().to_owned(), d.provenance.adjustment) };
    let [(symbol, adjustment), (other, otherwise)] = [before, next].map(kind);
    match (symbol == other, adjustment == otherwise) {
        (false, _) => Err(refused(before, next, format!("their symbols are {symbol} and {other}"))),
        (_, false) => Err(refused(before, next, format!("their adjustments are {adjustment} and {otherwise}"))),
        _ => Ok(()),
    }
}

/// The bars of the first up to where the second begins, then those of the second.
fn joined(before: &Dataset, next: &Dataset) -> Result<Bars, MarketDataError> {
    let [one, two] = [&before.bars, &next.bars];
    let Some(&begins) = two.times().first() else { return Ok(one.clone()) };
    let kept = one.times().partition_point(|time| *time < begins);
    let shared = one.len() - kept;
    let differs = (0..shared).find(|i| *i >= two.len() || one.bar(kept + i) != two.bar(*i));
    if let Some(i) = differs {
        let at = crate::time::write_time(one.times()[kept + i]);
        return Err(refused(before, next, format!("the bar closing at {at} is not the same in both")));
    }
    let arrays = one.slice(0..kept).arrays().followed_by(two.arrays());
    let arrays = arrays.map_err(|error| refused(before, next, error.to_string()))?;
    bars_of(one.symbol(), one.interval_ns(), arrays)
}

fn history(bars: &Bars, before: Provenance, next: Provenance) -> Provenance {
    let both = |one: String, two: String| if one == two { one } else { format!("{one}; {two}") };
    let from_ns = bars.times().first().map_or(0, |close| close - bars.interval_ns());
    Provenance {
        dataset: both(before.dataset, next.dataset),
        source: both(before.source, next.source),
        span: Span { from_ns, to_ns: bars.times().last().copied().unwrap_or_default() },
        bars: bars.len(),
        cleaning: Cleaning { resampled: None, ..before.cleaning.plus(next.cleaning) },
        gaps: Gaps::between(bars.times(), bars.interval_ns()),
        ..before
    }
}

fn refused(before: &Dataset, next: &Dataset, why: String) -> MarketDataError {
    let name = |dataset: &Dataset| dataset.provenance.dataset.clone();
    MarketDataError::NotContinued { before: name(before), next: name(next), why }
}
