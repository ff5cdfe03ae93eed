//! One asset, short or long in whole shares with all that the account allows, every short kept repayable.
//!
//! | | |
//! |---|---|
//! | Observation | the last 30 rows of the frame up to row t; value of the holdings over net worth, cut at -10 and 10 |
//! | Action | 0 short, 1 long, 2 hold; or (`action = "target_weight"`) the fraction of the net worth to hold, -1..1; whole shares |
//! | Fill rule | `next_close`; all others by name; slippage on demand |
//! | Reward | relative change of the net worth at the new row's close, clipped at -1 and 1; other rewards by name |
//! | Ends | terminated at a net worth of 0 or less; truncated after 252 steps (sampled) or at the segment's last row (whole) |
//! | Source | Théate and Ernst, "An application of deep reinforcement learning to algorithmic trading", Expert Systems with Applications 173 (2021) 114632; `as_published`: adamd1985, "Double deep Q-networks for algorithmic trading", 2024 |
//!
//! A long or short asks for all: with the cash `c` that is left when the position is closed at the fill price `p`,
//! `floor(c / (p (1 + C)))` shares are bought or sold short, where `C` is the proportional commission. An action that repeats
//! the held side trades nothing.
//!
//! No short is let grow, or stay, beyond what [`Bound`](crate::Bound) says can be repaid.

use std::sync::Arc;

use pavlov_rl_core::{
    Action, ActionSpec, EnvSpec, Environment, Fill, Fills, Frame, Ledger, Market, ObservationSpec, Rng, Segment,
    StateError, Status, Step,
};
use serde::{Deserialize, Serialize};

use crate::{
    Account, AssetSlippage, BatchFactory, Borrowing, Bound, Commission, Draws, EnvError, EnvironmentConfig,
    EpisodeMode, Episodes, FillRule, Passive, Quote, Reward, RewardConfig, RewardKind, RewardState, ShortBound,
    Slippage, Variant, quotes,
};

const NAME: &str = "long_short";
const ACTIONS: &[&str] = &["short", "long", "hold"];
const SHORT: u32 = 0;
const LONG: u32 = 1;
const HOLD: u32 = 2;
/// Largest weight that is shown, either way.
const MAX_SHOWN_WEIGHT: f64 = 10.0;

/// What an action is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// One of short, long, hold.
    #[default]
    Discrete,
    /// The fraction of the net worth to hold, -1..1.
    TargetWeight,
}

/// Rules of the long/short environment. Defaults come from the paper unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LongShortConfig {
    /// Dollars at the start of an episode; 100,000.
    pub initial_cash: f64,
    /// Rows of the frame that an observation shows; 30.
    pub window: u32,
    /// What an action is; `discrete`.
    pub action: ActionKind,
    /// Commission; 0.001 of the traded value (0 as published).
    pub commission: Option<Commission>,
    /// How far an order moves its price; `none`.
    pub slippage: Slippage,
    /// Yearly cost of borrowed shares as a fraction of their value; 0.
    pub borrow_rate: f64,
    /// Largest relative rise of the price, from one fill to the next, that a short must survive; 0.1 (0.001 as published).
    pub epsilon: Option<f64>,
    /// When the bound on shorts is computed; `at_fill` (`at_decision` as published).
    pub short_bound: Option<ShortBound>,
    /// What a step is rewarded for; `return` clipped at 1 (as published `sharpe` with 4.5 % a year without risk, clipped at 1).
    pub reward: Option<RewardConfig>,
    /// When orders are filled; `next_close`.
    pub fill: FillRule,
    /// Steps of a sampled episode; 252, a year of days (ours).
    pub sample_len: u32,
    /// Part of the initial cash at or below which the game is over; 0.
    pub ruin_frac: f64,
    /// `default`, or `as_published` for the article's numbers, flaws included.
    pub variant: Variant,
}

impl Default for LongShortConfig {
    fn default() -> Self {
        Self {
            initial_cash: 100_000.0,
            window: 30,
            action: ActionKind::Discrete,
            commission: None,
            slippage: Slippage::None,
            borrow_rate: 0.0,
            epsilon: None,
            short_bound: None,
            reward: None,
            fill: FillRule::NextClose,
            sample_len: 252,
            ruin_frac: 0.0,
            variant: Variant::Default,
        }
    }
}

impl LongShortConfig {
    fn published(&self) -> bool {
        self.variant == Variant::AsPublished
    }

    fn commission(&self) -> Commission {
        self.commission.unwrap_or(Commission::proportional(if self.published() { 0.0 } else { 0.001 }))
    }

    fn epsilon(&self) -> f64 {
        self.epsilon.unwrap_or(if self.published() { 0.001 } else { 0.1 })
    }

    fn short_bound(&self) -> ShortBound {
        self.short_bound.unwrap_or(if self.published() { ShortBound::AtDecision } else { ShortBound::AtFill })
    }

    fn reward(&self) -> RewardConfig {
        let sharpe = RewardConfig { risk_free_rate: 0.045, periods_per_year: Some(252.0), ..RewardKind::Sharpe.into() };
        let kind = if self.published() { sharpe } else { RewardKind::Return.into() };
        self.reward.unwrap_or(RewardConfig { clip: Some(1.0), ..kind })
    }

    /// What is wrong with the published numbers; `None` for the default variant.
    pub fn flaw(&self) -> Option<&'static str> {
        self.published().then_some(
            "variant = as_published: the bound on shorts is not the paper's and lets a rising price ruin the account, \
             which is no end of the game; holding does not revalue an open position; a Sharpe ratio counts the rows \
             before the first decision as returns of 0; the end of the data counts as the end of the game",
        )
    }
}

impl EnvironmentConfig for LongShortConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(self.initial_cash.is_finite() && self.initial_cash > 0.0) {
            problems.push(format!("initial_cash must be a number above 0, got {}", self.initial_cash));
        }
        self.commission().validate(&mut problems);
        self.slippage.validate(&mut problems);
        self.reward().validate(&mut problems);
        if !(self.borrow_rate.is_finite() && self.borrow_rate >= 0.0) {
            problems.push(format!("borrow_rate must be a number from 0 up, got {}", self.borrow_rate));
        }
        if !(self.epsilon() > 0.0 && self.epsilon() <= 1.0) {
            problems.push(format!("epsilon must lie above 0 and not above 1, got {}", self.epsilon()));
        }
        if !(0.0..1.0).contains(&self.ruin_frac) {
            problems.push(format!("ruin_frac must lie in 0..1, got {}", self.ruin_frac));
        }
        for (key, value) in [("window", self.window), ("sample_len", self.sample_len)] {
            if value == 0 {
                problems.push(format!("{key} must be at least 1, got 0"));
            }
        }
        let (discrete, at_decision) =
            (self.action == ActionKind::Discrete, self.short_bound() == ShortBound::AtDecision);
        if !discrete && (at_decision || self.published()) {
            problems.push("action must be discrete with short_bound = at_decision and variant = as_published".into());
        }
        if self.published() && !at_decision {
            problems.push("short_bound must be at_decision (or left out) with variant = as_published".into());
        }
        problems
    }

    fn to_toml(&self) -> toml::Table {
        let resolved = Self {
            commission: Some(self.commission()),
            epsilon: Some(self.epsilon()),
            short_bound: Some(self.short_bound()),
            reward: Some(self.reward()),
            ..self.clone()
        };
        toml::Table::try_from(resolved).expect("numbers and names are TOML")
    }

    fn notes(&self) -> Vec<String> {
        self.fill.assumption().into_iter().chain(self.flaw()).map(str::to_owned).collect()
    }

    fn fill(&self) -> FillRule {
        self.fill
    }

    fn window(&self) -> usize {
        self.window as usize
    }

    fn assets(&self) -> usize {
        1
    }

    fn units(&self) -> (&'static str, &'static str) {
        ("USD", "shares")
    }

    fn passive(&self, market: &Market, segment: Segment) -> Result<Vec<Passive>, EnvError> {
        let discrete = Self { action: ActionKind::Discrete, ..self.clone() };
        let rules = Rules::new(&discrete, market, segment)?;
        Ok(vec![
            rules.play("buy & hold", "buys all that the cash affords at the first fill and keeps it", LONG),
            rules.play("sell & hold", "sells as much short at the first fill and keeps it, within the bound", SHORT),
        ])
    }

    fn build(
        &self,
        market: Arc<Market>,
        segment: Segment,
        mode: EpisodeMode,
    ) -> Result<Box<dyn BatchFactory>, EnvError> {
        Ok(Box::new(Arc::new(LongShort::new(self, market, segment, mode)?)))
    }
}

/// The long/short game on one segment of a market.
#[derive(Debug)]
pub struct LongShort {
    market: Arc<Market>,
    spec: EnvSpec,
    episodes: Episodes,
    rules: Rules,
}

/// Prices and rules of the game.
#[derive(Debug)]
struct Rules {
    quotes: Box<[Quote]>,
    first: u32,
    initial_cash: f64,
    commission: Commission,
    slippage: AssetSlippage,
    borrowing: Borrowing,
    bound: Bound,
    reward: Reward,
    warm_up: f64,
    fill: FillRule,
    least_size: f64,
    ruin_at: f64,
    published: bool,
}

/// What changes during an episode of [`LongShort`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LongShortState {
    row: u32,
    end: u32,
    account: Account,
    /// -1, 0 or 1: what is held.
    side: f64,
    /// Price that the position is valued at.
    mark: f64,
    reward: RewardState,
    draws: Draws,
}

impl Rules {
    fn new(config: &LongShortConfig, market: &Market, segment: Segment) -> Result<Self, EnvError> {
        EnvError::of_config(NAME, config.validate())?;
        if market.prices.assets != 1 {
            return Err(EnvError::Assets { environment: NAME, expected: 1, got: market.prices.assets });
        }
        let quotes = quotes(market, segment, 0, config.fill)?;
        EnvError::of_config(NAME, config.slippage.problems_at(&quotes))?;
        let (epsilon, commission, published) = (config.epsilon(), config.commission(), config.published());
        let bound = Bound::new(config.short_bound(), epsilon, commission.proportional);
        Ok(Self {
            quotes,
            first: segment.first,
            initial_cash: config.initial_cash,
            commission,
            slippage: config.slippage.of(market, segment, 0),
            borrowing: Borrowing::new(config.borrow_rate, market, segment),
            bound: if published { Bound::published(epsilon, commission.proportional) } else { bound },
            reward: config.reward().on(market, segment),
            warm_up: if published { f64::from(config.window) + 1.0 } else { 0.0 },
            fill: config.fill,
            least_size: if published { f64::NEG_INFINITY } else { 0.0 },
            ruin_at: if published { f64::NEG_INFINITY } else { config.ruin_frac * config.initial_cash },
            published,
        })
    }

    fn start(&self, (row, end): (u32, u32), draws: Draws) -> LongShortState {
        let account = Account::new(self.initial_cash, 0.0);
        let reward = self.reward.start(self.initial_cash, self.warm_up);
        let mark = self.quotes[(row - self.first) as usize].close;
        LongShortState { row, end, account, side: 0.0, mark, reward, draws }
    }

    /// Shares that turn the account to a side with all that it has, at this price.
    #[inline(always)]
    fn turn(&self, account: &Account, side: f64, price: f64) -> f64 {
        let value = account.position * price;
        let flat = account.cash + value - self.commission.fee(value.abs(), account.position);
        side * self.commission.affordable(flat, price).floor().max(self.least_size) - account.position
    }

    /// Shares that bring the holdings nearest to a fraction of the net worth at this price, and that the cash pays for.
    #[inline(always)]
    fn toward(&self, account: &Account, weight: f64, price: f64) -> f64 {
        let target = (weight.clamp(-1.0, 1.0) * account.net_worth(price) / price).trunc();
        let most = self.commission.affordable(account.cash, price).floor().max(-account.position).max(0.0);
        (target - account.position).min(most)
    }

    /// The side that an action asks for, and the shares to trade for it at this price within the bound.
    #[inline(always)]
    fn order(&self, state: &LongShortState, action: Action<'_>, close: f64, price: f64) -> (f64, f64) {
        let account = &state.account;
        let (side, asked, short_again) = match action {
            Action::Discrete(choice @ 0..3) => {
                let side = if choice == HOLD { state.side } else { 2.0 * f64::from(choice) - 1.0 };
                let turn = self.turn(account, side, price);
                (side, if side == state.side { 0.0 } else { turn }, choice == SHORT && side == state.side)
            }
            Action::Continuous(&[weight]) => (0.0, self.toward(account, f64::from(weight), price), false),
            other => panic!("long_short takes 0, 1, 2 or one weight, got {other:?}"),
        };
        let shares = match self.bound.timing() {
            ShortBound::AtFill => asked.max(self.bound.least(account, price).ceil().min((-account.position).max(0.0))),
            ShortBound::AtDecision => {
                let least = self.bound.least(account, close);
                if short_again && least > 0.0 { least.floor().min(-account.position) } else { asked }
            }
        };
        (side, shares)
    }

    /// Takes the cost of the shares that were borrowed during bar t+1: before an order at its close, after any other.
    #[inline(always)]
    fn charge<F: Fills>(&self, account: &mut Account, t: usize, fills: &mut F) {
        if !self.borrowing.is_free() {
            let (row, price) = (self.first + t as u32 + 1, self.quotes[t + 1].close);
            let fee = self.borrowing.cost(t, account.position, price);
            account.trade(Fill { row, asset: 0, shares: 0.0, price, fee }, fills);
        }
    }

    #[inline(always)]
    fn step<F: Fills>(&self, state: &mut LongShortState, action: Action<'_>, fills: &mut F) -> Step {
        let t = (state.row - self.first) as usize;
        let (Quote { fill: price, close: seen }, close) = (self.quotes[t], self.quotes[t + 1].close);
        let price = self.fill.drawn(price, close, || state.draws.draw());
        if self.fill == FillRule::NextClose {
            self.charge(&mut state.account, t, fills);
        }
        let (mut side, mut shares) = self.order(state, action, seen, price);
        let mut paid = price;
        if !self.slippage.is_none() {
            paid = self.slippage.price(t, price, shares);
            (side, shares) = self.order(state, action, seen, paid);
        }
        let fee = self.commission.fee((shares * paid).abs(), shares);
        state.account.trade(Fill { row: self.fill.row(state.row), asset: 0, shares, price: paid, fee }, fills);
        state.row += 1;
        if self.fill != FillRule::NextClose {
            self.charge(&mut state.account, t, fills);
        }
        let unmoved = self.published && action == Action::Discrete(HOLD);
        state.mark = if unmoved { state.mark } else { close };
        state.side = if self.published { side } else { sign(state.account.position) };

        let net_worth = state.account.net_worth(state.mark);
        let reward = self.reward.next(&mut state.reward, net_worth);
        let at_end = if self.published { Status::Terminated } else { Status::Truncated };
        let end = if state.row == state.end { at_end } else { Status::Running };
        Step { reward, status: if net_worth <= self.ruin_at { Status::Terminated } else { end } }
    }

    /// The books of an investor who takes one action at every bar.
    fn play(&self, name: &'static str, summary: &'static str, choice: u32) -> Passive {
        let last = self.first + self.quotes.len() as u32 - 1;
        let mut state = self.start((self.first, last), Draws::default());
        let (mut ledgers, mut fills) = (vec![state.account.ledger(state.mark)], Vec::new());
        while state.row < last {
            self.step(&mut state, Action::Discrete(choice), &mut fills);
            ledgers.push(state.account.ledger(state.mark));
        }
        Passive { name, summary, ledgers, fills }
    }
}

#[inline(always)]
fn sign(x: f64) -> f64 {
    f64::from(u8::from(x > 0.0)) - f64::from(u8::from(x < 0.0))
}

impl LongShort {
    /// The game on a segment.
    ///
    /// # Errors
    /// [`EnvError`] if the values, the segment or the prices make no game.
    pub fn new(
        config: &LongShortConfig,
        market: Arc<Market>,
        segment: Segment,
        mode: EpisodeMode,
    ) -> Result<Self, EnvError> {
        let rules = Rules::new(config, &market, segment)?;
        let episodes = Episodes::new(&market, segment, mode, config.sample_len)?;
        let window = config.window as usize;
        if ((segment.first - segment.start) as usize + 1) < window {
            return Err(EnvError::Window { window, segment });
        }
        let observation = ObservationSpec { window, features: market.frame.cols(), account: 1 };
        let action = match config.action {
            ActionKind::Discrete => ActionSpec::Discrete { names: ACTIONS },
            ActionKind::TargetWeight => ActionSpec::Continuous { low: [-1.0].into(), high: [1.0].into() },
        };
        Ok(Self { market, spec: EnvSpec { observation, action }, episodes, rules })
    }
}

impl Environment for LongShort {
    type State = LongShortState;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.market.frame
    }

    fn new_state(&self) -> LongShortState {
        LongShortState::default()
    }

    fn reset(&self, state: &mut LongShortState, rng: &mut Rng) {
        let rows = self.episodes.draw(rng);
        *state = self.rules.start(rows, self.rules.fill.draws(rng));
    }

    #[inline(always)]
    fn step<F: Fills>(&self, state: &mut LongShortState, action: Action<'_>, fills: &mut F) -> Step {
        self.rules.step(state, action, fills)
    }

    #[inline(always)]
    fn observe(&self, state: &LongShortState, account: &mut [f32]) -> u32 {
        let holdings = state.account.position * state.mark;
        let weight = holdings / (state.account.cash + holdings).max(f64::MIN_POSITIVE);
        account[0] = weight.max(-MAX_SHOWN_WEIGHT).min(MAX_SHOWN_WEIGHT) as f32;
        state.row
    }

    fn ledger(&self, state: &LongShortState) -> Ledger {
        state.account.ledger(state.mark)
    }

    fn check(&self, state: &LongShortState) -> Result<(), StateError> {
        let amounts = [state.account.cash, state.account.position, state.account.fees, state.side];
        let possible = amounts.iter().all(|x| x.is_finite()) && state.mark > 0.0 && state.reward.is_possible();
        if possible && state.mark.is_finite() && self.episodes.contains(state.row, state.end) {
            return Ok(());
        }
        Err(StateError::Value(format!("{state:?} in {} rows from {}", self.rules.quotes.len(), self.rules.first)))
    }
}
