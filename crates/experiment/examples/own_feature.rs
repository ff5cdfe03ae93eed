//! A feature of your own in an experiment, and the audit that finds its look-ahead:
//! `cargo run -p pavlov-experiment --example own_feature`.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pavlov_experiment::{Device, Hooks, Options, OsDisk, Plan, audit};
use pavlov_features::{BLOCK, BarBlock, Feature, FeatureConfig, FeatureError, TdqnRange};
use pavlov_market_data::Bar;

/// The height of a bar, for speed in blocks of bars, and smoothed there: a mistake that is easily made.
struct SmoothHeight;

impl Feature for SmoothHeight {
    fn update(&mut self, bar: &Bar, out: &mut [f64]) {
        out[0] = bar.high / bar.low - 1.0;
    }

    fn fold(&mut self, block: &BarBlock<'_>, out: &mut [[f64; BLOCK]]) {
        let height = |i: usize| {
            let bar = block.bar(i.min(BLOCK - 1));
            bar.high / bar.low - 1.0
        };
        // A centred window: the next bar of the block is already in it.
        out[0] = std::array::from_fn(|i| (height(i.saturating_sub(1)) + height(i) + height(i + 1)) / 3.0);
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _: &[u8]) -> Result<(), FeatureError> {
        Ok(())
    }
}

impl FeatureConfig for SmoothHeight {
    fn name(&self) -> &'static str {
        "smooth_height"
    }

    fn columns(&self) -> Vec<String> {
        vec!["smooth_height".into()]
    }

    fn validate(&self) -> Vec<String> {
        Vec::new()
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::new()
    }

    fn warm_up(&self) -> usize {
        1
    }

    fn tdqn_range(&self) -> TdqnRange {
        TdqnRange::Magnitude
    }

    fn series(&self) -> Option<&str> {
        None
    }

    fn stream(&self) -> Box<dyn Feature> {
        Box::new(SmoothHeight)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cache = tempfile::tempdir()?;
    let options = Options {
        disk: Arc::new(OsDisk),
        datasets_dir: repository.join("datasets"),
        cache_dir: cache.path().join("cache"),
        trials_dir: cache.path().join("trials"),
        data_dir: None,
        threads: 1,
        device: Device::Cpu,
        git_commit: None,
    };
    let stop = AtomicBool::new(false);
    let hooks = Hooks { clock: &|| 0.0, progress: &|_| {}, stop: &stop };

    let config = repository.join("configs/quickstart.toml");
    let mut plan = Plan::parse(&config, &std::fs::read_to_string(&config)?, &[])?;
    plan.features.push(Box::new(SmoothHeight));
    let found = audit::plan(plan, &options, &hooks)?;
    println!("{}", found.table());
    if found.is_clean() { Err("the centred window was not found".into()) } else { Ok(()) }
}
