//! Everything that can go wrong between a source of bars and validated bars.

use std::fmt;
use std::path::{Path, PathBuf};

use pavlov_store::{Hash, StoreError};

use crate::http::HttpFault;
use crate::time::write_time;
use crate::{Adjustment, Kind, Span};

/// What went wrong with which file, line, column and bar.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarketDataError {
    /// A dataset manifest says something that cannot be.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// What is wrong, and the cure where there is one.
        message: String,
    },
    /// No manifest has the asked name or file.
    #[error("no dataset manifest fits {asked}; known are {}; add one or name it with --manifest", known.join(", "))]
    UnknownDataset {
        /// The name or file asked for.
        asked: String,
        /// The names and files of the manifests there are.
        known: Vec<String>,
    },
    /// Several manifests have the asked file.
    #[error("several dataset manifests fit {asked}: {}; name one with --manifest", fits.join(", "))]
    AmbiguousDataset {
        /// The file asked for.
        asked: String,
        /// The names of the datasets.
        fits: Vec<String>,
    },
    /// The columns of bars have different lengths.
    #[error("{symbol}: column {column} has {got} rows, expected {expected} as in times")]
    ColumnLength {
        /// The symbol.
        symbol: String,
        /// The column.
        column: &'static str,
        /// Rows in `times`.
        expected: usize,
        /// Rows in the column.
        got: usize,
    },
    /// A bar size is not positive.
    #[error("{symbol}: a bar of {got} ns cannot be; the interval must be positive")]
    Interval {
        /// The symbol.
        symbol: String,
        /// Nanoseconds.
        got: i64,
    },
    /// A value breaks a rule of bars.
    #[error("{place}, column {column}, bar closing at {}: {fault}", write_time(*time))]
    Bar {
        /// Where the bar stands.
        place: Place,
        /// The column.
        column: &'static str,
        /// Close stamp, UTC ns.
        time: i64,
        /// The broken rule.
        fault: BarFault,
    },
    /// A series breaks a rule.
    #[error("{place}, value known at {}: {fault}", write_time(*time))]
    Value {
        /// Where the value stands.
        place: Place,
        /// When it is known, UTC ns.
        time: i64,
        /// The broken rule.
        fault: BarFault,
    },
    /// The last value before a time is older than it may be.
    #[error(
        "{series}: at {} the last value is from {}, {age} old, and may be carried {max_age} at most; \
         give a series without this hole, or set max_age to {age} or more",
        write_time(*time), write_time(*known)
    )]
    Stale {
        /// The series.
        series: String,
        /// The time, UTC ns.
        time: i64,
        /// When the value became known, UTC ns.
        known: i64,
        /// How old it is, like a bar size.
        age: String,
        /// How old it may be.
        max_age: String,
    },
    /// No value of a series is known, and fresh enough, at any time of a clock.
    #[error("{series} has no value that could be used: {}; give a series of the same years", describe(*first, *last, *clock))]
    NoneKnown {
        /// The series.
        series: String,
        /// When its first value is known, UTC ns.
        first: Option<i64>,
        /// When its last value is known.
        last: Option<i64>,
        /// First and last time of the clock.
        clock: Option<(i64, i64)>,
    },
    /// Symbols that stand side by side have bars of several sizes.
    #[error(
        "{} has bars of {} ns and {} of {} ns; symbols side by side need bars of one size",
        symbols[0], ns[0], symbols[1], ns[1]
    )]
    MixedIntervals {
        /// Two of the symbols.
        symbols: [String; 2],
        /// The sizes of their bars, ns.
        ns: [i64; 2],
    },
    /// A dataset does not go on where another one ends.
    #[error("dataset {next} does not continue {before}: {why}")]
    NotContinued {
        /// The earlier dataset.
        before: String,
        /// The later one.
        next: String,
        /// What does not fit.
        why: String,
    },
    /// The close is adjusted for dividends and the other prices are not.
    #[error(
        "dataset {dataset}: in {origin} the close lies below the low in {rows} of {of} bars, first in that closing at \
         {}, and never above the high: it looks adjusted for dividends, and the other prices not; read another close, \
         or allow the mix by name: adjustment = \"mixed\"",
        write_time(*first)
    )]
    MixedAdjustment {
        /// The dataset.
        dataset: String,
        /// The source.
        origin: String,
        /// Bars whose close lies below the low.
        rows: usize,
        /// All bars.
        of: usize,
        /// Close stamp of the first of them, UTC ns.
        first: i64,
    },
    /// A bar lies across the border of the coarser bar that it should become a part of.
    #[error(
        "{symbol}: the bar that opens {} and closes {} lies across {}, where a coarser bar begins or ends; \
         set resample.zone or resample.session so that the source's bars fit into it",
        write_time(*open),
        write_time(*close),
        write_time(*border)
    )]
    Straddles {
        /// The symbol.
        symbol: String,
        /// Its opening, UTC ns.
        open: i64,
        /// Its close, UTC ns.
        close: i64,
        /// The border, UTC ns.
        border: i64,
    },
    /// No coarser bar was finished.
    #[error("{dataset}: the {rows} rows of {origin} make no whole coarser bar; see resample.to and resample.session")]
    NothingWhole {
        /// The dataset.
        dataset: String,
        /// File or provider.
        origin: String,
        /// Rows read.
        rows: usize,
    },
    /// A series is asked for bars, or the other way round.
    #[error("dataset {dataset} holds {kind}, see its manifest's kind; name another dataset")]
    WrongKind {
        /// The dataset.
        dataset: String,
        /// What it holds.
        kind: Kind,
    },
    /// A line of a CSV file cannot be understood.
    #[error("{}, line {line}: {problem}", path.display())]
    CsvLine {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// What is wrong, and the cure.
        problem: String,
    },
    /// A column named in the manifest is not in the file exactly once.
    #[error(
        "{}, line {line}: column {column:?} is there {times} times in the header {found:?}, expected once; \
         check file.columns, file.delimiter and file.skip_lines of the manifest", path.display()
    )]
    CsvColumn {
        /// The file.
        path: PathBuf,
        /// Line of the header.
        line: u64,
        /// The column looked for.
        column: String,
        /// How often it is there.
        times: usize,
        /// The header.
        found: Vec<String>,
    },
    /// A field is no number or no time.
    #[error("{}, line {line}, column {column:?}: {got:?} is not {expected}", path.display())]
    CsvField {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// The column as the file names it.
        column: String,
        /// The field.
        got: String,
        /// What was expected.
        expected: String,
    },
    /// A row stands against the order that the manifest states.
    #[error(
        "{}, line {line}: the row of {} stands behind that of {}, against file.order; \
         set file.order, or file.misplaced = \"sort\" or \"drop\"",
        path.display(), write_time(*time), write_time(*previous)
    )]
    CsvOrder {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// Its stamp, UTC ns.
        time: i64,
        /// The stamp it should not stand behind.
        previous: i64,
    },
    /// Two rows have one stamp.
    #[error(
        "{}, line {line}: the stamp {} is already on line {first_line} with {} values; \
         set file.repeats = \"keep_first_if_equal\" or \"keep_first\"",
        path.display(), write_time(*time), if *equal { "equal" } else { "other" }
    )]
    CsvRepeat {
        /// The file.
        path: PathBuf,
        /// Line of the later row, counted from 1.
        line: u64,
        /// Line of the earlier row.
        first_line: u64,
        /// The stamp, UTC ns.
        time: i64,
        /// Whether both rows have the same values.
        equal: bool,
    },
    /// A source gave no bars.
    #[error(
        "{origin} holds no bars or values of {dataset} ({rows} rows outside its span); check the source and the manifest's span"
    )]
    Empty {
        /// The dataset.
        dataset: String,
        /// The source.
        origin: String,
        /// Rows that it had outside the span.
        rows: usize,
    },
    /// No source of a dataset can be reached.
    #[error("dataset {dataset} is not available: {}; {cure}", tried.join("; "))]
    Unavailable {
        /// The dataset.
        dataset: String,
        /// What was tried and why it failed.
        tried: Vec<String>,
        /// What helps.
        cure: String,
    },
    /// A provider is on the other side of a network that may not be used.
    #[error("provider {provider} is not asked; fetch the dataset with `cargo xtask data fetch <dataset>`")]
    Offline {
        /// The provider.
        provider: &'static str,
    },
    /// A key is missing.
    #[error("provider {provider} needs a key: set the environment variable {variable}")]
    NoKey {
        /// The provider.
        provider: &'static str,
        /// The variable that is not set.
        variable: &'static str,
    },
    /// A service did not give an answer.
    #[error("{asked}: {fault}")]
    NoAnswer {
        /// What was asked of whom.
        asked: Box<Asked>,
        /// What happened.
        fault: HttpFault,
    },
    /// A service's answer is not what it documents.
    #[error("{asked}: the answer, {place}: {problem}")]
    WrongAnswer {
        /// What was asked of whom.
        asked: Box<Asked>,
        /// Where in the answer.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// The bars are not those that the manifest promises.
    #[error(
        "dataset {dataset}: {origin} has content hash {got}, the manifest expects {expected}; \
         fetch the right file, or update expected_hash if the new content is meant"
    )]
    WrongContent {
        /// The dataset.
        dataset: String,
        /// The source.
        origin: String,
        /// The hash in the manifest.
        expected: Hash,
        /// The hash of the bars.
        got: Hash,
    },
    /// A file of the cache is not what was written.
    #[error("cache file {}: {problem}; delete its folder and load or import the dataset again", path.display())]
    CacheDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The cache holds bars that another version of the manifest made.
    #[error("cache file {}: {problem}; load or import the dataset again", path.display())]
    CacheStale {
        /// The cache manifest.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
    /// The cache holds only a part of the span.
    #[error(
        "cache file {}: it covers {covered}, not all of {span}; \
         fetch the rest with `cargo xtask data fetch {dataset}`", path.display()
    )]
    CachePart {
        /// The cache manifest.
        path: PathBuf,
        /// The dataset.
        dataset: String,
        /// What is there.
        covered: Span,
        /// What the manifest asks for.
        span: Span,
    },
    /// Prices of several datasets that are adjusted in different ways.
    #[error(
        "{} has adjustment = \"{}\" and {} has \"{}\": returns of both cannot be told side by side; \
         take datasets of one adjustment", datasets[0], adjustments[0], datasets[1], adjustments[1]
    )]
    MixedAdjustments {
        /// The first dataset, and one that differs.
        datasets: [String; 2],
        /// How they are adjusted.
        adjustments: [Adjustment; 2],
    },
    /// Another process is writing the same dataset.
    #[error("cache folder {} is being written by another process: wait until it ends", dir.display())]
    CacheBusy {
        /// The dataset's folder.
        dir: PathBuf,
    },
    /// Bars cannot be encoded.
    #[error("cannot encode the bars of {dataset}")]
    Encode {
        /// The dataset.
        dataset: String,
        /// The encoder's answer.
        source: parquet::errors::ParquetError,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MarketDataError {
    /// Whether data is missing, as against wrong: no source could be reached, or a file could not be read.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            MarketDataError::Unavailable { .. }
                | MarketDataError::Offline { .. }
                | MarketDataError::NoKey { .. }
                | MarketDataError::NoAnswer { .. }
                | MarketDataError::WrongAnswer { .. }
                | MarketDataError::Store(_)
        )
    }

    /// Whether the dataset manifest is at fault.
    pub fn is_bad_manifest(&self) -> bool {
        matches!(
            self,
            MarketDataError::Manifest { .. }
                | MarketDataError::UnknownDataset { .. }
                | MarketDataError::AmbiguousDataset { .. }
        )
    }

    pub(crate) fn damaged(path: &Path, problem: impl fmt::Display) -> Self {
        MarketDataError::CacheDamaged { path: path.to_owned(), problem: problem.to_string() }
    }
}

/// A request to a provider's service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The provider.
    pub provider: &'static str,
    /// The symbol.
    pub symbol: String,
    /// The span that bars must open in.
    pub span: Span,
    /// The address; keys are never a part of it.
    pub url: String,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "provider {}, {}, {}: {}", self.provider, self.symbol, self.span, self.url)
    }
}

fn describe(first: Option<i64>, last: Option<i64>, clock: Option<(i64, i64)>) -> String {
    let span = |from, to| format!("from {} to {}", write_time(from), write_time(to));
    let series = first.zip(last).map_or_else(|| "it is empty".into(), |(a, b)| format!("it is known {}", span(a, b)));
    let clock = clock.map_or_else(|| "is empty".into(), |(a, b)| format!("runs {}", span(a, b)));
    format!("{series}, and the clock {clock}")
}

/// Where a bar stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A row, counted from 0, of a symbol's or a file's bars.
    Row {
        /// Symbol or file.
        of: String,
        /// The row.
        row: usize,
    },
    /// A line of a text file.
    Line {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Row { of, row } => write!(f, "{of}, row {row}"),
            Place::Line { path, line } => write!(f, "{}, line {line}", path.display()),
        }
    }
}

/// The rule of bars that a value breaks.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BarFault {
    /// NaN or infinite.
    #[error("{got} is not a finite number; correct the source")]
    NotFinite {
        /// The value.
        got: f64,
    },
    /// The stamp is not behind the previous one.
    #[error("the stamp does not rise, the previous bar closes at {}; correct the source", write_time(*previous))]
    NotRising {
        /// The previous close stamp, UTC ns.
        previous: i64,
    },
    /// A price is zero or negative.
    #[error("{got} is not a positive price; correct the source or set bars.non_positive = \"keep\"")]
    NotPositive {
        /// The value.
        got: f64,
    },
    /// A high or low does not enclose another price.
    #[error("{got} is {side} the {other} {bound}; correct the source or set bars.inconsistent = \"keep\"")]
    Beyond {
        /// The value.
        got: f64,
        /// `below` for a high, `above` for a low.
        side: &'static str,
        /// The column it should enclose.
        other: &'static str,
        /// That column's value.
        bound: f64,
    },
    /// A volume is negative.
    #[error("a volume of {got} cannot be; correct the source or set bars.inconsistent = \"keep\"")]
    NegativeVolume {
        /// The value.
        got: f64,
    },
}
