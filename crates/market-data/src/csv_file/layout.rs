//! What a manifest says about how a CSV file is written; what it leaves out is detected.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::order::{Misplaced, Order, Repeats};
use super::times::TimeFormat;

/// The `[file]` table of a manifest.
///
/// Its JSON decides whether a cache is stale: a key that is not stated must not appear there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CsvLayout {
    /// The file, relative to the data folder.
    pub(crate) path: String,
    /// Lines before the header. Default: detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skip_lines: Option<usize>,
    /// The character between fields. Default: detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<Delimiter>,
    /// The header of each column; those not named are found by their usual names.
    #[serde(default, skip_serializing_if = "ColumnNames::is_empty")]
    pub(crate) columns: ColumnNames,
    /// How stamps are written. Default: detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_format: Option<TimeFormat>,
    /// The zone of stamps without an offset, and the one whose days a daily bar has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zone: Option<Zone>,
    /// Which end of the bar is stamped.
    pub(crate) stamp: Stamp,
    /// The order of the rows. Default oldest first.
    #[serde(default)]
    pub(crate) order: Order,
    /// What happens to rows against that order. Default reject.
    #[serde(default)]
    pub(crate) misplaced: Misplaced,
    /// What happens to rows of one stamp. Default reject.
    #[serde(default)]
    pub(crate) repeats: Repeats,
    /// The encoding of the text. Default: detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoding: Option<Encoding>,
    /// The names of the columns of a file that has no header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<Vec<String>>,
    /// The rows that count: those with these values in these columns. Default all, if they are of one symbol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) only: Option<BTreeMap<String, String>>,
    /// What stands before the fraction of a number; the other of comma and point may stand between thousands.
    /// Default: detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decimal: Option<Decimal>,
    /// Whether a last line without a line end is whole. Default no: the file may be cut.
    #[serde(default, skip_serializing_if = "LastLine::is_ended")]
    pub(crate) last_line: LastLine,
}

/// The columns that are read, as the header calls them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnNames {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) high: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) low: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) close: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) volume: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
}

impl ColumnNames {
    fn is_empty(&self) -> bool {
        let ColumnNames { time, open, high, low, close, volume, value } = self;
        [time, open, high, low, close, volume, value].into_iter().all(Option::is_none)
    }
}

/// One ASCII character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub(crate) struct Delimiter(pub(crate) u8);

impl TryFrom<char> for Delimiter {
    type Error = String;

    fn try_from(c: char) -> Result<Self, String> {
        let usable = c.is_ascii() && !c.is_ascii_alphanumeric() && !"\"\r\n".contains(c);
        if usable { Ok(Delimiter(c as u8)) } else { Err(format!("{c:?} cannot separate fields")) }
    }
}

impl From<Delimiter> for char {
    fn from(delimiter: Delimiter) -> char {
        char::from(delimiter.0)
    }
}

/// A time zone by its IANA name, from the rules that are built in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) rules: TimeZone,
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name == "UTC" {
            return Ok(Zone { name, rules: TimeZone::UTC });
        }
        let known: Vec<String> = jiff::tz::db().available().map(|known| known.to_string()).collect();
        if known.contains(&name)
            && let Ok(rules) = TimeZone::get(&name)
        {
            return Ok(Zone { name, rules });
        }
        let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(&name, known));
        let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"));
        Err(format!("{name:?} is no time zone like \"UTC\" or \"Asia/Seoul\"{hint}"))
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name
    }
}

/// Which end of a bar its source stamps; [`crate::Bars`] are always stamped with the close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// The opening: the close lies one interval later.
    Open,
    /// The close.
    Close,
}

/// What stands before the fraction of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Decimal {
    /// `1,234.5`
    #[serde(rename = ".")]
    Point,
    /// `1.234,5`
    #[serde(rename = ",")]
    Comma,
}

/// What to make of a last line that does not end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LastLine {
    /// The file may be cut there and is refused.
    #[default]
    Ended,
    /// It is whole, ended or not.
    Whole,
}

impl LastLine {
    fn is_ended(&self) -> bool {
        *self == LastLine::Ended
    }
}
