//! The arguments of `cargo xtask`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use pavlov_experiment::matrix::{Part, Selection};

/// Train and judge reinforcement-learning trading agents.
#[derive(Parser)]
#[command(name = "cargo xtask", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Train and judge one config; ends with a result table and the path of an HTML report.
    Experiment(ExperimentArgs),
    /// Go on with an interrupted run, bit for bit as if it had not stopped.
    Resume {
        /// Folder of the run.
        run: PathBuf,
        #[command(flatten)]
        choice: Choice,
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
    /// Put runs side by side, with tests of whether their returns differ.
    Compare {
        /// Folders of two runs or more.
        #[arg(required = true, num_args = 2..)]
        runs: Vec<PathBuf>,
        /// Write the result as JSON too.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Write the result as a page too.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Join runs of one plan whose trainings were made in several folders, and judge what is whole.
    Merge {
        /// Folders of the runs.
        #[arg(required = true, num_args = 2..)]
        runs: Vec<PathBuf>,
        /// Folder of the joined run, exactly this one.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Show what the agents of a trained run see and do at one bar, by default the last one of the data.
    Act {
        /// Folder of the run.
        run: PathBuf,
        /// The last bar; the default.
        #[arg(long, conflicts_with = "at")]
        last: bool,
        /// The bar known at this instant, for example 2019-07-15T12:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = pavlov_experiment::read_time)]
        at: Option<i64>,
        /// A CSV file in the format of the run's dataset, read in place of the run's data.
        #[arg(long, value_name = "FILE")]
        bars: Option<PathBuf>,
        /// One seed of the run [default: all of them].
        #[arg(long)]
        seed: Option<u64>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Folder with your market files [default: PAVLOV_DATA_DIR].
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print the result, warnings and errors only.
        #[arg(long)]
        quiet: bool,
    },
    /// Change the future of a config's data and report what notices it too early; ends with 1 if something does.
    Audit {
        /// The experiment, for example configs/quickstart.toml.
        config: PathBuf,
        /// Seed of cuts, actions and other futures; short for --set runs.seed=N.
        #[arg(long)]
        seed: Option<u64>,
        /// Change one key of the config; may be repeated.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Folder with your market files [default: PAVLOV_DATA_DIR].
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print the result, warnings and errors only.
        #[arg(long)]
        quiet: bool,
    },
    /// Write the tables of docs/results.md and README.md from the reports in docs/results/cells.
    Results {
        /// Run the experiments of these configs first, all of them if none is named; what is finished stays as it is.
        #[arg(long, value_name = "NAME", num_args = 0..)]
        run: Option<Vec<String>>,
        /// Write nothing; end with 1 if a table is stale.
        #[arg(long, conflicts_with = "run")]
        check: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Market data: import a file, fetch from a provider, list the datasets, verify the cache, check a dataset's quality.
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
}

#[derive(clap::Args)]
pub(crate) struct ExperimentArgs {
    /// The experiment, for example configs/quickstart.toml.
    pub(crate) config: PathBuf,
    /// Folder of the run, exactly this one [default: runs/NAME, numbered if taken].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Seed of the first run; short for --set runs.seed=N.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Number of runs; short for --set runs.num=N.
    #[arg(long)]
    pub(crate) runs: Option<u64>,
    /// Change one key of the config; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Which cells and seeds are worked on here; nothing here changes a result.
#[derive(clap::Args)]
pub(crate) struct Choice {
    /// Work on these cells of a matrix only; may be repeated.
    #[arg(long, value_name = "AXIS=LABEL[,LABEL]")]
    cells: Vec<String>,
    /// Do each N-th training only, the K-th of N parts; `merge` joins them.
    #[arg(long, value_name = "K/N")]
    part: Option<Part>,
}

impl Choice {
    pub(crate) fn selection(self) -> Selection {
        Selection { cells: self.cells, part: self.part }
    }
}

/// Where things are and how fast they run; nothing here changes a result.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// Folder with your market files [default: PAVLOV_DATA_DIR].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Trainings side by side [default: the machine's cores].
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print the result, warnings and errors only.
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// The fastest for these network sizes: the CPU.
    Auto,
    /// The CPU.
    Cpu,
}

#[derive(Subcommand)]
pub(crate) enum DataCommand {
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
    /// Bring a dataset into the cache; its provider is asked only for what the cache lacks.
    Fetch {
        /// Name of a manifest in datasets/.
        dataset: String,
        /// Open no connection: the cache or a file must have it all.
        #[arg(long)]
        offline: bool,
        /// Folder with your market files [default: PAVLOV_DATA_DIR].
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Show every dataset: source, span, whether it is cached.
    List {
        /// Folder with your market files [default: PAVLOV_DATA_DIR].
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Check the hash and the content of every cached file.
    Verify,
    /// Show what is odd in a dataset's source, and what its manifest makes of it; ends with 2 if it is refused.
    Check {
        /// The dataset, for example bitfinex-btcusd-1h or tdqn-test/AAPL.
        dataset: String,
        /// Write the result as JSON too.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Folder with your market files [default: PAVLOV_DATA_DIR].
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

impl ExperimentArgs {
    /// All changes of the config, as `key=value`.
    pub(crate) fn overrides(&self) -> Vec<String> {
        let seed = self.seed.map(|seed| format!("runs.seed={seed}"));
        let runs = self.runs.map(|runs| format!("runs.num={runs}"));
        self.set.iter().cloned().chain(seed).chain(runs).collect()
    }
}
