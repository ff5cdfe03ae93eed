//! Where bars come from and what was done to them.

use serde::{Deserialize, Serialize};

use crate::time::write_time;
use crate::{Gaps, Manifest, Resampling, Span, Stamp};

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
    /// Bars kept though a high, low or volume is inconsistent.
    pub inconsistent_kept: usize,
    /// Bars kept though a price is not positive.
    pub non_positive_kept: usize,
    /// Rows left out because they have no price or value.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub empty_rows: usize,
    /// Rows left out because their bar was not over when they were fetched.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unfinished_dropped: usize,
    /// How the rows became coarser bars, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resampled: Option<Resampling>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
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
            inconsistent_kept: self.inconsistent_kept + other.inconsistent_kept,
            non_positive_kept: self.non_positive_kept + other.non_positive_kept,
            empty_rows: self.empty_rows + other.empty_rows,
            unfinished_dropped: self.unfinished_dropped + other.unfinished_dropped,
            resampled: self.resampled,
        }
    }
}

/// What a dataset holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Bars`](crate::Bars).
    #[default]
    Bars,
    /// A [`Series`](crate::Series).
    Series,
}

impl Kind {
    pub(crate) fn is_bars(&self) -> bool {
        *self == Kind::Bars
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_bars() { "bars" } else { "a series" })
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
    /// The close for splits and dividends, the other prices for splits only; allowed by this name and never otherwise.
    Mixed,
}

impl std::fmt::Display for Adjustment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Adjustment::None => "none",
            Adjustment::Split => "split",
            Adjustment::SplitAndDividend => "split_and_dividend",
            Adjustment::Mixed => "mixed",
        })
    }
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
    /// The size of a bar, or the step of a series, ns; 0 if it has no fixed one.
    pub interval_ns: i64,
    /// The adjustment of prices.
    pub adjustment: Adjustment,
    /// Which end of the bar the source stamps.
    pub stamp: Stamp,
    /// The opening of the first bar to the close of the last.
    pub span: Span,
    /// The number of bars, or of values.
    pub bars: usize,
    /// What was changed on the way.
    pub cleaning: Cleaning,
    /// What is missing in between.
    pub gaps: Gaps,
    /// What the dataset holds.
    #[serde(default, skip_serializing_if = "Kind::is_bars")]
    pub kind: Kind,
}

impl Provenance {
    pub(crate) fn new(manifest: &Manifest, stamp: Stamp, times: &[i64], cleaning: Cleaning) -> Self {
        let interval_ns = manifest.interval_ns();
        let first = times.first().map_or(0, |close| close.saturating_sub(interval_ns));
        let last = times.last().copied().unwrap_or_default();
        Provenance {
            dataset: manifest.name().to_owned(),
            source: manifest.source().to_owned(),
            symbol: manifest.symbol().to_owned(),
            interval_ns,
            adjustment: manifest.adjustment(),
            stamp,
            span: Span { from_ns: first, to_ns: last },
            bars: times.len(),
            cleaning,
            gaps: Gaps::between(times, interval_ns),
            kind: manifest.kind(),
        }
    }

    /// One sentence for people: how many bars, of when, and what was done to them.
    pub fn summary(&self) -> String {
        let Cleaning {
            rows_read,
            misplaced,
            repeats_dropped,
            outside_span,
            unfinished_dropped,
            inconsistent_kept,
            non_positive_kept,
            empty_rows,
            resampled,
            ..
        } = self.cleaning;
        let Resampling { outside_session, unfinished, bars_with_gaps, .. } = resampled.unwrap_or_default();
        let counts = [
            (empty_rows, "without a value"),
            (misplaced, "misplaced"),
            (repeats_dropped, "repeated"),
            (outside_span, "outside the span"),
            (unfinished_dropped, "not finished"),
            (inconsistent_kept, "inconsistent, kept"),
            (non_positive_kept, "not positive, kept"),
            (outside_session, "outside the session"),
            (unfinished, "behind the last whole bar"),
            (bars_with_gaps, "bars with gaps"),
            (self.gaps.missing_bars as usize, "missing"),
        ];
        let noted: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let (from, to) = (write_time(self.span.from_ns), write_time(self.span.to_ns));
        let noted = if noted.is_empty() { String::new() } else { format!(": {}", noted.join(", ")) };
        let what = if self.kind.is_bars() { "bars" } else { "values" };
        format!("{} {what} from {from} to {to} of {rows_read} rows{noted}", self.bars)
    }
}
