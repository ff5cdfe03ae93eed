//! Fine bars to coarse ones: minutes to hours to days.
//!
//! A trading day begins at midnight of the zone, or at the opening of the session; coarse bars are counted from there in
//! elapsed time, and the last one of a day ends with the day. A coarse bar has the first open, the highest high, the
//! lowest low, the last close and the summed volume of the bars that open and close in it. It is stamped with its own
//! close, and exists only once that has passed: nothing at or before an instant depends on anything behind it.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::csv_file::Zone;
use crate::time::{DAY, Interval, nanoseconds};
use crate::{Bar, BarColumns, Bars, MarketDataError};

/// The `[resample]` table of a manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resample {
    /// The size of the coarse bars: a divisor of a day, and a multiple of the source's bars.
    pub(crate) to: Interval,
    /// The zone that days and the session are told in. Default: the file's zone, else UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zone: Option<Zone>,
    /// Opening and close of the market; bars outside are left out. Default: it never closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Session>,
}

/// The local times between which a market trades; a close that is not behind the opening is that of the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[String; 2]", into = "[String; 2]")]
pub(crate) struct Session {
    open: Time,
    close: Time,
}

impl TryFrom<[String; 2]> for Session {
    type Error = String;

    fn try_from([open, close]: [String; 2]) -> Result<Self, String> {
        let read = |text: &str| Time::strptime("%H:%M", text).map_err(|_| format!("{text:?} is no time like 09:30"));
        Ok(Session { open: read(&open)?, close: read(&close)? })
    }
}

impl From<Session> for [String; 2] {
    fn from(session: Session) -> Self {
        [session.open, session.close].map(|time| time.strftime("%H:%M").to_string())
    }
}

/// What resampling did; all counts but one are rows of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resampling {
    /// The size of the source's bars, ns.
    pub source_interval_ns: i64,
    /// Rows left out because they lie outside the session.
    pub outside_session: usize,
    /// Rows at the end whose coarse bar had not closed yet, left out.
    pub unfinished: usize,
    /// Rows that are missing inside coarse bars.
    pub missing: u64,
    /// Coarse bars that miss some of their rows.
    pub bars_with_gaps: usize,
}

/// Whose days, and how coarse.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) to_ns: i64,
    pub(crate) zone: TimeZone,
    pub(crate) session: Option<Session>,
}

/// Coarse bars of those that close at or before `until_ns`, the instant up to which the source is known.
///
/// # Errors
/// [`MarketDataError::Straddles`] for the first bar across the border of a coarse one.
pub(crate) fn resample(bars: &Bars, plan: &Plan, until_ns: i64) -> Result<(Bars, Resampling), MarketDataError> {
    let source_ns = bars.interval_ns();
    let mut report = Resampling { source_interval_ns: source_ns, ..Resampling::default() };
    let mut coarse = BarColumns::default();
    let mut day: Option<Range<i64>> = None;
    let mut row = 0;
    while row < bars.len() {
        let span = bars.times()[row].saturating_sub(source_ns)..bars.times()[row];
        let straddles = |border: i64| MarketDataError::Straddles {
            symbol: bars.symbol().to_owned(),
            open: span.start,
            close: span.end,
            border,
        };
        if !day.as_ref().is_some_and(|day| holds(day, &span)) {
            day = plan.day_of(&span).map_err(straddles)?;
        }
        let Some(day) = &day else {
            report.outside_session += 1;
            row += 1;
            continue;
        };
        let frame = plan.frame(day, span.end);
        if span.start < frame.start {
            return Err(straddles(frame.start));
        }
        let end = row + bars.times()[row..].partition_point(|time| *time <= frame.end);
        if frame.end <= until_ns {
            let missing = ((frame.end - frame.start) / source_ns) as u64;
            let missing = missing.saturating_sub((end - row) as u64);
            report.missing += missing;
            report.bars_with_gaps += usize::from(missing > 0);
            coarse.push(merged(&bars.slice(row..end), frame.end));
        } else {
            report.unfinished += end - row;
        }
        row = end;
    }
    Ok((Bars::from_columns(bars.symbol(), plan.to_ns, coarse)?, report))
}

/// One bar of one or more.
fn merged(bars: &Bars, close_ns: i64) -> Bar {
    let fold = |values: &[f64], start: f64, f: fn(f64, f64) -> f64| values.iter().copied().fold(start, f);
    Bar {
        time: close_ns,
        open: bars.open()[0],
        high: fold(bars.high(), f64::NEG_INFINITY, f64::max),
        low: fold(bars.low(), f64::INFINITY, f64::min),
        close: bars.close()[bars.len() - 1],
        volume: fold(bars.volume(), 0.0, |sum, volume| sum + volume),
    }
}

fn holds(outer: &Range<i64>, inner: &Range<i64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

impl Plan {
    /// The trading day that a bar lies in, if any; the border that it lies across is the error.
    fn day_of(&self, bar: &Range<i64>) -> Result<Option<Range<i64>>, i64> {
        let Some(date) = self.date_of(bar.end.saturating_sub(1)) else { return Ok(None) };
        let days = [date.yesterday(), Ok(date)].into_iter().flatten().filter_map(|date| self.day(date));
        let Some(day) = days.into_iter().find(|day| bar.start < day.end && day.start < bar.end) else {
            return Ok(None);
        };
        match (day.start <= bar.start, bar.end <= day.end) {
            (true, true) => Ok(Some(day)),
            (false, _) => Err(day.start),
            (true, false) => Err(day.end),
        }
    }

    fn date_of(&self, ns: i64) -> Option<Date> {
        Timestamp::from_nanosecond(i128::from(ns)).ok().map(|instant| self.zone.to_datetime(instant).date())
    }

    /// The opening and the end of the trading day that opens on a date.
    fn day(&self, date: Date) -> Option<Range<i64>> {
        let at = |date: Date, time: Time| {
            let local = date.to_datetime(time).to_zoned(self.zone.clone()).ok()?;
            nanoseconds(local.timestamp())
        };
        let next = date.tomorrow().ok()?;
        match self.session {
            None => Some(at(date, Time::midnight())?..at(next, Time::midnight())?),
            Some(Session { open, close }) => Some(at(date, open)?..at(if close > open { date } else { next }, close)?),
        }
    }

    /// The coarse bar of a trading day in which an instant behind its opening lies.
    fn frame(&self, day: &Range<i64>, ns: i64) -> Range<i64> {
        if self.to_ns >= DAY {
            return day.clone();
        }
        let start = day.start + (ns - day.start - 1) / self.to_ns * self.to_ns;
        start..day.end.min(start + self.to_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BarPolicy;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000_000_000;
    const HOUR: i64 = 60 * MINUTE;

    fn instant(text: &str) -> i64 {
        nanoseconds(text.parse::<Timestamp>().unwrap()).unwrap()
    }

    fn plan(to_ns: i64, zone: &str, session: Option<[&str; 2]>) -> Plan {
        let session = session.map(|times| Session::try_from(times.map(str::to_owned)).unwrap());
        Plan { to_ns, zone: TimeZone::get(zone).unwrap(), session }
    }

    /// Bars that close at some instants; every price is told by the number of its row.
    fn bars(interval_ns: i64, closes: impl IntoIterator<Item = i64>) -> Bars {
        let mut columns = BarColumns::default();
        for (row, time) in closes.into_iter().enumerate() {
            let price = 100.0 + (row * 37 % 50) as f64;
            let (high, low) = (price + (row % 5) as f64 + 1.0, price - (row % 3) as f64 - 1.0);
            columns.push(Bar { time, open: price + 0.5, high, low, close: price, volume: (row % 7) as f64 });
        }
        Bars::new("X", interval_ns, columns, &BarPolicy::default()).unwrap()
    }

    /// One bar after another from an opening to an end.
    fn whole(interval_ns: i64, from: &str, to: &str) -> Bars {
        let (from, to) = (instant(from), instant(to));
        bars(interval_ns, (1..=(to - from) / interval_ns).map(|i| from + i * interval_ns))
    }

    fn until_end(fine: &Bars, plan: &Plan) -> (Bars, Resampling) {
        resample(fine, plan, *fine.times().last().unwrap()).unwrap()
    }

    #[test]
    fn an_hour_is_merged_of_its_minutes_and_an_unfinished_one_is_left_out() {
        let fine = whole(MINUTE, "2018-05-07T00:00:00Z", "2018-05-07T02:30:00Z");
        let (hours, report) = until_end(&fine, &plan(HOUR, "UTC", None));
        assert_eq!(hours.times(), [instant("2018-05-07T01:00:00Z"), instant("2018-05-07T02:00:00Z")]);
        let second = fine.slice(60..120);
        assert_eq!(hours.bar(1), merged(&second, hours.times()[1]));
        assert_eq!((hours.open()[1], hours.close()[1]), (second.open()[0], second.close()[59]));
        assert_eq!(hours.high()[1], second.high().iter().copied().fold(0.0, f64::max));
        assert_eq!(report, Resampling { source_interval_ns: MINUTE, unfinished: 30, ..Resampling::default() });
    }

    #[test]
    fn an_hour_with_gaps_counts_them_and_closes_when_the_clock_says_so() {
        let from = instant("2018-05-07T00:00:00Z");
        // No minute closes at 01:00; the hour is over when the minute of 01:05 is there.
        let fine = bars(MINUTE, [10, 11, 58, 65].map(|minute| from + minute * MINUTE));
        let (hours, report) = until_end(&fine, &plan(HOUR, "UTC", None));
        assert_eq!((hours.times(), hours.volume()), (&[from + HOUR][..], &[3.0][..]));
        assert_eq!((report.missing, report.bars_with_gaps, report.unfinished), (57, 1, 1));
        let (hours, report) = until_end(&fine.slice(0..3), &plan(HOUR, "UTC", None));
        assert_eq!((hours.len(), report.unfinished), (0, 3));
    }

    #[test]
    fn days_where_the_clock_is_changed_have_23_and_25_hours() {
        for (from, to, hours) in [
            ("2018-03-11T05:00:00Z", "2018-03-12T04:00:00Z", 23),
            ("2018-11-04T04:00:00Z", "2018-11-05T05:00:00Z", 25),
            ("2018-06-01T04:00:00Z", "2018-06-02T04:00:00Z", 24),
        ] {
            let fine = whole(MINUTE, from, to);
            let (days, report) = until_end(&fine, &plan(DAY, "America/New_York", None));
            assert_eq!((days.times(), report.missing, fine.len()), (&[instant(to)][..], 0, hours * 60), "{from}");
            assert_eq!(days.volume()[0], fine.volume().iter().sum::<f64>());
            // A minute short of its end the day is not there: no day of 25 hours is shown an hour early.
            let early = fine.slice(0..fine.len() - 1);
            assert_eq!(until_end(&early, &plan(DAY, "America/New_York", None)).0.len(), 0, "{from}");
            assert_eq!(until_end(&fine, &plan(HOUR, "America/New_York", None)).0.len(), hours, "{from}");
            // The last bar of four hours ends with its day.
            let fours = until_end(&fine, &plan(4 * HOUR, "America/New_York", None)).0;
            assert_eq!((fours.len(), fours.times().last()), (hours.div_ceil(4), Some(&instant(to))), "{from}");
        }
    }

    #[test]
    fn a_session_opens_by_its_own_clock() {
        let york = |to| plan(to, "America/New_York", Some(["09:30", "16:00"]));
        // Friday before the clock is changed and Monday after it, with the hours around the sessions.
        let (friday, monday) = ("2018-03-09T21:00:00Z", "2018-03-12T20:00:00Z");
        let fine = whole(MINUTE, "2018-03-09T12:00:00Z", "2018-03-13T12:00:00Z");
        let (days, report) = until_end(&fine, &york(DAY));
        let closes: Vec<i64> = days.times().to_vec();
        assert!(closes.contains(&instant(friday)) && closes.contains(&instant(monday)), "{closes:?}");
        assert_eq!((report.missing, report.outside_session), (0, fine.len() - days.len() * 390));
        // Six hours from the opening and half an hour before the close.
        let hours = until_end(&fine, &york(HOUR)).0;
        let monday: Vec<i64> = hours.times().iter().copied().filter(|t| *t > instant("2018-03-12T00:00:00Z")).collect();
        let expected = ["14:30", "15:30", "16:30", "17:30", "18:30", "19:30", "20:00"];
        assert_eq!(monday, expected.map(|time| instant(&format!("2018-03-12T{time}:00Z"))));
    }

    #[test]
    fn a_session_may_run_over_midnight() {
        let plan = plan(DAY, "America/Chicago", Some(["17:00", "16:00"]));
        let fine = whole(MINUTE, "2018-05-07T22:00:00Z", "2018-05-08T22:00:00Z");
        let (days, report) = until_end(&fine, &plan);
        assert_eq!((days.times(), report.outside_session), (&[instant("2018-05-08T21:00:00Z")][..], 60));
        assert_eq!(days.open()[0], fine.open()[0]);
    }

    #[test]
    fn a_bar_across_a_border_is_refused() {
        let fine = whole(HOUR, "2018-05-07T12:00:00Z", "2018-05-07T16:00:00Z");
        let error = resample(&fine, &plan(DAY, "America/New_York", Some(["09:30", "16:00"])), i64::MAX).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("closes 2018-05-07T14:00:00Z lies across 2018-05-07T13:30:00Z"), "{text}");
        let error =
            resample(&whole(HOUR, "2018-05-07T00:00:00Z", "2018-05-08T00:00:00Z"), &plan(DAY, "Asia/Kolkata", None), 0);
        assert!(error.unwrap_err().to_string().contains("lies across 2018-05-07T18:30:00Z"));
    }

    const SESSIONS: [Option<[&str; 2]>; 3] = [None, Some(["09:30", "16:00"]), Some(["18:00", "17:00"])];

    proptest! {
        #[test]
        fn nothing_after_an_instant_changes_anything_at_or_before_it(
            minutes in prop::collection::btree_set(0i64..5 * 1440, 1..200),
            cut in 0i64..5 * 1440,
            to in prop::sample::select(vec![5 * MINUTE, HOUR, 4 * HOUR, DAY]),
            zone in prop::sample::select(vec!["UTC", "America/New_York"]),
            session in prop::sample::select(SESSIONS.to_vec()),
            (keep, factor) in (0usize..200, 0.5f64..2.0),
        ) {
            // Five days around the change of the clock on 2018-03-11.
            let from = instant("2018-03-09T00:00:00Z");
            let (cut, end) = (from + cut * MINUTE, from + 5 * DAY);
            let fine = bars(MINUTE, minutes.into_iter().map(|minute| from + minute * MINUTE));
            let plan = plan(to, zone, session);
            let known = fine.times().partition_point(|time| *time <= cut);
            let mut other = BarColumns::default();
            for row in 0..fine.len() {
                let Bar { time, open, high, low, close, volume } = fine.bar(row);
                if row < known {
                    other.push(fine.bar(row));
                } else if row < known + keep {
                    other.push(Bar { time, open: open * factor, high: high * factor, low: low * factor, close: close * factor, volume: volume + factor });
                }
            }
            let other = Bars::new("X", MINUTE, other, &BarPolicy::default()).unwrap();
            let upto = |fine: &Bars, until| resample(fine, &plan, until).unwrap().0.between(i64::MIN, cut + 1);
            let now = upto(&fine.slice(0..known), cut);
            prop_assert_eq!(&now, &upto(&fine, end));
            prop_assert_eq!(&now, &upto(&other, end));
        }

        #[test]
        fn volume_is_kept_and_hours_make_the_same_days_as_minutes(
            minutes in prop::collection::btree_set(0i64..4 * 1440, 1..300),
        ) {
            let from = instant("2018-05-07T00:00:00Z");
            let fine = bars(MINUTE, minutes.into_iter().map(|minute| from + minute * MINUTE));
            let end = from + 4 * DAY;
            let (hour, day) = (plan(HOUR, "UTC", None), plan(DAY, "UTC", None));
            let hours = resample(&fine, &hour, end).unwrap().0;
            let days = resample(&fine, &day, end).unwrap().0;
            prop_assert_eq!(&resample(&hours, &day, end).unwrap().0, &days);
            let total = fine.volume().iter().sum::<f64>();
            prop_assert_eq!((hours.volume().iter().sum::<f64>(), days.volume().iter().sum::<f64>()), (total, total));
            prop_assert!(hours.times().iter().all(|time| time % HOUR == 0));
            hours.checked(&BarPolicy::default(), &|row| crate::Place::Row { of: "X".to_owned(), row }).unwrap();
        }
    }
}
