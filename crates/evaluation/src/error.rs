//! What can be wrong with the input of an evaluation.

use thiserror::Error;

/// A curve or a set of runs that cannot be judged.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The columns of a curve differ in length.
    #[error(
        "an equity curve needs columns of one length, got {times} times, {net_worth} net worths and {holdings_value} holdings values"
    )]
    Lengths {
        /// Number of time stamps.
        times: usize,
        /// Number of net worths.
        net_worth: usize,
        /// Number of holdings values.
        holdings_value: usize,
    },
    /// The columns of a benchmark differ in length.
    #[error("a benchmark needs one value for each of its {times} times, got {values}")]
    BenchmarkLengths {
        /// Number of time stamps.
        times: usize,
        /// Number of values.
        values: usize,
    },
    /// A benchmark has no returns.
    #[error("a benchmark must stay above 0, got {value} at point {index}; returns are relative to it")]
    BenchmarkValue {
        /// Index of the point.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A curve has no period.
    #[error("an equity curve needs at least 2 points, got {got}; make the span longer")]
    TooShort {
        /// Number of points.
        got: usize,
    },
    /// Time does not rise.
    #[error("times must rise, got {time} ns after {previous} ns at point {index}; sort the bars and drop duplicates")]
    NotRising {
        /// Index of the later point.
        index: usize,
        /// Stamp before it, UTC ns.
        previous: i64,
        /// Its own stamp, UTC ns.
        time: i64,
    },
    /// A value is NaN or infinite.
    #[error("{column} must be finite, got {value} at point {index}")]
    NotFinite {
        /// Name of the column.
        column: &'static str,
        /// Index of the point.
        index: usize,
        /// The value.
        value: f64,
    },
    /// The account starts with nothing.
    #[error("the first net worth must be above 0, got {value}; returns are relative to it")]
    NoCapital {
        /// First net worth.
        value: f64,
    },
    /// The probability of overfitting cannot be computed.
    #[error("probability of overfitting: {reason}")]
    Overfitting {
        /// What is wrong and what is needed.
        reason: String,
    },
    /// The net worth over time cannot be compared.
    #[error("paths of net worth: {reason}")]
    Paths {
        /// What is wrong and what is needed.
        reason: String,
    },
    /// There is no run to judge.
    #[error("a verdict needs at least one run")]
    NoRuns,
    /// A baseline that depends on the seed lacks some seeds.
    #[error("baseline `{baseline}` must have one return for each of the {expected} seeds, got {got}")]
    Seeds {
        /// Name of the baseline.
        baseline: String,
        /// Number of the agent's runs.
        expected: usize,
        /// Number of the baseline's runs.
        got: usize,
    },
    /// The benchmark is not among the baselines.
    #[error("benchmark `{benchmark}` is not among the baselines; known are {known}")]
    UnknownBenchmark {
        /// Name asked for.
        benchmark: String,
        /// Names there are.
        known: String,
    },
    /// A return is NaN or infinite.
    #[error("the return of {who} must be finite, got {value}")]
    Return {
        /// The agent or the name of a baseline.
        who: String,
        /// The value.
        value: f64,
    },
}
