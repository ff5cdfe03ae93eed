//! One segment: bars as the bytes of a Parquet file, and back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit, TimestampNanosecondType};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::Bars;
use crate::rules::COLUMNS;

/// The columns of a segment: `time` and the values, none of them null.
pub(super) fn schema() -> SchemaRef {
    let time = Field::new("time", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false);
    let values = COLUMNS.map(|name| Field::new(name, DataType::Float64, false));
    Arc::new(Schema::new(std::iter::once(time).chain(values).collect::<Vec<_>>()))
}

fn properties() -> WriterProperties {
    let time = ColumnPath::from("time");
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::BYTE_STREAM_SPLIT)
        .set_column_encoding(time, Encoding::DELTA_BINARY_PACKED)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        .build()
}

pub(super) fn encode(bars: &Bars) -> Result<Vec<u8>, ParquetError> {
    encode_with(bars, properties())
}

fn encode_with(bars: &Bars, properties: WriterProperties) -> Result<Vec<u8>, ParquetError> {
    let (times, prices) = bars.arrays();
    let times: ArrayRef = Arc::new(times.clone().with_timezone("UTC"));
    let values = prices.iter().map(|values| Arc::new(values.clone()) as ArrayRef);
    let batch = RecordBatch::try_new(schema(), std::iter::once(times).chain(values).collect())?;
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema(), options)?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// Decodes verified bytes; whatever the decoder does, even a panic, comes back as a message.
pub(super) fn decode(bytes: Vec<u8>) -> Result<RecordBatch, String> {
    match catch_unwind(AssertUnwindSafe(|| decode_all(bytes.into()))) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(_) => Err("the Parquet decoder panicked".to_owned()),
    }
}

fn decode_all(bytes: Bytes) -> Result<RecordBatch, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    let batches = builder.with_batch_size(rows.max(1)).build()?.collect::<Result<Vec<_>, _>>()?;
    Ok(arrow::compute::concat_batches(&schema(), &batches)?)
}

/// The arrays of a batch that has exactly the segment's columns, without nulls.
pub(super) fn columns(batch: &RecordBatch) -> Option<(TimestampNanosecondArray, [Float64Array; 5])> {
    if batch.columns().iter().any(|column| column.null_count() > 0) {
        return None;
    }
    let times = batch.column_by_name("time")?.as_primitive_opt::<TimestampNanosecondType>()?.clone();
    let mut values = COLUMNS.map(|name| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>().cloned());
    let prices = values.each_mut().map(Option::take);
    let [Some(open), Some(high), Some(low), Some(close), Some(volume)] = prices else { return None };
    Some((times.with_timezone_opt(None::<Arc<str>>), [open, high, low, close, volume]))
}
