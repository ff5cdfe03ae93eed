//! Market data: from a file, the cache or a provider to validated bars.

mod bars;
mod cache;
mod csv_file;
mod csv_order;
mod dataset;
mod error;
mod manifest;
mod provenance;
mod provider;
mod providers;
mod recipe;
mod rules;
mod time;

pub use bars::{Bar, BarColumns, Bars, Gaps};
pub use csv_file::Stamp;
pub use dataset::{Dataset, Origin, Sources, load_dataset};
pub use error::{BarFault, MarketDataError, Place};
pub use manifest::{Manifest, SourceKind};
pub use provenance::{Adjustment, Cleaning, Provenance};
pub use provider::{PROVIDERS, Provider, ProviderEntry, Request};
pub use rules::{BarPolicy, OnFault};
pub use time::Span;
