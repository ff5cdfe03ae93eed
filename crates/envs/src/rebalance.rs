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
    /// first what is sold, then what the cash pays for.
    ///
    /// Written without branches on what is sold: random shares would mispredict them.
    #[inline(always)]
    pub fn fill<F: Fills>(
        &self,
        purse: &mut Purse,
        weight: f64,
        prices: [f64; ASSETS],
        when: (usize, u32),
        fills: &mut F,
    ) {
        let target = whole_shares(purse.net_worth(prices), weight, prices);
        let change = [target[0] - purse.shares[0], target[1] - purse.shares[1]];
        self.trade(purse, 0, change[0].min(0.0), prices[0], when, fills);
        self.trade(purse, 1, change[1].min(0.0), prices[1], when, fills);
        self.trade(purse, 0, change[0].max(0.0), prices[0], when, fills);
        self.trade(purse, 1, change[1].max(0.0), prices[1], when, fills);
        if self.rest_is_lost && purse.cash > 0.0 {
            purse.trade(Fill { row: when.1, asset: 0, shares: 0.0, price: prices[0], fee: purse.cash }, fills);
        }
    }

    /// Trades so many shares, or buys as many of them as the cash pays for; a sale that does not bring its own fee is none.
    #[inline(always)]
    fn trade<F: Fills>(
        &self,
        purse: &mut Purse,
        asset: usize,
        wanted: f64,
        price: f64,
        (t, row): (usize, u32),
        fills: &mut F,
    ) {
        let slippage = &self.slippage[asset];
        let price = if slippage.is_none() { price } else { slippage.price(t, price, wanted) };
        let fee = |shares: f64| self.commission.fee(shares.abs() * price, shares);
        let mut shares = wanted;
        // As published there is no cost, and what is wanted is paid for but for rounding.
        if wanted * price + fee(wanted) > purse.cash && !self.rest_is_lost {
            shares = wanted.max(0.0).min(whole_shares_for(purse.cash, price, self.commission));
        }
        purse.trade(Fill { row, asset: asset as u32, shares, price, fee: fee(shares) }, fills);
    }
}

/// Whole shares of both assets when this share of the money is for the first.
#[inline(always)]
pub(crate) fn whole_shares(money: f64, weight: f64, prices: [f64; ASSETS]) -> [f64; ASSETS] {
    [(money * weight / prices[0]).floor(), (money * (1.0 - weight) / prices[1]).floor()]
}
