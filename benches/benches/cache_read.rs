//! Rows per second from the Parquet cache to bars, one thread: 1,000,000 bars of a minute, hashes verified, bars validated.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pavlov_market_data::{Manifest, Sources, load_dataset};
use pavlov_store::OsDisk;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 1_000_000;

/// A random walk of 694 days and 640 minutes.
const MANIFEST: &str = r#"
schema_version = 1
name = "minutes"
summary = "a random walk by the minute"
source = "generated"
symbol = "SYN"
interval = "1m"
adjustment = "none"
span = ["2018-01-01", "2019-11-26T10:40:00Z"]
sources = ["cache", "provider"]
[provider]
name = "synthetic"
seed = 1
start_price = 100.0
mean_volume = 1000.0
mode.martingale.volatility = 0.001
"#;

fn cache_read(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifest = Manifest::parse(MANIFEST, Path::new("minutes.toml")).expect("a valid manifest");
    let cache_dir = Some(folder.path().to_owned());
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir, data_dir: None };
    let load = || load_dataset(&manifest, &sources).expect("bars").bars;
    assert_eq!(load().len(), ROWS, "the provider fills the cache");
    let mut group = c.benchmark_group("cache_read");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(30);
    group.bench_function("bars", |b| b.iter(|| black_box(load())));
    group.finish();
}

criterion_group!(benches, cache_read);
criterion_main!(benches);
