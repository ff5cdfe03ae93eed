//! Arguments to one function of `experiment` to an exit code.

mod cli;
mod progress;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use cli::{Cli, Command, DataCommand, DeviceChoice, Place};
use pavlov_experiment::matrix::{self, Outcome};
use pavlov_experiment::results_page::TABLES;
use pavlov_experiment::{
    Device, ExperimentError, Hooks, Network, Options, OsDisk, act, audit, compare, data, report, results_page, run,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static STOP: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    // SAFETY: no other thread runs yet. Seeds are trained side by side; a tensor that forked as well would slow all of
    // them down.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    match execute(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            progress::say(&format!("error: {error}"));
            let known = error.downcast_ref::<ExperimentError>();
            ExitCode::from(known.map_or(1, ExperimentError::exit_code))
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Experiment(args) => {
            let overrides = args.overrides();
            let out = args.out.unwrap_or_else(|| run::free_folder(&root().join("runs"), &args.config));
            let selection = args.choice.selection();
            work(&args.place, &out, |options, hooks| {
                matrix::run(&args.config, &overrides, &selection, &out, options, hooks)
            })
        }
        Command::Resume { run, choice, place } => {
            let selection = choice.selection();
            work(&place, &run, |options, hooks| matrix::resume(&run, &selection, options, hooks))
        }
        Command::Report { run, place } => work(&place, &run, |options, hooks| matrix::report(&run, options, hooks)),
        Command::Merge { runs, out, place } => {
            work(&place, &out, |options, hooks| matrix::merge(&runs, &out, options, hooks))
        }
        Command::Compare { runs, json, html } => {
            let compared = compare::compare(&runs, &OsDisk)?;
            compare::write(&compared, json.as_deref(), html.as_deref(), &OsDisk)?;
            progress::print(&report::compared_text(&compared));
            Ok(ExitCode::SUCCESS)
        }
        Command::Act { run, last: _, at, bars, seed, json, data_dir, quiet } => {
            let shown = progress::Shown::new(quiet);
            let clock = progress::clock();
            let hooks = Hooks { clock: &clock, progress: &|event| shown.take(event), stop: &STOP };
            let acted = act::act(&run, &act::Request { at, bars, seed }, &options(data_dir, 1), &hooks)?;
            shown.finish();
            progress::print(&if json { acted.json()? } else { acted.text() });
            Ok(ExitCode::SUCCESS)
        }
        Command::Audit { config, seed, set, data_dir, quiet } => {
            let seed = seed.map(|seed| format!("runs.seed={seed}"));
            let overrides: Vec<String> = set.into_iter().chain(seed).collect();
            let shown = progress::Shown::new(quiet);
            let clock = progress::clock();
            let hooks = Hooks { clock: &clock, progress: &|event| shown.take(event), stop: &STOP };
            let audits = audit::config(&config, &overrides, &options(data_dir, 1), &hooks)?;
            shown.finish();
            progress::print(&audit::tables(&audits));
            Ok(if audits.iter().all(audit::Audit::is_clean) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Results { run, check, place } => results(run.as_deref(), check, &place),
        Command::Data { command } => data(command),
    }
}

/// Shows a job that takes long, and lets the user stop it.
fn long<T>(place: &Place, job: impl FnOnce(&Options, &Hooks<'_>) -> Result<T, ExperimentError>) -> anyhow::Result<T> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        progress::say("stopping after the current update (again to stop at once)");
    })?;
    let (DeviceChoice::Auto | DeviceChoice::Cpu) = place.device;
    let threads = place.threads.or(std::thread::available_parallelism().ok()).map_or(1, usize::from);
    let options = options(place.data_dir.clone(), threads);
    let shown = progress::Shown::new(place.quiet);
    let clock = progress::clock();
    let hooks = Hooks { clock: &clock, progress: &|event| shown.take(event), stop: &STOP };
    let outcome = job(&options, &hooks);
    shown.finish();
    Ok(outcome?)
}

fn work(
    place: &Place,
    run: &Path,
    job: impl FnOnce(&Options, &Hooks<'_>) -> Result<Outcome, ExperimentError>,
) -> anyhow::Result<ExitCode> {
    let table = match long(place, job)? {
        Outcome::Run(result) => report::result_table(&result),
        Outcome::Matrix(result) => result.table(),
        Outcome::Part { done, of } => {
            progress::print(&format!("{done} of {of} trainings are finished in {}\n", run.display()));
            return Ok(ExitCode::SUCCESS);
        }
    };
    progress::result(&table, &run.join("report.html"));
    Ok(ExitCode::SUCCESS)
}

fn results(run: Option<&[String]>, check: bool, place: &Place) -> anyhow::Result<ExitCode> {
    let root = root();
    if let Some(names) = run {
        long(place, |options, hooks| results_page::make(&root, TABLES, names, options, hooks))?;
    }
    let written = match check {
        true => results_page::check(&root, TABLES, &OsDisk)?,
        false => results_page::write(&root, TABLES, &OsDisk)?,
    };
    progress::print(&written.text());
    Ok(ExitCode::SUCCESS)
}

fn data(command: DataCommand) -> anyhow::Result<ExitCode> {
    let mut unsound = ExitCode::FAILURE;
    let outcome = match command {
        DataCommand::Import { file, manifest, out } => {
            let options = options(None, 1);
            let out = out.unwrap_or_else(|| options.cache_dir.clone());
            data::import(&file, manifest.as_deref(), &out, &options)?
        }
        DataCommand::Fetch { dataset, offline, data_dir } => {
            let network = (!offline).then(|| Network::new(|name| std::env::var(name).ok(), progress::say));
            data::fetch(&dataset, &options(data_dir, 1), network.as_ref())?
        }
        DataCommand::List { data_dir } => data::list(&options(data_dir, 1))?,
        DataCommand::Verify => data::verify(&options(None, 1))?,
        DataCommand::Check { dataset, json, data_dir } => {
            unsound = ExitCode::from(2);
            data::check(&dataset, json.as_deref(), &options(data_dir, 1))?
        }
    };
    progress::print(&outcome.text);
    Ok(if outcome.sound { ExitCode::SUCCESS } else { unsound })
}

fn options(data_dir: Option<PathBuf>, threads: usize) -> Options {
    Options {
        disk: Arc::new(OsDisk),
        datasets_dir: root().join("datasets"),
        cache_dir: root().join("cache"),
        trials_dir: root().join("trials"),
        data_dir: data_dir.or_else(|| std::env::var_os("PAVLOV_DATA_DIR").map(PathBuf::from)),
        threads,
        device: Device::Cpu,
        git_commit: git_commit(),
    }
}

/// The workspace: cargo names this package's folder; outside cargo, the current folder.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package.and_then(|dir| dir.parent().map(PathBuf::from)).unwrap_or_else(|| PathBuf::from("."))
}

fn git_commit() -> Option<String> {
    let describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"];
    let output = std::process::Command::new("git").args(describe).current_dir(root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
