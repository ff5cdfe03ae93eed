//! Hourly Bitcoin with an account of dollars and coins.
//!
//! | | |
//! |---|---|
//! | Observation | row t of the frame (for the original: 100 x relative change of open, high, low, close, volume); cash / 10,000 and coins |
//! | Action | 0 hold, 1 buy with half of the cash, 2 sell half of the coins; a purchase for 1 dollar or less and a sale of 0.0001 coins or less are ignored |
//! | Fill rule | `next_open`; all others by name; slippage on demand |
//! | Reward | change of the profit over holding the initial account, or of the net worth (`absolute`), in dollars, valued at the new row's close; other rewards by name |
//! | Ends | terminated below 10 % of the initial net worth; truncated after 500 steps (sampled) or at the segment's last row (whole) |
//! | Source | "Bitcoin trading robot with PPO and LSTM", FMZ 2019: the class `BitcoinTradingEnv`, section 5 for the relative profit |

use std::sync::Arc;

use pavlov_rl_core::{
    Action, ActionSpec, EnvSpec, Environment, Fill, Fills, Frame, Ledger, Market, ObservationSpec, Rng, Segment,
    StateError, Status, Step,
};
use serde::{Deserialize, Serialize};

use crate::episodes::hull;
use crate::{
    Account, AssetSlippage, BatchFactory, Commission, Draws, EnvError, EnvironmentConfig, EpisodeMode, Episodes,
    FillRule, Passive, Quote, Reward, RewardConfig, RewardState, Sides, Slippage, Variant, quotes,
};

const NAME: &str = "bitcoin";
const ACTIONS: &[&str] = &["hold", "buy", "sell"];
const BUY: u32 = 1;
const SELL: u32 = 2;
/// Dollars that an observation shows as 1, whatever the initial cash.
const CASH_UNIT: f64 = 10_000.0;

/// Rules of the Bitcoin environment. Defaults come from the article's constructor unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BitcoinConfig {
    /// Dollars at the start of an episode; 10,000.
    pub initial_cash: f64,
    /// Coins at the start of an episode; 1.
    pub initial_coins: f64,
    /// Commission as a fraction of the traded value; 0.00075. A purchase pays it on the half of the cash that it spends.
    pub commission: Commission,
    /// How far an order moves its price; `none`.
    #[serde(skip_serializing_if = "Slippage::is_none")]
    pub slippage: Slippage,
    /// What a step is rewarded for; `relative_to_initial_account`, as in section 5 of the article.
    pub reward: RewardConfig,
    /// When orders are filled; `next_open`, the first price after the decision (`decision_close` as published).
    pub fill: Option<FillRule>,
    /// Steps of a sampled episode; 500.
    pub sample_len: u32,
    /// Part of the initial net worth below which the game is over; 0.1.
    pub ruin_frac: f64,
    /// Dollars that a purchase must exceed; 1.
    pub min_order_cash: f64,
    /// Coins that a sale must exceed; 0.0001.
    pub min_order_coins: f64,
    /// `default`, or `as_published` for the article's numbers, flaws included.
    pub variant: Variant,
}

impl Default for BitcoinConfig {
    fn default() -> Self {
        Self {
            initial_cash: 10_000.0,
            initial_coins: 1.0,
            commission: Commission::proportional(0.00075),
            slippage: Slippage::None,
            reward: RewardConfig::default(),
            fill: None,
            sample_len: 500,
            ruin_frac: 0.1,
            min_order_cash: 1.0,
            min_order_coins: 0.0001,
            variant: Variant::Default,
        }
    }
}

impl BitcoinConfig {
    fn published_fill(&self) -> FillRule {
        match self.variant {
            Variant::Default => FillRule::NextOpen,
            Variant::AsPublished => FillRule::DecisionClose,
        }
    }

    fn status_at_end(&self) -> Status {
        match self.variant {
            Variant::Default => Status::Truncated,
            Variant::AsPublished => Status::Terminated,
        }
    }
}

impl EnvironmentConfig for BitcoinConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let amounts = [
            ("initial_cash", self.initial_cash),
            ("initial_coins", self.initial_coins),
            ("min_order_cash", self.min_order_cash),
            ("min_order_coins", self.min_order_coins),
        ];
        for (key, value) in amounts {
            if !(value.is_finite() && value >= 0.0) {
                problems.push(format!("{key} must be a number from 0 up, got {value}"));
            }
        }
        if self.initial_cash == 0.0 && self.initial_coins == 0.0 {
            problems.push("initial_cash and initial_coins must not both be 0: there is nothing to trade with".into());
        }
        self.commission.validate(&mut problems);
        self.slippage.validate(&mut problems);
        self.reward.validate(&mut problems);
        if !(0.0..1.0).contains(&self.ruin_frac) {
            problems.push(format!("ruin_frac must lie in 0..1, got {}", self.ruin_frac));
        }
        if self.sample_len == 0 {
            problems.push("sample_len must be at least 1, got 0".into());
        }
        if self.variant == Variant::AsPublished && self.fill() != self.published_fill() {
            problems.push("fill must be decision_close (or left out) with variant = as_published".into());
        }
        problems
    }

    fn to_toml(&self) -> toml::Table {
        let resolved = Self { fill: Some(self.fill()), ..self.clone() };
        toml::Table::try_from(resolved).expect("numbers and names are TOML")
    }

    fn notes(&self) -> Vec<String> {
        self.fill().assumption().into_iter().chain(self.flaw()).map(str::to_owned).collect()
    }

    fn flaw(&self) -> Option<&'static str> {
        (self.variant == Variant::AsPublished).then_some(
            "variant = as_published: orders fill at the close that they were decided with, and the end of the data \
             counts as the end of the game",
        )
    }

    fn commission(&self) -> Commission {
        self.commission
    }

    fn with_commission(&self, commission: Commission) -> Box<dyn EnvironmentConfig> {
        Box::new(Self { commission, ..self.clone() })
    }

    fn fill(&self) -> FillRule {
        self.fill.unwrap_or(self.published_fill())
    }

    fn window(&self) -> usize {
        1
    }

    fn assets(&self) -> usize {
        1
    }

    fn units(&self) -> (&'static str, &'static str) {
        ("USD", "BTC")
    }

    fn sides(&self) -> Option<Sides> {
        Some(Sides::choices(BUY, SELL))
    }

    fn passive(&self, market: &Market, segment: Segment) -> Result<Vec<Passive>, EnvError> {
        let quotes = quotes(market, segment, 0, self.fill())?;
        let initial = Account::new(self.initial_cash, self.initial_coins);
        let slippage = self.slippage.of(market, segment, 0);
        // 0.5 gives the mean of what `inside_next` draws.
        let price = self.fill().drawn(quotes[0].fill, quotes[1.min(quotes.len() - 1)].close, || 0.5);
        let price = slippage.price(0, price, self.commission.shares_of_budget(initial.cash, price));
        let shares = self.commission.shares_of_budget(initial.cash, price);
        let fee = self.commission.fee(initial.cash, shares);
        let all_in = Fill { row: self.fill().row(segment.first), asset: 0, shares, price, fee };
        let mut fills = Vec::new();
        let mut after = initial;
        after.trade(all_in, &mut fills);
        let summaries = [
            "puts all cash into coins at the first fill and keeps them",
            "keeps the initial cash and coins; the same as `hold` at every bar",
        ];
        Ok(Passive::pair(&quotes, [initial, after], fills, summaries))
    }

    fn build(
        &self,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Box<dyn BatchFactory>, EnvError> {
        Ok(Box::new(Arc::new(Bitcoin::new(self, market, segments, mode)?)))
    }
}

/// The Bitcoin game on segments of a market.
#[derive(Debug)]
pub struct Bitcoin {
    market: Arc<Market>,
    spec: EnvSpec,
    quotes: Box<[Quote]>,
    first: u32,
    episodes: Episodes,
    initial: Account,
    reference: Account,
    reward: Reward,
    commission: Commission,
    slippage: AssetSlippage,
    fill: FillRule,
    ruin_frac: f64,
    min_order_cash: f64,
    min_order_coins: f64,
    status_at_end: Status,
}

/// What changes during an episode of [`Bitcoin`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BitcoinState {
    row: u32,
    end: u32,
    account: Account,
    reward: RewardState,
    ruin_below: f64,
    draws: Draws,
}

impl Bitcoin {
    /// The game on segments.
    ///
    /// # Errors
    /// [`EnvError`] if the values, a segment or the prices make no game.
    pub fn new(
        config: &BitcoinConfig,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Self, EnvError> {
        EnvError::of_config(NAME, config.validate())?;
        if market.prices.assets != 1 {
            return Err(EnvError::Assets { environment: NAME, expected: 1, got: market.prices.assets });
        }
        let episodes = Episodes::new(&market, segments, mode, config.sample_len)?;
        let segment = hull(segments);
        let initial = Account::new(config.initial_cash, config.initial_coins);
        let observation = ObservationSpec { window: 1, features: market.frame.cols(), account: 2 };
        let quotes = quotes(&market, segment, 0, config.fill())?;
        EnvError::of_config(NAME, config.slippage.problems_at(&quotes))?;
        Ok(Self {
            quotes,
            reward: config.reward.on(&market, segments[0]),
            slippage: config.slippage.of(&market, segment, 0),
            market,
            spec: EnvSpec { observation, action: ActionSpec::Discrete { names: ACTIONS } },
            first: segment.first,
            episodes,
            initial,
            reference: config.reward.kind.reference(initial),
            commission: config.commission,
            fill: config.fill(),
            ruin_frac: config.ruin_frac,
            min_order_cash: config.min_order_cash,
            min_order_coins: config.min_order_coins,
            status_at_end: config.status_at_end(),
        })
    }

    fn close(&self, row: u32) -> f64 {
        self.quotes[(row - self.first) as usize].close
    }

    /// Net worth over that of the reference account.
    #[inline(always)]
    fn profit(&self, net_worth: f64, close: f64) -> f64 {
        net_worth - self.reference.net_worth(close)
    }

    /// The trade that a choice asks for at the row `t`; 0 coins if it holds or its order is too small.
    ///
    /// Written without branches: random choices would mispredict them.
    #[inline(always)]
    fn order(&self, account: &Account, choice: u32, t: u32, price: f64) -> Fill {
        let spend = if choice == BUY { half_above(account.cash, self.min_order_cash) } else { 0.0 };
        let sold = if choice == SELL { half_above(account.position, self.min_order_coins) } else { 0.0 };
        let shares = |price| self.commission.shares_of_budget(spend, price) - sold;
        let price = if self.slippage.is_none() {
            price
        } else {
            self.slippage.price((t - self.first) as usize, price, shares(price))
        };
        let shares = shares(price);
        let fee = self.commission.fee(spend + sold * price, shares);
        Fill { row: self.fill.row(t), asset: 0, shares, price, fee }
    }
}

/// Half of an amount, or 0 if that is not above the least.
#[inline(always)]
fn half_above(amount: f64, least: f64) -> f64 {
    let half = 0.5 * amount;
    if half > least { half } else { 0.0 }
}

impl Environment for Bitcoin {
    type State = BitcoinState;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.market.frame
    }

    fn new_state(&self) -> BitcoinState {
        BitcoinState::default()
    }

    fn reset(&self, state: &mut BitcoinState, rng: &mut Rng) {
        let (row, end) = self.episodes.draw(rng);
        let net_worth = self.initial.net_worth(self.close(row));
        let reward = self.reward.start(self.profit(net_worth, self.close(row)), 0.0);
        let (ruin_below, draws) = (self.ruin_frac * net_worth, self.fill.draws(rng));
        *state = BitcoinState { row, end, account: self.initial, reward, ruin_below, draws };
    }

    #[inline(always)]
    fn step<F: Fills>(&self, state: &mut BitcoinState, action: Action<'_>, fills: &mut F) -> Step {
        let Action::Discrete(choice @ 0..3) = action else { panic!("bitcoin takes 0, 1 or 2, got {action:?}") };
        let t = (state.row - self.first) as usize;
        let close = self.quotes[t + 1].close;
        let price = self.fill.drawn(self.quotes[t].fill, close, || state.draws.draw());
        let order = self.order(&state.account, choice, state.row, price);
        state.account.trade(order, fills);
        state.row += 1;

        let net_worth = state.account.net_worth(close);
        let reward = self.reward.next(&mut state.reward, self.profit(net_worth, close));
        let end = if state.row == state.end { self.status_at_end } else { Status::Running };
        Step { reward, status: if net_worth < state.ruin_below { Status::Terminated } else { end } }
    }

    #[inline(always)]
    fn observe(&self, state: &BitcoinState, account: &mut [f32]) -> u32 {
        account.copy_from_slice(&[(state.account.cash / CASH_UNIT) as f32, state.account.position as f32]);
        state.row
    }

    fn ledger(&self, state: &BitcoinState) -> Ledger {
        state.account.ledger(self.close(state.row))
    }

    fn check(&self, state: &BitcoinState) -> Result<(), StateError> {
        let amounts = [state.account.position, state.account.fees, state.ruin_below];
        let sound = amounts.iter().all(|x| x.is_finite() && *x >= 0.0);
        // A least commission may exceed what a sale brings, and the cash with it.
        let possible = sound && state.account.cash.is_finite() && state.reward.is_possible();
        if possible && self.episodes.contains(state.row, state.end) {
            return Ok(());
        }
        Err(StateError::Value(format!("{state:?} in {} rows from {}", self.quotes.len(), self.first)))
    }
}
