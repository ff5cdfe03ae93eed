//! One segment: bars or a series as the bytes of a Parquet file, and back.
//!
//! Codec and encoding were chosen by measurement (parquet 60.1, 28,144 hourly Bitcoin bars, 1,350,912 bytes in memory,
//! best of 31 runs on one busy Zen 4 core; times always delta-packed, no dictionary, no statistics):
//!
//! | values | codec | bytes | of memory | write ms | read ms |
//! |---|---|---|---|---|---|
//! | plain | none | 1,128,953 | 84 % | 0.25 | 0.05 |
//! | plain | snappy | 671,391 | 50 % | 2.5 | 0.82 |
//! | **plain** | **lz4** | 671,618 | 50 % | 3.0 | **0.50** |
//! | plain | zstd 1 | 460,064 | 34 % | 4.0 | 1.4 |
//! | byte stream split | none | 1,128,953 | 84 % | 0.57 | 0.38 |
//! | byte stream split | snappy | 744,897 | 55 % | 6.7 | 1.2 |
//! | byte stream split | lz4 | 736,722 | 55 % | 2.6 | 0.99 |
//! | byte stream split | zstd 1 | 543,102 | 40 % | 2.7 | 1.4 |
//! | dictionary | lz4 | 839,595 | 62 % | 11 | 0.80 |
//!
//! Prices of few digits repeat as whole words, which plain values keep and split bytes destroy. lz4 is as small as
//! snappy and reads faster; zstd would save a third more but is the only codec that needs a C compiler.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchReader};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit, TimestampNanosecondType};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::ScannedColumns;
use super::columns::{Arrays, Columns};
use crate::time::rows_between;

const TIME: &str = "time";

/// The names of content's first value columns.
fn names<T: Columns>(num_values: usize) -> impl Iterator<Item = &'static str> {
    T::VALUES.iter().chain(T::EXTRAS).copied().take(num_values)
}

/// The columns of a segment: `time` and `num_values` value columns, none of them null.
fn schema<T: Columns>(num_values: usize) -> SchemaRef {
    let time = Field::new(TIME, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false);
    let values = names::<T>(num_values).map(|name| Field::new(name, DataType::Float64, false));
    Arc::new(Schema::new(std::iter::once(time).chain(values).collect::<Vec<_>>()))
}

fn properties() -> WriterProperties {
    let time = ColumnPath::from(TIME);
    WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN)
        .set_column_encoding(time, Encoding::DELTA_BINARY_PACKED)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        .build()
}

pub(super) fn encode<T: Columns>(arrays: &Arrays) -> Result<Vec<u8>, ParquetError> {
    let times: ArrayRef = Arc::new(arrays.times.clone().with_timezone("UTC"));
    let values = arrays.values.iter().map(|values| Arc::new(values.clone()) as ArrayRef);
    let schema = schema::<T>(arrays.values.len());
    let batch = RecordBatch::try_new(schema.clone(), std::iter::once(times).chain(values).collect())?;
    let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options)?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// Decodes verified bytes; whatever the decoder does, even a panic, comes back as a message.
pub(super) fn decode<T: Columns>(bytes: Vec<u8>) -> Result<Arrays, String> {
    let batch = guarded(|| read(&bytes.into(), None, None))?;
    let num_values = batch.num_columns().saturating_sub(1);
    if num_values != T::VALUES.len() && num_values != T::VALUES.len() + T::EXTRAS.len() {
        return Err("wrong columns".to_owned());
    }
    arrays(&batch, names::<T>(num_values)).ok_or_else(|| "wrong columns".to_owned())
}

/// Decodes some value columns of the rows that close in `[from_ns, to_ns)`, and their stamps; pages before and behind
/// are skipped.
pub(super) fn decode_part(bytes: Vec<u8>, names: &[&str], closes: Range<i64>) -> Result<ScannedColumns, String> {
    let bytes = Bytes::from(bytes);
    let times = arrays(&guarded(|| read(&bytes, Some(&[]), None))?, []).ok_or("wrong columns")?;
    let rows = rows_between(times.times.values(), closes.start, closes.end, 0);
    let batch = guarded(|| read(&bytes, Some(names), Some(rows)))?;
    let part = arrays(&batch, names.iter().copied()).ok_or("a column that was asked for is not there")?;
    let values = part.values.iter().map(|values| values.values().to_vec()).collect();
    Ok(ScannedColumns { times: part.times.values().to_vec(), values })
}

fn guarded<T>(decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(_) => Err("the Parquet decoder panicked".to_owned()),
    }
}

/// `time` and the named value columns, or all; the given rows, or all.
fn read(bytes: &Bytes, names: Option<&[&str]>, rows: Option<Range<usize>>) -> Result<RecordBatch, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone())?;
    let in_file = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    let rows = rows.unwrap_or(0..in_file);
    let mask = match names {
        Some(names) => ProjectionMask::columns(builder.parquet_schema(), names.iter().copied().chain([TIME])),
        None => ProjectionMask::all(),
    };
    let reader = builder.with_projection(mask).with_offset(rows.start).with_limit(rows.len());
    let reader = reader.with_batch_size(rows.len().max(1)).build()?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(arrow::compute::concat_batches(&schema, &batches)?)
}

/// The times of a batch and the named columns, none of them null.
fn arrays<'a>(batch: &RecordBatch, names: impl IntoIterator<Item = &'a str>) -> Option<Arrays> {
    if batch.columns().iter().any(|column| column.null_count() > 0) {
        return None;
    }
    let times = batch.column_by_name(TIME)?.as_primitive_opt::<TimestampNanosecondType>()?.clone();
    let value = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>().cloned();
    let values = names.into_iter().map(value).collect::<Option<_>>()?;
    Some(Arrays { times: times.with_timezone_opt(None::<Arc<str>>), values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BarColumns, BarPolicy, Bars};
    use arrow::array::Float64Array;
    use proptest::prelude::*;

    fn bars(closes: &[f64]) -> Bars {
        let columns = BarColumns {
            times: (0..closes.len() as i64).map(|i| i * 7 - 20).collect(),
            open: closes.to_vec(),
            high: closes.to_vec(),
            low: closes.to_vec(),
            close: closes.to_vec(),
            volume: closes.to_vec(),
        };
        Bars::new("X", 7, columns, &BarPolicy::default()).unwrap()
    }

    fn written(bars: &Bars) -> Vec<u8> {
        encode::<Bars>(&bars.arrays()).unwrap()
    }

    fn again(bytes: Vec<u8>) -> Bars {
        let Arrays { times, mut values } = decode::<Bars>(bytes).unwrap();
        let extras: Vec<Float64Array> = values.split_off(5);
        let bars = Bars::from_arrays("X", 7, times, values.try_into().unwrap()).unwrap();
        bars.with_extras(extras.try_into().ok()).unwrap()
    }

    proptest! {
        #[test]
        fn bars_read_back_bit_for_bit(closes in prop::collection::vec(f64::MIN_POSITIVE..f64::MAX, 0..300)) {
            let bars = bars(&closes);
            prop_assert_eq!(again(written(&bars)).content_hash(), bars.content_hash());
        }

        #[test]
        fn damaged_bytes_never_bring_the_process_down(at in 0usize..2_000, bit in 0u8..8) {
            let mut bytes = written(&bars(&[1.5; 100]));
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let _ = decode::<Bars>(bytes.clone());
            let _ = decode_part(bytes, &["close"], 0..700);
        }
    }

    #[test]
    fn a_part_is_read_as_the_whole_is() {
        let closes: Vec<f64> = (1..70_000).map(f64::from).collect();
        let whole = bars(&closes).with_extras(Some([closes.clone().into(), closes.into()])).unwrap();
        let bytes = written(&whole);
        assert_eq!(again(bytes.clone()), whole);
        for closes in [0..700, i64::MIN..0, 450_000..i64::MAX, 13..14, 14..14, 800_000..900_000] {
            let part = decode_part(bytes.clone(), &["trades", "open"], closes.clone()).unwrap();
            let expected = whole.between(closes.start, closes.end);
            assert_eq!(part.times, expected.times(), "{closes:?}");
            assert_eq!(part.values, [expected.trades().unwrap(), expected.open()], "{closes:?}");
        }
        assert!(decode_part(bytes, &["bid"], 0..700).unwrap_err().contains("not there"));
    }
}
