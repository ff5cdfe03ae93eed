//! Arguments to one function of `experiment` to an exit code.

mod progress;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand, ValueEnum};
use pavlov_experiment::{Device, ExperimentError, Hooks, Options, OsDisk, data, report, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Train and judge reinforcement-learning trading agents.
#[derive(Parser)]
#[command(name = "cargo xtask", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train and judge one config; ends with a result table and the path of an HTML report.
    Experiment(ExperimentArgs),
    /// Go on with an interrupted run, bit for bit as if it had not stopped.
    Resume {
        /// Folder of the run.
        run: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Write tables and report of a trained run anew.
    Report {
        /// Folder of the run.
        run: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Market data: import a file, list the datasets, verify the cache.
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
}

#[derive(clap::Args)]
struct ExperimentArgs {
    /// The experiment, for example configs/quickstart.toml.
    config: PathBuf,
    /// Folder of the run, exactly this one [default: runs/<name of the config>, numbered if taken].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Seed of the first run; short for --set runs.seed=N.
    #[arg(long)]
    seed: Option<u64>,
    /// Number of runs; short for --set runs.num=N.
    #[arg(long)]
    runs: Option<u64>,
    /// Change one key of the config; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// Where things are and how fast they run; nothing here changes a result.
#[derive(clap::Args)]
struct Place {
    /// Folder with your market files [default: PAVLOV_DATA_DIR].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceChoice,
    /// Seeds trained side by side [default: the machine's cores].
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Print the result, warnings and errors only.
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum DeviceChoice {
    /// The fastest for these network sizes: the CPU.
    Auto,
    /// The CPU.
    Cpu,
}

#[derive(Subcommand)]
enum DataCommand {
    /// Check a file against its manifest and write it into the cache.
    Import {
        /// A CSV file that a manifest in datasets/ describes.
        file: PathBuf,
        /// Manifest to read it with [default: the one that names this file].
        #[arg(long, value_name = "NAME")]
        manifest: Option<String>,
        /// Cache folder to write to.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Show every dataset: source, span, whether it is cached.
    List {
        /// Folder with your market files [default: PAVLOV_DATA_DIR].
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Check the hash and the content of every cached file.
    Verify,
}

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
            let overrides = overrides(&args);
            let out = args.out.unwrap_or_else(|| run::free_folder(&root().join("runs"), &args.config));
            work(&args.place, |options, hooks| {
                run::run(&args.config, &overrides, &out, options, hooks).map(|r| (r, out.clone()))
            })
        }
        Command::Resume { run, place } => {
            work(&place, |options, hooks| run::resume(&run, options, hooks).map(|r| (r, run.clone())))
        }
        Command::Report { run, place } => {
            work(&place, |options, hooks| run::report(&run, options, hooks).map(|r| (r, run.clone())))
        }
        Command::Data { command } => data(command),
    }
}

fn overrides(args: &ExperimentArgs) -> Vec<String> {
    let seed = args.seed.map(|seed| format!("runs.seed={seed}"));
    let runs = args.runs.map(|runs| format!("runs.num={runs}"));
    args.set.iter().cloned().chain(seed).chain(runs).collect()
}

fn work(
    place: &Place,
    job: impl FnOnce(&Options, &Hooks<'_>) -> Result<(report::Report, PathBuf), ExperimentError>,
) -> anyhow::Result<ExitCode> {
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
    let (result, run) = job(&options, &hooks)?;
    shown.finish();
    progress::result(&report::result_table(&result), &run.join("report.html"));
    Ok(ExitCode::SUCCESS)
}

fn data(command: DataCommand) -> anyhow::Result<ExitCode> {
    let outcome = match command {
        DataCommand::Import { file, manifest, out } => {
            let options = options(None, 1);
            let out = out.unwrap_or_else(|| options.cache_dir.clone());
            data::import(&file, manifest.as_deref(), &out, &options)?
        }
        DataCommand::List { data_dir } => data::list(&options(data_dir, 1))?,
        DataCommand::Verify => data::verify(&options(None, 1))?,
    };
    progress::print(&outcome.text);
    Ok(if outcome.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options(data_dir: Option<PathBuf>, threads: usize) -> Options {
    Options {
        disk: Arc::new(OsDisk),
        datasets_dir: root().join("datasets"),
        cache_dir: root().join("cache"),
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
