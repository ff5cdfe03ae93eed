//! Market data: from a file, the cache or a provider to validated bars.
//!
//! Place in the flow: the first step of an experiment. A dataset [`Manifest`] says where bars come from and what they
//! must be; [`load_dataset`] tries its sources in their order (verified cache, local file, provider) and gives
//! [`Bars`]: strictly rising close stamps, finite and consistent prices, with a content hash and a [`Provenance`] that
//! counts everything that was changed on the way. Nothing behind this crate sees a bar that was not validated.
//!
//! A bar is stamped with its **close**: the hourly bar that opens on 2018-05-07 at 00:00 is stamped 01:00, and is known
//! from then on. Spans that people write, such as train from 2018-05-07 to 2019-06-27, are about openings; split with
//! [`Bars::opening_between`].
//!
//! A value that comes alone, such as a rate or an index of closes, is a [`Series`]: the same manifest with
//! `kind = "series"`, loaded by [`load_series`]. [`as_of`] puts a series, or the closes of other bars, on the clock of
//! bars; [`MarketWide`] makes one series of many symbols.
//!
//! ```
//! use std::{path::Path, sync::Arc};
//! use pavlov_market_data::{Manifest, Sources, load_dataset};
//!
//! let text = r#"
//!     schema_version = 1
//!     name = "coin-toss"
//!     summary = "a martingale of 48 hours"
//!     source = "generated"
//!     symbol = "SYN"
//!     interval = "1h"
//!     adjustment = "none"
//!     span = ["2018-01-01", "2018-01-03"]
//!     sources = ["provider"]
//!
//!     [provider]
//!     name = "synthetic"
//!     seed = 7
//!     start_price = 100.0
//!     mean_volume = 1000.0
//!     mode.martingale.volatility = 0.01
//! "#;
//! let manifest = Manifest::parse(text, Path::new("coin-toss.toml"))?;
//! let sources = Sources { disk: Arc::new(pavlov_store::OsDisk), cache_dir: None, data_dir: None };
//! let bars = load_dataset(&manifest, &sources)?.bars;
//! assert_eq!(bars.len(), 48);
//! let second_day = bars.opening_between(1_514_851_200_000_000_000, i64::MAX);
//! assert_eq!(second_day, 24..48);
//! # Ok::<(), pavlov_market_data::MarketDataError>(())
//! ```

mod align;
mod bars;
mod cache;
mod check;
mod continued;
mod csv_file;
mod dataset;
mod error;
mod fetch;
mod http;
mod import;
mod inventory;
mod manifest;
mod market_wide;
mod network;
mod provenance;
mod provider;
mod providers;
mod quality;
mod recipe;
mod resample;
mod rules;
mod series;
mod time;

pub use align::{Aligned, Elapsed, as_of, common};
pub use bars::{Bar, BarColumns, Bars, Extras, Gaps};
pub use cache::{ScannedColumns, scan};
pub use check::{Check, check};
pub use csv_file::{ReadAs, Stamp};
pub use dataset::{Dataset, Origin, SeriesDataset, Sources, bars_of_file, load_dataset, load_series};
pub use error::{Asked, BarFault, MarketDataError, Place};
pub use fetch::{fetch, fetch_series};
pub use http::HttpFault;
pub use import::{ImportSummary, import, manifest_for};
pub use inventory::{DatasetStatus, VerifyResult, list, manifests, verify};
pub use manifest::{Manifest, SourceKind, manifest_text};
pub use market_wide::MarketWide;
pub use network::{Clock, Limits, Network, Secret, SystemClock};
pub use provenance::{Adjustment, Cleaning, Kind, Provenance};
pub use provider::{Fetched, PROVIDERS, Provider, ProviderEntry, Request};
pub use quality::{Applied, Example, Finding, FindingKind, JUMP_SIGMAS, Moments, Quality, VOLUME_SIGMAS};
pub use resample::Resampling;
pub use rules::{BarPolicy, OnFault};
pub use series::Series;
pub use time::{Span, read_time, write_time};
