//! Services and generators that bars can be fetched from.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::network::Network;
use crate::providers::alpaca::{self, Alpaca};
use crate::providers::bitfinex::Bitfinex;
use crate::providers::fred::Fred;
use crate::providers::remote::Collected;
use crate::providers::synthetic::Synthetic;
use crate::providers::yahoo::Yahoo;
use crate::{Adjustment, BarColumns, Cleaning, Extras, Kind, MarketDataError, Span};

/// The bars to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The symbol.
    pub symbol: &'a str,
    /// The size of a bar, ns.
    pub interval_ns: i64,
    /// The adjustment that the prices must have.
    pub adjustment: Adjustment,
    /// The span that bars open in.
    pub span: Span,
}

/// What a provider gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    /// Close-stamped bars in rising time, finished and within the request's span.
    pub columns: BarColumns,
    /// What the provider knows of each bar besides.
    pub extras: Option<Extras>,
    /// What was left out on the way.
    pub cleaning: Cleaning,
}

impl From<Collected> for Fetched {
    fn from(collected: Collected) -> Fetched {
        Fetched { columns: collected.columns, extras: collected.extras, cleaning: collected.cleaning }
    }
}

/// A configured source of bars.
pub trait Provider: Debug + Send + Sync {
    /// Whether it gives this, of this bar size, ns, and with prices of this adjustment; else what to change. A source of
    /// bars also gives the series of their closes.
    ///
    /// # Errors
    /// The message for whoever wrote the manifest.
    fn check(&self, kind: Kind, interval_ns: i64, adjustment: Adjustment) -> Result<(), String>;

    /// Whether bars come over a network: then only a missing part of a span is asked for.
    fn is_remote(&self) -> bool;

    /// Fetches the bars of a request; the caller validates them.
    ///
    /// # Errors
    /// [`MarketDataError::Offline`] without a network, [`MarketDataError::NoKey`], [`MarketDataError::NoAnswer`] or
    /// [`MarketDataError::WrongAnswer`] with the address and the place.
    fn fetch(&self, request: &Request<'_>, network: Option<&Network>) -> Result<Fetched, MarketDataError>;
}

/// A provider's line in the registry.
#[derive(Clone, Copy, Debug)]
pub struct ProviderEntry {
    /// The name in `provider.name`.
    pub name: &'static str,
    /// What it gives.
    pub summary: &'static str,
    /// The environment variables with its keys.
    pub keys: &'static [&'static str],
    /// Builds it from the text of a manifest, of which it reads the `[provider]` table.
    pub build: fn(&str) -> Result<Arc<dyn Provider>, toml::de::Error>,
}

/// Every provider.
pub const PROVIDERS: &[ProviderEntry] = &[
    ProviderEntry {
        name: "synthetic",
        summary: "seeded markets with a known answer: regimes, martingale, planted_signal, autoregressive",
        keys: &[],
        build: build::<Synthetic>,
    },
    ProviderEntry {
        name: "bitfinex",
        summary: "public bars of the exchange Bitfinex, one minute to one day",
        keys: &[],
        build: build::<Bitfinex>,
    },
    ProviderEntry {
        name: "yahoo",
        summary: "Yahoo's charts of stocks, funds, indices and futures, one minute to one day",
        keys: &[],
        build: build::<Yahoo>,
    },
    ProviderEntry {
        name: "alpaca",
        summary: "Alpaca's bars of US stocks with volume-weighted price and trade count, one minute to one day",
        keys: alpaca::KEYS,
        build: build::<Alpaca>,
    },
    ProviderEntry {
        name: "fred",
        summary: "daily to yearly series of the Federal Reserve Bank of St. Louis",
        keys: &[],
        build: build::<Fred>,
    },
];

/// Reads the `[provider]` table of a manifest; errors keep their place in the text.
fn build<P: Provider + DeserializeOwned + 'static>(manifest: &str) -> Result<Arc<dyn Provider>, toml::de::Error> {
    #[derive(Deserialize)]
    struct Section<P> {
        provider: P,
    }
    Ok(Arc::new(toml::from_str::<Section<P>>(manifest)?.provider))
}
