//! Instants, spans and bar sizes as text.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

const SECOND: i64 = 1_000_000_000;

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

/// A day `2018-05-07` (its first instant, UTC) or an instant `2018-05-07T12:00:00Z`.
fn read_time(text: &str) -> Result<i64, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp());
    let instant = text.parse::<Timestamp>().ok().or_else(day);
    instant
        .and_then(nanoseconds)
        .ok_or_else(|| format!("{text:?} is neither a day like 2018-05-07 nor an instant like 2018-05-07T12:00:00Z"))
}

/// An instant in UTC nanoseconds as RFC 3339 text.
pub(crate) fn write_time(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| format!("{ns} ns"), |t| t.to_string())
}

fn nanoseconds(instant: Timestamp) -> Option<i64> {
    i64::try_from(instant.as_nanosecond()).ok()
}

/// The size of a bar; written as a number and a unit: `s`, `m`, `h`, `d` or `w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Interval(pub(crate) i64);

const UNITS: [(&str, i64); 5] =
    [("w", 604_800 * SECOND), ("d", 86_400 * SECOND), ("h", 3_600 * SECOND), ("m", 60 * SECOND), ("s", SECOND)];

impl TryFrom<String> for Interval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parse = || {
            let (unit, ns) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
            let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
            count.checked_mul(*ns).filter(|ns| *ns > 0)
        };
        parse().map(Interval).ok_or_else(|| format!("{text:?} is no bar size like 2m, 1h or 1d"))
    }
}

impl From<Interval> for String {
    fn from(interval: Interval) -> String {
        let exact = UNITS.iter().find(|(_, ns)| interval.0 % ns == 0);
        exact.map_or_else(|| format!("{} ns", interval.0), |(unit, ns)| format!("{}{unit}", interval.0 / ns))
    }
}

/// How a file writes its stamps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum TimeFormat {
    /// Seconds since 1970, UTC.
    UnixSeconds,
    /// Milliseconds since 1970, UTC.
    UnixMilliseconds,
    /// Either: a number of 10^11 and more is taken as milliseconds (as seconds it would lie behind the year 5000).
    UnixMixed,
    /// A strptime pattern such as `%Y-%m-%d %I-%p`; what it leaves out of the time of day is 0.
    Pattern(String),
}

impl From<String> for TimeFormat {
    fn from(text: String) -> Self {
        match text.as_str() {
            "unix_seconds" => TimeFormat::UnixSeconds,
            "unix_milliseconds" => TimeFormat::UnixMilliseconds,
            "unix_seconds_or_milliseconds" => TimeFormat::UnixMixed,
            _ => TimeFormat::Pattern(text),
        }
    }
}

impl From<TimeFormat> for String {
    fn from(format: TimeFormat) -> String {
        match format {
            TimeFormat::UnixSeconds => "unix_seconds".to_owned(),
            TimeFormat::UnixMilliseconds => "unix_milliseconds".to_owned(),
            TimeFormat::UnixMixed => "unix_seconds_or_milliseconds".to_owned(),
            TimeFormat::Pattern(pattern) => pattern,
        }
    }
}

impl TimeFormat {
    /// The instant that a stamp means, UTC nanoseconds; `None` if it does not fit the format.
    pub(crate) fn read(&self, text: &str) -> Option<i64> {
        let unix = |ns_per_unit: i64| text.parse::<i64>().ok()?.checked_mul(ns_per_unit);
        match self {
            TimeFormat::UnixSeconds => unix(SECOND),
            TimeFormat::UnixMilliseconds => unix(SECOND / 1_000),
            TimeFormat::UnixMixed if text.parse::<i64>().ok()?.abs() < 100_000_000_000 => unix(SECOND),
            TimeFormat::UnixMixed => unix(SECOND / 1_000),
            TimeFormat::Pattern(pattern) => {
                let parts = BrokenDownTime::parse(pattern, text).ok()?;
                let time = if parts.hour().is_some() { parts.to_time().ok()? } else { jiff::civil::Time::midnight() };
                let civil: DateTime = parts.to_date().ok()?.to_datetime(time);
                nanoseconds(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
            }
        }
    }

    /// What a stamp in this format looks like, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            TimeFormat::Pattern(pattern) => format!("a time like {pattern:?} (file.time_format)"),
            other => format!("a number of {}", String::from(other.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(text: &str) -> i64 {
        read_time(text).unwrap()
    }

    #[test]
    fn every_stamp_style_of_the_bitcoin_files_is_read() {
        let cases = [
            ("%Y-%m-%d %I-%p", "2019-06-20 01-AM", "2019-06-20T01:00:00Z"),
            ("%Y-%m-%d %I-%p", "2019-06-20 12-AM", "2019-06-20T00:00:00Z"),
            ("%Y-%m-%d %I-%p", "2019-06-19 12-PM", "2019-06-19T12:00:00Z"),
            ("%Y-%m-%d %H:%M", "2019-07-04 01:00", "2019-07-04T01:00:00Z"),
            ("%Y-%m-%d %H:%M:%S", "2018-05-07 00:00:00", "2018-05-07"),
            ("%Y-%m-%d", "2018-05-07", "2018-05-07"),
            ("unix_seconds_or_milliseconds", "1605049200000", "2020-11-10T23:00:00Z"),
            ("unix_seconds_or_milliseconds", "1605049200", "2020-11-10T23:00:00Z"),
            ("unix_seconds", "1526364000", "2018-05-15T06:00:00Z"),
            ("unix_milliseconds", "1627689600000", "2021-07-31"),
        ];
        for (format, text, expected) in cases {
            assert_eq!(TimeFormat::from(format.to_owned()).read(text), Some(ns(expected)), "{format} {text}");
        }
    }

    #[test]
    fn stamps_that_do_not_fit_are_refused() {
        for (format, text) in [
            ("%Y-%m-%d %H:%M", "2019-07-04"),
            ("%Y-%m-%d %H:%M", "2019-07-04 01:00:00"),
            ("%Y-%m-%d %H:%M", "2019-13-04 01:00"),
            ("%Y-%m-%d %I-%p", "2019-06-20 13-PM"),
            ("%Y-%m-%d", "0000-01-01"),
            ("unix_seconds", "1e9"),
            ("unix_seconds", "99999999999999"),
        ] {
            assert_eq!(TimeFormat::from(format.to_owned()).read(text), None, "{format} {text}");
        }
    }

    #[test]
    fn bar_sizes_read_back() {
        for (text, ns) in [("2m", 120 * SECOND), ("1h", 3_600 * SECOND), ("1d", 86_400 * SECOND), ("90s", 90 * SECOND)]
        {
            assert_eq!(Interval::try_from(text.to_owned()), Ok(Interval(ns)));
            assert_eq!(String::from(Interval(ns)), text);
        }
        for bad in ["", "h", "0h", "-1h", "1", "1y", "99999999999w"] {
            assert!(Interval::try_from(bad.to_owned()).is_err(), "{bad}");
        }
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
