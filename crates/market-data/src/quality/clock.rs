//! When bars are expected, learnt from the bars themselves, and which are missing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::time::{DAY, Interval, nanoseconds};

/// Neighbouring bars with expected ones missing between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The opening of the first missing bar, UTC ns.
    pub(super) from_ns: i64,
    /// Expected bars that are missing up to the next one that is there.
    pub(super) missing: u64,
}

/// How bars were expected, in words, and the gaps in rising time.
pub(super) struct Clock {
    pub(super) rule: String,
    pub(super) gaps: Vec<Gap>,
}

/// Judges the openings of bars, which rise strictly.
///
/// A weekday counts if at least half of its dates between the first and the last bar have one, and a time of the day if
/// at least half of the dates with bars have one then: nights, weekends and pauses that most days have are no gaps, and
/// a holiday is one. Where no time of the day is usual, and for bars of more than a day, each bar is expected one
/// interval behind the one before.
pub(super) fn judge(openings: &[i64], interval: Interval, zone: &TimeZone) -> Clock {
    match interval {
        Interval::Irregular => Clock { rule: "none: stamps come when they come".to_owned(), gaps: Vec::new() },
        Interval::Fixed(ns) if ns <= DAY => usual(openings, ns, zone).unwrap_or_else(|| even(openings, interval, zone)),
        _ => even(openings, interval, zone),
    }
}

/// Each bar one interval behind the one before.
fn even(openings: &[i64], interval: Interval, zone: &TimeZone) -> Clock {
    let gap = |pair: &[i64]| {
        let expected = interval.after(pair[0], zone);
        let mut missing = 0;
        let mut next = expected;
        while next < pair[1] {
            missing += 1;
            next = interval.after(next, zone);
        }
        (missing > 0).then_some(Gap { from_ns: expected, missing })
    };
    Clock {
        rule: format!("every {} without a pause", String::from(interval)),
        gaps: openings.windows(2).filter_map(gap).collect(),
    }
}

/// The usual weekdays and times of the day; `None` if no time is usual.
fn usual(openings: &[i64], interval_ns: i64, zone: &TimeZone) -> Option<Clock> {
    let local: Vec<DateTime> = openings.iter().map(|ns| local(*ns, zone)).collect::<Option<_>>()?;
    let (first, last) = (local.first()?.date(), local.last()?.date());
    let dates: BTreeSet<Date> = local.iter().map(|at| at.date()).collect();
    let weekdays = usual_weekdays(&dates, first, last);
    let mut seen: BTreeMap<Time, usize> = BTreeMap::new();
    local.iter().for_each(|at| *seen.entry(at.time()).or_default() += 1);
    let times: Vec<Time> = seen.iter().filter(|(_, n)| **n * 2 >= dates.len()).map(|(time, _)| *time).collect();
    if times.is_empty() {
        return None;
    }
    let mut gaps = Vec::new();
    let (mut gap, mut next): (Option<Gap>, usize) = (None, 0);
    let expected = first.series(1.day()).take_while(|date| *date <= last);
    let expected = expected.filter(|date| weekdays.contains(&date.weekday().to_monday_zero_offset()));
    for date in expected {
        for time in &times {
            let Some(at) = instant(date.to_datetime(*time), zone) else { continue };
            let before = next;
            next += openings[next..].partition_point(|opening| *opening < at);
            // A bar at another time than the usual ones ends a gap as well.
            if next > before || openings.get(next) == Some(&at) {
                gaps.extend(gap.take());
            }
            if openings.get(next) != Some(&at) && openings[0] < at && at < openings[openings.len() - 1] {
                gap.get_or_insert(Gap { from_ns: at, missing: 0 }).missing += 1;
            }
        }
    }
    gaps.extend(gap);
    Some(Clock { rule: described(&weekdays, &times, interval_ns, zone), gaps })
}

/// Those of which at least half of the dates have a bar, counted from Monday.
fn usual_weekdays(dates: &BTreeSet<Date>, first: Date, last: Date) -> BTreeSet<i8> {
    let (mut all, mut with) = ([0usize; 7], [0usize; 7]);
    for date in first.series(1.day()).take_while(|date| *date <= last) {
        let day = date.weekday().to_monday_zero_offset() as usize;
        all[day] += 1;
        with[day] += usize::from(dates.contains(&date));
    }
    (0..7i8).filter(|day| with[*day as usize] * 2 >= all[*day as usize].max(1)).collect()
}

fn described(weekdays: &BTreeSet<i8>, times: &[Time], interval_ns: i64, zone: &TimeZone) -> String {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let names: Vec<&str> = weekdays.iter().map(|day| NAMES[*day as usize]).collect();
    let days = if names.len() == 7 { "every day".to_owned() } else { names.join(" ") };
    let zone = zone.iana_name().unwrap_or("UTC");
    if interval_ns == DAY {
        return format!("one bar on each usual weekday: {days} ({zone})");
    }
    let (from, to) = (times[0].strftime("%H:%M"), times[times.len() - 1].strftime("%H:%M"));
    format!("usual days and openings: {days}, {} bars a day from {from} to {to} ({zone})", times.len())
}

fn local(ns: i64, zone: &TimeZone) -> Option<DateTime> {
    Timestamp::from_nanosecond(i128::from(ns)).ok().map(|instant| zone.to_datetime(instant))
}

/// The first instant with a local time; `None` where the clock skips it.
fn instant(local: DateTime, zone: &TimeZone) -> Option<i64> {
    let at = nanoseconds(zone.to_timestamp(local).ok()?)?;
    (self::local(at, zone)? == local).then_some(at)
}
