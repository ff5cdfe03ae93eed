//! From text to instants: the format that the manifest states, or the only known one that fits the whole column.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::time::{SECOND, nanoseconds};

/// How a file writes its stamps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum TimeFormat {
    /// Seconds since 1970, UTC.
    UnixSeconds,
    /// Milliseconds since 1970, UTC.
    UnixMilliseconds,
    /// Microseconds since 1970, UTC.
    UnixMicroseconds,
    /// Nanoseconds since 1970, UTC.
    UnixNanoseconds,
    /// Seconds or milliseconds: a number of 10^11 and more is taken as milliseconds (as seconds it would lie behind
    /// the year 5000).
    UnixMixed,
    /// A strptime pattern such as `%Y-%m-%d %I-%p`; what it leaves out of the time of day is 0, a day left out is 1.
    Pattern(String),
}

const UNIX: [(&str, TimeFormat); 5] = [
    ("unix_seconds", TimeFormat::UnixSeconds),
    ("unix_milliseconds", TimeFormat::UnixMilliseconds),
    ("unix_microseconds", TimeFormat::UnixMicroseconds),
    ("unix_nanoseconds", TimeFormat::UnixNanoseconds),
    ("unix_seconds_or_milliseconds", TimeFormat::UnixMixed),
];

impl From<String> for TimeFormat {
    fn from(text: String) -> Self {
        let unix = UNIX.into_iter().find(|(name, _)| *name == text);
        unix.map_or_else(|| TimeFormat::Pattern(text), |(_, format)| format)
    }
}

impl From<TimeFormat> for String {
    fn from(format: TimeFormat) -> String {
        match format {
            TimeFormat::Pattern(pattern) => pattern,
            unix => UNIX.into_iter().find(|(_, known)| *known == unix).map_or("", |(name, _)| name).to_owned(),
        }
    }
}

/// Why a stamp gives no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeFault {
    /// It is not written in the format.
    Unfit,
    /// It is a local time and no zone is stated.
    NoZone,
    /// It is a local time that the zone has twice or never.
    NotOnce,
}

impl TimeFormat {
    /// The instant that a stamp means, UTC nanoseconds; `zone` is that of stamps without an offset.
    pub(crate) fn read(&self, text: &str, zone: Option<&TimeZone>) -> Result<i64, TimeFault> {
        let text = text.trim();
        let unix = |ns_per_unit: i64| text.parse::<i64>().ok()?.checked_mul(ns_per_unit);
        let instant = match self {
            TimeFormat::UnixSeconds => unix(SECOND),
            TimeFormat::UnixMilliseconds => unix(SECOND / 1_000),
            TimeFormat::UnixMicroseconds => unix(SECOND / 1_000_000),
            TimeFormat::UnixNanoseconds => unix(1),
            TimeFormat::UnixMixed => {
                let is_seconds = text.parse::<i64>().is_ok_and(|number| number.abs() < 100_000_000_000);
                unix(if is_seconds { SECOND } else { SECOND / 1_000 })
            }
            TimeFormat::Pattern(pattern) => return read_pattern(pattern, text, zone),
        };
        instant.ok_or(TimeFault::Unfit)
    }

    /// What a stamp in this format looks like, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            TimeFormat::Pattern(pattern) => format!("a time like {pattern:?} (file.time_format)"),
            other => format!("a number of {}", String::from(other.clone())),
        }
    }

    /// Whether stamps are instants by themselves, without a zone.
    pub(crate) fn is_absolute(&self) -> bool {
        !matches!(self, TimeFormat::Pattern(pattern) if !has_offset(pattern))
    }
}

fn has_offset(pattern: &str) -> bool {
    ["%z", "%:z", "%::z", "%:::z", "%s", "%Q", "%:Q"].iter().any(|offset| pattern.contains(offset))
}

fn read_pattern(pattern: &str, text: &str, zone: Option<&TimeZone>) -> Result<i64, TimeFault> {
    let parts = match text.strip_suffix(['Z', 'z']) {
        Some(utc) if pattern.ends_with("%:z") => BrokenDownTime::parse(pattern, format!("{utc}+00:00")),
        Some(utc) if pattern.ends_with("%z") => BrokenDownTime::parse(pattern, format!("{utc}+0000")),
        _ => BrokenDownTime::parse(pattern, text),
    };
    let mut parts = parts.map_err(|_| TimeFault::Unfit)?;
    let instant = |timestamp: Timestamp| nanoseconds(timestamp).ok_or(TimeFault::Unfit);
    if let Some(seconds) = parts.timestamp() {
        return instant(seconds);
    }
    if parts.day().is_none() && parts.day_of_year().is_none() && parts.iso_week().is_none() {
        parts.set_day(Some(1)).map_err(|_| TimeFault::Unfit)?;
    }
    let date = parts.to_date().map_err(|_| TimeFault::Unfit)?;
    let has_time = parts.hour().is_some();
    let time = if has_time { parts.to_time().map_err(|_| TimeFault::Unfit)? } else { Time::midnight() };
    let civil: DateTime = date.to_datetime(time);
    if let Some(offset) = parts.offset() {
        return instant(offset.to_timestamp(civil).map_err(|_| TimeFault::Unfit)?);
    }
    let zone = zone.ok_or(TimeFault::NoZone)?;
    if !has_time {
        return instant(date.to_zoned(zone.clone()).map_err(|_| TimeFault::Unfit)?.timestamp());
    }
    let local = zone.to_ambiguous_timestamp(civil);
    if local.is_ambiguous() {
        Err(TimeFault::NotOnce)
    } else {
        instant(local.compatible().map_err(|_| TimeFault::Unfit)?)
    }
}

/// Dates as people write them; where day and month can be taken for each other, both ways.
const DATES: [&str; 18] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%Y年%m月%d日",
    "%Y년 %m월 %d일",
    "%Y-%m",
    "%Y年%m月",
    "%Y년 %m월",
    "%b %Y",
];
const TIMES_OF_DAY: [&str; 9] = [
    " %H:%M",
    " %H:%M:%S",
    " %H:%M:%S%.f",
    "T%H:%M",
    "T%H:%M:%S",
    "T%H:%M:%S%.f",
    " %I-%p",
    " %I:%M %p",
    " %I:%M:%S %p",
];
const OFFSETS: [&str; 4] = ["", "%:z", "%z", " %z"];

fn is_bare_number(stamp: &str) -> bool {
    let stamp = stamp.trim();
    let digits = stamp.strip_prefix('-').unwrap_or(stamp);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The formats that may be meant by a column that begins with this stamp.
fn formats_for(first: &str) -> Vec<TimeFormat> {
    if is_bare_number(first) {
        return formats_of_digits(first.trim().trim_start_matches('-').len());
    }
    let mut formats = Vec::new();
    for date in DATES {
        formats.push(TimeFormat::Pattern(date.to_owned()));
        for (time, offset) in TIMES_OF_DAY.iter().flat_map(|time| OFFSETS.iter().map(move |offset| (time, offset))) {
            formats.push(TimeFormat::Pattern(format!("{date}{time}{offset}")));
        }
    }
    formats
}

/// A bare number tells by its length what it counts; seconds of 9 digits begin in 1973.
fn formats_of_digits(len: usize) -> Vec<TimeFormat> {
    let pattern = |pattern: &str| TimeFormat::Pattern(pattern.to_owned());
    match len {
        6 => vec![pattern("%Y%m")],
        8 => vec![pattern("%Y%m%d")],
        9 | 10 => vec![TimeFormat::UnixSeconds],
        12 => vec![pattern("%Y%m%d%H%M"), TimeFormat::UnixMilliseconds],
        13 => vec![TimeFormat::UnixMilliseconds],
        14 => vec![pattern("%Y%m%d%H%M%S")],
        15 | 16 => vec![TimeFormat::UnixMicroseconds],
        18 | 19 => vec![TimeFormat::UnixNanoseconds],
        _ => Vec::new(),
    }
}

/// What the stamps of a column tell about their format.
#[derive(Debug, Default)]
pub(super) struct TimeEvidence {
    first: Option<(u64, String)>,
    /// The formats that fit all stamps so far, each with a digest of what it makes of them.
    fits: Vec<(TimeFormat, i64)>,
    /// The first stamp that fits none of the formats that fit all before.
    stray: Option<(u64, String)>,
}

impl TimeEvidence {
    /// Takes a stamp into account.
    pub(super) fn see(&mut self, line: u64, stamp: &str) {
        if self.stray.is_some() {
            return;
        }
        if self.first.is_none() {
            self.first = Some((line, stamp.to_owned()));
            self.fits = formats_for(stamp).into_iter().map(|format| (format, 0)).collect();
        }
        // Bare numbers of another length mean something else.
        let known = is_bare_number(stamp).then(|| formats_for(stamp));
        let fits = |format: &TimeFormat| known.as_ref().is_none_or(|known| known.contains(format));
        let read = |format: &TimeFormat, digest: i64| {
            let instant = format.read(stamp, Some(&TimeZone::UTC)).ok().filter(|_| fits(format))?;
            Some((format.clone(), digest.wrapping_mul(31).wrapping_add(instant)))
        };
        let fits: Vec<_> = self.fits.iter().filter_map(|(format, digest)| read(format, *digest)).collect();
        if fits.is_empty() {
            self.stray = Some((line, stamp.to_owned()));
        } else {
            self.fits = fits;
        }
    }

    /// The format of the column, or the line that leaves it open and why; `None` without stamps.
    pub(super) fn decide(self) -> Result<Option<TimeFormat>, (u64, String)> {
        let Some((first_line, first)) = self.first else { return Ok(None) };
        if let Some((line, stamp)) = self.stray {
            let problem = match self.fits.first() {
                Some((format, _)) if line > first_line => {
                    format!(
                        "{stamp:?} is not {}, as the stamps above are; correct it, or set file.time_format",
                        format.describe()
                    )
                }
                _ => format!("{stamp:?} is in no known time format; set file.time_format, such as \"%Y-%m-%d %H:%M\""),
            };
            return Err((line, problem));
        }
        let name = |format: &TimeFormat| format!("{:?}", String::from(format.clone()));
        let mut readings = self.fits.into_iter();
        let Some((format, digest)) = readings.next() else { return Ok(None) };
        match readings.find(|(_, other)| *other != digest) {
            None => Ok(Some(format)),
            Some((other, _)) => Err((
                first_line,
                format!(
                    "{first:?} and all other stamps fit {} as well as {}; set file.time_format to the one that is meant",
                    name(&format),
                    name(&other)
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(text: &str) -> i64 {
        let instant: Timestamp = text.parse().unwrap();
        nanoseconds(instant).unwrap()
    }

    fn read(format: &str, text: &str) -> Result<i64, TimeFault> {
        TimeFormat::from(format.to_owned()).read(text, Some(&TimeZone::UTC))
    }

    #[test]
    fn every_stated_style_is_read() {
        let cases = [
            ("%Y-%m-%d %I-%p", "2019-06-20 01-AM", "2019-06-20T01:00:00Z"),
            ("%Y-%m-%d %I-%p", "2019-06-20 12-AM", "2019-06-20T00:00:00Z"),
            ("%Y-%m-%d %I-%p", "2019-06-19 12-PM", "2019-06-19T12:00:00Z"),
            ("%Y-%m-%d %H:%M", "2019-07-04 01:00", "2019-07-04T01:00:00Z"),
            ("%Y-%m-%d %H:%M:%S", "2018-05-07 00:00:00", "2018-05-07T00:00:00Z"),
            ("%Y-%m-%d", "2018-05-07", "2018-05-07T00:00:00Z"),
            ("%Y年%m月", "1981年5月", "1981-05-01T00:00:00Z"),
            ("%Y-%m-%d %H:%M:%S%:z", "2020-01-24 09:30:00-05:00", "2020-01-24T14:30:00Z"),
            ("%Y-%m-%dT%H:%M:%S%z", "2020-01-24T09:30:00Z", "2020-01-24T09:30:00Z"),
            ("unix_seconds_or_milliseconds", "1605049200000", "2020-11-10T23:00:00Z"),
            ("unix_seconds_or_milliseconds", "1605049200", "2020-11-10T23:00:00Z"),
            ("unix_seconds", "1526364000", "2018-05-15T06:00:00Z"),
            ("unix_milliseconds", "1627689600000", "2021-07-31T00:00:00Z"),
            ("unix_nanoseconds", "1627689600000000001", "2021-07-31T00:00:00.000000001Z"),
        ];
        for (format, text, expected) in cases {
            assert_eq!(read(format, text), Ok(ns(expected)), "{format} {text}");
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
            assert_eq!(read(format, text), Err(TimeFault::Unfit), "{format} {text}");
        }
    }

    #[test]
    fn local_times_need_a_zone_and_must_exist_once_in_it() {
        let format = TimeFormat::from("%Y-%m-%d %H:%M".to_owned());
        let zone = |name| TimeZone::get(name).unwrap();
        assert_eq!(format.read("2018-01-02 09:00", Some(&zone("Asia/Seoul"))), Ok(ns("2018-01-02T00:00:00Z")));
        assert_eq!(format.read("2018-07-02 09:30", Some(&zone("America/New_York"))), Ok(ns("2018-07-02T13:30:00Z")));
        assert_eq!(format.read("2018-01-02 09:00", None), Err(TimeFault::NoZone));
        for odd in ["2018-03-11 02:30", "2018-11-04 01:30"] {
            assert_eq!(format.read(odd, Some(&zone("America/New_York"))), Err(TimeFault::NotOnce), "{odd}");
        }
        let day = TimeFormat::from("%Y-%m-%d".to_owned());
        assert_eq!(
            day.read("2018-11-04", Some(&zone("America/Sao_Paulo"))),
            Ok(ns("2018-11-04T03:00:00Z")),
            "no midnight"
        );
    }

    fn decided(stamps: &[&str]) -> Result<String, (u64, String)> {
        let mut evidence = TimeEvidence::default();
        stamps.iter().zip(1..).for_each(|(stamp, line)| evidence.see(line, stamp));
        evidence.decide().map(|format| String::from(format.unwrap()))
    }

    #[test]
    fn the_whole_column_decides_the_format() {
        let cases: &[(&[&str], &str)] = &[
            (&["2018-05-07"], "%Y-%m-%d"),
            (&["2018/05/07"], "%Y/%m/%d"),
            (&["20180507"], "%Y%m%d"),
            (&["03/04/2018", "13/04/2018"], "%d/%m/%Y"),
            (&["1/3/2014", "1/31/2014"], "%m/%d/%Y"),
            (&["05/05/2018"], "%d/%m/%Y"),
            (&["15.05.2018 17:00"], "%d.%m.%Y %H:%M"),
            (&["2018-05-12 05-PM"], "%Y-%m-%d %I-%p"),
            (&["12/31/2018 5:00 PM"], "%m/%d/%Y %I:%M %p"),
            (&["2018-05-07T00:00:00Z"], "%Y-%m-%dT%H:%M:%S%:z"),
            (&["2020-01-24 09:30:00-05:00", "2020-04-24 09:30:00-04:00"], "%Y-%m-%d %H:%M:%S%:z"),
            (&["2018-05-07 00:00:00", "2018-05-07 00:00:01.5"], "%Y-%m-%d %H:%M:%S%.f"),
            (&["Jan 02, 2018"], "%b %d, %Y"),
            (&["2024년 02월 21일"], "%Y년 %m월 %d일"),
            (&["1981年5月"], "%Y年%m月"),
            (&["1526364000"], "unix_seconds"),
            (&["1627689600000"], "unix_milliseconds"),
            (&["1627689600000000"], "unix_microseconds"),
            (&["1627689600000000000"], "unix_nanoseconds"),
        ];
        for (stamps, expected) in cases {
            assert_eq!(decided(stamps).as_deref(), Ok(*expected), "{stamps:?}");
        }
    }

    #[test]
    fn what_the_column_leaves_open_is_asked() {
        let (line, problem) = decided(&["05/05/2018", "03/04/2018", "05/06/2018"]).unwrap_err();
        assert!(
            line == 1 && problem.contains("\"%d/%m/%Y\" as well as \"%m/%d/%Y\"; set file.time_format"),
            "{problem}"
        );
        let (line, problem) = decided(&["1627689600000", "1526364000"]).unwrap_err();
        assert!(line == 2 && problem.contains("\"1526364000\" is not a number of unix_milliseconds"), "{problem}");
        let (line, problem) = decided(&["20180507", "2018051"]).unwrap_err();
        assert!(line == 2 && problem.contains("\"2018051\" is not a time like \"%Y%m%d\""), "{problem}");
        let (line, problem) = decided(&["2018-05-07", "total"]).unwrap_err();
        assert!(line == 2 && problem.contains("\"total\" is not a time like \"%Y-%m-%d\""), "{problem}");
        let (line, problem) = decided(&["yesterday"]).unwrap_err();
        assert!(line == 1 && problem.contains("\"yesterday\" is in no known time format"), "{problem}");
    }
}
