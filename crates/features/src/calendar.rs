//! The time of day and the day of the week, each as a point on a circle.
//!
//! A circle has no seam: Sunday is as near to Monday as Monday to Tuesday.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::FeatureDoc;
use crate::feature::{AnyBar, Feature, Indicator, Stream};

const MINUTE_NS: i64 = 60_000_000_000;
const DAY_NS: i64 = 1_440 * MINUTE_NS;
/// 1970-01-01 was a Thursday, three days after a Monday.
const EPOCH_WEEKDAY: i64 = 3;

const OFFSET: (&str, &str) =
    ("utc_offset_minutes", "minutes by which the clock is ahead of UTC, -1440 to 1440; it knows no summer time");

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TimeOfDay {
    utc_offset_minutes: i32,
}

impl Indicator for TimeOfDay {
    const NAME: &'static str = "time_of_day";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "time of day at the close of the bar, as a point on a circle (sine and cosine)",
        formula: "`sin a`, `cos a` with `a = 2 pi (time since midnight) / (one day)`",
        source: "the usual encoding of a period",
        warm_up: "none",
        parameters: &[OFFSET],
        examples: &["utc_offset_minutes = -300"],
    };
    const COLUMNS: &'static [&'static str] = &[".sin", ".cos"];

    fn check(&self) -> Vec<String> {
        check_offset(self.utc_offset_minutes)
    }

    fn warm_up(&self) -> usize {
        0
    }

    fn start(&self) -> Box<dyn Feature> {
        TimeOfDayState { offset_ns: i64::from(self.utc_offset_minutes) * MINUTE_NS }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct TimeOfDayState {
    offset_ns: i64,
}

impl Stream<2> for TimeOfDayState {
    fn update(&mut self, bar: impl AnyBar) -> [f64; 2] {
        let since_midnight = bar.time().saturating_add(self.offset_ns).rem_euclid(DAY_NS);
        on_circle(since_midnight as f64 / DAY_NS as f64)
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Weekday {
    utc_offset_minutes: i32,
}

impl Indicator for Weekday {
    const NAME: &'static str = "weekday";
    const DOC: FeatureDoc = FeatureDoc {
        summary: "day of the week, as a point on a circle (sine and cosine)",
        formula: "`sin a`, `cos a` with `a = 2 pi d / 7`, d = 0 on Mondays; a bar that closes at midnight belongs to \
                  the day that ends",
        source: "the usual encoding of a period",
        warm_up: "none",
        parameters: &[OFFSET],
        examples: &["utc_offset_minutes = 540"],
    };
    const COLUMNS: &'static [&'static str] = &[".sin", ".cos"];

    fn check(&self) -> Vec<String> {
        check_offset(self.utc_offset_minutes)
    }

    fn warm_up(&self) -> usize {
        0
    }

    fn start(&self) -> Box<dyn Feature> {
        WeekdayState { offset_ns: i64::from(self.utc_offset_minutes) * MINUTE_NS }.boxed()
    }
}

#[derive(Serialize, Deserialize)]
struct WeekdayState {
    offset_ns: i64,
}

impl Stream<2> for WeekdayState {
    fn update(&mut self, bar: impl AnyBar) -> [f64; 2] {
        let day = bar.time().saturating_add(self.offset_ns).saturating_sub(1).div_euclid(DAY_NS);
        on_circle((day + EPOCH_WEEKDAY).rem_euclid(7) as f64 / 7.0)
    }
}

fn check_offset(minutes: i32) -> Vec<String> {
    let within = (-1_440..=1_440).contains(&minutes);
    let problem = (!within).then(|| format!("utc_offset_minutes must lie in -1440..=1440, got {minutes}"));
    problem.into_iter().collect()
}

fn on_circle(turns: f64) -> [f64; 2] {
    let (sin, cos) = (TAU * turns).sin_cos();
    [sin, cos]
}

#[cfg(test)]
mod tests {
    use pavlov_market_data::Bar;

    use super::*;

    const FRIDAY_2018_05_11: i64 = 17_662 * DAY_NS;

    fn weekday(time: i64, utc_offset_minutes: i32) -> f64 {
        let bar = Bar { time, open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
        let mut point = [0.0; 2];
        Weekday { utc_offset_minutes }.start().update(&bar, &mut point);
        (point[0].atan2(point[1]) / TAU * 7.0).rem_euclid(7.0)
    }

    #[test]
    fn the_bar_that_closes_at_midnight_belongs_to_the_day_that_ends() {
        for (time, offset, expected) in [
            (FRIDAY_2018_05_11, 0, 3.0),
            (FRIDAY_2018_05_11 + 1, 0, 4.0),
            (FRIDAY_2018_05_11 + DAY_NS, 0, 4.0),
            (FRIDAY_2018_05_11 + MINUTE_NS, -60, 3.0),
            (FRIDAY_2018_05_11 - MINUTE_NS, 540, 4.0),
        ] {
            let got = weekday(time, offset);
            assert!((got - expected).abs() < 1e-12, "{time} {offset}: {got}");
        }
    }

    #[test]
    fn six_in_the_morning_is_a_quarter_of_the_circle() {
        let mut point = [0.0; 2];
        let bar = Bar { time: -18 * 60 * MINUTE_NS, open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
        TimeOfDay::default().start().update(&bar, &mut point);
        assert!((point[0] - 1.0).abs() < 1e-15 && point[1].abs() < 1e-15, "{point:?}");
    }
}
