//! Series that stand for a whole market, made of the bars of its symbols.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Bars, MarketDataError, Series};

/// What is said of many symbols at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketWide {
    /// The mean of the simple returns, all symbols alike.
    MeanReturn,
    /// The standard deviation of the simple returns across the symbols, over `n`; of two symbols or more.
    Dispersion,
}

impl MarketWide {
    /// The value at each time at which enough symbols have a return.
    ///
    /// The clock is the union of the symbols' times. A symbol counts at a time if it has a bar then and a bar with a
    /// positive close at the time before: one that is missing is left out, and its old price is not carried. The value
    /// depends on these two times only, so nothing later changes it.
    ///
    /// # Errors
    /// [`MarketDataError::MixedIntervals`] if the bars are not of one size.
    pub fn series(self, name: &str, symbols: &[Bars]) -> Result<Series, MarketDataError> {
        let interval_ns = symbols.first().map_or(0, Bars::interval_ns);
        if let Some(other) = symbols.iter().find(|bars| bars.interval_ns() != interval_ns) {
            let symbols = [symbols[0].symbol(), other.symbol()].map(str::to_owned);
            return Err(MarketDataError::MixedIntervals { symbols, ns: [interval_ns, other.interval_ns()] });
        }
        let mut returns: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        symbols.iter().flat_map(Bars::times).for_each(|time| _ = returns.entry(*time).or_default());
        let before: BTreeMap<i64, i64> = returns.keys().copied().zip(returns.keys().copied().skip(1)).collect();
        for bars in symbols {
            let pairs = bars.times().windows(2).zip(bars.close().windows(2));
            for (times, close) in pairs.filter(|(times, close)| before[&times[0]] == times[1] && close[0] > 0.0) {
                returns.entry(times[1]).or_default().push(close[1] / close[0] - 1.0);
            }
        }
        let known = returns.iter().filter_map(|(time, returns)| Some((*time, self.of(returns)?)));
        let (times, values) = known.unzip();
        Series::new(name, interval_ns, times, values)
    }

    fn of(self, returns: &[f64]) -> Option<f64> {
        let len = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / len;
        match (self, returns.len()) {
            (_, 0) | (MarketWide::Dispersion, 1) => None,
            (MarketWide::MeanReturn, _) => Some(mean),
            (MarketWide::Dispersion, _) => Some((returns.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / len).sqrt()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bar, BarColumns, BarPolicy};

    fn bars(symbol: &str, interval_ns: i64, closes: &[(i64, f64)]) -> Bars {
        let mut columns = BarColumns::default();
        for &(time, close) in closes {
            columns.push(Bar { time, open: close, high: close, low: close, close, volume: 0.0 });
        }
        Bars::new(symbol, interval_ns, columns, &BarPolicy::default()).unwrap()
    }

    #[test]
    fn a_missing_symbol_is_left_out_at_that_time_and_at_the_next() {
        let symbols = [
            bars("A", 1, &[(1, 100.0), (2, 150.0), (3, 150.0), (4, 300.0), (5, 150.0)]),
            bars("B", 1, &[(1, 100.0), (2, 50.0), (4, 50.0), (5, 75.0)]),
        ];
        let mean = MarketWide::MeanReturn.series("mean", &symbols).unwrap();
        assert_eq!((mean.times_ns(), mean.values()), (&[2, 3, 4, 5][..], &[0.0, 0.0, 1.0, 0.0][..]));
        let spread = MarketWide::Dispersion.series("spread", &symbols).unwrap();
        assert_eq!((spread.times_ns(), spread.values()), (&[2, 5][..], &[0.5, 0.5][..]));
    }

    #[test]
    fn later_bars_change_nothing_before_them() {
        let rows = |last: f64| [(1, 10.0), (2, 11.0), (3, 12.0), (4, last)];
        let values = |last| {
            let symbols = [bars("A", 1, &rows(last)), bars("B", 1, &rows(last)[1..]), bars("C", 1, &rows(last)[..3])];
            let series = MarketWide::MeanReturn.series("mean", &symbols).unwrap();
            series.values().iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        let (one, other) = (values(5.0), values(500.0));
        assert!(one[..2] == other[..2] && one[2] != other[2]);
    }

    #[test]
    fn bars_of_several_sizes_are_refused() {
        let error = MarketWide::MeanReturn.series("m", &[bars("A", 1, &[(1, 1.0)]), bars("B", 2, &[(2, 1.0)])]);
        assert!(error.unwrap_err().to_string().contains("A has bars of 1 ns and B of 2 ns"));
    }
}
