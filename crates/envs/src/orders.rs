use pavlov_rl_core::Fill;
use serde::{Deserialize, Serialize};

use crate::{Account, AssetSlippage, Commission, FillRule, Quote};

/// What an action looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderActions {
    /// One of hold, buy and sell, each for the same part: for agents that value choices.
    Orders,
    /// A type and an amount, for agents that also say how much.
    TypeAndAmount,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// Nothing.
    Hold,
    /// Spend this part of the cash, in whole shares.
    Buy(f64),
    /// Sell this part of the shares, in whole shares.
    Sell(f64),
}

impl Order {
    /// The order of a type in 0..=3 and an amount in 0..=1: below 1 buys, below 2 sells.
    pub fn from_type(kind: f64, amount: f64) -> Self {
        match kind {
            ..1.0 => Self::Buy(amount),
            ..2.0 => Self::Sell(amount),
            _ => Self::Hold,
        }
    }
}

/// How an order becomes a fill.
#[derive(Debug)]
pub(crate) struct Execution {
    pub commission: Commission,
    pub slippage: AssetSlippage,
    pub rule: FillRule,
    /// Orders fill in the row's own bar.
    pub published: bool,
}

impl Execution {
    /// The trade of an order decided at `row`, row `t` of the quotes, with this draw in `0..1`; 0 shares if it holds or is for
    /// less than one.
    #[inline(always)]
    pub fn fill(&self, quotes: &[Quote], (t, row): (usize, u32), account: &Account, order: Order, draw: f64) -> Fill {
        let filled_in = if self.published { t } else { (t + 1).min(quotes.len() - 1) };
        let price = self.rule.drawn(quotes[t].fill, quotes[filled_in].close, || draw);
        let mut shares = self.shares(account, order, price);
        let mut slipped = price;
        if !self.slippage.is_none() {
            slipped = self.slippage.price(t, price, shares);
            shares = self.shares(account, order, slipped);
        }
        let row = if self.published { row } else { self.rule.row(row) };
        let fee = self.commission.fee(shares.abs() * slipped, shares);
        // A sale that does not bring its own fee is none.
        let (shares, fee) = if shares * slipped + fee <= account.cash { (shares, fee) } else { (0.0, 0.0) };
        Fill { row, asset: 0, shares, price: slipped, fee }
    }

    #[inline(always)]
    fn shares(&self, account: &Account, order: Order, price: f64) -> f64 {
        match order {
            Order::Buy(amount) => (whole_shares_for(account.cash, price, self.commission) * amount).floor(),
            Order::Sell(amount) => -(account.position * amount).floor(),
            Order::Hold => 0.0,
        }
    }
}

/// Whole shares that this cash pays for, commission included; none at a price of 0.
#[inline(always)]
pub(crate) fn whole_shares_for(cash: f64, price: f64, commission: Commission) -> f64 {
    let shares = commission.affordable(cash, price).floor();
    // The quotient may have been rounded up to a whole number.
    let cost = shares * price + commission.fee(shares * price, shares);
    let paid_for = if cost > cash { shares - 1.0 } else { shares };
    if price > 0.0 { paid_for.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::{RngTree, below, uniform_f64};

    use super::*;

    #[test]
    fn a_hair_less_than_the_cost_buys_one_share_less() {
        let mut rng = RngTree::new(1).stream("cash", 0);
        for commission in [Commission::default(), Commission { proportional: 0.001, per_share: 0.01, minimum: 2.0 }] {
            for _ in 0..1_000 {
                let (price, shares) = (100.0 * uniform_f64(&mut rng) + 0.01, f64::from(below(&mut rng, 10_000) + 2));
                let cost = |shares: f64| shares * price + commission.fee(shares * price, shares);
                let cash = cost(shares).next_down();
                let bought = whole_shares_for(cash, price, commission);
                assert!(bought == shares - 1.0 && cost(bought) <= cash, "{bought} of {shares} at {price}");
            }
        }
    }
}
