//! A whole experiment from code: `cargo run -p pavlov-experiment --example from_code`.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pavlov_experiment::{Device, Event, Hooks, Options, OsDisk, report, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let place = tempfile::tempdir()?;
    let options = Options {
        disk: Arc::new(OsDisk),
        datasets_dir: repository.join("datasets"),
        cache_dir: place.path().join("cache"),
        trials_dir: place.path().join("trials"),
        data_dir: None,
        threads: 2,
        device: Device::Cpu,
        git_commit: None,
    };
    let stop = AtomicBool::new(false);
    let progress = |event: Event<'_>| match event {
        Event::Finished { seed, .. } => println!("seed {seed} is trained"),
        Event::Note(note) => println!("note: {note}"),
        _ => {}
    };
    let hooks = Hooks { clock: &|| 0.0, progress: &progress, stop: &stop };

    // The quickstart, shortened: an override is what --set is on the command line.
    let config = repository.join("configs/quickstart.toml");
    let shorter = ["train.updates=10", "train.num_envs=8"].map(String::from);
    let report = run::run(&config, &shorter, &place.path().join("run"), &options, &hooks)?;
    println!("{}", report::result_table(&report));
    Ok(())
}
