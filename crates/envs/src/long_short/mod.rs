//! One asset, short or long in whole shares with all that the account allows, every short kept repayable.
//!
//! | | |
//! |---|---|
//! | Observation | the last 30 rows of the frame up to row t; value of the holdings over net worth, cut at -10 and 10 |
//! | Action | 0 short, 1 long, 2 hold; or (`action = "sides"`, the paper's) 0 short, 1 long; or (`action = "target_weight"`) the fraction of the net worth to hold, -1..1; whole shares |
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

mod lanes;
mod rules;

use std::sync::Arc;

use pavlov_rl_core::{
    Action, ActionBatch, ActionSpec, EnvSpec, Environment, Fills, Frame, Ledger, Market, ObservationSpec, Rng, Segment,
    StateError, Step, StepColumns,
};
use serde::{Deserialize, Serialize};

use lanes::{LANES, Lanes};
use rules::Rules;

use crate::episodes::check_windows;
use crate::{
    Account, BatchFactory, Commission, Draws, EnvError, EnvironmentConfig, EpisodeMode, Episodes, FillRule, Passive,
    RewardConfig, RewardKind, RewardState, ShortBound, Sides, Slippage, Variant,
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
    /// One of short, long: the paper's, which never stands aside.
    Sides,
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
        let (weight, at_decision) =
            (self.action == ActionKind::TargetWeight, self.short_bound() == ShortBound::AtDecision);
        if weight && (at_decision || self.published()) {
            problems.push(
                "action must not be target_weight with short_bound = at_decision or variant = as_published".into(),
            );
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

    fn flaw(&self) -> Option<&'static str> {
        self.published().then_some(
            "variant = as_published: the bound on shorts is not the paper's and lets a rising price ruin the account, \
             which is no end of the game; holding does not revalue an open position; a Sharpe ratio counts the rows \
             before the first decision as returns of 0; the end of the data counts as the end of the game",
        )
    }

    fn commission(&self) -> Commission {
        self.commission.unwrap_or(Commission::proportional(if self.published() { 0.0 } else { 0.001 }))
    }

    fn with_commission(&self, commission: Commission) -> Box<dyn EnvironmentConfig> {
        Box::new(Self { commission: Some(commission), ..self.clone() })
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

    fn sides(&self) -> Option<Sides> {
        Some(match self.action {
            ActionKind::Discrete | ActionKind::Sides => Sides::choices(LONG, SHORT),
            ActionKind::TargetWeight => Sides::rows(&[1.0], &[-1.0]),
        })
    }

    fn passive(&self, market: &Market, segment: Segment) -> Result<Vec<Passive>, EnvError> {
        let discrete = Self { action: ActionKind::Discrete, ..self.clone() };
        let rules = Rules::new(&discrete, market, &[segment])?;
        Ok(vec![
            rules.play("buy & hold", "buys all that the cash affords at the first fill and keeps it", LONG),
            rules.play("sell & hold", "sells as much short at the first fill and keeps it, within the bound", SHORT),
        ])
    }

    fn build(
        &self,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Box<dyn BatchFactory>, EnvError> {
        Ok(Box::new(Arc::new(LongShort::new(self, market, segments, mode)?)))
    }
}

/// The long/short game on segments of a market.
#[derive(Debug)]
pub struct LongShort {
    market: Arc<Market>,
    spec: EnvSpec,
    episodes: Episodes,
    rules: Rules,
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

impl LongShort {
    /// The game on segments.
    ///
    /// # Errors
    /// [`EnvError`] if the values, a segment or the prices make no game.
    pub fn new(
        config: &LongShortConfig,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Self, EnvError> {
        let episodes = Episodes::new(&market, segments, mode, config.sample_len)?;
        let rules = Rules::new(config, &market, segments)?;
        check_windows(segments, config.window)?;
        let window = config.window as usize;
        let observation = ObservationSpec { window, features: market.frame.cols(), account: 1 };
        let action = match config.action {
            ActionKind::Discrete => ActionSpec::Discrete { names: ACTIONS },
            ActionKind::Sides => ActionSpec::Discrete { names: &ACTIONS[..HOLD as usize] },
            ActionKind::TargetWeight => ActionSpec::Continuous { low: [-1.0].into(), high: [1.0].into() },
        };
        Ok(Self { market, spec: EnvSpec { observation, action }, episodes, rules })
    }
}

/// Value of the holdings over net worth.
#[inline(always)]
fn shown_weight(account: &Account, price: f64) -> f32 {
    let holdings = account.position * price;
    let weight = holdings / (account.cash + holdings).max(f64::MIN_POSITIVE);
    weight.clamp(-MAX_SHOWN_WEIGHT, MAX_SHOWN_WEIGHT) as f32
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
    fn step_all(&self, states: &mut [LongShortState], actions: &ActionBatch, out: &mut StepColumns<'_>) {
        let n = states.len();
        let mut stepped = 0;
        if n >= LANES
            && let ActionBatch::Discrete(choices) = actions
            && self.rules.is_plain()
            && choices.iter().all(|&choice| choice <= HOLD)
        {
            let mut lanes = Lanes::new();
            while stepped + LANES <= n {
                lanes.step(&self.rules, states, choices, out, stepped);
                stepped += LANES;
            }
        }
        self.step_range(states, actions, out, stepped..n);
    }

    #[inline(always)]
    fn observe(&self, state: &LongShortState, account: &mut [f32]) -> u32 {
        account[0] = shown_weight(&state.account, state.mark);
        state.row
    }

    fn ledger(&self, state: &LongShortState) -> Ledger {
        state.account.ledger(state.mark)
    }

    fn check(&self, state: &LongShortState) -> Result<(), StateError> {
        let amounts = [state.account.cash, state.account.position, state.account.fees];
        let possible = amounts.iter().all(|x| x.is_finite()) && state.reward.is_possible();
        if possible && self.episodes.contains(state.row, state.end) && self.rules.holds(state) {
            return Ok(());
        }
        Err(StateError::Value(format!("{state:?} in {} rows from {}", self.rules.quotes.len(), self.rules.first)))
    }
}
