//! Series of the Federal Reserve Bank of St. Louis (FRED) as CSV.
//!
//! `GET /graph/fredgraph.csv?id=DGS5&cosd=2017-01-01&coed=2019-12-31` answers a header `observation_date,DGS5` (until
//! 2024 `DATE,DGS5`) and one row a period; a period without a value is empty (until 2024 a dot). Needs no key. Source:
//! the download link of every graph on fred.stlouisfed.org.
//!
//! A date is the period that a value is **about**, not the day on which it became known.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::network::Network;
use crate::provider::{Fetched, Provider, Request};
use crate::providers::remote::{self, Collected, DAY, Fault, Row, Session};
use crate::{Adjustment, Kind, MarketDataError};

const HOST: &str = "https://fred.stlouisfed.org";
const SPACING: Duration = Duration::from_millis(500);

/// The `[provider]` table of `name = "fred"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fred {
    #[serde(rename = "name")]
    _name: String,
    /// The name of the series; the manifest's symbol if it is not given.
    symbol: Option<String>,
}

impl Provider for Fred {
    fn check(&self, kind: Kind, interval_ns: i64, adjustment: Adjustment) -> Result<(), String> {
        match (kind, interval_ns, adjustment) {
            (Kind::Series, DAY, Adjustment::None) => Ok(()),
            (Kind::Bars, ..) => Err("fred gives values, not bars; set kind = \"series\"".to_owned()),
            (_, DAY, _) => Err("fred adjusts nothing; set adjustment = \"none\"".to_owned()),
            _ => Err("fred dates its values by day; set interval = \"1d\"".to_owned()),
        }
    }

    fn is_remote(&self) -> bool {
        true
    }

    /// A value comes as the close of a bar, of which it is all prices.
    fn fetch(&self, request: &Request<'_>, network: Option<&Network>) -> Result<Fetched, MarketDataError> {
        let network = network.ok_or(MarketDataError::Offline { provider: "fred" })?;
        let session = Session::new("fred", HOST, SPACING, request, network);
        let series = self.symbol.as_deref().unwrap_or(request.symbol);
        let (from, to) = (date(request.span.from_ns), date(request.span.to_ns - 1));
        let path = format!("/graph/fredgraph.csv?id={}&cosd={from}&coed={to}", remote::percent(series));
        let parsed = session.get(&path, &[], |bytes| parse(bytes, series))?;
        let mut bars = Collected::new(request, network.clock.now_ns());
        for (row, (open_ns, value)) in parsed.values.iter().enumerate() {
            let place = || format!("value {row}");
            bars.take(Row { open_ns: *open_ns, prices: [*value; 4], volume: 0.0, trades: None }, place)
                .map_err(|fault| session.wrong_answer(&path, fault))?;
        }
        (0..parsed.empty).for_each(|_| bars.skip_empty());
        Ok(Fetched::from(bars))
    }
}

fn date(ns: i64) -> String {
    remote::rfc3339(ns).chars().take(10).collect()
}

/// The values of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Values {
    /// (first instant of the date in UTC ns, value), in rising time.
    pub(crate) values: Vec<(i64, f64)>,
    /// Rows without a value.
    pub(crate) empty: usize,
}

/// Reads the CSV of one series.
pub(crate) fn parse(bytes: &[u8], series: &str) -> Result<Values, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Fault::new(format!("line {line}"), "the answer is not UTF-8")
    })?;
    if text.trim_start().starts_with('<') {
        return Err(Fault::new("line 1", "the answer is a page of HTML, not CSV; the series may not exist"));
    }
    if !text.ends_with('\n') {
        return Err(Fault::new(format!("line {}", text.lines().count().max(1)), "the answer ends in mid-line"));
    }
    let mut lines = text.lines().enumerate();
    let header = lines.next().map_or("", |(_, header)| header.trim_end());
    if !["observation_date", "DATE"].iter().any(|name| header == format!("{name},{series}")) {
        return Err(Fault::new("line 1", format!("the header is {header:?}, not \"observation_date,{series}\"")));
    }
    let mut found = Values::default();
    for (i, line) in lines {
        let fault = |problem: String| Fault::new(format!("line {}", i + 1), problem);
        let (day, value) = line.split_once(',').ok_or_else(|| fault(format!("{line:?} is not date,value")))?;
        let start = day.parse::<Date>().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok());
        let start = start.and_then(|start| i64::try_from(start.timestamp().as_nanosecond()).ok());
        let start = start.ok_or_else(|| fault(format!("{day:?} is no date")))?;
        if found.values.last().is_some_and(|(last, _)| start <= *last) {
            return Err(fault(format!("{day} does not stand behind the row before it")));
        }
        match value.trim_end() {
            "" | "." => found.empty += 1,
            text => {
                let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
                found.values.push((start, value.ok_or_else(|| fault(format!("{text:?} is no number")))?));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_file_are_read() {
        let (new, old) =
            ("observation_date,DGS5\n2017-01-02,\n2017-01-03,1.94\n", "DATE,DGS5\n1970-01-02,.\n1970-01-03,-2\n");
        assert_eq!(
            parse(new.as_bytes(), "DGS5").unwrap(),
            Values { values: vec![(1_483_401_600_000_000_000, 1.94)], empty: 1 }
        );
        assert_eq!(parse(old.as_bytes(), "DGS5").unwrap(), Values { values: vec![(2 * DAY, -2.0)], empty: 1 });
    }

    #[test]
    fn every_mistake_has_its_line() {
        for (text, place, problem) in [
            ("observation_date,DGS10\n", "line 1", "not \"observation_date,DGS5\""),
            ("", "line 1", "mid-line"),
            ("<!DOCTYPE html>\n", "line 1", "HTML"),
            ("DATE,DGS5\n2017-01-03,1.94\n2017-01-03,1.94\n", "line 3", "does not stand behind"),
            ("DATE,DGS5\n2017-01-03,1.94\n2017-01", "line 3", "mid-line"),
            ("DATE,DGS5\n2017-02-30,1\n", "line 2", "no date"),
            ("DATE,DGS5\n2017-02-03,NaN\n", "line 2", "no number"),
            ("DATE,DGS5\n2017-02-03\n", "line 2", "date,value"),
        ] {
            let fault = parse(text.as_bytes(), "DGS5").unwrap_err();
            assert!(fault.place == place && fault.problem.contains(problem), "{text:?}: {fault:?}");
        }
    }
}
