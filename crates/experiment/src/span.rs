//! Half-open spans of time, UTC.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// A half-open span `[from, to)`, UTC nanoseconds; written `["2018-05-07", "2019-06-27"]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First instant inside.
    pub from: i64,
    /// First instant behind.
    pub to: i64,
}

impl Span {
    /// Whether nothing lies inside.
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", write_time(self.from), write_time(self.to))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [write_time(self.from), write_time(self.to)].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [from, to] = <[String; 2]>::deserialize(deserializer)?;
        Ok(Self { from: read_time(&from)?, to: read_time(&to)? })
    }
}

/// A day `2018-05-07` (its first instant, UTC) or an instant `2018-05-07T12:00:00Z`.
fn read_time<E: de::Error>(text: &str) -> Result<i64, E> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp());
    let instant = text.parse::<Timestamp>().ok().or_else(day);
    instant
        .and_then(|t| i64::try_from(t.as_nanosecond()).ok())
        .ok_or_else(|| E::custom(format!("`{text}` is neither a day like 2018-05-07 nor an instant like 2018-05-07T12:00:00Z")))
}

/// The shortest form that reads back.
pub fn write_time(ns: i64) -> String {
    let instant = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default();
    let text = instant.to_string();
    text.strip_suffix("T00:00:00Z").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants_read_back() {
        for text in ["2018-05-07", "2018-05-07T12:30:00Z"] {
            let ns = read_time::<de::value::Error>(text).unwrap();
            assert_eq!(write_time(ns), text);
        }
        assert_eq!(read_time::<de::value::Error>("1970-01-02").unwrap(), 86_400 * 1_000_000_000);
        assert!(read_time::<de::value::Error>("07/05/2018").is_err());
    }
}
