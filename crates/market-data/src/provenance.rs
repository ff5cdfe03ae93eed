//! Where bars come from and what was done to them.

use serde::{Deserialize, Serialize};

use crate::time::write_time;
use crate::{Bars, Gaps, Manifest, Span, Stamp};

/// What reading a source changed or let pass; all counts are rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cleaning {
    /// Rows in the source.
    pub rows_read: usize,
    /// Rows against the source's order, sorted in or left out as the manifest says.
    pub misplaced: usize,
    /// Rows left out because an earlier row has their stamp.
    pub repeats_dropped: usize,
    /// Those of them whose values differ from the earlier row's.
    pub repeats_differing: usize,
    /// Rows left out because they open outside the manifest's span.
    pub outside_span: usize,
    /// Rows left out because they hold no values.
    #[serde(default)]
    pub empty_dropped: usize,
    /// Rows left out because their bar was not over when they were fetched.
    #[serde(default)]
    pub unfinished_dropped: usize,
    /// Bars kept though a high, low or volume is inconsistent.
    pub inconsistent_kept: usize,
    /// Bars kept though a price is not positive.
    pub non_positive_kept: usize,
}

impl Cleaning {
    /// The counts without the bars that were not over at the time: a later fetch has them.
    pub(crate) fn without_unfinished(self) -> Cleaning {
        let rows_read = self.rows_read.saturating_sub(self.unfinished_dropped);
        Cleaning { rows_read, unfinished_dropped: 0, ..self }
    }

    /// The counts of both.
    pub(crate) fn plus(self, other: Cleaning) -> Cleaning {
        Cleaning {
            rows_read: self.rows_read + other.rows_read,
            misplaced: self.misplaced + other.misplaced,
            repeats_dropped: self.repeats_dropped + other.repeats_dropped,
            repeats_differing: self.repeats_differing + other.repeats_differing,
            outside_span: self.outside_span + other.outside_span,
            empty_dropped: self.empty_dropped + other.empty_dropped,
            unfinished_dropped: self.unfinished_dropped + other.unfinished_dropped,
            inconsistent_kept: self.inconsistent_kept + other.inconsistent_kept,
            non_positive_kept: self.non_positive_kept + other.non_positive_kept,
        }
    }
}

/// How prices were adjusted for splits and dividends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// As traded.
    None,
    /// For splits.
    Split,
    /// For splits and dividends.
    SplitAndDividend,
}

/// The history of a dataset; the same from the file, the provider and the cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The dataset.
    pub dataset: String,
    /// Where its data comes from, in the manifest's words.
    pub source: String,
    /// The symbol.
    pub symbol: String,
    /// The size of a bar, ns.
    pub interval_ns: i64,
    /// The adjustment of prices.
    pub adjustment: Adjustment,
    /// Which end of the bar the source stamps.
    pub stamp: Stamp,
    /// The opening of the first bar to the close of the last.
    pub span: Span,
    /// The number of bars.
    pub bars: usize,
    /// What was changed on the way.
    pub cleaning: Cleaning,
    /// What is missing in between.
    pub gaps: Gaps,
}

impl Provenance {
    pub(crate) fn new(manifest: &Manifest, stamp: Stamp, bars: &Bars, cleaning: Cleaning) -> Self {
        let first = bars.times().first().map_or(0, |close| close.saturating_sub(bars.interval_ns()));
        let last = bars.times().last().copied().unwrap_or_default();
        Provenance {
            dataset: manifest.name().to_owned(),
            source: manifest.source().to_owned(),
            symbol: bars.symbol().to_owned(),
            interval_ns: bars.interval_ns(),
            adjustment: manifest.adjustment(),
            stamp,
            span: Span { from_ns: first, to_ns: last },
            bars: bars.len(),
            cleaning,
            gaps: bars.gaps(),
        }
    }

    /// One sentence for people: how many bars, of when, and what was done to them.
    pub fn summary(&self) -> String {
        let Cleaning {
            rows_read,
            misplaced,
            repeats_dropped,
            outside_span,
            empty_dropped,
            unfinished_dropped,
            inconsistent_kept,
            non_positive_kept,
            ..
        } = self.cleaning;
        let counts = [
            (misplaced, "misplaced"),
            (repeats_dropped, "repeated"),
            (outside_span, "outside the span"),
            (empty_dropped, "empty"),
            (unfinished_dropped, "not finished"),
            (inconsistent_kept, "inconsistent, kept"),
            (non_positive_kept, "not positive, kept"),
            (self.gaps.missing_bars as usize, "missing"),
        ];
        let noted: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let (from, to) = (write_time(self.span.from_ns), write_time(self.span.to_ns));
        let noted = if noted.is_empty() { String::new() } else { format!(": {}", noted.join(", ")) };
        format!("{} bars from {from} to {to} of {rows_read} rows{noted}", self.bars)
    }
}
