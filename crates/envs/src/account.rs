use pavlov_rl_core::{Fill, Fills, Ledger};
use serde::{Deserialize, Serialize};

/// Cash, a position in one asset and the commission paid: the one door through which a fill changes money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Cash, in money. Never clamped.
    pub cash: f64,
    /// Signed number of coins or shares.
    pub position: f64,
    /// Commission paid since the account was opened, in money.
    pub fees: f64,
}

impl Account {
    /// An account that has traded nothing yet.
    pub fn new(cash: f64, position: f64) -> Self {
        Self { cash, position, fees: 0.0 }
    }

    /// Books a fill and reports it; a fill of 0 shares and no fee changes and reports nothing. A fee without shares is a
    /// charge on what is held, like the cost of borrowed shares.
    ///
    /// `cash - (shares * price + fee)`, in this order of terms: floating-point sums depend on it.
    #[inline(always)]
    pub fn trade<F: Fills>(&mut self, fill: Fill, fills: &mut F) {
        self.cash -= fill.shares * fill.price + fill.fee;
        self.position += fill.shares;
        self.fees += fill.fee;
        if fill.shares != 0.0 || fill.fee != 0.0 {
            fills.fill(fill);
        }
    }

    /// Cash plus the value of the position at this price.
    #[inline(always)]
    pub fn net_worth(&self, price: f64) -> f64 {
        self.cash + self.position * price
    }

    /// The books at this price.
    pub fn ledger(&self, price: f64) -> Ledger {
        Ledger { cash: self.cash, holdings_value: self.position * price, fees: self.fees }
    }
}
