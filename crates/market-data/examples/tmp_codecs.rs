#![allow(clippy::all, clippy::disallowed_methods, clippy::print_stdout, missing_docs)]
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use arrow::array::*;
use arrow::datatypes::*;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::*;
use parquet::schema::types::ColumnPath;
use pavlov_market_data::*;

fn median(mut v: Vec<f64>) -> f64 { v.sort_by(f64::total_cmp); v[v.len() / 2] }

fn main() {
    let data = std::path::PathBuf::from(std::env::var("PAVLOV_DATA_DIR").unwrap());
    let m = Manifest::load(Path::new("datasets/bitfinex-btcusd-1h-2018-2021.toml")).unwrap();
    let d = load_dataset(&m, &Sources { disk: Arc::new(pavlov_store::OsDisk), cache_dir: None, data_dir: Some(data) }).unwrap();
    run("file", &d.bars, 31);
    let text = std::fs::read_to_string("datasets/synthetic-hourly.toml").unwrap().replace("\"2018-09-08\"", "\"2132-01-30\"");
    let m = Manifest::parse(&text, Path::new("x")).unwrap();
    let d = load_dataset(&m, &Sources { disk: Arc::new(pavlov_store::OsDisk), cache_dir: None, data_dir: None }).unwrap();
    run("synth", &d.bars, 7);
}
fn run(name: &str, b: &Bars, reps: usize) {
    println!("{name} {} rows raw {}", b.len(), b.len() * 48);
    let schema = Arc::new(Schema::new(vec![
        Field::new("time", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false),
        Field::new("open", DataType::Float64, false), Field::new("high", DataType::Float64, false), Field::new("low", DataType::Float64, false),
        Field::new("close", DataType::Float64, false), Field::new("volume", DataType::Float64, false)]));
    let f = |v: &[f64]| Arc::new(Float64Array::from(v.to_vec())) as ArrayRef;
    let batch = RecordBatch::try_new(schema.clone(), vec![
        Arc::new(TimestampNanosecondArray::from(b.times().to_vec()).with_timezone("UTC")) as ArrayRef, f(b.open()), f(b.high()), f(b.low()), f(b.close()), f(b.volume())]).unwrap();
    for enc in ["plain", "dict", "bss"] {
        for (cn, c) in [("none", Compression::UNCOMPRESSED), ("snap", Compression::SNAPPY), ("lz4", Compression::LZ4_RAW), ("zstd1", Compression::ZSTD(ZstdLevel::try_new(1).unwrap())), ("zstd3", Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))] {
            let mut p = WriterProperties::builder().set_compression(c).set_dictionary_enabled(enc == "dict")
                .set_statistics_enabled(EnabledStatistics::None).set_offset_index_disabled(true).set_max_row_group_row_count(None)
                .set_column_dictionary_enabled(ColumnPath::from("time"), false)
                .set_column_encoding(ColumnPath::from("time"), Encoding::DELTA_BINARY_PACKED);
            if enc == "bss" { p = p.set_encoding(Encoding::BYTE_STREAM_SPLIT); }
            if enc == "plain" { p = p.set_encoding(Encoding::PLAIN); }
            let p = p.build();
            let mut wt = vec![]; let mut rt = vec![]; let mut size = 0;
            for _ in 0..reps {
                let t = Instant::now();
                let mut w = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(p.clone())).unwrap();
                w.write(&batch).unwrap();
                let bytes = w.into_inner().unwrap();
                wt.push(t.elapsed().as_secs_f64());
                size = bytes.len();
                let bytes = bytes::Bytes::from(bytes);
                let t = Instant::now();
                let r = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().with_batch_size(b.len()).build().unwrap();
                let n: usize = r.map(|x| x.unwrap().num_rows()).sum();
                rt.push(t.elapsed().as_secs_f64());
                assert_eq!(n, b.len());
            }
            println!("{enc:6} {cn:6} {size:9} B {:5.1}%  write {:8.3} ms  read {:8.3} ms  min {:.3} {:.3}", 100.0 * size as f64 / (b.len() * 48) as f64, median(wt.clone()) * 1e3, median(rt.clone()) * 1e3,
              wt.iter().cloned().fold(9.0, f64::min)*1e3, rt.iter().cloned().fold(9.0, f64::min)*1e3);
        }
    }
}
