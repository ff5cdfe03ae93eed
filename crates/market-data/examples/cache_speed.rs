//! Prints how fast a million bars are read from the cache: `cargo run -p pavlov-market-data --example cache_speed`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example measures and prints")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pavlov_market_data::{Manifest, Origin, Sources, load_dataset};
use pavlov_store::OsDisk;

const MANIFEST: &str = r#"
schema_version = 1
name = "million"
summary = "a million minutes"
source = "generated"
symbol = "SYN"
interval = "1m"
adjustment = "none"
span = ["2018-01-01", "2019-11-26T10:40:00Z"]

[provider]
name = "synthetic"
seed = 1
start_price = 10000.0
mean_volume = 1000.0
mode.martingale.volatility = 0.0005
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: Some(folder.path().to_owned()), data_dir: None };
    let manifest = Manifest::parse(MANIFEST, Path::new("million.toml"))?;
    load_dataset(&manifest, &sources)?;
    let mut seconds = Vec::new();
    for _ in 0..15 {
        let start = Instant::now();
        let dataset = load_dataset(&manifest, &sources)?;
        seconds.push(start.elapsed().as_secs_f64());
        assert!(dataset.origin == Origin::Cache && dataset.bars.len() == 1_000_000);
    }
    seconds.sort_by(f64::total_cmp);
    let rate = |seconds: f64| 1.0 / seconds;
    println!(
        "cache read, both hashes and all rules checked: median {:.1}, best {:.1} M rows/s",
        rate(seconds[7]),
        rate(seconds[0])
    );
    Ok(())
}
