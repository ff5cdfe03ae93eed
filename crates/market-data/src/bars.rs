//! Bars of one symbol, column by column.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, Float64Array, TimestampNanosecondArray};
use arrow::compute::filter;
use arrow::datatypes::Float64Type;
use pavlov_store::Hash;
use serde::{Deserialize, Serialize};

use crate::error::BarFault;
use crate::rules::{self, BarPolicy, Kept};
use crate::time::rows_between;
use crate::{MarketDataError, Place, Series};

#[cfg(target_endian = "big")]
compile_error!("content hashes are taken over columns as they lie in memory, which must be little-endian");

/// Validated bars of one symbol, stamped with their close; copies and slices share the columns.
///
/// Times rise strictly and every value is finite. Prices are positive, volumes are not negative, and high and low
/// enclose open and close, unless the [`BarPolicy`] said to keep such bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    symbol: Arc<str>,
    interval_ns: i64,
    times: TimestampNanosecondArray,
    prices: [Float64Array; 5],
    extras: Option<[Float64Array; 2]>,
}

/// What some providers know of each bar besides, one value a bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// Volume-weighted average price.
    pub vwap: Vec<f64>,
    /// Number of trades.
    pub trades: Vec<f64>,
}

/// The columns of bars before validation, all of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarColumns {
    /// Close stamps, UTC ns.
    pub times: Vec<i64>,
    /// First price.
    pub open: Vec<f64>,
    /// Highest price.
    pub high: Vec<f64>,
    /// Lowest price.
    pub low: Vec<f64>,
    /// Last price.
    pub close: Vec<f64>,
    /// Traded amount.
    pub volume: Vec<f64>,
}

impl BarColumns {
    /// Adds a bar.
    pub fn push(&mut self, bar: Bar) {
        self.times.push(bar.time);
        self.open.push(bar.open);
        self.high.push(bar.high);
        self.low.push(bar.low);
        self.close.push(bar.close);
        self.volume.push(bar.volume);
    }
}

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Close stamp, UTC ns: the bar is known from then on.
    pub time: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded amount.
    pub volume: f64,
}

/// What is missing between the first and the last bar.
///
/// Time without trading (nights, weekends) counts too: a calendar is not known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gaps {
    /// Neighbouring bars that are further apart than one interval.
    pub count: usize,
    /// Whole intervals without a bar.
    pub missing_bars: u64,
    /// The longest distance between neighbouring stamps, ns; 0 without a gap.
    pub longest_ns: i64,
}

impl Gaps {
    /// The gaps between stamps; none where there is no fixed interval.
    pub(crate) fn between(times: &[i64], interval_ns: i64) -> Gaps {
        if interval_ns <= 0 {
            return Gaps::default();
        }
        let steps = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        steps.filter(|step| *step > interval_ns).fold(Gaps::default(), |gaps, step| Gaps {
            count: gaps.count + 1,
            missing_bars: gaps.missing_bars + ((step - 1) / interval_ns) as u64,
            longest_ns: gaps.longest_ns.max(step),
        })
    }
}

impl Bars {
    /// Validates columns.
    ///
    /// # Errors
    /// [`MarketDataError::ColumnLength`], [`MarketDataError::Interval`], or [`MarketDataError::Bar`] for the first bar
    /// that breaks a rule, with its row, column and stamp.
    pub fn new(
        symbol: &str,
        interval_ns: i64,
        columns: BarColumns,
        policy: &BarPolicy,
    ) -> Result<Bars, MarketDataError> {
        let bars = Bars::from_columns(symbol, interval_ns, columns)?;
        bars.checked(policy, &|row| Place::Row { of: symbol.to_owned(), row }).map(|(bars, _)| bars)
    }

    pub(crate) fn from_columns(symbol: &str, interval_ns: i64, columns: BarColumns) -> Result<Bars, MarketDataError> {
        let BarColumns { times, open, high, low, close, volume } = columns;
        let prices = [open, high, low, close, volume].map(Float64Array::from);
        Bars::from_arrays(symbol, interval_ns, TimestampNanosecondArray::from(times), prices)
    }

    pub(crate) fn from_arrays(
        symbol: &str,
        interval_ns: i64,
        times: TimestampNanosecondArray,
        prices: [Float64Array; 5],
    ) -> Result<Bars, MarketDataError> {
        if interval_ns <= 0 {
            return Err(MarketDataError::Interval { symbol: symbol.to_owned(), got: interval_ns });
        }
        let expected = times.len();
        let odd = prices.iter().zip(rules::COLUMNS).find(|(values, _)| values.len() != expected);
        if let Some((values, column)) = odd {
            let got = values.len();
            return Err(MarketDataError::ColumnLength { symbol: symbol.to_owned(), column, expected, got });
        }
        Ok(Bars { symbol: symbol.into(), interval_ns, times, prices, extras: None })
    }

    /// The same bars with volume-weighted price and trade count, each finite.
    pub(crate) fn with_extras(self, extras: Option<[Float64Array; 2]>) -> Result<Bars, MarketDataError> {
        for (values, column) in extras.iter().flatten().zip(rules::EXTRAS) {
            let (expected, got) = (self.len(), values.len());
            if got != expected {
                return Err(MarketDataError::ColumnLength { symbol: self.symbol.to_string(), column, expected, got });
            }
            if let Some(row) = values.values().iter().position(|value| !value.is_finite()) {
                let (place, fault) =
                    (Place::Row { of: self.symbol.to_string(), row }, BarFault::NotFinite { got: values.value(row) });
                return Err(MarketDataError::Bar { place, column, time: self.times()[row], fault });
            }
        }
        Ok(Bars { extras, ..self })
    }

    /// Applies the rules; `place` names the origin of a row.
    pub(crate) fn checked(
        self,
        policy: &BarPolicy,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<(Bars, Kept), MarketDataError> {
        let kept = rules::check(&self, policy, place)?;
        Ok((self, kept))
    }

    /// The number of bars.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no bar.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The symbol.
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// The size of a bar, ns.
    pub fn interval_ns(&self) -> i64 {
        self.interval_ns
    }

    /// Close stamps, UTC ns, strictly rising.
    pub fn times(&self) -> &[i64] {
        self.times.values()
    }

    /// First prices.
    pub fn open(&self) -> &[f64] {
        self.prices[0].values()
    }

    /// Highest prices.
    pub fn high(&self) -> &[f64] {
        self.prices[1].values()
    }

    /// Lowest prices.
    pub fn low(&self) -> &[f64] {
        self.prices[2].values()
    }

    /// Last prices.
    pub fn close(&self) -> &[f64] {
        self.prices[3].values()
    }

    /// Traded amounts.
    pub fn volume(&self) -> &[f64] {
        self.prices[4].values()
    }

    /// Volume-weighted average prices, if the source has them.
    pub fn vwap(&self) -> Option<&[f64]> {
        self.extras.as_ref().map(|extras| extras[0].values().as_ref())
    }

    /// Numbers of trades, if the source has them.
    pub fn trades(&self) -> Option<&[f64]> {
        self.extras.as_ref().map(|extras| extras[1].values().as_ref())
    }

    /// The `i`-th bar.
    ///
    /// # Panics
    /// If `i` is not less than [`Bars::len`].
    pub fn bar(&self, i: usize) -> Bar {
        Bar {
            time: self.times()[i],
            open: self.open()[i],
            high: self.high()[i],
            low: self.low()[i],
            close: self.close()[i],
            volume: self.volume()[i],
        }
    }

    /// The bars of a range of rows, without copying.
    ///
    /// # Panics
    /// If the range does not lie within the bars.
    pub fn slice(&self, rows: Range<usize>) -> Bars {
        let (start, len) = (rows.start, rows.end - rows.start);
        Bars {
            symbol: self.symbol.clone(),
            interval_ns: self.interval_ns,
            times: self.times.slice(start, len),
            prices: self.prices.each_ref().map(|values| values.slice(start, len)),
            extras: self.extras.as_ref().map(|extras| extras.each_ref().map(|values| values.slice(start, len))),
        }
    }

    /// The bars with these close stamps, each of which there is.
    pub(crate) fn at(&self, times: &[i64]) -> Bars {
        let is_there = BooleanArray::from_iter(self.times().iter().map(|time| Some(times.binary_search(time).is_ok())));
        let chosen = |values: &Float64Array| {
            let values = filter(values, &is_there).expect("a mask as long as the column");
            values.as_primitive::<Float64Type>().clone()
        };
        Bars {
            symbol: self.symbol.clone(),
            interval_ns: self.interval_ns,
            times: TimestampNanosecondArray::from(times.to_vec()),
            prices: self.prices.each_ref().map(chosen),
            extras: self.extras.as_ref().map(|extras| extras.each_ref().map(chosen)),
        }
    }

    /// The bars whose **close** stamp lies in `[from_ns, to_ns)`, without copying.
    pub fn between(&self, from_ns: i64, to_ns: i64) -> Bars {
        self.slice(rows_between(self.times(), from_ns, to_ns, 0))
    }

    /// The rows whose **opening** (close stamp less one interval) lies in `[from_ns, to_ns)`.
    ///
    /// This is what people mean by a span of days: the hourly bar that opens on 2018-05-07 at 00:00 belongs to that
    /// day, though it is stamped 01:00; the bar stamped 00:00 belongs to the day before.
    pub fn opening_between(&self, from_ns: i64, to_ns: i64) -> Range<usize> {
        rows_between(self.times(), from_ns, to_ns, self.interval_ns)
    }

    /// The closes, each known from the close of its bar on; without copying.
    pub fn closes(&self) -> Series {
        let (times, closes) = (self.times.clone(), self.prices[3].clone());
        let place = |row| Place::Row { of: self.symbol().to_owned(), row };
        let closes = Series::from_arrays(self.symbol(), self.interval_ns, times, closes, &place);
        closes.expect("bars are finite and their stamps rise")
    }

    /// The distances between neighbouring stamps that are longer than one interval.
    pub fn gaps(&self) -> Gaps {
        Gaps::between(self.times(), self.interval_ns)
    }

    /// The hash of the content: symbol, interval and the little-endian bytes of each column, whatever file or
    /// encoding they came from. Volume-weighted prices and trade counts count where there are any.
    pub fn content_hash(&self) -> Hash {
        let times = self.times.values().inner().as_slice();
        let prices = self.prices.each_ref().map(|values| values.values().inner().as_slice());
        let head: [&[u8]; 4] = [b"pavlov bars 1", self.symbol.as_bytes(), &self.interval_ns.to_le_bytes(), times];
        let extras = self.extras.iter().flatten().map(|values| values.values().inner().as_slice());
        Hash::of_parts(head.into_iter().chain(prices).chain(extras))
    }

    pub(crate) fn times_array(&self) -> &TimestampNanosecondArray {
        &self.times
    }

    /// The value columns: prices and volume, then the extras if there are any.
    pub(crate) fn value_arrays(&self) -> impl Iterator<Item = &Float64Array> {
        self.prices.iter().chain(self.extras.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn hourly(closes: &[i64]) -> Bars {
        let n = closes.len();
        let columns = BarColumns {
            times: closes.iter().map(|hour| hour * HOUR).collect(),
            open: vec![10.0; n],
            high: vec![12.0; n],
            low: vec![9.0; n],
            close: (0..n).map(|i| 10.0 + i as f64 / n as f64).collect(),
            volume: vec![1.0; n],
        };
        Bars::new("BTCUSD", HOUR, columns, &BarPolicy::default()).unwrap()
    }

    #[test]
    fn spans_are_by_opening_and_slices_by_close() {
        let bars = hourly(&[0, 1, 2, 24, 25]);
        // The bar stamped 0 opens the day before; the one stamped 24 opens at 23.
        assert_eq!(bars.opening_between(0, 24 * HOUR), 1..4);
        assert_eq!(bars.between(0, 24 * HOUR).times(), &[0, HOUR, 2 * HOUR]);
        assert_eq!(bars.opening_between(24 * HOUR, 0), 4..4);
    }

    #[test]
    fn a_slice_shares_the_columns_and_hashes_like_its_own_copy() {
        let bars = hourly(&[1, 2, 3, 4]);
        let part = bars.slice(1..3);
        assert_eq!(part.close().as_ptr(), bars.close()[1..].as_ptr());
        let columns = BarColumns {
            times: part.times().to_vec(),
            open: part.open().to_vec(),
            high: part.high().to_vec(),
            low: part.low().to_vec(),
            close: part.close().to_vec(),
            volume: part.volume().to_vec(),
        };
        let copy = Bars::new("BTCUSD", HOUR, columns, &BarPolicy::default()).unwrap();
        assert_eq!(copy.content_hash(), part.content_hash());
        assert_ne!(part.content_hash(), bars.content_hash());
    }

    #[test]
    fn the_content_hash_tells_symbol_and_interval_apart() {
        let bars = hourly(&[1, 2]);
        let other = |symbol: &str, interval| Bars { symbol: symbol.into(), interval_ns: interval, ..bars.clone() };
        assert_ne!(other("ETHUSD", HOUR).content_hash(), bars.content_hash());
        assert_ne!(other("BTCUSD", 2 * HOUR).content_hash(), bars.content_hash());
        assert_eq!(other("BTCUSD", HOUR).content_hash(), bars.content_hash());
    }

    #[test]
    fn gaps_are_counted() {
        assert_eq!(hourly(&[1, 2, 3]).gaps(), Gaps::default());
        let gaps = hourly(&[1, 2, 5, 6, 8]).gaps();
        assert_eq!(gaps, Gaps { count: 2, missing_bars: 3, longest_ns: 3 * HOUR });
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let columns = BarColumns { times: vec![0, 1], open: vec![1.0], ..BarColumns::default() };
        let error = Bars::new("X", 1, columns, &BarPolicy::default()).unwrap_err();
        assert_eq!(error.to_string(), "X: column open has 1 rows, expected 2 as in times");
        let error = Bars::new("X", 0, BarColumns::default(), &BarPolicy::default()).unwrap_err();
        assert!(error.to_string().contains("0 ns"));
    }

    proptest! {
        #[test]
        fn neighbouring_spans_share_no_bar_and_lose_none(
            hours in prop::collection::btree_set(-50i64..50, 0..40),
            cut in -60i64..60,
        ) {
            let bars = hourly(&hours.into_iter().collect::<Vec<_>>());
            let (before, after) = (bars.opening_between(i64::MIN, cut * HOUR), bars.opening_between(cut * HOUR, i64::MAX));
            prop_assert_eq!((before.start, before.end, after.end), (0, after.start, bars.len()));
            prop_assert!(bars.times()[before].iter().all(|time| time - HOUR < cut * HOUR));
        }
    }
}
