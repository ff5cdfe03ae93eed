use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use crate::feature::{FeatureConfig, Indicator};
use crate::{
    atr, bollinger, calendar, close_position, ema, high_low, macd, macro_series, moving_average, raw, returns, rsi,
    sharpe, volatility, volume_change,
};

/// Every feature, in the order of the documentation.
pub const FEATURES: &[FeatureEntry] = &[
    entry::<raw::Raw>(),
    entry::<returns::Returns>(),
    entry::<high_low::HighLow>(),
    entry::<close_position::ClosePosition>(),
    entry::<volume_change::VolumeChange>(),
    entry::<ema::Ema>(),
    entry::<moving_average::MovingAverage>(),
    entry::<macd::Macd>(),
    entry::<atr::Atr>(),
    entry::<rsi::Rsi>(),
    entry::<bollinger::Bollinger>(),
    entry::<volatility::Volatility>(),
    entry::<sharpe::Sharpe>(),
    entry::<macro_series::MacroSeries>(),
    entry::<calendar::TimeOfDay>(),
    entry::<calendar::Weekday>(),
];

/// A line of [`FEATURES`].
#[derive(Clone, Copy, Debug)]
pub struct FeatureEntry {
    /// Name in the configuration.
    pub name: &'static str,
    /// What a reader should know of it.
    pub doc: FeatureDoc,
    /// Reads the parameters; errors keep their place in the file.
    pub parse: fn(ValueDeserializer<'_>) -> Result<Box<dyn FeatureConfig>, Error>,
}

/// What `docs/features.md` says of a feature.
#[derive(Clone, Copy, Debug)]
pub struct FeatureDoc {
    /// What it computes, in one line.
    pub summary: &'static str,
    /// How, with what happens at the beginning and where the formula is not defined.
    pub formula: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Bars before the values are meaningful, in terms of the parameters.
    pub warm_up: &'static str,
    /// Key and meaning of each parameter.
    pub parameters: &'static [(&'static str, &'static str)],
    /// Parameters worth showing, as TOML; they are tested like the defaults.
    pub examples: &'static [&'static str],
}

impl FeatureEntry {
    /// Reads the parameters from a text of their own; the empty text gives the defaults.
    ///
    /// # Errors
    /// The parser's, with line and column in its message.
    pub fn parse_text(&self, text: &str) -> Result<Box<dyn FeatureConfig>, Error> {
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
pub fn feature(name: &str) -> Option<&'static FeatureEntry> {
    FEATURES.iter().find(|entry| entry.name == name)
}

const fn entry<I: Indicator>() -> FeatureEntry {
    FeatureEntry { name: I::NAME, doc: I::DOC, parse: parse::<I> }
}

fn parse<I: Indicator>(parameters: ValueDeserializer<'_>) -> Result<Box<dyn FeatureConfig>, Error> {
    Ok(Box::new(I::deserialize(parameters)?))
}
