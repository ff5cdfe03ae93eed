//! The account beside a benchmark, on the stamps that both have.

use crate::curve::{EquityCurve, check_finite, check_times};
use crate::error::EvaluationError;
use crate::metrics::sample::{Sample, lane_dot, returns_of, rounding};
use crate::metrics::{Episode, Metric, Undefined, finite};
use crate::periods::PeriodsPerYear;

/// A price, an index or another account that the account is measured against.
#[derive(Clone, Copy, Debug)]
pub struct Benchmark<'a> {
    times: &'a [i64],
    values: &'a [f64],
}

impl<'a> Benchmark<'a> {
    /// Takes values on their stamps in UTC ns, both `[M]`; they need not be the stamps of the account.
    ///
    /// # Errors
    /// [`EvaluationError`] if the lengths differ, there are fewer than 2 values, the times do not rise or a value is not
    /// finite or not above 0.
    pub fn new(times: &'a [i64], values: &'a [f64]) -> Result<Self, EvaluationError> {
        if times.len() != values.len() {
            return Err(EvaluationError::BenchmarkLengths { times: times.len(), values: values.len() });
        }
        check_times(times)?;
        check_finite("benchmark", values)?;
        match values.iter().position(|x| *x <= 0.0) {
            Some(index) => Err(EvaluationError::BenchmarkValue { index, value: values[index] }),
            None => Ok(Self { times, values }),
        }
    }
}

/// Returns of both over the same periods.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Aligned {
    own: Sample,
    other: Sample,
    periods_per_year: PeriodsPerYear,
}

impl Aligned {
    /// Joins both by stamp: a period runs from one common stamp to the next.
    pub(super) fn new(curve: &EquityCurve, own: &Sample, benchmark: &Benchmark<'_>) -> Result<Self, Undefined> {
        let (worth, times) = (curve.net_worth(), curve.times());
        if times == benchmark.times {
            let other = Sample::new(returns_of(benchmark.values)?);
            return Ok(Self { own: own.clone(), other, periods_per_year: curve.periods_per_year() });
        }
        let (mut stamps, mut own, mut other) = (Vec::new(), Vec::new(), Vec::new());
        let mut j = 0;
        for (time, w) in times.iter().zip(worth) {
            j += benchmark.times[j..].iter().take_while(|t| *t < time).count();
            if benchmark.times.get(j) == Some(time) {
                stamps.push(*time);
                own.push(*w);
                other.push(benchmark.values[j]);
            }
        }
        let periods_per_year = PeriodsPerYear::from_times(&stamps).map_err(|_| Undefined::NoOverlap)?;
        Ok(Self { own: Sample::new(returns_of(&own)?), other: Sample::new(returns_of(&other)?), periods_per_year })
    }
}

/// Beta: `cov(r, b) / var(b)`, the slope of the account's returns on those of the benchmark, joined by stamp.
///
/// Sharpe, "Capital Asset Prices", Journal of Finance 19 (1964); the least-squares slope with an intercept.
pub fn beta(episode: &Episode<'_>) -> Metric {
    let Aligned { own, other, .. } = episode.aligned()?;
    other.spread()?;
    let variance = other.variance()? * (other.len() - 1) as f64;
    let (x, y) = (own.mean(), other.mean());
    finite(lane_dot(own.values(), other.values(), |r, b| (r - x) * (b - y)) / variance)
}

/// Jensen's alpha, a year: `ppy * (mean(r) - f - beta * (mean(b) - f))` with `f = risk_free / ppy`.
///
/// Jensen, "The Performance of Mutual Funds in the Period 1945-1964", Journal of Finance 23 (1968). It is not compounded.
pub fn alpha(episode: &Episode<'_>) -> Metric {
    let Aligned { own, other, periods_per_year, .. } = episode.aligned()?;
    let rate = episode.risk_free / periods_per_year.get();
    let excess = own.mean() - rate - beta(episode)? * (other.mean() - rate);
    finite(excess * periods_per_year.get())
}

/// Information ratio: `mean(r - b) / std(r - b) * sqrt(ppy)` with `n - 1`, joined by stamp.
///
/// Goodwin, "The Information Ratio", Financial Analysts Journal 54 (1998). [`Undefined::NoVariance`] if the account moves
/// with the benchmark.
pub fn information_ratio(episode: &Episode<'_>) -> Metric {
    let Aligned { own, other, periods_per_year } = episode.aligned()?;
    let (r, b, n) = (own.values(), other.values(), own.len() as f64);
    if r.len() < 2 {
        return Err(Undefined::TooFewPeriods);
    }
    let first = r[0] - b[0];
    let mean = first + lane_dot(r, b, |r, b| r - b - first) / n;
    let spread = (lane_dot(r, b, |r, b| (r - b - mean) * (r - b - mean)) / (n - 1.0)).sqrt();
    // Where both hold the same, what is left is the rounding of the two quotients.
    match spread > rounding(own.largest_from(0.0)) {
        true => finite(mean / spread * periods_per_year.get().sqrt()),
        false => Err(Undefined::NoVariance),
    }
}
