//! The metrics of one episode: a registry of plain functions.
//!
//! Returns are simple returns of net worth, `r[t] = w[t] / w[t - 1] - 1`, one a period, `n` in all; `ppy` is the number of
//! periods per year of the curve itself. A new metric is a function in a file of this folder and a line in [`METRICS`].
//! What depends on the returns alone is computed once an [`Episode`], so that the whole set costs little more than one.

mod benchmark;
mod drawdown;
mod ratios;
mod registry;
mod returns;
mod sample;
mod series;
mod tails;
mod trading;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::curve::{EquityCurve, TradeRecord};
use crate::periods::PeriodsPerYear;

pub use benchmark::{Benchmark, alpha, beta, information_ratio};
pub use drawdown::{drawdown_length_days, drawdown_length_periods, drawdowns, maximum_drawdown};
pub use ratios::{calmar, omega, sharpe, sortino};
pub use registry::METRICS;
pub use returns::{
    annualised_return, cumulative_return, hit_rate, kurtosis, max_return, min_return, skewness, std, variance,
    volatility,
};
pub use sample::{Sample, simple_returns};
pub use series::{MonthlyReturn, monthly_returns, rolling_sharpe};
pub use tails::{expected_shortfall, tail_ratio, value_at_risk};
pub use trading::{
    churn, commission, exposure, intervals, profit_loss_ratio, profitability_ratio, trades, trades_per_interval,
    turnover, turnover_per_year,
};

/// What a metric is computed from: one account on one span.
#[derive(Clone, Debug)]
pub struct Episode<'a> {
    /// What the account was worth.
    pub curve: &'a EquityCurve,
    /// What was traded.
    pub trades: &'a [TradeRecord],
    /// Periods per year of the curve.
    pub periods_per_year: PeriodsPerYear,
    /// Risk-free rate a year, as a fraction; each period earns `risk_free / ppy`.
    pub risk_free: f64,
    sample: Result<Sample, Undefined>,
    tails: Option<tails::Tails>,
    drawdowns: drawdown::Drawdowns,
    trading_points: Vec<usize>,
    aligned: Result<benchmark::Aligned, Undefined>,
}

impl<'a> Episode<'a> {
    /// Bundles a curve with its trades; the periods per year are counted in the curve.
    pub fn new(curve: &'a EquityCurve, trades: &'a [TradeRecord], risk_free: f64) -> Self {
        let sample = Sample::of(curve.net_worth());
        Self {
            curve,
            trades,
            periods_per_year: curve.periods_per_year(),
            risk_free,
            tails: sample.as_ref().ok().and_then(tails::Tails::of),
            sample,
            drawdowns: drawdown::Drawdowns::of(curve),
            trading_points: trading::trading_points(curve, trades),
            aligned: Err(Undefined::NoBenchmark),
        }
    }

    /// Adds what beta, alpha and the information ratio are measured against.
    #[must_use]
    pub fn against(mut self, benchmark: &Benchmark<'_>) -> Self {
        self.aligned = self.sample().and_then(|own| benchmark::Aligned::new(self.curve, own, benchmark));
        self
    }

    /// The simple returns.
    ///
    /// # Errors
    /// [`Undefined::Ruined`] or [`Undefined::NotFinite`] if there are none.
    pub fn sample(&self) -> Result<&Sample, Undefined> {
        self.sample.as_ref().map_err(|reason| *reason)
    }

    fn aligned(&self) -> Result<&benchmark::Aligned, Undefined> {
        self.aligned.as_ref().map_err(|reason| *reason)
    }

    /// Risk-free rate of a period.
    fn rate(&self) -> Metric {
        finite(self.risk_free / self.periods_per_year.get())
    }

    /// First and last net worth.
    fn ends(&self) -> (f64, f64) {
        (self.curve.net_worth()[0], self.curve.net_worth()[self.curve.periods()])
    }
}

/// A finite number, or why there is none.
pub type Metric = Result<f64, Undefined>;

/// Why a metric has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Undefined {
    /// A spread needs at least 2 periods.
    TooFewPeriods,
    /// The returns do not vary.
    NoVariance,
    /// No return is below the target.
    NoLosses,
    /// The net worth fell to 0 or below, so that returns after it mean nothing.
    Ruined,
    /// The result does not fit a 64-bit float.
    NotFinite,
    /// The account never fell below an earlier peak.
    NoDrawdown,
    /// A tail of 5 % needs at least 20 periods.
    NoTail,
    /// Nothing was traded, or no trade won or lost anything.
    NoTrades,
    /// No trade lost.
    NoLosingTrades,
    /// No benchmark was given.
    NoBenchmark,
    /// Account and benchmark have fewer than 2 stamps in common.
    NoOverlap,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooFewPeriods => "fewer than 2 periods",
            Self::NoVariance => "the returns do not vary",
            Self::NoLosses => "no return is below the target",
            Self::Ruined => "the account was ruined",
            Self::NotFinite => "the result does not fit a 64-bit float",
            Self::NoDrawdown => "the account never fell below an earlier peak",
            Self::NoTail => "fewer than 20 periods have no tail of 5 %",
            Self::NoTrades => "no trade won or lost anything",
            Self::NoLosingTrades => "no trade lost",
            Self::NoBenchmark => "no benchmark was given",
            Self::NoOverlap => "account and benchmark share fewer than 2 stamps",
        })
    }
}

impl std::error::Error for Undefined {}

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Fraction of the capital: 0.1 is 10 %.
    Fraction,
    /// Fraction a year.
    FractionPerYear,
    /// A plain ratio.
    Ratio,
    /// Times the mean net worth.
    Times,
    /// Times the mean net worth, a year.
    TimesPerYear,
    /// Periods of the data.
    Periods,
    /// Days of 24 hours.
    Days,
    /// How often.
    Count,
    /// Money of the account.
    Money,
}

/// Which direction of a metric a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither: it describes.
    Neither,
}

/// A line of the registry.
#[derive(Clone, Copy, Debug)]
pub struct MetricEntry {
    /// Key in reports.
    pub name: &'static str,
    /// Heading for people.
    pub label: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// One sentence that defines it.
    pub summary: &'static str,
    /// Where the definition comes from, or what it is by itself.
    pub source: &'static str,
    /// Which direction is better.
    pub better: Better,
    /// The function.
    pub compute: fn(&Episode<'_>) -> Metric,
}

/// Computes every metric of [`METRICS`], by name.
pub fn evaluate(episode: &Episode<'_>) -> BTreeMap<&'static str, Metric> {
    METRICS.iter().map(|entry| (entry.name, (entry.compute)(episode))).collect()
}

/// Lets only finite numbers out, and a zero without its sign: an empty sum is -0.
fn finite(value: f64) -> Metric {
    if value.is_finite() { Ok(value + 0.0) } else { Err(Undefined::NotFinite) }
}
