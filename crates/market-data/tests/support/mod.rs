//! Manifests, files and disks for the tests of this crate.
#![allow(dead_code)]

pub(crate) mod net;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{Manifest, Sources};
use pavlov_store::Disk;

pub(crate) const HEADER: &str = "Date,Open,High,Low,Close,Volume\n";

pub(crate) const DATASET: &str = r#"
schema_version = 1
name = "example"
summary = "three bars"
source = "made by hand"
symbol = "BTCUSD"
interval = "1h"
adjustment = "none"

[file]
path = "example.csv"
columns = { time = "Date", open = "Open", high = "High", low = "Low", close = "Close", volume = "Volume" }
time_format = "%Y-%m-%d %H:%M"
zone = "UTC"
stamp = "open"
"#;

/// The example manifest with lines added to its `[file]` table.
pub(crate) fn manifest_with(file_keys: &str) -> Manifest {
    Manifest::parse(&format!("{DATASET}{file_keys}"), Path::new("datasets/example.toml")).unwrap()
}

/// A file of `n` hourly rows.
pub(crate) fn csv(n: usize) -> String {
    let row = |i: usize| {
        let (open, close) = (100.0 + i as f64 * 0.25, 100.25 + i as f64 * 0.25);
        let (high, low, volume) = (close + 1.0, open - 1.0, i % 7);
        let (month, day, hour) = (1 + i / 672, 1 + i / 24 % 28, i % 24);
        format!("2018-{month:02}-{day:02} {hour:02}:00,{open},{high},{low},{close},{volume}\n")
    };
    HEADER.to_owned() + &(0..n).map(row).collect::<String>()
}

/// The folders `cache` and `data` below `root`.
pub(crate) fn sources(disk: Arc<dyn Disk>, root: &Path) -> Sources {
    Sources { disk, cache_dir: Some(root.join("cache")), data_dir: Some(root.join("data")) }
}

/// Writes the example file into the data folder.
pub(crate) fn with_file(disk: &dyn Disk, root: &Path, text: &str) -> PathBuf {
    let path = root.join("data/example.csv");
    disk.create_dir_all(&root.join("data")).unwrap();
    disk.write_new(&path, text.as_bytes()).unwrap();
    path
}
