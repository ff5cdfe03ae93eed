use pavlov_rl_core::{Action, Fill, Fills, Market, Segment, Status, Step};

use super::{HOLD, LongShortConfig, LongShortState, NAME, SHORT};
use crate::episodes::hull;
use crate::{
    Account, AssetSlippage, Borrowing, Bound, Commission, Draws, EnvError, EnvironmentConfig, FillRule, Passive, Quote,
    Reward, ShortBound, quotes,
};

/// What orders are sized by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) commission: Commission,
    pub(super) bound: Bound,
    pub(super) least_size: f64,
}

impl Terms {
    /// Shares that turn the account from the held side to another with all that it has, at this price.
    #[inline(always)]
    pub(super) fn turn(&self, account: &Account, held: f64, side: f64, price: f64) -> f64 {
        let value = account.position * price;
        let flat = account.cash + value - self.commission.fee(value.abs(), account.position);
        let size = self.commission.affordable(flat, price).floor().max(self.least_size);
        let turn = side * size - account.position;
        if side == held { 0.0 } else { turn }
    }

    /// Shares that bring the holdings nearest to a fraction of the net worth at this price, and that the cash pays for.
    #[inline(always)]
    fn toward(&self, account: &Account, weight: f64, price: f64) -> f64 {
        let target = (weight.clamp(-1.0, 1.0) * account.net_worth(price) / price).trunc();
        let most = self.commission.affordable(account.cash, price).floor().max(-account.position).max(0.0);
        (target - account.position).min(most)
    }

    /// An order at this price, no further short than can be repaid.
    #[inline(always)]
    pub(super) fn repayable(&self, account: &Account, asked: f64, price: f64) -> f64 {
        asked.max(self.bound.least(account, price).ceil().min((-account.position).max(0.0)))
    }
}

/// Prices and rules of the game.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) quotes: Box<[Quote]>,
    pub(super) first: u32,
    pub(super) terms: Terms,
    pub(super) reward: Reward,
    pub(super) ruin_at: f64,
    pub(super) published: bool,
    slippage: AssetSlippage,
    borrowing: Borrowing,
    pub(super) fill: FillRule,
    initial_cash: f64,
    warm_up: f64,
}

impl Rules {
    pub(super) fn new(config: &LongShortConfig, market: &Market, segments: &[Segment]) -> Result<Self, EnvError> {
        EnvError::of_config(NAME, config.validate())?;
        if market.prices.assets != 1 {
            return Err(EnvError::Assets { environment: NAME, expected: 1, got: market.prices.assets });
        }
        let segment = hull(segments);
        let quotes = quotes(market, segment, 0, config.fill)?;
        EnvError::of_config(NAME, config.slippage.problems_at(&quotes))?;
        let (epsilon, commission, published) = (config.epsilon(), config.commission(), config.published());
        let bound = Bound::new(config.short_bound(), epsilon, commission.proportional);
        let terms = Terms {
            commission,
            bound: if published { Bound::published(epsilon, commission.proportional) } else { bound },
            least_size: if published { f64::NEG_INFINITY } else { 0.0 },
        };
        Ok(Self {
            quotes,
            first: segment.first,
            initial_cash: config.initial_cash,
            terms,
            slippage: config.slippage.of(market, segment, 0),
            borrowing: Borrowing::new(config.borrow_rate, market, segment),
            reward: config.reward().on(market, segments[0]),
            warm_up: if published { f64::from(config.window) + 1.0 } else { 0.0 },
            fill: config.fill,
            ruin_at: if published { f64::NEG_INFINITY } else { config.ruin_frac * config.initial_cash },
            published,
        })
    }

    pub(super) fn start(&self, (row, end): (u32, u32), draws: Draws) -> LongShortState {
        let account = Account::new(self.initial_cash, 0.0);
        let reward = self.reward.start(self.initial_cash, self.warm_up);
        let mark = self.quotes[(row - self.first) as usize].close;
        LongShortState { row, end, account, side: 0.0, mark, reward, draws }
    }

    /// Whether the side is the one that is held and valued at the last close; the article's may be another.
    pub(super) fn holds(&self, state: &LongShortState) -> bool {
        let close = self.quotes[(state.row - self.first) as usize].close;
        let sound = state.side == sign(state.account.position) && state.mark == close;
        sound || self.published && state.side.abs() <= 1.0 && state.mark.is_finite() && state.mark > 0.0
    }

    /// Whether orders are sized at the fill price, which is what is paid and not drawn, and nothing but trades takes money.
    pub(super) fn is_plain(&self) -> bool {
        let commission = self.terms.commission;
        let plain = commission == Commission::proportional(commission.proportional);
        let plain = plain && self.fill != FillRule::InsideNext;
        plain && self.terms.bound.timing() == ShortBound::AtFill && self.slippage.is_none() && self.borrowing.is_free()
    }

    /// The side that an action asks for, and the shares to trade for it at this price within the bound.
    #[inline(always)]
    fn order(&self, state: &LongShortState, action: Action<'_>, close: f64, price: f64) -> (f64, f64) {
        let account = &state.account;
        let (side, asked, short_again) = match action {
            Action::Discrete(choice @ 0..3) => {
                let side = if choice == HOLD { state.side } else { 2.0 * f64::from(choice) - 1.0 };
                let turn = self.terms.turn(account, state.side, side, price);
                (side, turn, choice == SHORT && side == state.side)
            }
            Action::Continuous(&[weight]) => (0.0, self.terms.toward(account, f64::from(weight), price), false),
            other => panic!("long_short takes 0, 1, 2 or one weight, got {other:?}"),
        };
        let shares = match self.terms.bound.timing() {
            ShortBound::AtFill => self.terms.repayable(account, asked, price),
            ShortBound::AtDecision => {
                let least = self.terms.bound.least(account, close);
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
    pub(super) fn step<F: Fills>(&self, state: &mut LongShortState, action: Action<'_>, fills: &mut F) -> Step {
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
        let fee = self.terms.commission.fee((shares * paid).abs(), shares);
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
        Step { reward, status: self.status(state.row, state.end, net_worth) }
    }

    /// Whether the game goes on at this row with this net worth.
    #[inline(always)]
    pub(super) fn status(&self, row: u32, end: u32, net_worth: f64) -> Status {
        let at_end = if self.published { Status::Terminated } else { Status::Truncated };
        let status = if row == end { at_end } else { Status::Running };
        if net_worth <= self.ruin_at { Status::Terminated } else { status }
    }

    /// The books of an investor who takes one action at every bar.
    pub(super) fn play(&self, name: &'static str, summary: &'static str, choice: u32) -> Passive {
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

/// -1, 0 or 1.
#[inline(always)]
pub(super) fn sign(x: f64) -> f64 {
    let negative = if x < 0.0 { -1.0 } else { 0.0 };
    if x > 0.0 { 1.0 } else { negative }
}
