//! `equity.parquet` and `fills.parquet`: the books of a run, for other tools.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use parquet::arrow::ArrowWriter;
use pavlov_rl_core::Market;

use crate::episode::EpisodeRecord;
use crate::error::ExperimentError;

/// The books by bar: span, time, close, net worth, cash, value of holdings, commission paid so far.
///
/// # Errors
/// [`ExperimentError::Encode`].
pub fn equity(market: &Market, spans: &[(&str, &EpisodeRecord)]) -> Result<Vec<u8>, ExperimentError> {
    let rows = || {
        spans.iter().flat_map(|(span, r)| r.rows.iter().zip(&r.ledgers).map(move |(row, l)| (*span, *row as usize, l)))
    };
    let float = |f: &dyn Fn(usize, &pavlov_rl_core::Ledger) -> f64| -> ArrayRef {
        Arc::new(rows().map(|(_, row, ledger)| f(row, ledger)).collect::<Float64Array>())
    };
    let times = rows().map(|(_, row, _)| market.times[row]).collect::<Vec<_>>();
    encode(
        "equity.parquet",
        vec![
            ("span", Arc::new(rows().map(|(span, ..)| Some(span)).collect::<StringArray>())),
            ("time", Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"))),
            ("close", float(&|row, _| market.prices.close[row])),
            ("net_worth", float(&|_, ledger| ledger.net_worth())),
            ("cash", float(&|_, ledger| ledger.cash)),
            ("holdings_value", float(&|_, ledger| ledger.holdings_value)),
            ("fees", float(&|_, ledger| ledger.fees)),
        ],
    )
}

/// The trades: span, close time of the bar they happened in, shares (a purchase is positive), price, fee.
///
/// # Errors
/// [`ExperimentError::Encode`].
pub fn fills(market: &Market, spans: &[(&str, &EpisodeRecord)]) -> Result<Vec<u8>, ExperimentError> {
    let fills = || spans.iter().flat_map(|(span, r)| r.fills.iter().map(move |fill| (*span, fill)));
    let float = |f: &dyn Fn(&pavlov_rl_core::Fill) -> f64| -> ArrayRef {
        Arc::new(fills().map(|(_, fill)| f(fill)).collect::<Float64Array>())
    };
    let times = fills().map(|(_, fill)| market.times[fill.row as usize]).collect::<Vec<_>>();
    encode(
        "fills.parquet",
        vec![
            ("span", Arc::new(fills().map(|(span, _)| Some(span)).collect::<StringArray>())),
            ("time", Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"))),
            ("shares", float(&|fill| fill.shares)),
            ("price", float(&|fill| fill.price)),
            ("fee", float(&|fill| fill.fee)),
        ],
    )
}

fn encode(what: &'static str, columns: Vec<(&str, ArrayRef)>) -> Result<Vec<u8>, ExperimentError> {
    let write = || {
        let batch = RecordBatch::try_from_iter(columns)?;
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None)?;
        writer.write(&batch)?;
        writer.into_inner()
    };
    write().map_err(|e: parquet::errors::ParquetError| ExperimentError::Encode { what, reason: e.to_string() })
}
