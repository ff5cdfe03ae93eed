//! What the remote providers share: addresses, times as they are asked for, and errors with their place.

use jiff::Timestamp;

use crate::error::Asked;
use crate::http::Http;
use crate::network::{Network, Secret};
use crate::provider::Request;
use crate::{Bar, BarColumns, Cleaning, Extras, MarketDataError};

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The most bars that one fetch may give, like the most that a manifest may ask for.
const MAX_BARS: usize = 50_000_000;

/// What is wrong with an answer, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: String,
    pub(crate) problem: String,
}

impl Fault {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Fault {
        Fault { place: place.into(), problem: problem.into() }
    }
}

/// Reads JSON; the fault names line and column, and a page of HTML as what it is.
pub(crate) fn json<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let full = error.to_string();
        let problem = full.split(" at line ").next().unwrap_or(&full);
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Fault::new(place, "the answer is empty"),
            Some(b'<') => Fault::new(place, "the answer is a page of HTML, not JSON; the service may ask for consent"),
            Some(_) => Fault::new(place, problem),
        }
    })
}

/// A fetch in progress: the service, what is asked of it, and where the next fault lies.
pub(crate) struct Session<'a> {
    pub(crate) provider: &'static str,
    pub(crate) request: &'a Request<'a>,
    pub(crate) network: &'a Network,
    pub(crate) http: Http<'a>,
    pub(crate) base: String,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        provider: &'static str,
        host: &str,
        spacing: std::time::Duration,
        request: &'a Request<'a>,
        network: &'a Network,
    ) -> Session<'a> {
        let base = network.hosts.get(provider).map_or_else(|| host.to_owned(), Clone::clone);
        let http = Http::new(network, &base, spacing);
        Session { provider, request, network, http, base }
    }

    /// Asks for `path` and reads the answer with `parse`.
    pub(crate) fn get<T>(
        &self,
        path: &str,
        keys: &[(&'static str, &Secret)],
        parse: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<T, MarketDataError> {
        let asked = self.asked(path);
        let bytes = self.http.get(&asked.url, keys).map_err(|fault| MarketDataError::NoAnswer { asked, fault })?;
        parse(&bytes).map_err(|fault| self.wrong_answer(path, fault))
    }

    fn asked(&self, path: &str) -> Box<Asked> {
        let (provider, symbol, span) = (self.provider, self.request.symbol.to_owned(), self.request.span);
        Box::new(Asked { provider, symbol, span, url: format!("{}{path}", self.base) })
    }

    /// The error for an answer that is not what the service documents.
    pub(crate) fn wrong_answer(&self, path: &str, fault: Fault) -> MarketDataError {
        let Fault { place, problem } = fault;
        MarketDataError::WrongAnswer { asked: self.asked(path), place, problem }
    }

    pub(crate) fn key(&self, name: &'static str) -> Result<&'a Secret, MarketDataError> {
        let key = self.network.keys.get(name).filter(|key| !key.reveal().is_empty());
        key.ok_or(MarketDataError::NoKey { provider: self.provider, variable: name })
    }
}

/// The bars of a fetch as they come in, page by page.
#[derive(Debug)]
pub(crate) struct Collected {
    interval_ns: i64,
    from_ns: i64,
    to_ns: i64,
    now_ns: i64,
    pub(crate) columns: BarColumns,
    pub(crate) extras: Option<Extras>,
    pub(crate) cleaning: Cleaning,
}

/// A bar as a service writes it: stamped with its opening.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) open_ns: i64,
    pub(crate) prices: [f64; 4],
    pub(crate) volume: f64,
    /// Volume-weighted price and number of trades.
    pub(crate) trades: Option<(f64, f64)>,
}

impl Collected {
    pub(crate) fn new(request: &Request<'_>, now_ns: i64) -> Collected {
        Collected {
            interval_ns: request.interval_ns,
            from_ns: request.span.from_ns,
            to_ns: request.span.to_ns,
            now_ns,
            columns: BarColumns::default(),
            extras: None,
            cleaning: Cleaning::default(),
        }
    }

    pub(crate) fn is_daily(&self) -> bool {
        self.interval_ns == DAY
    }

    /// The opening of the last bar taken.
    pub(crate) fn last_open(&self) -> Option<i64> {
        self.columns.times.last().map(|close| close - self.interval_ns)
    }

    /// Whether a bar that opens then was asked for.
    pub(crate) fn spans(&self, open_ns: i64) -> bool {
        self.from_ns <= open_ns && open_ns < self.to_ns
    }

    /// Counts a row whose bar is not over.
    pub(crate) fn skip_unfinished(&mut self) {
        self.cleaning.rows_read += 1;
        self.cleaning.unfinished_dropped += 1;
    }

    /// Counts a row without values.
    pub(crate) fn skip_empty(&mut self) {
        self.cleaning.rows_read += 1;
        self.cleaning.empty_rows += 1;
    }

    /// Takes a row: what lies outside the span, is not finished, or is there already in the same words is counted and
    /// left out. A row that goes back in time to a stamp that is not there, or says something else, is a fault.
    pub(crate) fn take(&mut self, row: Row, place: impl Fn() -> String) -> Result<(), Fault> {
        self.cleaning.rows_read += 1;
        let Some(close) = row.open_ns.checked_add(self.interval_ns) else {
            return Err(Fault::new(place(), format!("{} is no time", row.open_ns)));
        };
        if !self.spans(row.open_ns) {
            self.cleaning.outside_span += 1;
            return Ok(());
        }
        if close > self.now_ns {
            self.cleaning.unfinished_dropped += 1;
            return Ok(());
        }
        if self.columns.times.last().is_some_and(|last| close <= *last) {
            return self.repeated(close, &row).map_err(|problem| Fault::new(place(), problem));
        }
        if self.columns.times.len() >= MAX_BARS {
            return Err(Fault::new(place(), format!("more than {MAX_BARS} bars")));
        }
        self.push(close, &row);
        Ok(())
    }

    fn push(&mut self, close: i64, row: &Row) {
        let [open, high, low, last] = row.prices;
        self.columns.push(Bar { time: close, open, high, low, close: last, volume: row.volume });
        if let Some((vwap, trades)) = row.trades {
            let extras = self.extras.get_or_insert_default();
            extras.vwap.push(vwap);
            extras.trades.push(trades);
        }
    }

    /// A row whose stamp is not behind the last one.
    fn repeated(&mut self, close: i64, row: &Row) -> Result<(), String> {
        let stamp = || crate::time::write_time(close);
        let at = self.columns.times.binary_search(&close);
        let at = at.map_err(|_| format!("the bar closing at {} stands behind a later one", stamp()))?;
        let columns = &self.columns;
        let held = [columns.open[at], columns.high[at], columns.low[at], columns.close[at], columns.volume[at]];
        let [open, high, low, last] = row.prices;
        if held != [open, high, low, last, row.volume] {
            return Err(format!("the bar closing at {} is there twice with different values", stamp()));
        }
        self.cleaning.repeats_dropped += 1;
        Ok(())
    }
}

/// What a service answers that adjusts all prices of a bar alike to `adjustment = "mixed"`.
pub(crate) fn no_mix(provider: &str) -> String {
    format!("{provider} adjusts the prices of a bar alike; set adjustment = \"split\" or \"split_and_dividend\"")
}

/// The name that a service has for a bar size, from its table of (nanoseconds, name).
pub(crate) fn interval_name(table: &'static [(i64, &'static str)], interval_ns: i64) -> Result<&'static str, String> {
    let found = table.iter().find(|(ns, _)| *ns == interval_ns);
    let known =
        || table.iter().map(|(ns, _)| String::from(crate::time::Interval::Fixed(*ns))).collect::<Vec<_>>().join(", ");
    found.map(|(_, name)| *name).ok_or_else(|| format!("it has no bars of this interval; known are {}", known()))
}

/// An instant as RFC 3339 with whole seconds or finer.
pub(crate) fn rfc3339(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| ns.to_string(), |time| time.to_string())
}

/// Text as it stands in a query: everything but letters, digits, `-`, `.`, `_` and `~` as `%XX` (RFC 3986, section 2).
pub(crate) fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
