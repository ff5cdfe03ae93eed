use std::sync::Arc;

use pavlov_rl_core::{
    Action, ActionSpec, EnvSpec, Environment, Fill, Fills, Frame, Ledger, Market, ObservationSpec, Rng, StateError,
    Status, Step, below,
};
use serde::{Deserialize, Serialize};

const INITIAL_CASH: f64 = 100_000.0;
const COMMISSION: f64 = 0.001;
const MAX_ORDER: f32 = 10.0;
const EPISODE_LEN: u32 = 100;
const WINDOW: u32 = 5;

/// `N` assets, traded in whole shares with limit prices; no short positions.
///
/// | | |
/// |---|---|
/// | Observation | the last 5 rows; shares held of each asset, then cash / 100,000 |
/// | Action | for each asset: signed count, highest bid and lowest offer, both as a fraction of the last close |
/// | Fill rule | in bar t+1, if its range reaches the limit: at the limit, or at the open if that is better |
/// | Reward | relative change of the net worth |
/// | Ends | after 100 steps |
#[derive(Debug)]
pub struct Portfolio {
    market: Arc<Market>,
    spec: EnvSpec,
}

/// What changes during an episode of [`Portfolio`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortfolioState {
    row: u32,
    end: u32,
    shares: Vec<i64>,
    cash: f64,
    fees: f64,
    net_worth: f64,
}

impl Portfolio {
    /// The game over all rows of a market.
    ///
    /// # Panics
    /// If the market has fewer than 106 rows.
    pub fn new(market: Arc<Market>) -> Self {
        assert!(market.frame.rows() > (EPISODE_LEN + WINDOW) as usize, "a portfolio episode needs 106 rows");
        let assets = market.prices.assets;
        let bounds = |count, price| [count, price, price].repeat(assets).into_boxed_slice();
        let observation =
            ObservationSpec { window: WINDOW as usize, features: market.frame.cols(), account: assets + 1 };
        let action = ActionSpec::Continuous { low: bounds(-MAX_ORDER, 0.9), high: bounds(MAX_ORDER, 1.1) };
        Self { market, spec: EnvSpec { observation, action } }
    }

    fn closes(&self, row: u32) -> &[f64] {
        let n = self.market.prices.assets;
        &self.market.prices.close[row as usize * n..][..n]
    }

    fn ledger_of(&self, state: &PortfolioState) -> Ledger {
        let holdings_value = state.shares.iter().zip(self.closes(state.row)).map(|(&n, close)| n as f64 * close).sum();
        Ledger { cash: state.cash, holdings_value, fees: state.fees }
    }

    /// Signed whole shares and price of an order in the bar of `row`; 0 shares if the bar does not reach the limit.
    fn matched(&self, state: &PortfolioState, asset: usize, order: [f32; 3]) -> (i64, f64) {
        let [count, bid, offer] = order;
        let prices = &self.market.prices;
        let i = state.row as usize * prices.assets + asset;
        let last_close = prices.close[i - prices.assets];
        let wanted = count.round() as i64;
        if wanted > 0 && prices.low[i] < f64::from(bid) * last_close {
            let price = prices.open[i].min(f64::from(bid) * last_close);
            let affordable = (state.cash / (price * (1.0 + COMMISSION))).floor().max(0.0) as i64;
            return (wanted.min(affordable), price);
        }
        if wanted < 0 && prices.high[i] > f64::from(offer) * last_close {
            return (wanted.max(-state.shares[asset]), prices.open[i].max(f64::from(offer) * last_close));
        }
        (0, 0.0)
    }
}

impl Environment for Portfolio {
    type State = PortfolioState;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.market.frame
    }

    fn new_state(&self) -> PortfolioState {
        let shares = vec![0; self.market.prices.assets];
        PortfolioState { row: 0, end: 0, shares, cash: 0.0, fees: 0.0, net_worth: 0.0 }
    }

    fn reset(&self, state: &mut PortfolioState, rng: &mut Rng) {
        let last_start = self.market.frame.rows() as u32 - 1 - EPISODE_LEN;
        state.row = WINDOW - 1 + below(rng, last_start - WINDOW + 2);
        state.end = state.row + EPISODE_LEN;
        state.shares.fill(0);
        (state.cash, state.fees, state.net_worth) = (INITIAL_CASH, 0.0, INITIAL_CASH);
    }

    fn step<F: Fills>(&self, state: &mut PortfolioState, action: Action<'_>, fills: &mut F) -> Step {
        let Action::Continuous(orders) = action else { panic!("a portfolio takes a row of orders, got {action:?}") };
        state.row += 1;
        for (asset, order) in orders.as_chunks::<3>().0.iter().enumerate() {
            let (shares, price) = self.matched(state, asset, *order);
            if shares != 0 {
                let fee = shares.unsigned_abs() as f64 * price * COMMISSION;
                state.cash -= shares as f64 * price + fee;
                state.fees += fee;
                state.shares[asset] += shares;
                fills.fill(Fill { row: state.row, asset: asset as u32, shares: shares as f64, price, fee });
            }
        }
        let net_worth = self.ledger_of(state).net_worth();
        let reward = net_worth / state.net_worth - 1.0;
        state.net_worth = net_worth;
        Step { reward, status: if state.row == state.end { Status::Truncated } else { Status::Running } }
    }

    fn observe(&self, state: &PortfolioState, account: &mut [f32]) -> u32 {
        let (cash, shares) = account.split_last_mut().expect("the account row ends with the cash");
        for (seen, held) in shares.iter_mut().zip(&state.shares) {
            *seen = *held as f32;
        }
        *cash = (state.cash / INITIAL_CASH) as f32;
        state.row
    }

    fn ledger(&self, state: &PortfolioState) -> Ledger {
        self.ledger_of(state)
    }

    fn check(&self, state: &PortfolioState) -> Result<(), StateError> {
        let rows = self.market.frame.rows() as u32;
        let in_time = state.row + 1 >= WINDOW && state.row < state.end && state.end < rows;
        let held =
            state.shares.len() == self.market.prices.assets && state.shares.iter().all(|n| (0..1 << 40).contains(n));
        let money = [state.cash, state.fees, state.net_worth].iter().all(|x| x.is_finite());
        if in_time && held && money { Ok(()) } else { Err(StateError::Value(format!("{state:?} with {rows} rows"))) }
    }
}
