//! What a cache can hold: bars and series as one column of times and some of values.

use std::ops::Range;

use arrow::array::{Array, AsArray, Float64Array, TimestampNanosecondArray};
use arrow::compute::concat;
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use arrow::error::ArrowError;
use pavlov_store::Hash;

use crate::rules::{COLUMNS, EXTRAS};
use crate::{Bars, Manifest, MarketDataError, Place, Series};

/// Content that a segment can hold.
pub(crate) trait Columns: Sized {
    /// The names of the value columns.
    const VALUES: &'static [&'static str];
    /// The names of value columns behind them, of which content has all or none.
    const EXTRAS: &'static [&'static str];

    /// The columns, which share the memory of the content.
    fn arrays(&self) -> Arrays;

    /// Validates columns; the values are those of [`Columns::VALUES`] and, where there are more, of
    /// [`Columns::EXTRAS`].
    fn from_arrays(
        manifest: &Manifest,
        arrays: Arrays,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Self, MarketDataError>;

    /// The hash of the content, whatever encoding it came from.
    fn content_hash(&self) -> Hash;
}

/// Columns of one length, without nulls.
#[derive(Clone, Debug)]
pub(crate) struct Arrays {
    pub(super) times: TimestampNanosecondArray,
    pub(super) values: Vec<Float64Array>,
}

impl Arrays {
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// First and last stamp, UTC ns.
    pub(super) fn closes(&self) -> Option<(i64, i64)> {
        self.times.values().first().copied().zip(self.times.values().last().copied())
    }

    /// The columns of some rows, without copying.
    pub(super) fn slice(&self, rows: Range<usize>) -> Arrays {
        let (start, len) = (rows.start, rows.end - rows.start);
        let values = self.values.iter().map(|values| values.slice(start, len)).collect();
        Arrays { times: self.times.slice(start, len), values }
    }

    /// These columns, and behind them those of `next`.
    pub(crate) fn followed_by(self, next: Arrays) -> Result<Arrays, ArrowError> {
        Arrays::joined(&[self, next])
    }

    /// Neighbouring pieces as one, if all of them have the same columns; copies unless there is one.
    pub(super) fn joined(pieces: &[Arrays]) -> Result<Arrays, ArrowError> {
        let num_values = pieces.first().map_or(0, |first| first.values.len());
        if num_values == 0 {
            return Err(ArrowError::InvalidArgumentError("there are no pieces".to_owned()));
        }
        if pieces.iter().any(|piece| piece.values.len() != num_values) {
            let problem = "a part of the bars has volume-weighted prices and a part has not";
            return Err(ArrowError::SchemaError(problem.to_owned()));
        }
        let times = concat(&pieces.iter().map(|piece| &piece.times as &dyn Array).collect::<Vec<_>>())?;
        let column = |i: usize| -> Result<Float64Array, ArrowError> {
            let pieces: Vec<&dyn Array> = pieces.iter().map(|piece| &piece.values[i] as &dyn Array).collect();
            Ok(concat(&pieces)?.as_primitive::<Float64Type>().clone())
        };
        let values = (0..num_values).map(column).collect::<Result<_, _>>()?;
        Ok(Arrays { times: times.as_primitive::<TimestampNanosecondType>().clone(), values })
    }
}

/// Bars of columns whose values are prices and volume, and the extras if there are more.
pub(crate) fn bars_of(
    symbol: &str,
    interval_ns: i64,
    Arrays { times, mut values }: Arrays,
) -> Result<Bars, MarketDataError> {
    let extras = values.split_off(COLUMNS.len().min(values.len()));
    let got = values.len();
    let prices: [Float64Array; 5] = values.try_into().map_err(|_| MarketDataError::ColumnLength {
        symbol: symbol.to_owned(),
        column: "values",
        expected: COLUMNS.len(),
        got,
    })?;
    Bars::from_arrays(symbol, interval_ns, times, prices)?.with_extras(extras.try_into().ok())
}

impl Columns for Bars {
    const VALUES: &'static [&'static str] = &COLUMNS;
    const EXTRAS: &'static [&'static str] = &EXTRAS;

    fn arrays(&self) -> Arrays {
        Arrays { times: self.times_array().clone(), values: self.value_arrays().cloned().collect() }
    }

    fn from_arrays(
        manifest: &Manifest,
        arrays: Arrays,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Bars, MarketDataError> {
        let bars = bars_of(manifest.symbol(), manifest.interval_ns(), arrays)?;
        Ok(bars.checked(manifest.recipe().policy(), place)?.0)
    }

    fn content_hash(&self) -> Hash {
        Bars::content_hash(self)
    }
}

impl Columns for Series {
    const VALUES: &'static [&'static str] = &["value"];
    const EXTRAS: &'static [&'static str] = &[];

    fn arrays(&self) -> Arrays {
        let (times, values) = self.arrays();
        Arrays { times: times.clone(), values: vec![values.clone()] }
    }

    fn from_arrays(
        manifest: &Manifest,
        Arrays { times, values }: Arrays,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Series, MarketDataError> {
        let values = values.into_iter().next().unwrap_or_else(|| Float64Array::from(Vec::<f64>::new()));
        Series::from_arrays(manifest.symbol(), manifest.interval_ns(), times, values, place)
    }

    fn content_hash(&self) -> Hash {
        Series::content_hash(self)
    }
}
