//! A year of minutes of many symbols: cached, verified, scanned and held in memory within bounds; a day costs a day.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "the measured figures are shown")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pavlov_market_data::{Bars, Manifest, Origin, Sources, Span, fetch, load_dataset, scan, verify};
use pavlov_store::{Disk, OsDisk};
use pavlov_testkit::scale;
use support::net::{NOW_NS, Server, VirtualClock, network, ok};

const MINUTE: i64 = 60_000_000_000;
/// Minutes of a year of US trading: 252 days of 6.5 hours.
const ROWS: usize = 98_280;
/// 2018-01-01.
const START: i64 = 1_514_764_800_000_000_000;
const GIB: usize = 1 << 30;

fn manifest_text(symbol: usize) -> String {
    format!(
        r#"
schema_version = 1
name = "symbol-{symbol:03}"
summary = "a year of minutes"
source = "generated"
symbol = "S{symbol:03}"
interval = "1m"
adjustment = "none"
span = ["2018-01-01", "2018-03-10T06:00:00Z"]
sources = ["cache", "provider"]

[provider]
name = "synthetic"
seed = {symbol}
start_price = 100.0
mean_volume = 1000.0
mode.martingale.volatility = 0.0005
"#
    )
}

/// The highest resident memory of this process so far, bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| if e.path().is_dir() { bytes_in(&e.path()) } else { e.metadata().unwrap().len() }).sum()
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what}: {:.1} s, peak memory {} MiB", start.elapsed().as_secs_f64(), peak_memory() >> 20);
    result
}

#[test]
fn a_year_of_minutes_of_every_symbol_fits() {
    let symbols = if scale::nightly() { 500 } else { 5 };
    let root = tempfile::tempdir().unwrap();
    let (datasets, cache) = (root.path().join("datasets"), root.path().join("cache"));
    OsDisk.create_dir_all(&datasets).unwrap();
    for symbol in 0..symbols {
        let path = datasets.join(format!("symbol-{symbol:03}.toml"));
        pavlov_store::write_atomic(&OsDisk, &path, manifest_text(symbol).as_bytes()).unwrap();
    }
    let manifests = pavlov_market_data::manifests(&datasets, &OsDisk).unwrap();
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: Some(cache.clone()), data_dir: None };
    let rows = symbols * ROWS;
    let start = peak_memory();

    timed("generate and cache", || {
        for manifest in &manifests {
            assert_eq!(load_dataset(manifest, &sources).unwrap().bars.len(), ROWS);
        }
    });
    println!("{rows} rows, {:.2} GiB cached", bytes_in(&cache) as f64 / GIB as f64);
    timed("verify", || {
        let verified = verify(&datasets, &cache, &OsDisk).unwrap();
        assert_eq!(verified.iter().map(|result| result.outcome.as_ref().unwrap().bars).sum::<usize>(), rows);
    });
    let one_at_a_time = peak_memory() - start;
    assert!(one_at_a_time < 100 << 20, "{one_at_a_time} bytes for one symbol after the other");

    let day = Span { from_ns: START + 20 * 1_440 * MINUTE + 1, to_ns: START + 21 * 1_440 * MINUTE + 1 };
    timed("scan the closes of a day", || {
        let part = |manifest: &Manifest| scan(&OsDisk, &cache, manifest, &["close"], day).unwrap().unwrap();
        let closes: Vec<_> = manifests.iter().map(part).collect();
        assert!(closes.iter().all(|part| part.times.len() == 1_440 && part.values[0].len() == 1_440));
    });
    let all: Vec<Bars> = timed("hold all of it", || {
        let load = |manifest: &Manifest| {
            let dataset = load_dataset(manifest, &sources).unwrap();
            assert_eq!(dataset.origin, Origin::Cache);
            dataset.bars
        };
        manifests.iter().map(load).collect()
    });
    let sum: f64 = timed("scan all closes", || all.iter().flat_map(|bars| bars.close()).sum());
    assert!(sum.is_finite() && all.len() == symbols);
    let bound = 4 * GIB * symbols / 500 + (100 << 20);
    let used = peak_memory() - start;
    assert!(used < bound, "{used} bytes, {bound} allowed for {rows} rows");
    a_day_costs_a_day();
}

/// A year of minutes over the network, then one day more: the day's requests, the day's bytes.
fn a_day_costs_a_day() {
    let root = tempfile::tempdir().unwrap();
    let cache = root.path().to_owned();
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: Some(cache.clone()), data_dir: None };
    let server = Server::new(|_, target| {
        let number =
            |name: &str| -> i64 { target.split(name).nth(1).unwrap().split('&').next().unwrap().parse().unwrap() };
        let minutes = number("start=") / 60_000..=number("end=") / 60_000;
        let row = |minute: i64| {
            let price = 7_000.0 + (minute % 1_000_003 * 2_654_435_761 % 1_000_003) as f64 / 1_000.0;
            format!("[{},{price},{price},{price},{price},{}]", minute * 60_000, 1 + minute % 3)
        };
        ok(format!("[{}]", minutes.take(10_000).map(row).collect::<Vec<_>>().join(",")))
    });
    let mut network = network(VirtualClock::at(NOW_NS), &server.base());
    network.limits.body_len = 8 << 20;
    let until = |minutes: i64| {
        let [from, to]: [String; 2] = Span { from_ns: START, to_ns: START + minutes * MINUTE }.into();
        support::net::remote("bitfinex", "BTCUSD", "1m", "none", [&from, &to])
    };
    let year = ROWS as i64;
    assert_eq!(fetch(&until(year), &sources, Some(&network)).unwrap().bars.len(), ROWS);
    let (bytes, requests) = (bytes_in(&cache), server.targets().len());
    let longer = timed("one more day of one symbol", || fetch(&until(year + 1_440), &sources, Some(&network)).unwrap());
    assert_eq!((longer.bars.len(), longer.bars.gaps().count), (ROWS + 1_440, 0));
    let written = bytes_in(&cache) - bytes;
    println!("{bytes} bytes of a year, {written} of the day after");
    assert!(server.targets().len() == requests + 1 && written < bytes / 40, "{written} bytes written");
}
