use std::collections::BTreeMap;

use pavlov_market_data::{Bar, Bars};

use crate::{BLOCK, BarBlock, FeatureConfig, FeatureError};

/// What features follow: bars, and series on the clock of these bars.
///
/// A feature follows the bars, or one series ([`FeatureConfig::series`]): then it sees a bar whose prices are all the
/// value of the series ([`series_bar`]), so that one kind of stream serves both.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    bars: &'a Bars,
    series: &'a BTreeMap<String, Vec<f64>>,
}

static NO_SERIES: BTreeMap<String, Vec<f64>> = BTreeMap::new();
static NOTHING: [f64; BLOCK] = [0.0; BLOCK];

impl<'a> From<&'a Bars> for Inputs<'a> {
    fn from(bars: &'a Bars) -> Self {
        Self { bars, series: &NO_SERIES }
    }
}

/// The bar that a feature on a series sees: `value` is known at `time` (UTC ns), and there is no volume.
pub fn series_bar(time: i64, value: f64) -> Bar {
    Bar { time, open: value, high: value, low: value, close: value, volume: 0.0 }
}

impl<'a> Inputs<'a> {
    /// Bars, and by name the value of each series at each bar: the last one known at its close
    /// ([`pavlov_market_data::as_of`]).
    ///
    /// # Panics
    /// If a series has not one value a bar.
    pub fn new(bars: &'a Bars, series: &'a BTreeMap<String, Vec<f64>>) -> Self {
        let odd = series.iter().find(|(_, values)| values.len() != bars.len());
        assert!(odd.is_none(), "series {:?} does not have a value for each of {} bars", odd.map(|o| o.0), bars.len());
        Self { bars, series }
    }

    /// The bars.
    pub fn bars(&self) -> &'a Bars {
        self.bars
    }

    /// The same series beside the first bars only.
    pub(crate) fn up_to<'b>(&self, bars: &'b Bars) -> Inputs<'b>
    where
        'a: 'b,
    {
        Inputs { bars, series: self.series }
    }

    /// What a feature follows.
    ///
    /// # Errors
    /// [`FeatureError::NoSeries`] if it is a series that is not there.
    pub fn followed(&self, feature: &dyn FeatureConfig) -> Result<Followed<'a>, FeatureError> {
        let Some(name) = feature.series() else { return Ok(Followed::Bars(self.bars)) };
        match self.series.get(name) {
            Some(values) => Ok(Followed::Series { times: self.bars.times(), values: &values[..self.bars.len()] }),
            None => Err(FeatureError::NoSeries { series: name.to_owned() }),
        }
    }
}

/// What one feature follows.
#[derive(Clone, Copy, Debug)]
pub enum Followed<'a> {
    /// The bars.
    Bars(&'a Bars),
    /// A series, one value a bar.
    Series {
        /// Close stamps of the bars, UTC ns.
        times: &'a [i64],
        /// The values.
        values: &'a [f64],
    },
}

impl<'a> Followed<'a> {
    /// The `i`-th bar that the feature sees.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn bar(&self, i: usize) -> Bar {
        match self {
            Followed::Bars(bars) => bars.bar(i),
            Followed::Series { times, values } => series_bar(times[i], values[i]),
        }
    }

    /// The whole blocks.
    pub(crate) fn blocks(&self) -> Blocks<'a> {
        let (times, [open, high, low, close]) = match *self {
            Followed::Bars(bars) => (bars.times(), [bars.open(), bars.high(), bars.low(), bars.close()]),
            Followed::Series { times, values } => (times, [values; 4]),
        };
        let volume = match *self {
            Followed::Bars(bars) => Some(bars.volume().as_chunks().0),
            Followed::Series { .. } => None,
        };
        Blocks { times: times.as_chunks().0, prices: [open, high, low, close].map(|c| c.as_chunks().0), volume }
    }
}

/// What a feature follows, [`BLOCK`] bars at a time.
pub(crate) struct Blocks<'a> {
    times: &'a [[i64; BLOCK]],
    prices: [&'a [[f64; BLOCK]]; 4],
    volume: Option<&'a [[f64; BLOCK]]>,
}

impl<'a> Blocks<'a> {
    pub(crate) fn get(&self, i: usize) -> BarBlock<'a> {
        let [open, high, low, close] = self.prices.map(|column| &column[i]);
        let volume = self.volume.map_or(&NOTHING, |volume| &volume[i]);
        BarBlock { time: &self.times[i], values: [open, high, low, close, volume] }
    }
}
