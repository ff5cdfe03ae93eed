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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit, TimestampNanosecondType};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use pavlov_store::Hash;

use crate::rules::COLUMNS;
use crate::{Bars, Manifest, MarketDataError, Place, Series};

/// The columns of a segment: `time` and the values, none of them null.
fn schema(values: &[&str]) -> SchemaRef {
    let time = Field::new("time", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false);
    let values = values.iter().map(|name| Field::new(*name, DataType::Float64, false));
    Arc::new(Schema::new(std::iter::once(time).chain(values).collect::<Vec<_>>()))
}

/// What a cache can hold: one column of times and some of values.
pub(crate) trait Columns: Sized {
    /// The names of the value columns.
    const VALUES: &'static [&'static str];

    /// The columns, which share the memory of the content.
    fn columns(&self) -> (&TimestampNanosecondArray, Vec<&Float64Array>);

    /// Validates columns; `values` has as many as [`Columns::VALUES`].
    fn from_columns(
        manifest: &Manifest,
        times: TimestampNanosecondArray,
        values: Vec<Float64Array>,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Self, MarketDataError>;

    /// The hash of the content, whatever encoding it came from.
    fn content_hash(&self) -> Hash;
}

impl Columns for Bars {
    const VALUES: &'static [&'static str] = &COLUMNS;

    fn columns(&self) -> (&TimestampNanosecondArray, Vec<&Float64Array>) {
        let (times, prices) = self.arrays();
        (times, prices.iter().collect())
    }

    fn from_columns(
        manifest: &Manifest,
        times: TimestampNanosecondArray,
        values: Vec<Float64Array>,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Bars, MarketDataError> {
        let got = values.len();
        let prices: [Float64Array; 5] = values.try_into().map_err(|_| MarketDataError::ColumnLength {
            symbol: manifest.symbol().to_owned(),
            column: "values",
            expected: COLUMNS.len(),
            got,
        })?;
        let bars = Bars::from_arrays(manifest.symbol(), manifest.interval_ns(), times, prices)?;
        Ok(bars.checked(manifest.recipe().policy(), place)?.0)
    }

    fn content_hash(&self) -> Hash {
        Bars::content_hash(self)
    }
}

impl Columns for Series {
    const VALUES: &'static [&'static str] = &["value"];

    fn columns(&self) -> (&TimestampNanosecondArray, Vec<&Float64Array>) {
        let (times, values) = self.arrays();
        (times, vec![values])
    }

    fn from_columns(
        manifest: &Manifest,
        times: TimestampNanosecondArray,
        values: Vec<Float64Array>,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Series, MarketDataError> {
        let values = values.into_iter().next().unwrap_or_else(|| Float64Array::from(Vec::<f64>::new()));
        Series::from_arrays(manifest.symbol(), manifest.interval_ns(), times, values, place)
    }

    fn content_hash(&self) -> Hash {
        Series::content_hash(self)
    }
}

fn properties() -> WriterProperties {
    let time = ColumnPath::from("time");
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

pub(super) fn encode<T: Columns>(content: &T) -> Result<Vec<u8>, ParquetError> {
    let (times, values) = content.columns();
    let times: ArrayRef = Arc::new(times.clone().with_timezone("UTC"));
    let values = values.into_iter().map(|values| Arc::new(values.clone()) as ArrayRef);
    let schema = schema(T::VALUES);
    let batch = RecordBatch::try_new(schema.clone(), std::iter::once(times).chain(values).collect())?;
    let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options)?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// Decodes verified bytes; whatever the decoder does, even a panic, comes back as a message.
pub(super) fn decode<T: Columns>(bytes: Vec<u8>) -> Result<RecordBatch, String> {
    match catch_unwind(AssertUnwindSafe(|| decode_all(bytes.into(), &schema(T::VALUES)))) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(_) => Err("the Parquet decoder panicked".to_owned()),
    }
}

fn decode_all(bytes: Bytes, schema: &SchemaRef) -> Result<RecordBatch, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    let batches = builder.with_batch_size(rows.max(1)).build()?.collect::<Result<Vec<_>, _>>()?;
    Ok(arrow::compute::concat_batches(schema, &batches)?)
}

/// Joins the batches of segments.
pub(super) fn concat<T: Columns>(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    arrow::compute::concat_batches(&schema(T::VALUES), batches)
}

/// The arrays of a batch that has exactly the segment's columns, without nulls.
pub(super) fn columns<T: Columns>(batch: &RecordBatch) -> Option<(TimestampNanosecondArray, Vec<Float64Array>)> {
    if batch.columns().iter().any(|column| column.null_count() > 0) {
        return None;
    }
    let times = batch.column_by_name("time")?.as_primitive_opt::<TimestampNanosecondType>()?.clone();
    let values = T::VALUES.iter().map(|name| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>().cloned());
    Some((times.with_timezone_opt(None::<Arc<str>>), values.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BarColumns, BarPolicy};
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

    proptest! {
        #[test]
        fn bars_read_back_bit_for_bit(closes in prop::collection::vec(f64::MIN_POSITIVE..f64::MAX, 0..300)) {
            let bars = bars(&closes);
            let batch = decode::<Bars>(encode(&bars).unwrap()).unwrap();
            let (times, prices) = columns::<Bars>(&batch).unwrap();
            let again = Bars::from_arrays("X", 7, times, prices.try_into().unwrap()).unwrap();
            prop_assert_eq!(again.content_hash(), bars.content_hash());
        }

        #[test]
        fn damaged_bytes_never_bring_the_process_down(at in 0usize..2_000, bit in 0u8..8) {
            let mut bytes = encode(&bars(&[1.5; 100])).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let _ = decode::<Bars>(bytes);
        }
    }
}
