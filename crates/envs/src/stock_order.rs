//! Orders on one stock: buy, sell or hold, and how much.
//!
//! | | |
//! |---|---|
//! | Observation | the last 6 rows of the frame (for the original: open, high, low, close, volume); cash, value of the shares and highest net worth as parts of the initial cash, and what a held share cost as a part of its price |
//! | Action | `orders`: 0 hold, 1 buy with a fixed part of the cash, 2 sell that part of the shares; `type_and_amount`: a type 0 to 3 (below 1 buys, below 2 sells, the rest holds) and the part, 0 to 1; whole shares always |
//! | Fill rule | `inside_next`; all others by name; slippage on demand |
//! | Reward | change of the logarithm of the net worth, valued at the new row's close; all others by name |
//! | Ends | terminated at 10 % of the initial net worth or below; truncated after 195 steps (sampled) or at the segment's last row (whole) |
//! | Source | "Hierarchical attention in reinforcement learning for stock order executions", 2020: the class `StockTradingEnv` |

use std::sync::Arc;

use pavlov_rl_core::{
    Action, ActionSpec, EnvSpec, Environment, Fill, Fills, Frame, Ledger, Market, ObservationSpec, Rng, Segment,
    StateError, Status, Step, below,
};
use serde::{Deserialize, Serialize};

use crate::episodes::{check_windows, hull};
use crate::{
    Account, BatchFactory, Commission, Draws, EnvError, EnvironmentConfig, EpisodeMode, Episodes, FillRule, Order,
    OrderActions, Passive, Quote, Reward, RewardConfig, RewardKind, RewardState, Sides, Slippage, Variant,
    orders::Execution, quotes,
};

const NAME: &str = "stock_order";
const ORDERS: &[&str] = &["hold", "buy", "sell"];
/// Largest cash, number of shares and share price that the article scales by, and its number of steps.
const PUBLISHED_MAX: f64 = 2_147_483_647.0;
const PUBLISHED_MAX_PRICE: f64 = 5_000.0;
const PUBLISHED_STEPS: f64 = 20_000.0;

/// Rules of the stock order environment. Defaults come from the article unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StockOrderConfig {
    /// Money at the start of an episode; 10,000.
    pub initial_cash: f64,
    /// What an action looks like; `orders`, hold being the third choice that the article's agent lacks (`type_and_amount` as
    /// published).
    pub actions: Option<OrderActions>,
    /// Part of the cash or of the shares that an order of `orders` is for; 1, our choice.
    pub amount_frac: f64,
    /// Commission as a fraction of the traded value, or a table with a part per share and a minimum; 0.
    pub commission: Commission,
    /// How far an order moves its own fill price; `none`.
    pub slippage: Slippage,
    /// What a step is rewarded for; `log_return` (as published: the cash times the row's number over 20,000).
    pub reward: Option<RewardConfig>,
    /// When orders are filled; `inside_next`.
    pub fill: Option<FillRule>,
    /// Steps of a sampled episode; 195, the two-minute bars of a session (the article's never end).
    pub sample_len: u32,
    /// Part of the initial net worth at or below which the game is over; 0.1 (0 as published).
    pub ruin_frac: Option<f64>,
    /// Rows of the frame that an observation shows; 6.
    pub window: u32,
    /// `default`, or `as_published` for the article's numbers, flaws included.
    pub variant: Variant,
}

impl Default for StockOrderConfig {
    fn default() -> Self {
        Self {
            initial_cash: 10_000.0,
            actions: None,
            amount_frac: 1.0,
            commission: Commission::default(),
            slippage: Slippage::None,
            reward: None,
            fill: None,
            sample_len: 195,
            ruin_frac: None,
            window: 6,
            variant: Variant::Default,
        }
    }
}

impl StockOrderConfig {
    fn published(&self) -> bool {
        self.variant == Variant::AsPublished
    }

    fn actions(&self) -> OrderActions {
        self.actions.unwrap_or(if self.published() { OrderActions::TypeAndAmount } else { OrderActions::Orders })
    }

    /// `None` as published, whose reward is none of the named ones.
    fn reward(&self) -> Option<RewardConfig> {
        self.reward.or((!self.published()).then_some(RewardKind::LogReturn.into()))
    }

    fn ruin_frac(&self) -> f64 {
        self.ruin_frac.unwrap_or(if self.published() { 0.0 } else { 0.1 })
    }

    /// The quotes by row: as published, orders fill in the row's own bar, and a price may be 0.
    fn quotes(&self, market: &Market, segment: Segment) -> Result<Box<[Quote]>, EnvError> {
        if market.prices.assets != 1 {
            return Err(EnvError::Assets { environment: NAME, expected: 1, got: market.prices.assets });
        }
        if !self.published() {
            let quotes = quotes(market, segment, 0, self.fill())?;
            EnvError::of_config(NAME, self.slippage.problems_at(&quotes))?;
            return Ok(quotes);
        }
        let quote = |row: u32| {
            let (fill, close) = (market.prices.open[row as usize], market.prices.close[row as usize]);
            match [fill, close].into_iter().find(|price| !(price.is_finite() && *price >= 0.0)) {
                Some(value) => Err(EnvError::Price { what: "open or close", row, value }),
                None => Ok(Quote { fill, close }),
            }
        };
        (segment.first..segment.end).map(quote).collect()
    }

    fn execution(&self, market: &Market, segment: Segment) -> Execution {
        let slippage = self.slippage.of(market, segment, 0);
        Execution { commission: self.commission, slippage, rule: self.fill(), published: self.published() }
    }

    fn action_spec(&self) -> ActionSpec {
        match self.actions() {
            OrderActions::Orders => ActionSpec::Discrete { names: ORDERS },
            OrderActions::TypeAndAmount => ActionSpec::Continuous { low: [0.0; 2].into(), high: [3.0, 1.0].into() },
        }
    }
}

impl EnvironmentConfig for StockOrderConfig {
    fn name(&self) -> &'static str {
        NAME
    }

    fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(self.initial_cash.is_finite() && self.initial_cash > 0.0) {
            problems.push(format!("initial_cash must be a positive number, got {}", self.initial_cash));
        }
        if !(self.amount_frac > 0.0 && self.amount_frac <= 1.0) {
            problems.push(format!("amount_frac must lie above 0 and up to 1, got {}", self.amount_frac));
        }
        self.commission.validate(&mut problems);
        self.slippage.validate(&mut problems);
        if let Some(reward) = self.reward {
            reward.validate(&mut problems);
            if self.published() {
                problems.push("reward must be left out with variant = as_published, which has its own".into());
            }
        }
        if !(0.0..1.0).contains(&self.ruin_frac()) {
            problems.push(format!("ruin_frac must lie in 0..1, got {}", self.ruin_frac()));
        }
        for (key, count) in [("sample_len", self.sample_len), ("window", self.window)] {
            if !(1..=100_000).contains(&count) {
                problems.push(format!("{key} must lie in 1..=100000, got {count}"));
            }
        }
        if self.published() && self.fill() != FillRule::InsideNext {
            problems.push("fill must be inside_next (or left out) with variant = as_published".into());
        }
        problems
    }

    fn to_toml(&self) -> toml::Table {
        let resolved = Self {
            actions: Some(self.actions()),
            fill: Some(self.fill()),
            ruin_frac: Some(self.ruin_frac()),
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
            "variant = as_published: orders fill in the bar that the window begins with, so the agent sees the bars after \
             its fill, five with a window of 6; the reward is the cash times the row's number, a level instead of a change; the net worth is valued \
             at the fill price; sampled episodes go on at the first row after the last; the account is scaled by constants",
        )
    }

    fn commission(&self) -> Commission {
        self.commission
    }

    fn with_commission(&self, commission: Commission) -> Box<dyn EnvironmentConfig> {
        Box::new(Self { commission, ..self.clone() })
    }

    fn fill(&self) -> FillRule {
        self.fill.unwrap_or(FillRule::InsideNext)
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
        match self.actions() {
            OrderActions::Orders => Some(Sides::choices(1, 2)),
            OrderActions::TypeAndAmount => (!self.published()).then_some(Sides::rows(&[0.0, 1.0], &[1.0, 1.0])),
        }
    }

    fn passive(&self, market: &Market, segment: Segment) -> Result<Vec<Passive>, EnvError> {
        let quotes = self.quotes(market, segment)?;
        let initial = Account::new(self.initial_cash, 0.0);
        let (mut after, mut fills) = (initial, Vec::new());
        // 0.5 gives the mean of what `inside_next` draws.
        let all_in = (0, segment.first);
        let fill = self.execution(market, segment).fill(&quotes, all_in, &initial, Order::Buy(1.0), 0.5);
        after.trade(fill, &mut fills);
        let summaries = [
            "puts all cash into whole shares at the first fill and keeps them",
            "keeps the initial cash; the same as `hold` at every bar",
        ];
        Ok(Passive::pair(&quotes, [initial, after], fills, summaries))
    }

    fn build(
        &self,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Box<dyn BatchFactory>, EnvError> {
        Ok(Box::new(Arc::new(StockOrder::new(self, market, segments, mode)?)))
    }
}

/// The stock order game on segments of a market.
#[derive(Debug)]
pub struct StockOrder {
    market: Arc<Market>,
    spec: EnvSpec,
    quotes: Box<[Quote]>,
    segment: Segment,
    episodes: Episodes,
    /// As published: after the last row of a sampled episode comes the first.
    wraps: bool,
    execution: Execution,
    /// None as published.
    reward: Option<Reward>,
    /// Cash of the account that a relative reward takes off.
    reference: f64,
    config: StockOrderConfig,
    ruin: f64,
}

/// What changes during an episode of [`StockOrder`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StockOrderState {
    row: u32,
    steps_left: u32,
    account: Account,
    /// Price that the shares are valued at.
    mark: f64,
    highest_net_worth: f64,
    /// Mean price of the shares held; 0 if there are none.
    cost_basis: f64,
    sold_shares: f64,
    sales_value: f64,
    reward: RewardState,
    draws: Draws,
}

impl StockOrder {
    /// The game on segments; as published on the first of them, at whose end the rows begin anew.
    ///
    /// # Errors
    /// [`EnvError`] if the values, a segment or the prices make no game.
    pub fn new(
        config: &StockOrderConfig,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Self, EnvError> {
        EnvError::of_config(NAME, config.validate())?;
        let wraps = config.published() && mode == EpisodeMode::Sampled;
        let lead = if config.published() { config.window - 1 } else { 0 };
        let played = if config.published() { &segments[..segments.len().min(1)] } else { segments };
        let segment = hull(played);
        let seen = Segment { end: segment.end.saturating_sub(lead), ..segment };
        let within = |segment: &Segment| Segment { end: segment.end.saturating_sub(lead), ..*segment };
        let within: Vec<Segment> = played.iter().map(within).collect();
        // Where rows wrap, any length fits.
        let sample_len = if wraps { 1 } else { config.sample_len };
        let episodes = Episodes::new(&market, &within, mode, sample_len)?;
        if !config.published() {
            check_windows(played, config.window)?;
        }
        let account = if config.published() { 6 } else { 4 };
        let initial = Account::new(config.initial_cash, 0.0);
        let observation = ObservationSpec { window: config.window as usize, features: market.frame.cols(), account };
        Ok(Self {
            episodes,
            quotes: config.quotes(&market, segment)?,
            execution: config.execution(&market, segment),
            reward: config.reward().map(|reward| reward.on(&market, segments[0])),
            market,
            spec: EnvSpec { observation, action: config.action_spec() },
            segment: seen,
            wraps,
            reference: config.reward().map_or(0.0, |reward| reward.kind.reference(initial).cash),
            ruin: config.ruin_frac() * config.initial_cash,
            config: config.clone(),
        })
    }

    /// Takes one order with this draw in `0..1`: what a step does once it has drawn.
    #[inline(always)]
    pub fn execute<F: Fills>(&self, state: &mut StockOrderState, order: Order, draw: f64, fills: &mut F) -> Step {
        let t = (state.row - self.segment.first) as usize;
        let fill = self.execution.fill(&self.quotes, (t, state.row), &state.account, order, draw);
        state.account.trade(fill, fills);
        state.note(order, fill);
        state.row += 1;
        state.steps_left -= 1;
        if self.wraps && state.row == self.segment.end {
            state.row = self.segment.first;
        }
        state.mark = if self.config.published() { fill.price } else { self.quotes[t + 1].close };
        let net_worth = state.account.net_worth(state.mark);
        state.highest_net_worth = state.highest_net_worth.max(net_worth);
        let status = match (net_worth <= self.ruin, state.steps_left) {
            (true, _) => Status::Terminated,
            (_, 0) => Status::Truncated,
            _ => Status::Running,
        };
        Step { reward: self.reward(state, net_worth), status }
    }

    #[inline(always)]
    fn reward(&self, state: &mut StockOrderState, net_worth: f64) -> f64 {
        match &self.reward {
            Some(reward) => reward.next(&mut state.reward, net_worth - self.reference),
            None => state.account.cash * (f64::from(state.row - self.segment.first) / PUBLISHED_STEPS),
        }
    }

    fn order(&self, action: Action<'_>) -> Order {
        match (action, self.config.actions()) {
            (Action::Discrete(0), OrderActions::Orders) => Order::Hold,
            (Action::Discrete(1), OrderActions::Orders) => Order::Buy(self.config.amount_frac),
            (Action::Discrete(2), OrderActions::Orders) => Order::Sell(self.config.amount_frac),
            (Action::Continuous(&[kind @ 0.0..=3.0, amount @ 0.0..=1.0]), OrderActions::TypeAndAmount) => {
                Order::from_type(f64::from(kind), f64::from(amount))
            }
            (action, actions) => panic!("{NAME} with actions {actions:?} does not take {action:?}"),
        }
    }
}

impl StockOrderState {
    /// Keeps what the fill did to the cost of the shares and to the sums of sales.
    fn note(&mut self, order: Order, fill: Fill) {
        match order {
            Order::Buy(_) => {
                let held = self.account.position - fill.shares;
                self.cost_basis = (self.cost_basis * held + fill.shares * fill.price) / self.account.position;
            }
            Order::Sell(_) => {
                self.sold_shares -= fill.shares;
                self.sales_value -= fill.shares * fill.price;
            }
            Order::Hold => {}
        }
        if self.account.position == 0.0 {
            self.cost_basis = 0.0;
        }
    }
}

impl Environment for StockOrder {
    type State = StockOrderState;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.market.frame
    }

    fn new_state(&self) -> StockOrderState {
        StockOrderState::default()
    }

    fn reset(&self, state: &mut StockOrderState, rng: &mut Rng) {
        let Segment { first, end, .. } = self.segment;
        let (row, last) = if self.wraps {
            let row = first + below(rng, end - first);
            (row, row + self.config.sample_len)
        } else {
            self.episodes.draw(rng)
        };
        *state = StockOrderState {
            row,
            steps_left: last - row,
            account: Account::new(self.config.initial_cash, 0.0),
            mark: self.quotes[(row - first) as usize].close,
            highest_net_worth: self.config.initial_cash,
            reward: self.reward.map(|r| r.start(self.config.initial_cash - self.reference, 0.0)).unwrap_or_default(),
            draws: self.execution.rule.draws(rng),
            ..StockOrderState::default()
        };
    }

    #[inline(always)]
    fn step<F: Fills>(&self, state: &mut StockOrderState, action: Action<'_>, fills: &mut F) -> Step {
        let draw = state.draws.draw();
        self.execute(state, self.order(action), draw, fills)
    }

    #[inline(always)]
    fn observe(&self, state: &StockOrderState, account: &mut [f32]) -> u32 {
        let StockOrderState { account: Account { cash, position, .. }, mark, .. } = *state;
        if !self.config.published() {
            let cost = if position > 0.0 { state.cost_basis / mark } else { 0.0 };
            let unit = self.config.initial_cash;
            let row = [cash / unit, position * mark / unit, state.highest_net_worth / unit, cost];
            account.copy_from_slice(&row.map(|x| x as f32));
            return state.row;
        }
        let row = [
            cash / PUBLISHED_MAX,
            state.highest_net_worth / PUBLISHED_MAX,
            position / PUBLISHED_MAX,
            state.cost_basis / PUBLISHED_MAX_PRICE,
            state.sold_shares / PUBLISHED_MAX,
            state.sales_value / (PUBLISHED_MAX * PUBLISHED_MAX_PRICE),
        ];
        account.copy_from_slice(&row.map(|x| x as f32));
        state.row + self.config.window - 1
    }

    fn ledger(&self, state: &StockOrderState) -> Ledger {
        state.account.ledger(state.mark)
    }

    fn check(&self, state: &StockOrderState) -> Result<(), StateError> {
        let StockOrderState { row, steps_left, account, mark, highest_net_worth, cost_basis, .. } = *state;
        let amounts = [account.position, account.fees, mark, highest_net_worth, cost_basis];
        let sums = [state.sold_shares, state.sales_value];
        let counted = amounts.iter().chain(&sums).all(|x| x.is_finite() && *x >= 0.0);
        let possible = counted && account.cash.is_finite() && state.reward.is_possible();
        let Segment { first, end, .. } = self.segment;
        let placed = if self.wraps {
            (first..end).contains(&row) && (1..=self.config.sample_len).contains(&steps_left)
        } else {
            row.checked_add(steps_left).is_some_and(|last| self.episodes.contains(row, last))
        };
        if possible && placed {
            return Ok(());
        }
        Err(StateError::Value(format!("{state:?} in the rows {first}..{end}")))
    }
}
