//! The numbers of the tear sheet that are no metrics: the worst drawdowns, returns by calendar, the rolling Sharpe ratio, what
//! was done. They are part of `report.json`.

mod actions;
mod calendar;
mod drawdowns;
mod rolling;

use pavlov_evaluation::Summary;
use serde::{Deserialize, Serialize};

use super::curves::{Actions, SpanCurves};

pub use actions::{ActionShares, SeedShares};
pub(super) use actions::{Counter, fractions};
pub use calendar::{Calendar, CalendarUnit, PeriodReturn};
pub use drawdowns::Drawdown;
pub(super) use rolling::Rolling;
pub use rolling::{RollingRange, RollingSharpe};

/// What the agent did on one span, beyond its metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// The seed in the middle by its net worth at the end of the test span: the one whose single account is shown.
    pub median_seed: Option<u64>,
    /// The five deepest drawdowns of that seed, the deepest first.
    pub drawdowns: Vec<Drawdown>,
    /// Returns by month, week or day.
    pub calendar: Calendar,
    /// The Sharpe ratio of a window that moves over the span; `None` if the span is too short for one.
    pub rolling_sharpe: Option<RollingSharpe>,
    /// How often each action was taken: one entry, or one for each number of a continuous action.
    pub actions: Vec<ActionShares>,
    /// Purchases and sales of every seed.
    pub trades: Vec<TradeCount>,
    /// Sum of the rewards over the seeds, as the environment gives them.
    pub total_reward: Option<Summary>,
}

/// How often a seed bought and sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeCount {
    /// The seed.
    pub seed: u64,
    /// Purchases.
    pub buys: u64,
    /// Sales.
    pub sells: u64,
}

/// What the numbers are computed from besides the curves.
#[derive(Clone, Copy, Debug)]
pub struct SheetContext<'a> {
    /// The seed whose single account is shown.
    pub median_seed: Option<u64>,
    /// Name of the baseline that everything is shown beside.
    pub benchmark: &'a str,
    /// What an agent decides.
    pub actions: &'a Actions,
    /// Risk-free rate a year, as a fraction.
    pub risk_free: f64,
}

impl Sheet {
    /// The numbers of a span.
    pub fn of(curves: &SpanCurves, context: &SheetContext<'_>) -> Self {
        let median = context.median_seed.and_then(|seed| curves.agent(seed)).map(|agent| agent.net_worth.as_slice());
        let benchmark = curves.baseline(context.benchmark);
        let stepped = curves.agents.iter().any(|agent| !agent.rewards.is_empty());
        Self {
            median_seed: context.median_seed,
            drawdowns: median.map_or(Vec::new(), |worth| drawdowns::worst(&curves.times, worth, 5)),
            calendar: Calendar::of(curves, benchmark),
            rolling_sharpe: Rolling::of(&curves.times, median, benchmark, context.risk_free).map(|r| r.summary()),
            actions: actions::shares(curves, context.actions),
            trades: curves.agents.iter().map(|agent| TradeCount::of(agent.seed, &agent.trades)).collect(),
            total_reward: stepped.then(|| Summary::of(curves.agents.iter().map(|agent| agent.rewards.iter().sum()))),
        }
    }
}

impl TradeCount {
    fn of(seed: u64, trades: &[super::curves::Trade]) -> Self {
        let count = |bought: bool| trades.iter().filter(|trade| (trade.shares > 0.0) == bought).count() as u64;
        Self { seed, buys: count(true), sells: count(false) }
    }
}

/// A UTC stamp as `2019-06-27T10:00:00Z`.
fn stamp(time_ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time_ns)).map_or(String::new(), |at| at.to_string())
}
