//! Which column is which: by the name that the manifest states, or by the names that people use.

use super::Source;
use super::layout::{ColumnNames, CsvLayout};
use crate::MarketDataError;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Time,
    Open,
    High,
    Low,
    Close,
    Volume,
    /// The one value of a series.
    Value,
    /// A close that is adjusted for dividends too; never read unless the manifest names it.
    AdjustedClose,
    /// Tells the symbols of a file apart; never read as a value.
    Symbol,
}

pub(super) const BAR_ROLES: [Role; 6] = [Role::Time, Role::Open, Role::High, Role::Low, Role::Close, Role::Volume];
pub(super) const SERIES_ROLES: [Role; 2] = [Role::Time, Role::Value];

impl Role {
    /// Its key in `file.columns`.
    pub(super) fn key(self) -> &'static str {
        match self {
            Role::Time => "time",
            Role::Open => "open",
            Role::High => "high",
            Role::Low => "low",
            Role::Close => "close",
            Role::Volume => "volume",
            Role::Value => "value",
            Role::AdjustedClose => "adjusted close",
            Role::Symbol => "symbol",
        }
    }

    /// The headers that mean it, in English, Korean and Japanese, as [`plain`] writes them.
    fn aliases(self) -> &'static [&'static str] {
        match self {
            Role::Time => &[
                "time",
                "date",
                "datetime",
                "date time",
                "timestamp",
                "unix",
                "open time",
                "일자",
                "날짜",
                "기준일",
                "거래일",
                "거래일자",
                "일시",
                "日付",
                "日付け",
                "日時",
                "年月日",
                "年月",
            ],
            Role::Open => &["open", "open price", "시가", "오픈", "始値", "始値(円)"],
            Role::High => &["high", "high price", "고가", "高値", "高値(円)"],
            Role::Low => &["low", "low price", "저가", "安値", "安値(円)"],
            Role::Close => {
                &["close", "close price", "close/last", "last", "price", "종가", "현재가", "終値", "終値(円)"]
            }
            Role::Volume => &["volume", "vol", "vol.", "거래량", "出来高", "出来高(株)"],
            Role::Value => &[],
            Role::AdjustedClose => &[
                "adj close",
                "adj. close",
                "adjclose",
                "adjusted close",
                "수정주가",
                "수정종가",
                "調整後終値",
                "調整後終値*",
                "調整済終値",
            ],
            Role::Symbol => &["symbol", "ticker", "tic", "instrument", "종목코드", "시장구분", "銘柄コード", "コード"],
        }
    }

    /// The name that the manifest states.
    fn stated(self, names: &ColumnNames) -> Option<&str> {
        let name = match self {
            Role::Time => &names.time,
            Role::Open => &names.open,
            Role::High => &names.high,
            Role::Low => &names.low,
            Role::Close => &names.close,
            Role::Volume => &names.volume,
            Role::Value => &names.value,
            Role::AdjustedClose | Role::Symbol => &None,
        };
        name.as_deref()
    }
}

/// A header without what does not matter: case, outer space, angle brackets, `_` for a space.
fn plain(header: &str) -> String {
    let bare = header.trim().trim_start_matches('<').trim_end_matches('>');
    bare.to_lowercase().split(['_', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether a header says that its prices are adjusted.
pub(super) fn is_adjusted(header: &str) -> bool {
    ["adj", "수정", "調整"].iter().any(|mark| plain(header).starts_with(mark))
}

/// Whether a header is a usual name of a column with a character that is not ASCII: garbled text has none.
pub(super) fn is_known_abroad(header: &str) -> bool {
    let roles = BAR_ROLES.into_iter().chain([Role::AdjustedClose, Role::Symbol]);
    !header.is_ascii() && roles.into_iter().any(|role| role.aliases().contains(&plain(header).as_str()))
}

/// Whether the manifest names the column of a role.
pub(super) fn is_stated(role: Role, layout: &CsvLayout) -> bool {
    role.stated(&layout.columns).is_some()
}

/// The positions of the columns that may play a role.
pub(super) fn candidates(role: Role, header: &[String], layout: &CsvLayout) -> Vec<usize> {
    let which = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        header.iter().enumerate().filter(|(_, name)| fits(name)).map(|(i, _)| i).collect()
    };
    if let Some(stated) = role.stated(&layout.columns) {
        return which(&|name| name.trim() == stated);
    }
    let exact = which(&|name| role.aliases().contains(&plain(name).as_str()));
    match role {
        Role::Volume if exact.is_empty() => which(&|name| plain(name).starts_with("volume")),
        // Of two columns, the one that is not the time.
        Role::Value if header.len() == 2 => match candidates(Role::Time, header, layout)[..] {
            [time] => vec![1 - time],
            _ => exact,
        },
        _ => exact,
    }
}

/// The one column that plays a role.
pub(super) fn find(
    source: &Source<'_>,
    line: u64,
    role: Role,
    header: &[String],
    layout: &CsvLayout,
) -> Result<usize, MarketDataError> {
    let found = candidates(role, header, layout);
    if let [one] = found[..] {
        return Ok(one);
    }
    if let Some(stated) = role.stated(&layout.columns) {
        return Err(not_once(source, line, stated, found.len(), header));
    }
    let key = role.key();
    let problem = if found.is_empty() {
        format!("no column of the header {header:?} is known to be the {key}; name it in file.columns.{key}")
    } else {
        let names: Vec<String> = found.iter().map(|i| format!("{:?}", header[*i])).collect();
        format!("{} may each be the {key}; name one in file.columns.{key}", names.join(" and "))
    };
    Err(source.refuse(line as usize, problem))
}

/// The column of exactly this name.
pub(super) fn named(source: &Source<'_>, line: u64, name: &str, header: &[String]) -> Result<usize, MarketDataError> {
    let mut positions = header.iter().enumerate().filter(|(_, found)| found.trim() == name).map(|(i, _)| i);
    match (positions.next(), positions.count()) {
        (Some(position), 0) => Ok(position),
        (first, more) => Err(not_once(source, line, name, more + usize::from(first.is_some()), header)),
    }
}

fn not_once(source: &Source<'_>, line: u64, column: &str, times: usize, header: &[String]) -> MarketDataError {
    MarketDataError::CsvColumn {
        path: source.path.to_owned(),
        line,
        column: column.to_owned(),
        times,
        found: header.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_usual_name_means_two_things() {
        let roles: Vec<Role> = BAR_ROLES.into_iter().chain([Role::AdjustedClose, Role::Symbol]).collect();
        let all: Vec<&str> = roles.iter().flat_map(|role| role.aliases()).copied().collect();
        for (i, alias) in all.iter().enumerate() {
            assert_eq!(plain(alias), *alias, "an alias is written plainly");
            assert!(!all[i + 1..].contains(alias), "{alias} is there twice");
        }
    }

    #[test]
    fn headers_are_told_apart_as_people_write_them() {
        assert_eq!(plain(" <Open_Time>"), "open time");
        assert!(is_known_abroad("終値") && is_known_abroad("거래량"));
        assert!(!is_known_abroad("Close") && !is_known_abroad("ÀÏÀÚ"));
    }
}
