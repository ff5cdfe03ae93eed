//! The metrics of one episode: a registry of plain functions.
//!
//! Returns are simple returns of net worth, `r[t] = w[t] / w[t - 1] - 1`, one a period, `n` in all; `ppy` is the number of
//! periods per year of the curve itself. A new metric is a function in a file of this folder and a line in [`METRICS`].

mod drawdown;
mod ratios;
mod returns;
mod trading;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::curve::{EquityCurve, TradeRecord};
use crate::periods::PeriodsPerYear;

pub use drawdown::{drawdown_length_days, drawdown_length_periods, drawdowns, maximum_drawdown};
pub use ratios::{sharpe, sortino};
pub use returns::{annualised_return, cumulative_return, simple_returns, volatility};
pub use trading::{commission, exposure, trades, turnover, turnover_per_year};

/// What a metric is computed from: one account on one span.
#[derive(Clone, Copy, Debug)]
pub struct Episode<'a> {
    /// What the account was worth.
    pub curve: &'a EquityCurve,
    /// What was traded.
    pub trades: &'a [TradeRecord],
    /// Periods per year of the curve.
    pub periods_per_year: PeriodsPerYear,
    /// Risk-free rate a year, as a fraction; each period earns `risk_free / ppy`.
    pub risk_free: f64,
}

impl<'a> Episode<'a> {
    /// Bundles a curve with its trades; the periods per year are counted in the curve.
    pub fn new(curve: &'a EquityCurve, trades: &'a [TradeRecord], risk_free: f64) -> Self {
        Self { curve, trades, periods_per_year: curve.periods_per_year(), risk_free }
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
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooFewPeriods => "fewer than 2 periods",
            Self::NoVariance => "the returns do not vary",
            Self::NoLosses => "no return is below the target",
            Self::Ruined => "the account was ruined",
            Self::NotFinite => "the result does not fit a 64-bit float",
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
    /// Which direction is better.
    pub better: Better,
    /// The function.
    pub compute: fn(&Episode<'_>) -> Metric,
}

/// Every metric, in the order of reports.
pub const METRICS: &[MetricEntry] = &[
    MetricEntry {
        name: "cumulative_return",
        label: "Return",
        unit: Unit::Fraction,
        summary: "Last net worth over the first, minus 1, after all costs.",
        better: Better::Higher,
        compute: cumulative_return,
    },
    MetricEntry {
        name: "annualised_return",
        label: "Return a year",
        unit: Unit::FractionPerYear,
        summary: "The return compounded to a year; on a span much shorter than a year it exaggerates.",
        better: Better::Higher,
        compute: annualised_return,
    },
    MetricEntry {
        name: "volatility",
        label: "Volatility",
        unit: Unit::FractionPerYear,
        summary: "Standard deviation (n - 1) of the returns, times the root of the periods per year.",
        better: Better::Lower,
        compute: volatility,
    },
    MetricEntry {
        name: "sharpe",
        label: "Sharpe ratio",
        unit: Unit::Ratio,
        summary: "Mean excess return over its standard deviation (n - 1), times the root of the periods per year.",
        better: Better::Higher,
        compute: sharpe,
    },
    MetricEntry {
        name: "sortino",
        label: "Sortino ratio",
        unit: Unit::Ratio,
        summary: "Mean excess return over the root mean square of the losses (all periods), times the root of the periods per year.",
        better: Better::Higher,
        compute: sortino,
    },
    MetricEntry {
        name: "maximum_drawdown",
        label: "Maximum drawdown",
        unit: Unit::Fraction,
        summary: "Largest loss from an earlier peak, as a fraction of that peak, 0 or above.",
        better: Better::Lower,
        compute: maximum_drawdown,
    },
    MetricEntry {
        name: "drawdown_length_periods",
        label: "Longest drawdown",
        unit: Unit::Periods,
        summary: "Most periods in a row below an earlier peak.",
        better: Better::Lower,
        compute: drawdown_length_periods,
    },
    MetricEntry {
        name: "drawdown_length_days",
        label: "Longest drawdown",
        unit: Unit::Days,
        summary: "Longest time from a peak to the last point in a row below it.",
        better: Better::Lower,
        compute: drawdown_length_days,
    },
    MetricEntry {
        name: "exposure",
        label: "Exposure",
        unit: Unit::Fraction,
        summary: "Mean absolute value of the holdings over the net worth.",
        better: Better::Neither,
        compute: exposure,
    },
    MetricEntry {
        name: "trades",
        label: "Trades",
        unit: Unit::Count,
        summary: "Number of fills.",
        better: Better::Neither,
        compute: trades,
    },
    MetricEntry {
        name: "turnover",
        label: "Turnover",
        unit: Unit::Times,
        summary: "Value bought and sold over the mean net worth.",
        better: Better::Neither,
        compute: turnover,
    },
    MetricEntry {
        name: "turnover_per_year",
        label: "Turnover a year",
        unit: Unit::TimesPerYear,
        summary: "Turnover divided by the years of the span.",
        better: Better::Neither,
        compute: turnover_per_year,
    },
    MetricEntry {
        name: "commission",
        label: "Commission",
        unit: Unit::Money,
        summary: "Sum of all fees paid.",
        better: Better::Lower,
        compute: commission,
    },
];

/// Computes every metric of [`METRICS`], by name.
pub fn evaluate(episode: &Episode<'_>) -> BTreeMap<&'static str, Metric> {
    METRICS.iter().map(|entry| (entry.name, (entry.compute)(episode))).collect()
}

/// Lets only finite numbers out, and a zero without its sign: an empty sum is -0.
fn finite(value: f64) -> Metric {
    if value.is_finite() { Ok(value + 0.0) } else { Err(Undefined::NotFinite) }
}
