use pavlov_rl_core::{Fill, Fills, Ledger};
use serde::{Deserialize, Serialize};

use crate::orders::whole_shares_for;
use crate::{Account, AssetSlippage, Commission};

/// Assets that the money is shared between.
pub(crate) const ASSETS: usize = 2;

/// Money, shares of both assets and the commission paid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Purse {
    pub cash: f64,
    pub shares: [f64; ASSETS],
    pub fees: f64,
}

impl Purse {
    /// Books a fill through the one door that money has.
    #[inline(always)]
    pub fn trade<F: Fills>(&mut self, fill: Fill, fills: &mut F) {
        let i = fill.asset as usize;
        let mut account = Account { cash: self.cash, position: self.shares[i], fees: self.fees };
        account.trade(fill, fills);
        (self.cash, self.shares[i], self.fees) = (account.cash, account.position, account.fees);
    }

    #[inline(always)]
    pub fn holdings_value(&self, prices: [f64; ASSETS]) -> f64 {
        self.shares[0] * prices[0] + self.shares[1] * prices[1]
    }

    #[inline(always)]
    pub fn net_worth(&self, prices: [f64; ASSETS]) -> f64 {
        self.cash + self.holdings_value(prices)
    }

    pub fn ledger(&self, prices: [f64; ASSETS]) -> Ledger {
        Ledger { cash: self.cash, holdings_value: self.holdings_value(prices), fees: self.fees }
    }
}

/// How a share becomes trades.
#[derive(Debug)]
pub(crate) struct Rebalance {
    pub commission: Commission,
    pub slippage: [AssetSlippage; ASSETS],
    /// As published: what makes no whole share is gone, booked as a fee.
    pub rest_is_lost: bool,
}

impl Rebalance {
    /// Trades to this share in the first asset, decided `t` rows after the segment's first, at these prices of the fill rule:
    /// the sale first, then what the cash pays for.
    #[inline(always)]
    pub fn fill<F: Fills>(
        &self,
        purse: &mut Purse,
        weight: f64,
        prices: [f64; ASSETS],
        (t, row): (usize, u32),
        fills: &mut F,
    ) {
        let target = whole_shares(purse.net_worth(prices), weight, prices);
        let change = [target[0] - purse.shares[0], target[1] - purse.shares[1]];
        for i in if change[1] < 0.0 { [1, 0] } else { [0, 1] } {
            let price = self.slippage[i].price(t, prices[i], change[i]);
            let paid_for = || whole_shares_for(purse.cash, price, self.commission);
            // As published there is no cost, and the target is paid for but for rounding.
            let shares = if self.rest_is_lost { change[i] } else { change[i].min(paid_for()) };
            let fee = self.commission.fee(shares.abs() * price, shares);
            purse.trade(Fill { row, asset: i as u32, shares, price, fee }, fills);
        }
        if self.rest_is_lost && purse.cash > 0.0 {
            purse.trade(Fill { row, asset: 0, shares: 0.0, price: prices[0], fee: purse.cash }, fills);
        }
    }
}

/// Whole shares of both assets when this share of the money is for the first.
#[inline(always)]
pub(crate) fn whole_shares(money: f64, weight: f64, prices: [f64; ASSETS]) -> [f64; ASSETS] {
    [(money * weight / prices[0]).floor(), (money * (1.0 - weight) / prices[1]).floor()]
}
