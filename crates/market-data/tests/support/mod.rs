//! Manifests, files and disks for the tests of this crate.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{Manifest, Sources};
use pavlov_store::Disk;

pub const HEADER: &str = "Date,Open,High,Low,Close,Volume\n";

pub const DATASET: &str = r#"
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
pub fn manifest_with(file_keys: &str) -> Manifest {
    Manifest::parse(&format!("{DATASET}{file_keys}"), Path::new("datasets/example.toml")).unwrap()
}

/// A file of `n` hourly rows.
pub fn csv(n: usize) -> String {
    let row = |i: usize| {
        let (open, close) = (100.0 + i as f64 * 0.25, 100.25 + i as f64 * 0.25);
        format!("2018-{:02}-{:02} {:02}:00,{open},{},{},{close},{}\n", 1 + i / 672, 1 + i / 24 % 28, i % 24, close + 1.0, open - 1.0, i % 7)
    };
    HEADER.to_owned() + &(0..n).map(row).collect::<String>()
}

pub fn sources(disk: Arc<dyn Disk>, root: &Path) -> Sources {
    Sources { disk, cache_dir: Some(root.join("cache")), data_dir: Some(root.join("data")) }
}

/// A data folder with the example file.
pub fn with_file(disk: &Arc<dyn Disk>, root: &Path, text: &str) -> PathBuf {
    let path = root.join("data/example.csv");
    disk.create_dir_all(&root.join("data")).unwrap();
    disk.write_new(&path, text.as_bytes()).unwrap();
    path
}
