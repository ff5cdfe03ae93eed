//! The part of a manifest that decides which bars come out.

use pavlov_store::Hash;
use serde::Serialize;

use crate::csv_file::CsvLayout;
use crate::time::Interval;
use crate::{Adjustment, BarPolicy, Span};

/// Everything that bars depend on besides the source itself; the cache is stale when it changes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Recipe {
    pub(crate) symbol: String,
    pub(crate) interval: Interval,
    pub(crate) span: Option<Span>,
    pub(crate) policy: BarPolicy,
    pub(crate) file: Option<CsvLayout>,
    pub(crate) provider: Option<toml::Table>,
}

impl Recipe {
    pub(crate) fn symbol(&self) -> &str {
        &self.symbol
    }

    pub(crate) fn interval_ns(&self) -> i64 {
        self.interval.0
    }

    pub(crate) fn policy(&self) -> &BarPolicy {
        &self.policy
    }

    /// Whether a bar of this close stamp opens inside the span.
    pub(crate) fn spans(&self, close_ns: i64) -> bool {
        self.span.is_none_or(|span| span.contains(close_ns.saturating_sub(self.interval.0)))
    }

    /// The hash of a recipe for bars that come over a network piece by piece: the span is left out, because a cache
    /// grows with it, and the adjustment is in, because the provider is asked for it.
    pub(crate) fn hash_without_span(&self, adjustment: Adjustment) -> Hash {
        let recipe = serde_json::to_vec(&Recipe { span: None, ..self.clone() }).unwrap_or_default();
        Hash::of_parts([&recipe[..], &serde_json::to_vec(&adjustment).unwrap_or_default()])
    }

    pub(crate) fn hash(&self) -> Hash {
        // A recipe is strings, numbers and tables with string keys, which JSON always takes.
        Hash::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}
