//! A CSV file of your own, described and read: `cargo run -p pavlov-market-data --example your_csv`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example that makes its own file and prints")]

use std::path::Path;
use std::sync::Arc;

use pavlov_market_data::{Manifest, Sources, Span, load_dataset};
use pavlov_store::OsDisk;

/// What the file does not say of itself; `docs/dataset-manifest.md` has every key.
const MANIFEST: &str = r#"
schema_version = 1
name = "mine"
summary = "three days of a made-up stock"
source = "this example"
symbol = "MINE"
interval = "1d"
adjustment = "none"

[file]
path = "mine.csv"
zone = "UTC"
stamp = "open"
"#;

const FILE: &str = "Date,Open,High,Low,Close,Volume
2024-01-02,10.0,10.5,9.8,10.4,1000
2024-01-03,10.4,10.6,10.1,10.2,800
2024-01-04,10.2,11.0,10.2,10.9,1500
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("mine.csv"), FILE)?;
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(folder.path().to_owned()) };
    let manifest = Manifest::parse(MANIFEST, Path::new("mine.toml"))?;
    let loaded = load_dataset(&manifest, &sources)?;
    if let Some(read_as) = &loaded.read_as {
        println!("{read_as}");
    }
    println!("{}", loaded.provenance.summary());
    // A bar is stamped with its close: that of a day is known when the day is over.
    let bars = &loaded.bars;
    let known = Span { from_ns: bars.times()[0], to_ns: bars.times()[bars.len() - 1] };
    println!("{} bars, known in {known}; closes {:?}", bars.len(), bars.close());

    // A row that is no bar is refused with its line.
    std::fs::write(folder.path().join("mine.csv"), FILE.replace("10.6,10.1", "10.1,10.6"))?;
    let error = load_dataset(&manifest, &sources).err().ok_or("the high is below the low")?;
    println!("refused: {error}");
    Ok(())
}
