//! Instants, spans and bar sizes as text.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span as CalendarSpan, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) const SECOND: i64 = 1_000_000_000;

/// A half-open span `[from, to)` in UTC nanoseconds; written `["2018-05-07", "2019-06-27"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[String; 2]", into = "[String; 2]")]
pub struct Span {
    /// First instant inside.
    pub from_ns: i64,
    /// First instant behind.
    pub to_ns: i64,
}

impl Span {
    /// Whether an instant lies inside.
    pub fn contains(&self, ns: i64) -> bool {
        self.from_ns <= ns && ns < self.to_ns
    }
}

impl TryFrom<[String; 2]> for Span {
    type Error = String;

    fn try_from([from, to]: [String; 2]) -> Result<Self, String> {
        let span = Span { from_ns: read_time(&from)?, to_ns: read_time(&to)? };
        if span.from_ns < span.to_ns { Ok(span) } else { Err(format!("span: {from} is not before {to}")) }
    }
}

impl From<Span> for [String; 2] {
    fn from(span: Span) -> Self {
        [write_time(span.from_ns), write_time(span.to_ns)]
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", write_time(self.from_ns), write_time(self.to_ns))
    }
}

/// A day `2018-05-07` (its first instant, UTC) or an instant `2018-05-07T12:00:00Z`, in UTC nanoseconds.
///
/// # Errors
/// A sentence with the text, if it is neither.
pub fn read_time(text: &str) -> Result<i64, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp());
    let instant = text.parse::<Timestamp>().ok().or_else(day);
    instant
        .and_then(nanoseconds)
        .ok_or_else(|| format!("{text:?} is neither a day like 2018-05-07 nor an instant like 2018-05-07T12:00:00Z"))
}

/// An instant in UTC nanoseconds as RFC 3339 text.
pub fn write_time(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| format!("{ns} ns"), |t| t.to_string())
}

pub(crate) fn nanoseconds(instant: Timestamp) -> Option<i64> {
    i64::try_from(instant.as_nanosecond()).ok()
}

/// The size of a bar; written as a number and a unit: `s`, `m`, `h`, `d`, `w` or `mo`, or `irregular`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Interval {
    /// Nanoseconds, always as many.
    Fixed(i64),
    /// Calendar months; only a series can have them.
    Months(i64),
    /// None: a series with a stamp for each value.
    Irregular,
}

pub(crate) const DAY: i64 = 86_400 * SECOND;
const UNITS: [(&str, i64); 5] = [("w", 7 * DAY), ("d", DAY), ("h", 3_600 * SECOND), ("m", 60 * SECOND), ("s", SECOND)];

impl TryFrom<String> for Interval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let count = |digits: &str| digits.parse::<i64>().ok().filter(|count| (1..=1_000_000_000).contains(count));
        let parse = || {
            if text == "irregular" {
                return Some(Interval::Irregular);
            }
            if let Some(months) = text.strip_suffix("mo") {
                return count(months).filter(|months| *months <= 12_000).map(Interval::Months);
            }
            let (unit, ns) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
            count(text.strip_suffix(unit)?)?.checked_mul(*ns).map(Interval::Fixed)
        };
        parse().ok_or_else(|| format!("{text:?} is no bar size like 2m, 1h or 1d"))
    }
}

impl From<Interval> for String {
    fn from(interval: Interval) -> String {
        match interval {
            Interval::Irregular => "irregular".to_owned(),
            Interval::Months(months) => format!("{months}mo"),
            Interval::Fixed(fixed) => {
                let exact = UNITS.iter().find(|(_, ns)| fixed % ns == 0);
                exact.map_or_else(|| format!("{fixed} ns"), |(unit, ns)| format!("{}{unit}", fixed / ns))
            }
        }
    }
}

impl Interval {
    /// Its nanoseconds; 0 for months and irregular stamps, which have no fixed length.
    pub(crate) fn ns(self) -> i64 {
        match self {
            Interval::Fixed(ns) => ns,
            Interval::Months(_) | Interval::Irregular => 0,
        }
    }

    /// The instant one interval behind another.
    ///
    /// Days, weeks and months are counted on the calendar of the zone: a day in New York has 23, 24 or 25 hours.
    pub(crate) fn after(self, ns: i64, zone: &TimeZone) -> i64 {
        self.moved(ns, zone, 1)
    }

    /// The instant one interval before another: the inverse of [`Interval::after`], but for days that a month lacks.
    pub(crate) fn before(self, ns: i64, zone: &TimeZone) -> i64 {
        self.moved(ns, zone, -1)
    }

    fn moved(self, ns: i64, zone: &TimeZone, sign: i64) -> i64 {
        let calendar = match self {
            Interval::Fixed(fixed) if fixed % DAY == 0 && *zone != TimeZone::UTC => {
                CalendarSpan::new().try_days(sign * fixed / DAY)
            }
            Interval::Fixed(fixed) => return ns.saturating_add(sign * fixed),
            Interval::Months(months) => CalendarSpan::new().try_months(sign * months),
            Interval::Irregular => return ns,
        };
        let local = Timestamp::from_nanosecond(i128::from(ns)).map(|instant| instant.to_zoned(zone.clone()));
        let moved = local.and_then(|local| local.checked_add(calendar?));
        let beyond = if sign > 0 { i64::MAX } else { i64::MIN };
        moved.ok().and_then(|moved| nanoseconds(moved.timestamp())).unwrap_or(beyond)
    }
}

/// The rows whose stamp, less `shift_ns`, lies in `[from_ns, to_ns)`; the stamps rise.
pub(crate) fn rows_between(times: &[i64], from_ns: i64, to_ns: i64, shift_ns: i64) -> std::ops::Range<usize> {
    let first_from = |ns: i64| times.partition_point(|time| time.saturating_sub(shift_ns) < ns);
    let start = first_from(from_ns);
    start..first_from(to_ns).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_sizes_read_back() {
        for (text, ns) in [("2m", 120 * SECOND), ("1h", 3_600 * SECOND), ("1d", 86_400 * SECOND), ("90s", 90 * SECOND)]
        {
            assert_eq!(Interval::try_from(text.to_owned()), Ok(Interval::Fixed(ns)));
            assert_eq!(String::from(Interval::Fixed(ns)), text);
        }
        for bad in ["", "h", "0h", "-1h", "1", "1y", "99999999999w"] {
            assert!(Interval::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_and_months_are_those_of_the_zone() {
        let interval = |text: &str| Interval::try_from(text.to_owned()).unwrap();
        let instant = |text: &str| read_time(text).unwrap();
        let (utc, york) = (TimeZone::UTC, TimeZone::get("America/New_York").unwrap());
        let cases = [
            ("1d", &utc, "2018-03-11", "2018-03-12"),
            ("1d", &york, "2018-03-11T05:00:00Z", "2018-03-12T04:00:00Z"),
            ("1w", &york, "2018-11-01T04:00:00Z", "2018-11-08T05:00:00Z"),
            ("24h", &york, "2018-12-11T05:00:00Z", "2018-12-12T05:00:00Z"),
            ("1h", &york, "2018-11-04T05:00:00Z", "2018-11-04T06:00:00Z"),
            ("1mo", &utc, "2018-02-01", "2018-03-01"),
            ("3mo", &york, "2018-02-01T05:00:00Z", "2018-05-01T04:00:00Z"),
            ("irregular", &york, "2018-02-01", "2018-02-01"),
        ];
        for (size, zone, from, to) in cases {
            assert_eq!(interval(size).after(instant(from), zone), instant(to), "{size} behind {from}");
            assert_eq!(interval(size).before(instant(to), zone), instant(from), "{size} before {to}");
        }
        assert_eq!(String::from(interval("18mo")), "18mo");
        assert_eq!(interval("1d").after(i64::MAX, &york), i64::MAX);
    }

    #[test]
    fn a_span_must_rise() {
        let span = |a: &str, b: &str| Span::try_from([a.to_owned(), b.to_owned()]);
        assert_eq!(
            span("2018-05-07", "2018-05-08").unwrap().to_string(),
            "[2018-05-07T00:00:00Z, 2018-05-08T00:00:00Z)"
        );
        assert!(span("2018-05-08", "2018-05-08").unwrap_err().contains("is not before"));
        assert!(span("07/05/2018", "2018-05-08").unwrap_err().contains("07/05/2018"));
    }
}
