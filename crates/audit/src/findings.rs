use std::collections::BTreeMap;

/// What is compared, in the order of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Columns of the frame that observations are windows of.
    Columns,
    /// What a scaler was fitted to.
    Scaler,
    /// Where the window of an observation ends.
    Window,
    /// Account numbers of an observation.
    Account,
    /// Cash, holdings and fees.
    Books,
    /// Rewards.
    Rewards,
    /// Whether the episode goes on.
    Statuses,
    /// Trades and the order of them.
    Fills,
    /// Whether the bar of a fill traded at its price.
    FillPrices,
    /// Values of columns by where the history begins.
    WarmUp,
}

impl Check {
    /// What it compares, for a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Columns => "columns of the observation",
            Self::Scaler => "scaler of the training rows",
            Self::Window => "last row of the observation",
            Self::Account => "account numbers",
            Self::Books => "books",
            Self::Rewards => "rewards",
            Self::Statuses => "ends of episodes",
            Self::Fills => "fills",
            Self::FillPrices => "fills within their bars",
            Self::WarmUp => "warm-up of the columns",
        }
    }
}

/// How often something was compared and how often it was not as it must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Numbers or rows compared.
    pub comparisons: u64,
    /// Those that differ.
    pub differences: u64,
}

/// A number that differs though it was known before the change.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What was compared.
    pub check: Check,
    /// Its name, such as `` column `returns` ``.
    pub what: String,
    /// Row at whose close it is known.
    pub row: u32,
    /// What it is with the future as it was, or what it may be.
    pub before: String,
    /// What it is with the other future, or what it is.
    pub after: String,
}

/// How a leak shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A number changes when this is done to the data.
    By(String),
    /// A number contradicts this.
    Against(String),
}

/// Something that shows what comes later: the first place at which it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    /// The game, or the stage before it.
    pub place: String,
    /// What differs and where.
    pub first: Difference,
    /// How it shows.
    pub shown: Shown,
    /// How many rows behind its own it looks; `None` if that cannot be said.
    pub ahead: Option<usize>,
    /// How often it was found.
    pub times: u64,
}

/// All that an audit found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// How much was compared.
    pub counts: BTreeMap<Check, Count>,
    /// What leaks, in the order in which it was found, each thing once.
    pub leaks: Vec<Leak>,
}

impl Findings {
    /// Counts comparisons that found nothing so far.
    pub fn compared(&mut self, check: Check, comparisons: usize) {
        self.counts.entry(check).or_default().comparisons += comparisons as u64;
    }

    /// Takes a difference; `ahead` is asked for what was not found before.
    ///
    /// # Errors
    /// Those of `ahead`.
    pub fn found<E>(
        &mut self,
        place: &str,
        difference: Difference,
        shown: Shown,
        ahead: impl FnOnce(&Difference) -> Result<Option<usize>, E>,
    ) -> Result<(), E> {
        self.counts.entry(difference.check).or_default().differences += 1;
        let same = |leak: &&mut Leak| leak.place == place && leak.first.what == difference.what;
        if let Some(leak) = self.leaks.iter_mut().find(same) {
            leak.times += 1;
            return Ok(());
        }
        let ahead = ahead(&difference)?;
        self.leaks.push(Leak { place: place.to_owned(), first: difference, shown, ahead, times: 1 });
        Ok(())
    }

    /// Whether nothing leaks.
    pub fn is_clean(&self) -> bool {
        self.leaks.is_empty()
    }
}

impl Leak {
    /// The leak in a sentence; `when` is the close of its row, if it is known.
    pub fn sentence(&self, when: Option<&str>) -> String {
        let Difference { what, row, before, after, .. } = &self.first;
        let when = when.map_or_else(String::new, |when| format!(" ({when})"));
        let shown = match &self.shown {
            Shown::By(change) => format!("{before} becomes {after} when {change}"),
            Shown::Against(rule) => format!("{after}, possible is {before}: {rule}"),
        };
        let ahead = match self.ahead {
            Some(1) => "; it looks 1 row ahead".to_owned(),
            Some(rows) => format!("; it looks {rows} rows ahead"),
            None => String::new(),
        };
        format!("{what} ({}), row {row}{when}: {shown}{ahead}", self.place)
    }
}
