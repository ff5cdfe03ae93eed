use std::ops::Range;
use std::sync::Arc;

use pavlov_rl_core::{Action, Batch, BatchEnv, EnvSpec, Environment, Fill, Ledger, Market, RngTree, Segment};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use crate::{
    Account, Commission, EnvError, EpisodeMode, FillRule, Quote, bitcoin::BitcoinConfig,
    leverage_inverse::LeverageInverseConfig, long_short::LongShortConfig, stock_order::StockOrderConfig,
};

/// Every environment, in the order of the documentation.
pub const ENVIRONMENTS: &[EnvironmentEntry] = &[
    EnvironmentEntry {
        name: "bitcoin",
        summary: "hourly Bitcoin: hold, buy with half of the cash or sell half of the coins",
        parse: parse::<BitcoinConfig>,
    },
    EnvironmentEntry {
        name: "long_short",
        summary: "one asset, all in: short or long in whole shares, every short kept repayable",
        parse: parse::<LongShortConfig>,
    },
    EnvironmentEntry {
        name: "leverage_inverse",
        summary: "a leveraged and an inverse fund: the share of the money in the first, the rest in the second",
        parse: parse::<LeverageInverseConfig>,
    },
    EnvironmentEntry {
        name: "stock_order",
        summary: "orders on one stock: buy, sell or hold, by choice or by type and amount",
        parse: parse::<StockOrderConfig>,
    },
];

/// A line of [`ENVIRONMENTS`].
#[derive(Clone, Copy, Debug)]
pub struct EnvironmentEntry {
    /// Name in the configuration.
    pub name: &'static str,
    /// What is traded and how, in one line.
    pub summary: &'static str,
    /// Reads the `[environment]` table without its `name`; errors keep their place in the file.
    pub parse: fn(ValueDeserializer<'_>) -> Result<Box<dyn EnvironmentConfig>, Error>,
}

impl EnvironmentEntry {
    /// Reads the configuration from a text of its own; the empty text gives the defaults.
    ///
    /// # Errors
    /// The parser's, with line and column in its message.
    pub fn parse_text(&self, text: &str) -> Result<Box<dyn EnvironmentConfig>, Error> {
        let table = DeTable::parse(text)?;
        let span = table.span();
        let value = Spanned::new(span, DeValue::Table(table.into_inner()));
        (self.parse)(value.into()).map_err(|mut error| {
            error.set_input(Some(text));
            error
        })
    }
}

/// The entry of this name.
pub fn environment(name: &str) -> Option<&'static EnvironmentEntry> {
    ENVIRONMENTS.iter().find(|entry| entry.name == name)
}

/// The rules of an environment as a user chose them.
pub trait EnvironmentConfig: std::fmt::Debug + Send + Sync {
    /// Name in [`ENVIRONMENTS`].
    fn name(&self) -> &'static str;
    /// All problems of the values, each naming its key and what was got; empty if there are none.
    fn validate(&self) -> Vec<String>;
    /// All keys with the values that count, without `name`; reading it back gives the same rules.
    fn to_toml(&self) -> toml::Table;
    /// Named assumptions and flaws, for the report.
    fn notes(&self) -> Vec<String>;
    /// What is wrong with published numbers that are reproduced on purpose; `None` for the default variant.
    fn flaw(&self) -> Option<&'static str>;
    /// What a trade costs.
    fn commission(&self) -> Commission;
    /// The same rules with another commission.
    fn with_commission(&self, commission: Commission) -> Box<dyn EnvironmentConfig>;
    /// When and at which price orders are filled.
    fn fill(&self) -> FillRule;
    /// Rows of the frame that an observation shows.
    fn window(&self) -> usize;
    /// Assets that the price table must hold.
    fn assets(&self) -> usize;
    /// Names of money and asset, for example `USD` and `BTC`.
    fn units(&self) -> (&'static str, &'static str);
    /// The actions that mean all and least of the first asset, for rules that take sides; `None` if there are no such two, or
    /// if what is seen reaches beyond the decision.
    fn sides(&self) -> Option<Sides>;
    /// What an investor who decides once makes of a segment: buy & hold first.
    ///
    /// # Errors
    /// [`EnvError`] if the prices make no game.
    fn passive(&self, market: &Market, segment: Segment) -> Result<Vec<Passive>, EnvError>;
    /// Makes the game ready to be copied: an episode lies in one of the segments, drawn by the starts that each has.
    ///
    /// # Errors
    /// [`EnvError`] if the values, a segment or the prices make no game.
    fn build(
        &self,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Box<dyn BatchFactory>, EnvError>;
}

/// The two actions that take a side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sides {
    /// Buys, or is long.
    pub long: Action<'static>,
    /// Sells, or is short.
    pub short: Action<'static>,
}

impl Sides {
    /// Two choices.
    pub(crate) const fn choices(long: u32, short: u32) -> Self {
        Self { long: Action::Discrete(long), short: Action::Discrete(short) }
    }

    /// Two rows of numbers.
    pub(crate) const fn rows(long: &'static [f32], short: &'static [f32]) -> Self {
        Self { long: Action::Continuous(long), short: Action::Continuous(short) }
    }
}

/// The books of an investor who decides once, at the first row of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Passive {
    /// Name in reports.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Books at the close of each row `first..end`.
    pub ledgers: Vec<Ledger>,
    /// Its trades.
    pub fills: Vec<Fill>,
}

impl Passive {
    /// The investors of one asset: one whose account is `after` from the second row on, and one who keeps the initial
    /// account. `summaries` says what they do.
    pub(crate) fn pair(
        quotes: &[Quote],
        [initial, after]: [Account; 2],
        fills: Vec<Fill>,
        [held, kept]: [&'static str; 2],
    ) -> Vec<Self> {
        let books = |after: Account| {
            let account = |row: usize| if row == 0 { initial } else { after };
            quotes.iter().enumerate().map(|(row, quote)| account(row).ledger(quote.close)).collect()
        };
        vec![
            Self { name: "buy & hold", summary: held, ledgers: books(after), fills },
            Self { name: "initial account", summary: kept, ledgers: books(initial), fills: Vec::new() },
        ]
    }
}

/// A game that copies are made of.
pub trait BatchFactory: Send + Sync {
    /// The copies numbered `copies`, each with its own random stream, freshly reset.
    fn batch(&self, copies: Range<u64>, rng: &RngTree) -> Box<dyn BatchEnv>;
    /// What each copy shows and accepts.
    fn spec(&self) -> &EnvSpec;
}

impl<E: Environment + 'static> BatchFactory for Arc<E> {
    fn batch(&self, copies: Range<u64>, rng: &RngTree) -> Box<dyn BatchEnv> {
        Box::new(Batch::new(self.clone(), copies, rng))
    }

    fn spec(&self) -> &EnvSpec {
        Environment::spec(&**self)
    }
}

fn parse<C: EnvironmentConfig + DeserializeOwned + 'static>(
    table: ValueDeserializer<'_>,
) -> Result<Box<dyn EnvironmentConfig>, Error> {
    Ok(Box::new(C::deserialize(table)?))
}
