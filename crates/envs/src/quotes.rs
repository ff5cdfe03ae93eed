use pavlov_rl_core::{Market, Segment};

use crate::{EnvError, FillRule};

/// The two prices that a step needs of a row, side by side in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quote {
    /// Fill price of an order decided at this row, before its draw ([`FillRule::drawn`]); in the last row, where none is,
    /// the close.
    pub fill: f64,
    /// Close of this row, which values what is held.
    pub close: f64,
}

/// Quotes of one asset at the rows `first..end` of a segment.
///
/// # Errors
/// [`EnvError::Price`] if one is not a positive number, [`EnvError::NoVwap`] if the rule asks for what the data lack.
pub fn quotes(market: &Market, segment: Segment, asset: usize, rule: FillRule) -> Result<Box<[Quote]>, EnvError> {
    let prices = &market.prices;
    if rule == FillRule::Vwap && prices.vwap.is_none() {
        return Err(EnvError::NoVwap);
    }
    let quote = |row: u32| {
        let close = prices.close[row as usize * prices.assets + asset];
        let fill = if row + 1 < segment.end { rule.price(prices, row as usize, asset) } else { close };
        for (what, value) in [("close", close), ("fill price", fill)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(EnvError::Price { what, row, value });
            }
        }
        Ok(Quote { fill, close })
    };
    (segment.first..segment.end).map(quote).collect()
}
