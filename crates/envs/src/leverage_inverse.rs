//! A leveraged and an inverse fund on one index: how much of the money in which.
//!
//! | | |
//! |---|---|
//! | Observation | the last 10 rows of the frame (for the original: open, high, low, close, volume and change of the KOSPI, min-max scaled); shares of the net worth in the first and in the second asset, gain since the start |
//! | Action | share of the net worth in the first asset (leveraged), 0 to 1; the rest goes into the second (inverse), in whole shares; money that makes no whole share stays cash |
//! | Fill rule | `next_open`; all others by name; slippage on demand |
//! | Reward | relative change of the net worth, valued at the new row's close; all others by name |
//! | Ends | terminated by a loss of more than 5 % since the start; truncated after 30 steps (sampled) or at the segment's last row (whole) |
//! | Source | a notebook that trades the leveraged and the inverse fund on the KOSPI with PPO: its class `TradingEnv` |

use std::sync::Arc;

use pavlov_rl_core::{
    Action, ActionSpec, EnvSpec, Environment, Fills, Frame, Ledger, Market, ObservationSpec, Rng, Segment, StateError,
    Status, Step,
};
use serde::{Deserialize, Serialize};

use crate::episodes::{check_windows, hull};
use crate::rebalance::{ASSETS, Purse, Rebalance, whole_shares};
use crate::{
    Account, BatchFactory, Commission, Draws, EnvError, EnvironmentConfig, EpisodeMode, Episodes, FillRule, Passive,
    Quote, Reward, RewardConfig, RewardKind, RewardState, Sides, Slippage, Variant, quotes,
};

const NAME: &str = "leverage_inverse";

/// Rules of the environment of two funds. Defaults come from the notebook unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeverageInverseConfig {
    /// Money at the start of an episode; 1,000,000.
    pub initial_cash: f64,
    /// As published, share of it that the first asset has at the start, the second having the rest; 0.5 (none: all is cash).
    pub initial_weight: Option<f64>,
    /// Commission as a fraction of the traded value, or a table with a part per share and a minimum; 0. The funds' own fees
    /// are in their prices.
    pub commission: Commission,
    /// How far an order moves its own fill price; `none`.
    pub slippage: Slippage,
    /// What a step is rewarded for; `return` (as published: the whole gain since the start, at every step).
    pub reward: Option<RewardConfig>,
    /// When orders are filled; `next_open`, the first price after the decision (`decision_close` as published).
    pub fill: Option<FillRule>,
    /// Steps of a sampled episode, with a random start; 30.
    pub sample_len: u32,
    /// Loss since the start, as a part of the net worth then, beyond which the game is over; 0.05. With 1 it never is.
    pub stop_loss_frac: f64,
    /// Rows of the frame that an observation shows; 10.
    pub window: u32,
    /// `default`, or `as_published` for the notebook's numbers, flaws included.
    pub variant: Variant,
}

impl Default for LeverageInverseConfig {
    fn default() -> Self {
        Self {
            initial_cash: 1_000_000.0,
            initial_weight: None,
            commission: Commission::default(),
            slippage: Slippage::None,
            reward: None,
            fill: None,
            sample_len: 30,
            stop_loss_frac: 0.05,
            window: 10,
            variant: Variant::Default,
        }
    }
}

impl LeverageInverseConfig {
    fn published(&self) -> bool {
        self.variant == Variant::AsPublished
    }

    fn published_fill(&self) -> FillRule {
        if self.published() { FillRule::DecisionClose } else { FillRule::NextOpen }
    }

    /// `None` as published, whose reward is none of the named ones.
    fn reward(&self) -> Option<RewardConfig> {
        self.reward.or((!self.published()).then_some(RewardKind::Return.into()))
    }

    fn initial_weight(&self) -> Option<f64> {
        self.initial_weight.or(self.published().then_some(0.5))
    }

    /// Rows that the window reaches beyond the row of the decision.
    fn lead(&self) -> u32 {
        if self.published() { self.window - 1 } else { 0 }
    }

    /// Where episodes lie: anywhere in the segments; as published, from the first row of the first on only, as far as the window goes.
    fn episodes(&self, market: &Market, segments: &[Segment], mode: EpisodeMode) -> Result<Episodes, EnvError> {
        let seen = |segment: &Segment| Segment { end: segment.end.saturating_sub(self.lead()), ..*segment };
        let seen: Vec<Segment> = segments.iter().map(seen).collect();
        let anywhere = Episodes::new(market, &seen, mode, self.sample_len)?;
        if !self.published() || mode == EpisodeMode::Whole {
            return Ok(anywhere);
        }
        let first = Segment { end: seen[0].first + self.sample_len + 1, ..seen[0] };
        Episodes::new(market, &[first], EpisodeMode::Whole, 1)
    }

    /// What an episode starts with when these are the closes.
    fn opening(&self, closes: [f64; ASSETS]) -> Purse {
        match self.initial_weight() {
            Some(weight) => Purse { shares: whole_shares(self.initial_cash, weight, closes), ..Purse::default() },
            None => Purse { cash: self.initial_cash, ..Purse::default() },
        }
    }

    fn order(&self, market: &Market, segment: Segment) -> Rebalance {
        let slippage = [0, 1].map(|asset| self.slippage.of(market, segment, asset));
        Rebalance { commission: self.commission, slippage, rest_is_lost: self.published() }
    }

    fn quotes(&self, market: &Market, segment: Segment) -> Result<Quotes, EnvError> {
        if market.prices.assets != ASSETS {
            return Err(EnvError::Assets { environment: NAME, expected: ASSETS, got: market.prices.assets });
        }
        let of = |asset| {
            let quotes = quotes(market, segment, asset, self.fill())?;
            EnvError::of_config(NAME, self.slippage.problems_at(&quotes))?;
            Ok(quotes)
        };
        Ok([of(0)?, of(1)?])
    }
}

impl EnvironmentConfig for LeverageInverseConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(self.initial_cash.is_finite() && self.initial_cash > 0.0) {
            problems.push(format!("initial_cash must be a positive number, got {}", self.initial_cash));
        }
        let shares = [("initial_weight", self.initial_weight), ("stop_loss_frac", Some(self.stop_loss_frac))];
        for (key, share) in shares.into_iter().filter_map(|(key, share)| Some((key, share?))) {
            if !(0.0..=1.0).contains(&share) {
                problems.push(format!("{key} must lie in 0..=1, got {share}"));
            }
        }
        self.commission.validate(&mut problems);
        self.slippage.validate(&mut problems);
        if let Some(reward) = self.reward {
            reward.validate(&mut problems);
            if self.published() {
                problems.push("reward must be left out with variant = as_published, which has its own".into());
            }
        }
        for (key, count) in [("sample_len", self.sample_len), ("window", self.window)] {
            if !(1..=100_000).contains(&count) {
                problems.push(format!("{key} must lie in 1..=100000, got {count}"));
            }
        }
        if !self.published() && self.initial_weight.is_some() {
            problems.push(
                "initial_weight must be left out unless variant = as_published: an episode starts with cash".into(),
            );
        }
        if self.published() && self.fill() != self.published_fill() {
            problems.push("fill must be decision_close (or left out) with variant = as_published".into());
        }
        problems
    }

    fn to_toml(&self) -> toml::Table {
        let resolved = Self {
            fill: Some(self.fill()),
            initial_weight: self.initial_weight(),
            reward: self.reward(),
            ..self.clone()
        };
        toml::Table::try_from(resolved).expect("numbers and names are TOML")
    }

    fn notes(&self) -> Vec<String> {
        self.fill().assumption().into_iter().chain(self.flaw()).map(str::to_owned).collect()
    }

    fn flaw(&self) -> Option<&'static str> {
        self.published().then_some(
            "variant = as_published: the window begins with the day of the decision and shows the days after it, orders fill \
             at that day's close, money that makes no whole share is lost at every step (booked as a fee), the reward is the \
             whole gain since the start at every step, every sampled episode starts on the first day, and its end counts as \
             the end of the game",
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
        self.window as usize
    }

    fn assets(&self) -> usize {
        ASSETS
    }

    fn units(&self) -> (&'static str, &'static str) {
        ("KRW", "shares")
    }

    fn sides(&self) -> Option<Sides> {
        (!self.published()).then_some(Sides::rows(&[1.0], &[0.0]))
    }

    fn passive(&self, market: &Market, segment: Segment) -> Result<Vec<Passive>, EnvError> {
        let (quotes, order) = (self.quotes(market, segment)?, self.order(market, segment));
        let investors = [
            (
                "buy & hold",
                "puts all money into the first asset, the leveraged one, at the first fill and keeps it",
                Some(1.0),
            ),
            (
                "all inverse",
                "puts all money into the second asset, the inverse one, at the first fill and keeps it",
                Some(0.0),
            ),
            ("half & half", "puts half of the money into each asset at the first fill and keeps both", Some(0.5)),
            ("initial account", "keeps what it starts with, by default cash", None),
        ];
        let books = |(name, summary, weight): (&'static str, &'static str, Option<f64>)| {
            let initial = self.opening(closes(&quotes, 0));
            let (mut purse, mut fills) = (initial.clone(), Vec::new());
            if let Some(weight) = weight {
                let next = closes(&quotes, 1.min(quotes[0].len() - 1));
                let prices = [0, 1].map(|i| self.fill().drawn(quotes[i][0].fill, next[i], || 0.5));
                order.fill(&mut purse, weight, prices, (0, self.fill().row(segment.first)), &mut fills);
            }
            let held = |row| if row == 0 { &initial } else { &purse };
            let ledgers = (0..quotes[0].len()).map(|row| held(row).ledger(closes(&quotes, row))).collect();
            Passive { name, summary, ledgers, fills }
        };
        Ok(investors.into_iter().map(books).collect())
    }

    fn build(
        &self,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Box<dyn BatchFactory>, EnvError> {
        Ok(Box::new(Arc::new(LeverageInverse::new(self, market, segments, mode)?)))
    }
}

type Quotes = [Box<[Quote]>; ASSETS];

#[inline(always)]
fn closes(quotes: &Quotes, i: usize) -> [f64; ASSETS] {
    [quotes[0][i].close, quotes[1][i].close]
}

/// The game of two funds on segments of a market.
#[derive(Debug)]
pub struct LeverageInverse {
    market: Arc<Market>,
    spec: EnvSpec,
    quotes: Quotes,
    first: u32,
    episodes: Episodes,
    config: LeverageInverseConfig,
    stop_loss_frac: f64,
    order: Rebalance,
    /// None as published.
    reward: Option<Reward>,
    /// Cash of the account that a relative reward takes off.
    reference: f64,
    rule: FillRule,
    lead: u32,
}

/// What changes during an episode of [`LeverageInverse`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeverageInverseState {
    row: u32,
    end: u32,
    purse: Purse,
    opening: f64,
    reward: RewardState,
    draws: Draws,
}

impl LeverageInverse {
    /// The game on segments.
    ///
    /// # Errors
    /// [`EnvError`] if the values, a segment or the prices make no game.
    pub fn new(
        config: &LeverageInverseConfig,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Self, EnvError> {
        EnvError::of_config(NAME, config.validate())?;
        let episodes = config.episodes(&market, segments, mode)?;
        if !config.published() {
            check_windows(segments, config.window)?;
        }
        let segment = hull(segments);
        let account = if config.published() { 0 } else { ASSETS + 1 };
        let initial = Account::new(config.initial_cash, 0.0);
        let observation = ObservationSpec { window: config.window as usize, features: market.frame.cols(), account };
        let action = ActionSpec::Continuous { low: [0.0].into(), high: [1.0].into() };
        Ok(Self {
            episodes,
            quotes: config.quotes(&market, segment)?,
            order: config.order(&market, segment),
            reward: config.reward().map(|reward| reward.on(&market, segments[0])),
            reference: config.reward().map_or(0.0, |reward| reward.kind.reference(initial).cash),
            market,
            spec: EnvSpec { observation, action },
            first: segment.first,
            config: config.clone(),
            stop_loss_frac: config.stop_loss_frac,
            rule: config.fill(),
            lead: config.lead(),
        })
    }

    #[inline(always)]
    fn closes(&self, row: u32) -> [f64; ASSETS] {
        closes(&self.quotes, (row - self.first) as usize)
    }

    /// Reward and end of a step that led to this net worth.
    #[inline(always)]
    fn outcome(&self, state: &mut LeverageInverseState, net_worth: f64) -> Step {
        let gain = net_worth - state.opening;
        let (reward, end) = match &self.reward {
            Some(reward) => (reward.next(&mut state.reward, net_worth - self.reference), Status::Truncated),
            None => (gain, Status::Terminated),
        };
        let stopped = gain / state.opening < -self.stop_loss_frac;
        let status = match (stopped, state.row == state.end) {
            (true, _) => Status::Terminated,
            (_, true) => end,
            _ => Status::Running,
        };
        Step { reward, status }
    }
}

impl Environment for LeverageInverse {
    type State = LeverageInverseState;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.market.frame
    }

    fn new_state(&self) -> LeverageInverseState {
        LeverageInverseState::default()
    }

    fn reset(&self, state: &mut LeverageInverseState, rng: &mut Rng) {
        let (row, end) = self.episodes.draw(rng);
        let closes = self.closes(row);
        let purse = self.config.opening(closes);
        let opening = purse.net_worth(closes);
        let reward = self.reward.map(|reward| reward.start(opening - self.reference, 0.0)).unwrap_or_default();
        *state = LeverageInverseState { row, end, purse, opening, reward, draws: self.rule.draws(rng) };
    }

    #[inline(always)]
    fn step<F: Fills>(&self, state: &mut LeverageInverseState, action: Action<'_>, fills: &mut F) -> Step {
        let Action::Continuous(&[weight @ 0.0..=1.0]) = action else {
            panic!("{NAME} takes one share in 0..=1, got {action:?}")
        };
        let t = (state.row - self.first) as usize;
        let closes = closes(&self.quotes, t + 1);
        let prices = [0, 1].map(|i| self.rule.drawn(self.quotes[i][t].fill, closes[i], || state.draws.draw()));
        let row = self.rule.row(state.row);
        self.order.fill(&mut state.purse, f64::from(weight), prices, (t, row), fills);
        state.row += 1;
        let net_worth = state.purse.net_worth(closes);
        self.outcome(state, net_worth)
    }

    #[inline(always)]
    fn observe(&self, state: &LeverageInverseState, account: &mut [f32]) -> u32 {
        if let [first, second, gain] = account {
            let (closes, shares) = (self.closes(state.row), state.purse.shares);
            let net_worth = state.purse.net_worth(closes);
            let part = 1.0 / net_worth;
            *first = (shares[0] * closes[0] * part) as f32;
            *second = (shares[1] * closes[1] * part) as f32;
            *gain = (net_worth / state.opening - 1.0) as f32;
        }
        state.row + self.lead
    }

    fn ledger(&self, state: &LeverageInverseState) -> Ledger {
        state.purse.ledger(self.closes(state.row))
    }

    fn check(&self, state: &LeverageInverseState) -> Result<(), StateError> {
        let Purse { cash, shares: [first, second], fees } = state.purse;
        let counts = [first, second, fees, state.opening];
        let possible = cash.is_finite() && counts.iter().all(|x| x.is_finite() && *x >= 0.0);
        if possible && state.reward.is_possible() && self.episodes.contains(state.row, state.end) {
            return Ok(());
        }
        Err(StateError::Value(format!("{state:?} in {} rows from {}", self.quotes[0].len(), self.first)))
    }
}
