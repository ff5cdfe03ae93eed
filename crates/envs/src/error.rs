use pavlov_rl_core::Segment;

/// Why a market cannot be played.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// The configuration has values that make no game.
    #[error("environment `{environment}` is misconfigured: {}", .problems.join("; "))]
    Config {
        /// Name of the environment.
        environment: &'static str,
        /// All problems.
        problems: Vec<String>,
    },
    /// The segment is empty, out of order or outside the market.
    #[error("segment {segment:?} does not fit the {rows} rows of the market")]
    Segment {
        /// The segment.
        segment: Segment,
        /// Rows of the market.
        rows: usize,
    },
    /// The segment holds no whole episode.
    #[error(
        "the segment has {rows} rows to act in where episodes of {steps} steps need {expected}; \
         lengthen its span or shorten the episodes"
    )]
    TooShort {
        /// Rows at which a decision may be taken.
        rows: u32,
        /// Rows that one episode needs.
        expected: u32,
        /// Steps of an episode.
        steps: u32,
    },
    /// The first decision has fewer rows behind it than an observation shows.
    #[error("an observation shows {window} rows where the first decision of segment {segment:?} has fewer behind it")]
    Window {
        /// Rows of an observation.
        window: usize,
        /// The segment.
        segment: Segment,
    },
    /// The price table has another number of assets.
    #[error(
        "environment `{environment}` trades {expected} assets, the price table has {got}; list what is traded in data.assets"
    )]
    Assets {
        /// Name of the environment.
        environment: &'static str,
        /// Assets that it trades.
        expected: usize,
        /// Assets of the table.
        got: usize,
    },
    /// Orders are to fill at the VWAP of a bar, which the price table does not have.
    #[error(
        "fill = vwap needs the VWAP of every bar, which the data do not have; choose another fill rule, for example next_open"
    )]
    NoVwap,
    /// A price that orders fill at or holdings are valued at is not a positive number.
    #[error("the {what} at row {row} is {value}, not a positive number; clean the bars first")]
    Price {
        /// `fill price` or `close`.
        what: &'static str,
        /// Row of the decision or of the close.
        row: u32,
        /// The price.
        value: f64,
    },
}

impl EnvError {
    /// Refuses a configuration with problems.
    ///
    /// # Errors
    /// [`EnvError::Config`] if there are any.
    pub fn of_config(environment: &'static str, problems: Vec<String>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::Config { environment, problems }) }
    }
}
