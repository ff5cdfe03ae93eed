//! A series: one value at a time, such as a rate, an index of which only the close is known, or a valuation.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Float64Array, TimestampNanosecondArray};
use pavlov_store::Hash;

use crate::error::BarFault;
use crate::{Elapsed, MarketDataError, Place};

/// Validated values of one name, each stamped with the instant from which on it is known; copies share the columns.
///
/// Times rise strictly and every value is finite; a value may be negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    name: Arc<str>,
    interval_ns: i64,
    times: TimestampNanosecondArray,
    values: Float64Array,
}

impl Series {
    /// Validates values; `interval_ns` is 0 for values that come when they come.
    ///
    /// # Errors
    /// [`MarketDataError::Interval`] if it is negative, [`MarketDataError::ColumnLength`], or
    /// [`MarketDataError::Value`] for the first value that is not finite or does not rise, with its row and stamp.
    pub fn new(name: &str, interval_ns: i64, times_ns: Vec<i64>, values: Vec<f64>) -> Result<Series, MarketDataError> {
        Series::checked(name, interval_ns, times_ns, values, &|row| Place::Row { of: name.to_owned(), row })
    }

    pub(crate) fn checked(
        name: &str,
        interval_ns: i64,
        times_ns: Vec<i64>,
        values: Vec<f64>,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Series, MarketDataError> {
        let (times, values) = (TimestampNanosecondArray::from(times_ns), Float64Array::from(values));
        Series::from_arrays(name, interval_ns, times, values, place)
    }

    /// Validates arrays; `place` names the origin of a row.
    pub(crate) fn from_arrays(
        name: &str,
        interval_ns: i64,
        times: TimestampNanosecondArray,
        values: Float64Array,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Series, MarketDataError> {
        if interval_ns < 0 {
            return Err(MarketDataError::Interval { symbol: name.to_owned(), got: interval_ns });
        }
        let (expected, got) = (times.len(), values.len());
        if got != expected {
            return Err(MarketDataError::ColumnLength { symbol: name.to_owned(), column: "value", expected, got });
        }
        let mut previous = None;
        for (row, (time, got)) in times.values().iter().zip(values.values()).enumerate() {
            let fault = match previous {
                Some(previous) if *time <= previous => BarFault::NotRising { previous },
                _ if !got.is_finite() => BarFault::NotFinite { got: *got },
                _ => {
                    previous = Some(*time);
                    continue;
                }
            };
            return Err(MarketDataError::Value { place: place(row), time: *time, fault });
        }
        Ok(Series { name: name.into(), interval_ns, times, values })
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name, which is the manifest's symbol.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The step between values, ns; 0 if there is no fixed one, as with months.
    pub fn interval_ns(&self) -> i64 {
        self.interval_ns
    }

    /// When each value is known, UTC ns, strictly rising.
    pub fn times_ns(&self) -> &[i64] {
        self.times.values()
    }

    /// The values.
    pub fn values(&self) -> &[f64] {
        self.values.values()
    }

    /// The hash of the content: name, interval and the little-endian bytes of both columns.
    pub fn content_hash(&self) -> Hash {
        let (times, values) = (self.times.values().inner().as_slice(), self.values.values().inner().as_slice());
        Hash::of_parts([b"pavlov series 1", self.name.as_bytes(), &self.interval_ns.to_le_bytes()[..], times, values])
    }

    /// The values of a range of rows, without copying.
    ///
    /// # Panics
    /// If the range does not lie within the values.
    pub fn slice(&self, rows: Range<usize>) -> Series {
        let (start, len) = (rows.start, rows.end - rows.start);
        let (times, values) = (self.times.slice(start, len), self.values.slice(start, len));
        Series { name: self.name.clone(), interval_ns: self.interval_ns, times, values }
    }

    /// The same values, each known this much later than its stamp says: they were published with a delay.
    ///
    /// # Errors
    /// [`MarketDataError::Value`] for a value that would be known beyond the last instant, the year 2262.
    pub fn delayed(&self, by: Elapsed) -> Result<Series, MarketDataError> {
        let times: Vec<i64> = self.times_ns().iter().map(|time| time.saturating_add(by.ns())).collect();
        Series::new(&self.name, self.interval_ns, times, self.values().to_vec())
    }

    pub(crate) fn arrays(&self) -> (&TimestampNanosecondArray, &Float64Array) {
        (&self.times, &self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_moves_every_stamp_and_no_value() {
        let series = Series::new("VIX", 0, vec![1, 5], vec![1.5, 2.0]).unwrap();
        let later = series.delayed(Elapsed::try_from("2s".to_owned()).unwrap()).unwrap();
        assert_eq!((later.times_ns(), later.values()), (&[2_000_000_001, 2_000_000_005][..], series.values()));
        let last = Series::new("VIX", 0, vec![i64::MAX - 1, i64::MAX], vec![1.5, 2.0]).unwrap();
        assert!(last.delayed(Elapsed::try_from("2s".to_owned()).unwrap()).is_err());
    }

    #[test]
    fn a_series_rises_and_is_finite() {
        let series = Series::new("VIX", 0, vec![1, 5, 9], vec![-1.5, 0.0, 2.0]).unwrap();
        assert_eq!((series.len(), series.times_ns(), series.values()), (3, &[1, 5, 9][..], &[-1.5, 0.0, 2.0][..]));
        let error = |times: &[i64], values: &[f64]| {
            Series::new("VIX", 0, times.to_vec(), values.to_vec()).unwrap_err().to_string()
        };
        assert!(
            error(&[5, 5], &[1.0, 2.0])
                .starts_with("VIX, row 1, value known at 1970-01-01T00:00:00.000000005Z: the stamp")
        );
        assert!(error(&[5, 6], &[1.0, f64::NAN]).contains("row 1, value known at"));
        assert!(error(&[5], &[]).contains("column value has 0 rows, expected 1"));
    }

    #[test]
    fn the_content_hash_tells_name_and_interval_apart() {
        let hash = |name, interval| Series::new(name, interval, vec![1], vec![2.0]).unwrap().content_hash();
        assert!(hash("A", 0) == hash("A", 0) && hash("A", 0) != hash("B", 0) && hash("A", 0) != hash("A", 7));
    }
}
