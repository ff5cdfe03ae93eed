//! `equity.parquet` and `fills.parquet`: the books of a run, for other tools.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, RecordBatch, RecordBatchReader, StringArray, TimestampNanosecondArray, UInt32Array,
};
use arrow::compute::concat_batches;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pavlov_rl_core::{Action, ActionSpec, Ledger, Market};

use crate::episode::EpisodeRecord;
use crate::error::ExperimentError;

/// The books by bar: span, time, close, net worth, cash, value of holdings, commission paid so far, the reward of the step
/// to this bar, and the action that was decided at its close.
///
/// Several assets have a close each, an action of several numbers a column for each of them.
///
/// # Errors
/// [`ExperimentError::Encode`].
pub fn equity(
    market: &Market,
    action: &ActionSpec,
    spans: &[(&str, &EpisodeRecord)],
) -> Result<Vec<u8>, ExperimentError> {
    let bars = || spans.iter().flat_map(|(span, r)| (0..r.rows.len()).map(move |t| (*span, *r, t)));
    let row = |record: &EpisodeRecord, t: usize| record.rows[t] as usize;
    let ledger = |of: fn(&Ledger) -> f64| -> ArrayRef {
        Arc::new(bars().map(|(_, r, t)| of(&r.ledgers[t])).collect::<Float64Array>())
    };
    let times = bars().map(|(_, r, t)| market.times[row(r, t)]).collect::<Vec<_>>();
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("span".into(), Arc::new(bars().map(|(span, ..)| Some(span)).collect::<StringArray>())),
        ("time".into(), Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"))),
    ];
    let assets = market.prices.assets;
    for asset in 0..assets {
        let close = bars().map(|(_, r, t)| market.prices.close[row(r, t) * assets + asset]);
        columns.push((numbered("close", asset, assets), Arc::new(close.collect::<Float64Array>())));
    }
    columns.push(("net_worth".into(), ledger(Ledger::net_worth)));
    columns.push(("cash".into(), ledger(|l| l.cash)));
    columns.push(("holdings_value".into(), ledger(|l| l.holdings_value)));
    columns.push(("fees".into(), ledger(|l| l.fees)));
    let reward = bars().map(|(_, r, t)| t.checked_sub(1).and_then(|step| r.rewards.get(step).copied()));
    columns.push(("reward".into(), Arc::new(reward.collect::<Float64Array>())));
    columns.extend(actions(action, || bars().map(|(_, r, t)| decided(r, t))));
    encode("equity.parquet", columns)
}

/// What was decided at a bar; nothing at the last one.
fn decided(record: &EpisodeRecord, t: usize) -> Option<Action<'_>> {
    record.actions.as_ref().filter(|taken| t < taken.len()).map(|taken| taken.at(t))
}

/// The names of the actions, or their numbers.
fn actions<'a, I: Iterator<Item = Option<Action<'a>>>>(
    spec: &ActionSpec,
    decided: impl Fn() -> I,
) -> Vec<(String, ArrayRef)> {
    match spec {
        ActionSpec::Discrete { names } => {
            let name = |action: Option<Action<'_>>| match action {
                Some(Action::Discrete(choice)) => names.get(choice as usize).copied(),
                _ => None,
            };
            vec![("action".into(), Arc::new(decided().map(name).collect::<StringArray>()) as ArrayRef)]
        }
        ActionSpec::Continuous { low, .. } => {
            let number = |action: Option<Action<'_>>, i: usize| match action {
                Some(Action::Continuous(numbers)) => numbers.get(i).map(|number| f64::from(*number)),
                _ => None,
            };
            let column = |i| Arc::new(decided().map(|action| number(action, i)).collect::<Float64Array>()) as ArrayRef;
            (0..low.len()).map(|i| (numbered("action", i, low.len()), column(i))).collect()
        }
    }
}

/// `close` where there is one, else `close_0`, `close_1` and so on.
fn numbered(name: &str, i: usize, of: usize) -> String {
    if of == 1 { name.to_owned() } else { format!("{name}_{i}") }
}

/// The trades: span, close time of the bar they happened in, number of the asset from 0, shares (a purchase is positive),
/// price, fee.
///
/// # Errors
/// [`ExperimentError::Encode`].
pub fn fills(market: &Market, spans: &[(&str, &EpisodeRecord)]) -> Result<Vec<u8>, ExperimentError> {
    let fills = || spans.iter().flat_map(|(span, r)| r.fills.iter().map(move |fill| (*span, fill)));
    let float = |f: &dyn Fn(&pavlov_rl_core::Fill) -> f64| -> ArrayRef {
        Arc::new(fills().map(|(_, fill)| f(fill)).collect::<Float64Array>())
    };
    let times = fills().map(|(_, fill)| market.times[fill.row as usize]).collect::<Vec<_>>();
    let columns: [(&str, ArrayRef); 6] = [
        ("span", Arc::new(fills().map(|(span, _)| Some(span)).collect::<StringArray>())),
        ("time", Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"))),
        ("asset", Arc::new(fills().map(|(_, fill)| fill.asset).collect::<UInt32Array>())),
        ("shares", float(&|fill| fill.shares)),
        ("price", float(&|fill| fill.price)),
        ("fee", float(&|fill| fill.fee)),
    ];
    encode("fills.parquet", columns.map(|(name, column)| (name.to_owned(), column)).into())
}

/// The rows of a table.
///
/// # Errors
/// Why the bytes are no table; a decoder that panics on damaged bytes is one reason.
pub fn decode(bytes: Vec<u8>) -> Result<RecordBatch, String> {
    let read = || -> Result<RecordBatch, Box<dyn std::error::Error>> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))?.build()?;
        let schema = reader.schema();
        Ok(concat_batches(&schema, &reader.collect::<Result<Vec<_>, _>>()?)?)
    };
    let decoded = catch_unwind(AssertUnwindSafe(read)).map_err(|_| "the Parquet decoder panicked".to_owned())?;
    decoded.map_err(|e| e.to_string())
}

/// Closes and net worths of one span of an equity table, rising in time.
///
/// # Errors
/// Why the bytes are no equity table.
pub fn net_worths(bytes: Vec<u8>, span: &str) -> Result<Vec<(i64, f64)>, String> {
    let batch = decode(bytes)?;
    let (spans, times, worths) = equity_columns(&batch).ok_or("it has not the columns span, time and net_worth")?;
    let row = (0..batch.num_rows()).filter(|i| spans.value(*i) == span);
    let rows: Vec<(i64, f64)> = row.map(|i| (times.value(i), worths.value(i))).collect();
    let sound = rows.windows(2).all(|pair| pair[0].0 < pair[1].0) && rows.iter().all(|(_, w)| w.is_finite());
    if sound { Ok(rows) } else { Err("its times do not rise, or a net worth is not finite".into()) }
}

fn equity_columns(batch: &RecordBatch) -> Option<(&StringArray, &TimestampNanosecondArray, &Float64Array)> {
    let column = |name: &str| batch.column_by_name(name).filter(|column| column.null_count() == 0);
    let column = |name: &str| column(name).map(|column| column.as_any());
    Some((column("span")?.downcast_ref()?, column("time")?.downcast_ref()?, column("net_worth")?.downcast_ref()?))
}

pub(crate) fn encode(what: &'static str, columns: Vec<(String, ArrayRef)>) -> Result<Vec<u8>, ExperimentError> {
    let write = || {
        // Whether a column may have gaps is said, so that it does not depend on the data.
        let nullable = |name: &str| name == "reward" || name.starts_with("action");
        let columns = columns.into_iter().map(|(name, column)| {
            let nullable = nullable(&name);
            (name, column, nullable)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None)?;
        writer.write(&batch)?;
        writer.into_inner()
    };
    write().map_err(|e: parquet::errors::ParquetError| ExperimentError::Encode { what, reason: e.to_string() })
}
