use crate::Frame;

/// Prices and volumes of `N` assets by row: open, high, low, close, volume and perhaps VWAP, each `[T, N]` row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriceTable {
    /// Number of assets `N`.
    pub assets: usize,
    /// Opening prices `[T, N]`.
    pub open: Vec<f64>,
    /// Highest prices `[T, N]`.
    pub high: Vec<f64>,
    /// Lowest prices `[T, N]`.
    pub low: Vec<f64>,
    /// Closing prices `[T, N]`.
    pub close: Vec<f64>,
    /// Traded volumes `[T, N]`.
    pub volume: Vec<f64>,
    /// Mean prices of what was traded in each bar, weighted by volume, `[T, N]`; `None` if the data do not tell.
    pub vwap: Option<Vec<f64>>,
}

/// Rows that belong together: one symbol and one fold.
///
/// A window may read `start..end`; decisions are taken at `first..end`. A window never crosses a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First row that a window may read.
    pub start: u32,
    /// First row at which a decision may be taken.
    pub first: u32,
    /// One past the last row.
    pub end: u32,
}

/// One row index addresses everything: features, prices and close times of the same bar.
#[derive(Clone, Debug)]
pub struct Market {
    /// Features `[T, F]`, cut after the warm-up.
    pub frame: Frame,
    /// Prices of the same rows.
    pub prices: PriceTable,
    /// Close time of each row, UTC nanoseconds, `[T]`.
    pub times: Vec<i64>,
    /// Rows that belong together.
    pub segments: Vec<Segment>,
}

/// Why tables do not make a market.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MarketError {
    /// A column has another length than the frame has rows (times the number of assets).
    #[error("column `{column}` has {got} values where the frame asks for {expected}")]
    Length {
        /// Name of the column.
        column: &'static str,
        /// Its length.
        got: usize,
        /// The length that the frame asks for.
        expected: usize,
    },
    /// A segment is empty, out of order or outside the frame.
    #[error("segment {segment:?} does not fit {rows} rows")]
    Segment {
        /// The segment.
        segment: Segment,
        /// Rows of the frame.
        rows: usize,
    },
}

impl Market {
    /// Checks that all columns have the frame's rows and that the segments lie inside it.
    ///
    /// # Errors
    /// [`MarketError`] names the column or the segment.
    pub fn new(frame: Frame, prices: PriceTable, times: Vec<i64>, segments: Vec<Segment>) -> Result<Self, MarketError> {
        let rows = frame.rows();
        let expected = rows * prices.assets;
        let columns = [
            ("open", prices.open.len()),
            ("high", prices.high.len()),
            ("low", prices.low.len()),
            ("close", prices.close.len()),
            ("volume", prices.volume.len()),
            ("vwap", prices.vwap.as_ref().map_or(expected, Vec::len)),
        ];
        for (column, got) in columns {
            if got != expected {
                return Err(MarketError::Length { column, got, expected });
            }
        }
        if times.len() != rows {
            return Err(MarketError::Length { column: "times", got: times.len(), expected: rows });
        }
        for &segment in &segments {
            let Segment { start, first, end } = segment;
            if start > first || first >= end || end as usize > rows {
                return Err(MarketError::Segment { segment, rows });
            }
        }
        Ok(Self { frame, prices, times, segments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_another_length_is_named_and_a_vwap_may_be_missing() {
        let market = |vwap| {
            let column = vec![1.0; 4];
            let [open, high, low, close, volume] = [(); 5].map(|()| column.clone());
            let prices = PriceTable { assets: 2, open, high, low, close, volume, vwap };
            Market::new(Frame::new(1, vec![0.0; 2]), prices, vec![0, 1], Vec::new())
        };
        assert!(market(None).is_ok() && market(Some(vec![1.0; 4])).is_ok());
        assert_eq!(
            market(Some(vec![1.0; 2])).unwrap_err(),
            MarketError::Length { column: "vwap", got: 2, expected: 4 }
        );
    }
}
