//! Services and generators that bars can be fetched from.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::providers::synthetic::Synthetic;
use crate::{BarColumns, MarketDataError, Span};

/// The bars to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The symbol.
    pub symbol: &'a str,
    /// The size of a bar, ns.
    pub interval_ns: i64,
    /// The span that bars open in.
    pub span: Span,
}

/// A configured source of bars.
pub trait Provider: Debug + Send + Sync {
    /// Fetches the bars of a request, close-stamped and in rising time; the caller validates them.
    ///
    /// # Errors
    /// [`MarketDataError::Unavailable`] if the service cannot be reached.
    fn fetch(&self, request: &Request<'_>) -> Result<BarColumns, MarketDataError>;
}

/// A provider's line in the registry.
#[derive(Clone, Copy, Debug)]
pub struct ProviderEntry {
    /// The name in `provider.name`.
    pub name: &'static str,
    /// What it gives.
    pub summary: &'static str,
    /// Builds it from the text of a manifest, of which it reads the `[provider]` table.
    pub build: fn(&str) -> Result<Arc<dyn Provider>, toml::de::Error>,
}

/// Every provider.
pub const PROVIDERS: &[ProviderEntry] = &[ProviderEntry {
    name: "synthetic",
    summary: "seeded markets with a known answer: regimes, martingale, planted_signal, autoregressive",
    build: build::<Synthetic>,
}];

/// Reads the `[provider]` table of a manifest; errors keep their place in the text.
fn build<P: Provider + DeserializeOwned + 'static>(manifest: &str) -> Result<Arc<dyn Provider>, toml::de::Error> {
    #[derive(Deserialize)]
    struct Section<P> {
        provider: P,
    }
    Ok(Arc::new(toml::from_str::<Section<P>>(manifest)?.provider))
}
