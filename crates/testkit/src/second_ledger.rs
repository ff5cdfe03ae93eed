//! Independent books: what the fills say an account must hold, in exact fixed point.
//!
//! Written from the meaning of a [`Fill`] alone, so that a mistake in an environment's own books cannot repeat itself here:
//! a purchase takes `shares * price + fee` out of the cash, a sale puts `|shares| * price - fee` in. Amounts are `i128`
//! numbers of 2^-64: a resolution of 5e-20 up to 9e18.

use pavlov_rl_core::{Fill, Ledger};

/// Largest relative difference that two honest books may show.
pub const BOOK_TOLERANCE: f64 = 1e-9;

/// 1 in units of 2^-64.
const ONE: i128 = 1 << 64;

/// Books that are kept from the recorded fills only.
#[derive(Clone, Debug)]
pub struct SecondLedger {
    cash: i128,
    positions: Vec<i128>,
    fees: i128,
}

impl SecondLedger {
    /// Opens books with this cash and these positions by asset; assets beyond them start at 0.
    pub fn new(cash: f64, positions: &[f64]) -> Self {
        Self { cash: fixed(cash), positions: positions.iter().map(|&p| fixed(p)).collect(), fees: 0 }
    }

    /// Books one fill.
    pub fn replay(&mut self, fill: &Fill) {
        let shares = fixed(fill.shares);
        let asset = fill.asset as usize;
        self.positions.resize(self.positions.len().max(asset + 1), 0);
        self.cash -= times(shares, fill.price) + fixed(fill.fee);
        self.positions[asset] += shares;
        self.fees += fixed(fill.fee);
    }

    /// Compares cash, value of the holdings at these closes and sum of the fees with an environment's books.
    ///
    /// # Errors
    /// The entry that differs by more than [`BOOK_TOLERANCE`], with both values.
    pub fn check(&self, books: &Ledger, closes: &[f64]) -> Result<(), String> {
        let holdings: i128 = self.positions.iter().zip(closes).map(|(&p, &close)| times(p, close)).sum();
        self.check_cash(books)?;
        self.agree("holdings value", holdings, books.holdings_value, books)
    }

    /// Compares cash and the sum of the fees only.
    ///
    /// # Errors
    /// As [`SecondLedger::check`].
    pub fn check_cash(&self, books: &Ledger) -> Result<(), String> {
        self.agree("cash", self.cash, books.cash, books)?;
        self.agree("sum of fees", self.fees, books.fees, books)
    }

    /// What the net worth changes by when closes move and these fills happen, not yet booked here:
    /// `sum(position * (after - before)) + sum(shares * (after - price)) - sum(fee)`.
    pub fn attributed_change(&self, fills: &[Fill], before: &[f64], after: &[f64]) -> f64 {
        let held = self.positions.iter().enumerate().map(|(i, &p)| times(p, after[i]) - times(p, before[i]));
        let traded = fills.iter().map(|f| {
            let shares = fixed(f.shares);
            times(shares, after[f.asset as usize]) - times(shares, f.price) - fixed(f.fee)
        });
        float(held.sum::<i128>() + traded.sum::<i128>())
    }

    /// Relative to the entry itself, but no finer than a thousandth of the whole account: what is left of cash by cancellation
    /// carries the rounding of the amounts that it was left from.
    fn agree(&self, entry: &str, ours: i128, theirs: f64, books: &Ledger) -> Result<(), String> {
        let account = books.cash.abs() + books.holdings_value.abs();
        let scale = theirs.abs().max(float(ours).abs()).max(1e-3 * account).max(f64::MIN_POSITIVE);
        let error = float(ours - fixed(theirs)).abs() / scale;
        if error <= BOOK_TOLERANCE {
            return Ok(());
        }
        Err(format!("{entry} is {theirs} where the fills give {} (relative error {error:e})", float(ours)))
    }
}

/// `a * x`, truncated to the resolution.
fn times(a: i128, x: f64) -> i128 {
    let (mantissa, exponent) = decompose(x);
    let spare = (128 - a.unsigned_abs().leading_zeros() as i32 - 73).max(0);
    let product = (a >> spare) * i128::from(mantissa);
    let shift = exponent + spare;
    if shift < 0 {
        return product >> (-shift).min(127);
    }
    let shifted = product << shift.min(127);
    assert!(shifted >> shift.min(127) == product, "{} * {x} is beyond the second ledger's 9e18", float(a));
    shifted
}

fn fixed(x: f64) -> i128 {
    times(ONE, x)
}

fn float(a: i128) -> f64 {
    a as f64 / ONE as f64
}

/// `x = mantissa * 2^exponent` exactly.
fn decompose(x: f64) -> (i64, i32) {
    assert!(x.is_finite(), "books hold {x}");
    let bits = x.to_bits();
    let (biased, fraction) = ((bits >> 52 & 0x7ff) as i32, (bits & ((1 << 52) - 1)) as i64);
    let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    (if x < 0.0 { -mantissa } else { mantissa }, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_point_arithmetic_is_exact_where_f64_is() {
        for x in [0.0, 1.0, -1.0, 0.00075, 1e-12, -8962.7001953125, 1e12, 1.5e18] {
            let error = (float(fixed(x)) - x).abs();
            assert!(error <= 6e-20, "{x} came back with error {error:e}");
        }
        assert_eq!(float(times(fixed(-3.0), 2.5)), -7.5);
        assert!((float(times(fixed(1e15), 1e-12)) / 1e3 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_purchase_and_a_sale_move_cash_position_and_fees() {
        let mut books = SecondLedger::new(100.0, &[0.0]);
        let fill = |shares, price, fee| Fill { row: 0, asset: 0, shares, price, fee };
        books.replay(&fill(4.0, 10.0, 0.5));
        books.check(&Ledger { cash: 59.5, holdings_value: 44.0, fees: 0.5 }, &[11.0]).unwrap();
        books.replay(&fill(-2.0, 12.0, 0.25));
        books.check(&Ledger { cash: 83.25, holdings_value: 26.0, fees: 0.75 }, &[13.0]).unwrap();
        let message = books.check(&Ledger { cash: 83.25, holdings_value: 26.0, fees: 0.5 }, &[13.0]).unwrap_err();
        assert!(message.contains("sum of fees is 0.5 where the fills give 0.75"), "{message}");
    }

    #[test]
    fn the_change_of_net_worth_is_attributed_to_prices_and_fees() {
        let books = SecondLedger::new(0.0, &[3.0]);
        let fill = Fill { row: 1, asset: 0, shares: 2.0, price: 10.5, fee: 0.25 };
        assert_eq!(books.attributed_change(&[fill], &[10.0], &[11.0]), 3.0 + 1.0 - 0.25);
    }
}
