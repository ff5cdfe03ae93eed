//! Returns by month, week or day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::report::curves::SpanCurves;

/// A span longer than this, in days, is shown by month.
const MONTHS_FROM_DAYS: f64 = 92.0;
/// A span longer than this, in days, is shown by week.
const WEEKS_FROM_DAYS: f64 = 21.0;

/// Returns by calendar, UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// What a period is.
    pub unit: CalendarUnit,
    /// The periods with a bar, in order; the first and the last may be parts of one.
    pub periods: Vec<PeriodReturn>,
    /// The years, if a period is a month.
    pub years: Vec<PeriodReturn>,
}

/// How long a period of a calendar is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarUnit {
    /// A day.
    #[default]
    Day,
    /// A week that begins on Monday.
    Week,
    /// A month.
    Month,
}

/// Returns in one period, as fractions: the last net worth in it over the last one before it, less 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeriodReturn {
    /// First day of the period, `2019-07-01`.
    pub from: String,
    /// Mean over the seeds that had an account; `None` if none had.
    pub agent: Option<f64>,
    /// Of the benchmark.
    pub benchmark: Option<f64>,
}

impl Calendar {
    pub(super) fn of(curves: &SpanCurves, benchmark: Option<&[f64]>) -> Self {
        let [Some(first), Some(last)] = [curves.times.first(), curves.times.last()] else { return Self::default() };
        let unit = match (last - first) as f64 / 86_400e9 {
            days if days > MONTHS_FROM_DAYS => CalendarUnit::Month,
            days if days > WEEKS_FROM_DAYS => CalendarUnit::Week,
            _ => CalendarUnit::Day,
        };
        let years = match unit {
            CalendarUnit::Month => periods(curves, benchmark, |date| date.first_of_year()),
            CalendarUnit::Week | CalendarUnit::Day => Vec::new(),
        };
        Self { unit, periods: periods(curves, benchmark, |date| unit.first_day(date)), years }
    }
}

impl CalendarUnit {
    fn first_day(self, date: Date) -> Date {
        match self {
            Self::Day => date,
            Self::Week => date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days()),
            Self::Month => date.first_of_month(),
        }
    }
}

/// The periods that begin at the days that `first_day` gives.
fn periods(curves: &SpanCurves, benchmark: Option<&[f64]>, first_day: impl Fn(Date) -> Date) -> Vec<PeriodReturn> {
    // A stamp is a close: midnight belongs to the day that it ends.
    let day =
        |time: &i64| Timestamp::from_nanosecond(i128::from(*time - 1)).ok().map(|at| at.to_zoned(TimeZone::UTC).date());
    let days: Vec<Option<Date>> = curves.times.iter().skip(1).map(|time| day(time).map(&first_day)).collect();
    // A period is the range of points of its closes.
    let mut ranges: Vec<(Date, usize, usize)> = Vec::new();
    for (t, day) in days.iter().enumerate() {
        let Some(day) = *day else { continue };
        match ranges.last_mut() {
            Some((from, _, last)) if *from == day => *last = t + 1,
            _ => ranges.push((day, t, t + 1)),
        }
    }
    let change = |worth: &[f64], before: usize, last: usize| {
        let (base, end) = (*worth.get(before)?, *worth.get(last.min(worth.len().checked_sub(1)?))?);
        (base > 0.0).then(|| end / base - 1.0).filter(|change| change.is_finite())
    };
    let period = |&(from, before, last): &(Date, usize, usize)| {
        let seeds: Vec<f64> = curves.agents.iter().filter_map(|agent| change(&agent.net_worth, before, last)).collect();
        let mean = seeds.iter().sum::<f64>() / seeds.len() as f64;
        PeriodReturn {
            from: from.to_string(),
            agent: (!seeds.is_empty()).then_some(mean),
            benchmark: benchmark.and_then(|worth| change(worth, before, last)),
        }
    };
    ranges.iter().map(period).collect()
}

impl PeriodReturn {
    /// Year and month of the first day.
    pub(in crate::report) fn year_and_month(&self) -> Option<(i16, i8)> {
        self.from.parse::<Date>().ok().map(|date| (date.year(), date.month()))
    }
}

#[cfg(test)]
mod tests {
    use pavlov_evaluation::EquityCurve;
    use pavlov_evaluation::metrics::monthly_returns;
    use pavlov_rl_core::ActionBatch;

    use super::*;
    use crate::report::curves::AgentCurve;

    const DAY: i64 = 86_400_000_000_000;
    /// Monday, 1 July 2019, 00:00 UTC.
    const MONDAY: i64 = 18_078 * DAY;

    fn curves(times: Vec<i64>, seeds: &[Vec<f64>]) -> SpanCurves {
        let agent = |worth: &Vec<f64>| AgentCurve {
            seed: 1,
            net_worth: worth.clone(),
            weights: Vec::new(),
            trades: Vec::new(),
            actions: ActionBatch::Discrete(Vec::new()),
            rewards: Vec::new(),
        };
        SpanCurves { times, agents: seeds.iter().map(agent).collect(), ..SpanCurves::default() }
    }

    #[test]
    fn months_are_those_of_the_metric_and_compound_to_the_years() {
        let times: Vec<i64> = (0..500).map(|t| MONDAY + t * DAY).collect();
        let worth: Vec<f64> = (0..500).map(|t| 100.0 + f64::from(t % 53) + 0.1 * f64::from(t)).collect();
        let curve = EquityCurve::new(times.clone(), worth.clone(), vec![0.0; 500]).unwrap();
        let calendar = Calendar::of(&curves(times, std::slice::from_ref(&worth)), Some(&worth));
        let months = monthly_returns(&curve);
        assert_eq!((calendar.unit, calendar.periods.len()), (CalendarUnit::Month, months.len()));
        for (period, month) in calendar.periods.iter().zip(&months) {
            let (year, number) = period.year_and_month().unwrap();
            assert_eq!((i64::from(year), number as u32, period.agent), (month.year, month.month, month.value));
        }
        let compound = |periods: &[PeriodReturn]| periods.iter().map(|p| 1.0 + p.benchmark.unwrap()).product::<f64>();
        assert_eq!(calendar.years.iter().map(|y| y.from.as_str()).collect::<Vec<_>>(), ["2019-01-01", "2020-01-01"]);
        assert!((compound(&calendar.periods) - compound(&calendar.years)).abs() < 1e-12);
    }

    #[test]
    fn a_short_span_has_weeks_or_days_and_a_mean_over_the_seeds() {
        let times: Vec<i64> = (0..36 * 24).map(|t| MONDAY + t * DAY / 24).collect();
        let rising: Vec<f64> = (0..times.len()).map(|t| 100.0 + t as f64).collect();
        let flat = vec![100.0; times.len()];
        let calendar = Calendar::of(&curves(times.clone(), &[rising.clone(), flat]), Some(&rising));
        assert_eq!((calendar.unit, calendar.periods.len(), calendar.years.len()), (CalendarUnit::Week, 6, 0));
        assert_eq!(
            (calendar.periods[0].from.as_str(), calendar.periods[1].from.as_str()),
            ("2019-07-01", "2019-07-08")
        );
        // The first week closes with the 168th hour, midnight.
        assert!((calendar.periods[0].agent.unwrap() - 0.84).abs() < 1e-12);
        assert!((calendar.periods[0].benchmark.unwrap() - 1.68).abs() < 1e-12);
        let days = Calendar::of(&curves(times[..240].to_vec(), &[rising[..240].to_vec()]), None);
        assert_eq!(
            (days.unit, days.periods.len(), days.periods[9].from.as_str()),
            (CalendarUnit::Day, 10, "2019-07-10")
        );
    }

    #[test]
    fn an_account_that_is_gone_has_no_return() {
        let times: Vec<i64> = (0..8).map(|t| MONDAY + t * DAY).collect();
        let calendar = Calendar::of(&curves(times, &[vec![100.0, 50.0, 0.0]]), None);
        let agent: Vec<Option<f64>> = calendar.periods.iter().map(|p| p.agent).collect();
        assert_eq!(agent, [Some(-0.5), Some(-1.0), None, None, None, None, None]);
        assert_eq!(Calendar::of(&SpanCurves::default(), None), Calendar::default());
    }
}
