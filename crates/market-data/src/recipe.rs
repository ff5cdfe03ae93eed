//! The part of a manifest that decides which bars come out.

use jiff::tz::TimeZone;
use pavlov_store::Hash;
use serde::Serialize;

use crate::csv_file::CsvLayout;
use crate::resample::{Plan, Resample};
use crate::time::Interval;
use crate::{Adjustment, BarPolicy, Kind, Span};

/// Everything that bars depend on besides the source itself; the cache is stale when it changes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Recipe {
    pub(crate) symbol: String,
    pub(crate) interval: Interval,
    pub(crate) span: Option<Span>,
    pub(crate) policy: BarPolicy,
    pub(crate) file: Option<CsvLayout>,
    pub(crate) provider: Option<toml::Table>,
    #[serde(skip_serializing_if = "Kind::is_bars")]
    pub(crate) kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resample: Option<Resample>,
}

impl Recipe {
    pub(crate) fn symbol(&self) -> &str {
        &self.symbol
    }

    /// The size of the source's bars.
    pub(crate) fn interval_ns(&self) -> i64 {
        self.interval.ns()
    }

    /// The size of the bars that come out.
    pub(crate) fn final_interval(&self) -> Interval {
        self.resample.as_ref().map_or(self.interval, |resample| resample.to)
    }

    /// How the source's bars become those that come out, if they are not the same.
    pub(crate) fn resampling(&self) -> Option<Plan> {
        let plan = |resample: &Resample| {
            let zone = resample.zone.as_ref().map_or_else(|| self.zone(), |zone| zone.rules.clone());
            Plan { to_ns: resample.to.ns(), zone, session: resample.session }
        };
        self.resample.as_ref().map(plan)
    }

    pub(crate) fn policy(&self) -> &BarPolicy {
        &self.policy
    }

    /// The zone on whose calendar days are counted.
    pub(crate) fn zone(&self) -> TimeZone {
        let zone = self.file.as_ref().and_then(|file| file.zone.as_ref());
        zone.map_or(TimeZone::UTC, |zone| zone.rules.clone())
    }

    /// When a bar closes that opens at an instant.
    pub(crate) fn close_of(&self, open_ns: i64) -> i64 {
        self.interval.after(open_ns, &self.zone())
    }

    /// Whether a bar of this close stamp opens inside the span.
    pub(crate) fn spans(&self, close_ns: i64) -> bool {
        self.span.is_none_or(|span| span.contains(self.interval.before(close_ns, &self.zone())))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Manifest;

    /// What a cache is compared with: another hash for the same recipe would make every cache of it stale.
    #[test]
    fn recipes_keep_their_hashes() {
        let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
        for (name, hash) in [
            ("bitfinex-btcusd-1h-2017-2019", "ad8d6cbc00cb4aa1900d31a033fec77e7a67b9bd5197c11797fe37bc810d5e11"),
            ("bitfinex-btcusd-1h-2018-2021", "4985539945422251dec1eabadc2e84b2d5f3a8935ddfc01d1c7972cb83a11b0c"),
            ("bitfinex-btcusd-1h", "961db4805619b063e50b574a00219f89410f36ca7124b18cd380f657a39f2f77"),
            ("coinbase-btcusd-1h", "9f455d7fa9a19f501f03f062a739c2f0761d7fea5fce4211e554480331a15062"),
            ("synthetic-hourly", "45fd2af8a7cd98805e29c81cc30813ee4a4f8996251f3ee9f2d0504433f077ff"),
        ] {
            let manifest = Manifest::load(&datasets.join(name).with_extension("toml")).unwrap();
            assert_eq!(manifest.recipe().hash().to_string(), hash, "{name}");
        }
    }
}
