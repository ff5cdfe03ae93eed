use serde::{Deserialize, Serialize};

use crate::Account;

/// When the bound on shorts is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortBound {
    /// At the fill price, rounded up, for every action: the theorem holds.
    AtFill,
    /// At the close that the decision was made with, rounded down, where a short is asked for again, as in the paper's tables.
    AtDecision,
}

/// The repayable short: how far an account may go short and still be able to buy everything back.
///
/// Théate and Ernst, "An application of deep reinforcement learning to algorithmic trading" (2021), theorem 2. An account
/// with cash `c` and `n` shares (`n < 0` for a short) that trades at the price `p` with the proportional commission `C`
/// may trade no less than `N` shares, purchases counted above 0:
///
/// ```text
/// delta = -c - n p (1 + epsilon) (1 + C)
/// N     = delta / (p epsilon (1 + C))            if delta >= 0: a short is cut by N shares
///       = delta / (p (2 C + epsilon (1 + C)))    if delta < 0: at most -N shares may be sold
/// ```
///
/// Then `c >= |n| p (1 + epsilon) (1 + C)` after the trade: the short can be bought back, commission included, at every
/// price that is up to `epsilon` higher. Rounding `N` up keeps this with whole shares, and by induction at every
/// later fill if each fill price lies at most `epsilon` above the one before. A commission per share, a least commission,
/// slippage and the cost of borrowing are outside the theorem: `epsilon` has to cover them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    timing: ShortBound,
    repay: f64,
    cut: f64,
    sell: f64,
}

impl Bound {
    /// The bound for this `epsilon` and proportional commission `C`.
    pub fn new(timing: ShortBound, epsilon: f64, commission: f64) -> Self {
        let repay = (1.0 + epsilon) * (1.0 + commission);
        let cut = epsilon * (1.0 + commission);
        Self { timing, repay, cut, sell: 2.0 * commission + cut }
    }

    /// The bound of the article "Double deep Q-networks for algorithmic trading", which is not the theorem's: flawed.
    pub fn published(epsilon: f64, commission: f64) -> Self {
        let repay = (1.0 + epsilon) * (1.0 + commission);
        Self { timing: ShortBound::AtDecision, repay, cut: repay, sell: 2.0 * (1.0 + commission) + repay }
    }

    /// When the bound is computed.
    #[inline(always)]
    pub fn timing(&self) -> ShortBound {
        self.timing
    }

    /// The least number of shares `N` to trade at this price, not yet rounded.
    #[inline(always)]
    pub fn least(&self, account: &Account, price: f64) -> f64 {
        let delta = -account.cash - account.position * price * self.repay;
        delta / (price * if delta >= 0.0 { self.cut } else { self.sell })
    }
}
