use std::path::PathBuf;

use pavlov_agents::AgentError;
use pavlov_envs::EnvError;
use pavlov_evaluation::splits::SplitError;
use pavlov_features::FeatureError;
use pavlov_market_data::{MarketDataError, Span};
use pavlov_store::StoreError;

use crate::act::ActError;
use crate::source::Problem;

/// Why an experiment did not reach its report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The config is wrong; all problems at once.
    #[error("{}", list(problems))]
    Config {
        /// Every problem, in the order of the file.
        problems: Vec<Problem>,
    },
    /// A file that the user named cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The dataset is unavailable or wrong.
    #[error(transparent)]
    Data(#[from] MarketDataError),
    /// A span of the config holds too few bars.
    #[error(
        "data.{key} {span} holds {bars} usable bars of `{dataset}`, whose bars open in {available}; {needed} are needed"
    )]
    Span {
        /// `train` or `test`.
        key: &'static str,
        /// The span of the config.
        span: Span,
        /// Name of the dataset.
        dataset: String,
        /// Bars in the span, warm-up left out.
        bars: usize,
        /// Bars needed.
        needed: usize,
        /// What the dataset has.
        available: Span,
    },
    /// A feature cannot be computed.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The environment cannot be built on the data.
    #[error("{key}: {source}")]
    Environment {
        /// Keys of the config that it was built from.
        key: &'static str,
        /// The cause.
        source: EnvError,
    },
    /// A series does not fit the bars, or its symbols each other.
    #[error("data.series.{name}: {source}")]
    Series {
        /// Name of the series.
        name: String,
        /// The cause.
        source: Box<MarketDataError>,
    },
    /// Parts of the config do not fit each other.
    #[error("{message}")]
    Unfit {
        /// What does not fit, and the cure.
        message: String,
    },
    /// What is learned from is not apart from what is judged on.
    #[error("data.train_also: {source}")]
    Split {
        /// The cause.
        source: SplitError,
    },
    /// There is no manifest of this name.
    #[error("{key}: there is no manifest {path}{hint}", path = path.display())]
    UnknownDataset {
        /// Key of the config that names it.
        key: String,
        /// Where it was looked for.
        path: PathBuf,
        /// The nearest name, or all that there are.
        hint: String,
    },
    /// The agent failed.
    #[error("seed {seed}: {source}")]
    Agent {
        /// Seed of the run.
        seed: u64,
        /// The cause.
        source: AgentError,
    },
    /// A loss or gradient was not finite.
    #[error("seed {seed}: {source}; the weights and the batch are in {}", batch.display())]
    Diverged {
        /// Seed of the run.
        seed: u64,
        /// The cause.
        source: AgentError,
        /// What went into it.
        batch: PathBuf,
    },
    /// A file could not be written, or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A verified checkpoint does not belong to this run.
    #[error(
        "the checkpoint of seed {seed} does not belong to this run: {reason}; restore plan and data, or start a new run"
    )]
    Checkpoint {
        /// Seed of the run.
        seed: u64,
        /// What differs.
        reason: String,
    },
    /// The metrics log of a seed is not what its checkpoint says.
    #[error("{path} does not match the checkpoint of seed {seed}: it is cut or changed; restore it, or start the run anew", path = path.display())]
    Log {
        /// Seed of the run.
        seed: u64,
        /// The log.
        path: PathBuf,
    },
    /// Some seeds failed; the others are saved.
    #[error("{}\nwhat the other seeds did is saved; go on with `cargo xtask resume {run}`", lines(errors), run = run.display())]
    Seeds {
        /// What went wrong, in the order of the seeds.
        errors: Vec<ExperimentError>,
        /// The run folder.
        run: PathBuf,
    },
    /// A run has not been trained to its end.
    #[error("seed {seed} of {run} is not trained to its end; go on with `cargo xtask resume {run}`", run = run.display())]
    Unfinished {
        /// Seed of the run.
        seed: u64,
        /// The run folder.
        run: PathBuf,
    },
    /// A cell of a matrix cannot be worked on.
    #[error("cell {cell}: {source}")]
    Cell {
        /// Labels of the cell.
        cell: String,
        /// The cause.
        source: Box<ExperimentError>,
    },
    /// Some cells failed; the others are done.
    #[error("{}\nthe other cells are done; go on with `cargo xtask resume {run}`", lines(errors), run = run.display())]
    Cells {
        /// What went wrong, in the order of the cells.
        errors: Vec<ExperimentError>,
        /// The run folder.
        run: PathBuf,
    },
    /// A config or a run of several cells was asked for one report.
    #[error("{place} has several cells, or was worked on in part: it has no report of one run", place = place.display())]
    SeveralCells {
        /// The config or the run folder.
        place: PathBuf,
    },
    /// A choice of cells that there are not.
    #[error("--cells {typed}: {reason}")]
    Selection {
        /// As it was typed.
        typed: String,
        /// What is wrong.
        reason: String,
    },
    /// The data cannot be cut into the folds that were asked for.
    #[error("eval.split: {source}")]
    Folds {
        /// The cause, with the numbers.
        source: SplitError,
    },
    /// A table of a run cannot be read.
    #[error("{path} cannot be read: {reason}; write it anew with `cargo xtask report`", path = path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Runs that cannot be joined.
    #[error("{run} cannot be joined: {reason}", run = run.display())]
    Merge {
        /// The run that does not fit.
        run: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The user stopped the run; everything up to the last update is saved.
    #[error("stopped; everything is saved, go on with `cargo xtask resume {run}`", run = run.display())]
    Interrupted {
        /// The run folder.
        run: PathBuf,
    },
    /// The equity of an episode cannot be judged.
    #[error("{what} cannot be judged: {reason}")]
    Judge {
        /// Which curve.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Writing a table failed.
    #[error("cannot encode {what}: {reason}")]
    Encode {
        /// Which table.
        what: &'static str,
        /// The library's reason.
        reason: String,
    },
    /// The audit could not play with other data.
    #[error("the audit cannot play with another future: {reason}")]
    Audit {
        /// Why a market or an environment cannot be built of changed bars.
        reason: String,
    },
    /// A run cannot be put beside others.
    #[error("{}: {reason}", path.display())]
    Compare {
        /// Its folder, or the file in it.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A document of results, or a report that its tables are made of, is missing or wrong.
    #[error("{}: {reason}", path.display())]
    Page {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the command that cures it.
        reason: String,
    },
    /// Tables of the documents differ from the reports that they are made of.
    #[error("stale tables: {}; write them anew with `cargo xtask results`", blocks.join(", "))]
    StaleTables {
        /// The blocks, each with its file.
        blocks: Vec<String>,
    },
    /// The ledger of trials cannot be used.
    #[error("the ledger of trials {}: {reason}", path.display())]
    Trials {
        /// The ledger or its lock.
        path: PathBuf,
        /// The line, what is wrong with it and what to do.
        reason: String,
    },
    /// There is no such state to act in.
    #[error(transparent)]
    Act(#[from] ActError),
    /// A thread pool could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// Number of threads asked for.
        threads: usize,
        /// The system's reason.
        reason: String,
    },
}

impl ExperimentError {
    /// Exit code of the command line: 1 the run failed, 2 bad config, 3 data unavailable.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config { .. } | Self::Read { .. } | Self::Span { .. } | Self::Act(_) => 2,
            Self::Environment { .. } | Self::UnknownDataset { .. } | Self::Series { .. } | Self::Compare { .. } => 2,
            Self::Split { .. } | Self::Unfit { .. } | Self::Folds { .. } => 2,
            Self::Selection { .. } | Self::SeveralCells { .. } => 2,
            Self::Cell { source, .. } => source.exit_code(),
            Self::Seeds { errors, .. } | Self::Cells { errors, .. } => errors.first().map_or(1, Self::exit_code),
            Self::Data(error) if error.is_unavailable() => 3,
            Self::Data(_) => 2,
            Self::Agent { source: AgentError::Mismatch { .. }, .. } => 2,
            _ => 1,
        }
    }

    /// Whether nothing is wrong: the run was only not brought to its end.
    pub(crate) fn is_unfinished(&self) -> bool {
        match self {
            Self::Cell { source, .. } => source.is_unfinished(),
            _ => matches!(self, Self::Interrupted { .. } | Self::Unfinished { .. }),
        }
    }

    pub(crate) fn series(name: &str, source: MarketDataError) -> Self {
        Self::Series { name: name.to_owned(), source: Box::new(source) }
    }

    pub(crate) fn checkpoint(seed: u64, error: impl ToString) -> Self {
        Self::Checkpoint { seed, reason: error.to_string() }
    }
}

fn list(problems: &[Problem]) -> String {
    let count = problems.len();
    let lines: Vec<String> = problems.iter().map(|p| format!("  {p}")).collect();
    format!("{count} {} in the config\n{}", if count == 1 { "problem" } else { "problems" }, lines.join("\n"))
}

fn lines(errors: &[ExperimentError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
