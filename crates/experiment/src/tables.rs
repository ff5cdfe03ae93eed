//! `equity.parquet` and `fills.parquet`: the books of a run, for other tools.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
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

/// Closes and net worths of one span of an equity table, rising in time.
///
/// # Errors
/// Why the bytes are no equity table; a decoder that panics on damaged bytes is one reason.
pub fn net_worths(bytes: Vec<u8>, span: &str) -> Result<Vec<(i64, f64)>, String> {
    let decode = || -> Result<Vec<RecordBatch>, parquet::errors::ParquetError> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))?.build()?;
        Ok(reader.collect::<Result<_, _>>()?)
    };
    let decoded = catch_unwind(AssertUnwindSafe(decode)).map_err(|_| "the Parquet decoder panicked".to_owned())?;
    let batches = decoded.map_err(|e| e.to_string())?;
    let mut rows = Vec::new();
    for batch in &batches {
        let (spans, times, worths) = equity_columns(batch).ok_or("it has not the columns span, time and net_worth")?;
        let row = (0..batch.num_rows()).filter(|i| spans.value(*i) == span);
        rows.extend(row.map(|i| (times.value(i), worths.value(i))));
    }
    let sound = rows.windows(2).all(|pair| pair[0].0 < pair[1].0) && rows.iter().all(|(_, w)| w.is_finite());
    if sound { Ok(rows) } else { Err("its times do not rise, or a net worth is not finite".into()) }
}

fn equity_columns(batch: &RecordBatch) -> Option<(&StringArray, &TimestampNanosecondArray, &Float64Array)> {
    if batch.columns().iter().any(|column| column.null_count() > 0) {
        return None;
    }
    let column = |name: &str| batch.column_by_name(name).map(|column| column.as_any());
    Some((column("span")?.downcast_ref()?, column("time")?.downcast_ref()?, column("net_worth")?.downcast_ref()?))
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
