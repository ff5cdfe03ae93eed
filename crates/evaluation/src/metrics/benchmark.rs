//! The account beside a benchmark, on the stamps that both have.

use crate::curve::{EquityCurve, check_finite, check_times};
use crate::error::EvaluationError;
use crate::metrics::sample::{Sample, lane_dot, rounding};
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
    /// Returns of the account between common stamps; `None` if those are all of its stamps.
    joined: Option<Sample>,
    other: Sample,
    /// Sum of the products of the deviations from the means.
    products: f64,
    periods_per_year: PeriodsPerYear,
}

impl Aligned {
    /// Joins both by stamp: a period runs from one common stamp to the next.
    pub(super) fn new(curve: &EquityCurve, own: &Sample, benchmark: &Benchmark<'_>) -> Result<Self, Undefined> {
        let (worth, times) = (curve.net_worth(), curve.times());
        if times == benchmark.times {
            return Ok(Self::of(own, None, Sample::of(benchmark.values)?, curve.periods_per_year()));
        }
        let (mut stamps, mut joined, mut other) = (Vec::new(), Vec::new(), Vec::new());
        let mut j = 0;
        for (time, w) in times.iter().zip(worth) {
            j += benchmark.times[j..].iter().take_while(|t| *t < time).count();
            if benchmark.times.get(j) == Some(time) {
                stamps.push(*time);
                joined.push(*w);
                other.push(benchmark.values[j]);
            }
        }
        let periods_per_year = PeriodsPerYear::from_times(&stamps).map_err(|_| Undefined::NoOverlap)?;
        let joined = Sample::of(&joined)?;
        Ok(Self::of(&joined.clone(), Some(joined), Sample::of(&other)?, periods_per_year))
    }

    fn of(own: &Sample, joined: Option<Sample>, other: Sample, periods_per_year: PeriodsPerYear) -> Self {
        let (x, y) = (own.mean(), other.mean());
        let products = lane_dot(own.values(), other.values(), |r, b| (r - x) * (b - y));
        Self { joined, other, products, periods_per_year }
    }

    /// Returns of the account over the periods of the benchmark's.
    fn own<'a>(&'a self, episode: &'a Episode<'_>) -> Result<&'a Sample, Undefined> {
        self.joined.as_ref().map_or_else(|| episode.sample(), Ok)
    }
}

/// Beta: `cov(r, b) / var(b)`, the slope of the account's returns on those of the benchmark, joined by stamp.
///
/// Sharpe, "Capital Asset Prices", Journal of Finance 19 (1964); the least-squares slope with an intercept.
pub fn beta(episode: &Episode<'_>) -> Metric {
    let Aligned { other, products, .. } = episode.aligned()?;
    other.spread()?;
    finite(products / (other.variance()? * (other.len() - 1) as f64))
}

/// Jensen's alpha, a year: `ppy * (mean(r) - f - beta * (mean(b) - f))` with `f = risk_free / ppy`.
///
/// Jensen, "The Performance of Mutual Funds in the Period 1945-1964", Journal of Finance 23 (1968). It is not compounded.
pub fn alpha(episode: &Episode<'_>) -> Metric {
    let aligned = episode.aligned()?;
    let (own, Aligned { other, periods_per_year, .. }) = (aligned.own(episode)?, aligned);
    let rate = episode.risk_free / periods_per_year.get();
    let excess = own.mean() - rate - beta(episode)? * (other.mean() - rate);
    finite(excess * periods_per_year.get())
}

/// Information ratio: `mean(r - b) / std(r - b) * sqrt(ppy)` with `n - 1`, joined by stamp.
///
/// Goodwin, "The Information Ratio", Financial Analysts Journal 54 (1998). [`Undefined::NoVariance`] if the account moves
/// with the benchmark.
pub fn information_ratio(episode: &Episode<'_>) -> Metric {
    let aligned = episode.aligned()?;
    let (own, Aligned { other, periods_per_year, .. }) = (aligned.own(episode)?, aligned);
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
