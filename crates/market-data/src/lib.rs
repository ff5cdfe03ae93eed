//! Market data: from a file, the cache or a provider to validated bars.

mod bars;
mod error;
mod rules;
mod time;

pub use bars::{Bar, BarColumns, Bars, Gaps};
pub use error::{BarFault, MarketDataError, Place};
pub use rules::{BarPolicy, OnFault};
pub use time::Span;
