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

    /// Puts the rows of another market behind these; its segments, which lie there now, in the order they have.
    ///
    /// # Panics
    /// If the two have other columns, another number of assets, or only one of them has VWAPs.
    pub fn append(&mut self, other: Market) -> Vec<Segment> {
        let rows = self.frame.rows() as u32;
        self.frame.append(&other.frame);
        self.prices.append(other.prices);
        self.times.extend(other.times);
        let moved = |s: &Segment| Segment { start: s.start + rows, first: s.first + rows, end: s.end + rows };
        let moved: Vec<Segment> = other.segments.iter().map(moved).collect();
        self.segments.extend(&moved);
        moved
    }
}

impl PriceTable {
    fn append(&mut self, other: PriceTable) {
        assert_eq!(
            (self.assets, self.vwap.is_some()),
            (other.assets, other.vwap.is_some()),
            "assets of two price tables, and whether they have VWAPs"
        );
        self.open.extend(other.open);
        self.high.extend(other.high);
        self.low.extend(other.low);
        self.close.extend(other.close);
        self.volume.extend(other.volume);
        if let (Some(vwap), Some(others)) = (&mut self.vwap, other.vwap) {
            vwap.extend(others);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_behind_another_keeps_its_rows_and_moves_its_segments() {
        let market = |value: f64, rows: usize| {
            let column = vec![value; rows];
            let [open, high, low, close, volume] = [(); 5].map(|()| column.clone());
            let prices = PriceTable { assets: 1, open, high, low, close, volume, vwap: None };
            let segments = vec![Segment { start: 0, first: 1, end: rows as u32 }];
            Market::new(Frame::new(2, vec![value as f32; 2 * rows]), prices, vec![rows as i64; rows], segments).unwrap()
        };
        let mut both = market(1.0, 3);
        let moved = both.append(market(2.0, 4));
        assert_eq!(moved, [Segment { start: 3, first: 4, end: 7 }]);
        assert_eq!((both.frame.rows(), both.frame.row(2), both.frame.row(3)), (7, &[1.0, 1.0][..], &[2.0, 2.0][..]));
        assert_eq!((both.prices.close.len(), both.prices.low[3], both.times[3]), (7, 2.0, 4));
        assert_eq!(both.segments.len(), 2);
    }

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
