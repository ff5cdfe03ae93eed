use pavlov_market_data::Bar;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::parameters::BarField;
use crate::scaler::TdqnRange;
use crate::{FeatureDoc, FeatureError};

/// Bars that are folded at a time: so few that a processor works on the chains of several features at once.
pub const BLOCK: usize = 16;

/// [`BLOCK`] bars in a row, column by column.
#[derive(Clone, Copy, Debug)]
pub struct BarBlock<'a> {
    pub(crate) time: &'a [i64; BLOCK],
    /// Open, high, low, close, volume, as [`BarField`] numbers them.
    pub(crate) values: [&'a [f64; BLOCK]; 5],
}

/// One bar, alone or in a block: what a feature computes does not depend on where the bar lies.
pub(crate) trait AnyBar: Copy {
    fn time(self) -> i64;
    fn get(self, field: BarField) -> f64;

    #[inline(always)]
    fn high(self) -> f64 {
        self.get(BarField::High)
    }

    #[inline(always)]
    fn low(self) -> f64 {
        self.get(BarField::Low)
    }

    #[inline(always)]
    fn close(self) -> f64 {
        self.get(BarField::Close)
    }

    #[inline(always)]
    fn volume(self) -> f64 {
        self.get(BarField::Volume)
    }
}

impl AnyBar for &Bar {
    #[inline(always)]
    fn time(self) -> i64 {
        self.time
    }

    #[inline(always)]
    fn get(self, field: BarField) -> f64 {
        match field {
            BarField::Open => self.open,
            BarField::High => self.high,
            BarField::Low => self.low,
            BarField::Close => self.close,
            BarField::Volume => self.volume,
        }
    }
}

/// The bar at a place in a block.
#[derive(Clone, Copy)]
struct InBlock<'a>(&'a BarBlock<'a>, usize);

impl AnyBar for InBlock<'_> {
    #[inline(always)]
    fn time(self) -> i64 {
        self.0.time[self.1]
    }

    #[inline(always)]
    fn get(self, field: BarField) -> f64 {
        self.0.values[field as usize][self.1]
    }
}

/// Numbers that follow the bars; the future is not in scope.
pub trait Feature: Send {
    /// Takes in the next bar and writes the values at its close, one a column.
    ///
    /// # Panics
    /// If `out` has another length than [`FeatureConfig::columns`].
    fn update(&mut self, bar: &Bar, out: &mut [f64]);
    /// Takes in a block of bars and writes `[columns, BLOCK]` values: what as many updates would give, bit for bit.
    ///
    /// # Panics
    /// If `out` has another length than [`FeatureConfig::columns`].
    fn fold(&mut self, block: &BarBlock<'_>, out: &mut [[f64; BLOCK]]);
    /// The state as bytes.
    fn save(&self) -> Vec<u8>;
    /// Goes on from a saved state of a feature with the same parameters.
    ///
    /// # Errors
    /// [`FeatureError::Restore`] if the bytes are not such a state; then nothing has changed.
    fn restore(&mut self, saved: &[u8]) -> Result<(), FeatureError>;
}

/// A feature and its parameters.
pub trait FeatureConfig: Send + Sync {
    /// Name in [`crate::FEATURES`].
    fn name(&self) -> &'static str;
    /// Names of its columns, for example `returns(of=open)`; parameters that have their default are left out.
    fn columns(&self) -> Vec<String>;
    /// Everything that is wrong with the parameters, each naming its key and what was got.
    fn validate(&self) -> Vec<String>;
    /// All parameters; reading them back gives the same feature.
    fn to_toml(&self) -> toml::Table;
    /// Bars before the values are meaningful; earlier rows are cut.
    fn warm_up(&self) -> usize;
    /// How the TDQN paper's code scales such a column.
    fn tdqn_range(&self) -> TdqnRange;
    /// The series that it follows in place of the bars, by name.
    fn series(&self) -> Option<&str>;
    /// A fresh stream.
    fn stream(&self) -> Box<dyn Feature>;
}

/// What a file of this crate says about its feature; everything else follows from it.
pub(crate) trait Indicator: Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    const NAME: &'static str;
    const DOC: FeatureDoc;
    /// What is put behind the feature's name to name each column.
    const COLUMNS: &'static [&'static str] = &[""];
    const TDQN_RANGE: TdqnRange = TdqnRange::Magnitude;
    fn check(&self) -> Vec<String>;
    fn warm_up(&self) -> usize;
    /// The series that it follows; only the features on series have one.
    fn series(&self) -> Option<&str> {
        None
    }
    fn start(&self) -> Box<dyn Feature>;
}

impl<I: Indicator> FeatureConfig for I {
    fn name(&self) -> &'static str {
        I::NAME
    }

    fn columns(&self) -> Vec<String> {
        let defaults = I::default().to_toml();
        let chosen = self.to_toml().into_iter().filter(|(key, value)| defaults.get(key) != Some(value));
        let chosen: Vec<String> = chosen.map(|(key, value)| format!("{key}={}", plain(&value))).collect();
        let name = match chosen.is_empty() {
            true => I::NAME.to_owned(),
            false => format!("{}({})", I::NAME, chosen.join(",")),
        };
        I::COLUMNS.iter().map(|column| format!("{name}{column}")).collect()
    }

    fn validate(&self) -> Vec<String> {
        self.check()
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::try_from(self).expect("plain fields make a table")
    }

    fn warm_up(&self) -> usize {
        Indicator::warm_up(self)
    }

    fn tdqn_range(&self) -> TdqnRange {
        I::TDQN_RANGE
    }

    fn series(&self) -> Option<&str> {
        Indicator::series(self)
    }

    fn stream(&self) -> Box<dyn Feature> {
        self.start()
    }
}

/// A word without its quotes.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The state of a feature with `W` columns: all that one bar changes, and the numbers that stay.
pub(crate) trait Stream<const W: usize>: Serialize + DeserializeOwned + Send + 'static {
    /// The values at the close of the next bar. O(1), over a whole series where a window is refilled.
    fn update(&mut self, bar: impl AnyBar) -> [f64; W];

    /// Behind a virtual call for each bar or for each block.
    fn boxed(self) -> Box<dyn Feature>
    where
        Self: Sized,
    {
        Box::new(Running(self))
    }
}

struct Running<S, const W: usize>(S);

impl<S: Stream<W>, const W: usize> Feature for Running<S, W> {
    fn update(&mut self, bar: &Bar, out: &mut [f64]) {
        out.copy_from_slice(&self.0.update(bar));
    }

    fn fold(&mut self, block: &BarBlock<'_>, out: &mut [[f64; BLOCK]]) {
        let out: &mut [[f64; BLOCK]; W] = out.try_into().expect("as many columns as the feature has");
        for i in 0..BLOCK {
            let values = self.0.update(InBlock(block, i));
            for (column, value) in out.iter_mut().zip(values) {
                column[i] = value;
            }
        }
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.0).expect("encoding plain numbers into memory cannot fail")
    }

    fn restore(&mut self, saved: &[u8]) -> Result<(), FeatureError> {
        let (state, rest) = postcard::take_from_bytes(saved).map_err(|e| FeatureError::Restore(e.to_string()))?;
        if !rest.is_empty() {
            return Err(FeatureError::Restore(format!("{} bytes too many", rest.len())));
        }
        self.0 = state;
        Ok(())
    }
}
