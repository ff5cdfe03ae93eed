//! Bars of US stocks from Alpaca's market data API v2.
//!
//! `GET /v2/stocks/bars?symbols=AAPL&timeframe=1Min&start=..&end=..&limit=10000&adjustment=raw&feed=sip&sort=asc`
//! with the headers `APCA-API-KEY-ID` and `APCA-API-SECRET-KEY` answers
//! `{"bars": {"AAPL": [{"t": "..Z", "o", "h", "l", "c", "v", "n": trades, "vw": volume-weighted price}]},
//! "next_page_token": ".." or null}`. Bars are stamped with their opening, days with midnight in New York. Source:
//! Alpaca API reference, "Historical bars" (200 requests a minute on the free plan).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::network::Network;
use crate::provider::{Fetched, Provider, Request};
use crate::providers::remote::{self, Collected, DAY, Fault, HOUR, MINUTE, Row, Session};
use crate::{Adjustment, Kind, MarketDataError};

const HOST: &str = "https://data.alpaca.markets";
const SPACING: Duration = Duration::from_millis(310);
/// Environment variables with the two keys.
pub(crate) const KEYS: &[&str] = &["APCA_API_KEY_ID", "APCA_API_SECRET_KEY"];
/// Pages without a bar, one after the other, that are followed.
const MAX_EMPTY: usize = 16;
/// The free plan refuses to tell of the last 15 minutes.
const DELAY: i64 = 16 * MINUTE;
const INTERVALS: &[(i64, &str)] = &[
    (MINUTE, "1Min"),
    (2 * MINUTE, "2Min"),
    (5 * MINUTE, "5Min"),
    (10 * MINUTE, "10Min"),
    (15 * MINUTE, "15Min"),
    (30 * MINUTE, "30Min"),
    (HOUR, "1Hour"),
    (2 * HOUR, "2Hour"),
    (4 * HOUR, "4Hour"),
    (DAY, "1Day"),
];

/// The `[provider]` table of `name = "alpaca"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alpaca {
    #[serde(rename = "name")]
    _name: String,
    /// The service's name for the symbol; the manifest's symbol if it is not given.
    symbol: Option<String>,
    #[serde(default)]
    feed: Feed,
}

/// Which trades are counted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Feed {
    /// Of all exchanges.
    #[default]
    Sip,
    /// Of the exchange IEX, some percent of the volume.
    Iex,
}

impl Provider for Alpaca {
    fn check(&self, _: Kind, interval_ns: i64, adjustment: Adjustment) -> Result<(), String> {
        remote::interval_name(INTERVALS, interval_ns)?;
        if adjustment == Adjustment::Mixed { Err(remote::no_mix("alpaca")) } else { Ok(()) }
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn fetch(&self, request: &Request<'_>, network: Option<&Network>) -> Result<Fetched, MarketDataError> {
        let network = network.ok_or(MarketDataError::Offline { provider: "alpaca" })?;
        let session = Session::new("alpaca", HOST, SPACING, request, network);
        let keys = [("APCA-API-KEY-ID", session.key(KEYS[0])?), ("APCA-API-SECRET-KEY", session.key(KEYS[1])?)];
        let symbol = self.symbol.as_deref().unwrap_or(request.symbol);
        let now_ns = network.clock.now_ns();
        let mut bars = Collected::new(request, now_ns);
        let to_ns = request.span.to_ns.min(now_ns.saturating_sub(DELAY));
        if to_ns <= request.span.from_ns {
            return Ok(Fetched::from(bars));
        }
        let first = self.path(symbol, request, to_ns)?;
        let (mut path, mut token, mut empty) = (first.clone(), None, 0);
        loop {
            let page = session.get(&path, &keys, |bytes| parse(bytes, symbol))?;
            let wrong = |fault| session.wrong_answer(&path, fault);
            empty = if page.rows.is_empty() { empty + 1 } else { 0 };
            page.take(symbol, &mut bars).map_err(wrong)?;
            let Some(next) = page.next else { break };
            if token.as_ref() == Some(&next) || empty > MAX_EMPTY {
                return Err(wrong(Fault::new("next_page_token", "the pages do not end")));
            }
            path = format!("{first}&page_token={}", remote::percent(&next));
            token = Some(next);
        }
        Ok(Fetched::from(bars))
    }
}

impl Alpaca {
    fn path(&self, symbol: &str, request: &Request<'_>, to_ns: i64) -> Result<String, MarketDataError> {
        let name = remote::interval_name(INTERVALS, request.interval_ns)
            .map_err(|_| MarketDataError::Interval { symbol: request.symbol.to_owned(), got: request.interval_ns })?;
        let adjustment = match request.adjustment {
            Adjustment::None => "raw",
            Adjustment::Split => "split",
            // A mix was refused with the manifest.
            Adjustment::SplitAndDividend | Adjustment::Mixed => "all",
        };
        let feed = match self.feed {
            Feed::Sip => "sip",
            Feed::Iex => "iex",
        };
        let start = remote::percent(&remote::rfc3339(request.span.from_ns));
        // `end` is inclusive.
        let end = remote::percent(&remote::rfc3339(to_ns - 1));
        let symbol = remote::percent(symbol);
        Ok(format!(
            "/v2/stocks/bars?symbols={symbol}&timeframe={name}&start={start}&end={end}&limit=10000\
             &adjustment={adjustment}&feed={feed}&sort=asc"
        ))
    }
}

#[derive(Deserialize)]
struct Answer {
    /// `null` where there is no bar at all, but never left out.
    #[serde(deserialize_with = "Option::deserialize")]
    bars: Option<BTreeMap<String, Vec<AlpacaBar>>>,
    /// `null` on the last page; a page without it would end the history for good.
    #[serde(deserialize_with = "Option::deserialize")]
    next_page_token: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct AlpacaBar {
    t: String,
    o: f64,
    h: f64,
    l: f64,
    c: f64,
    v: f64,
    n: f64,
    vw: f64,
}

/// A page of one symbol.
pub(crate) struct Page {
    rows: Vec<AlpacaBar>,
    next: Option<String>,
}

/// Reads a page.
pub(crate) fn parse(bytes: &[u8], symbol: &str) -> Result<Page, Fault> {
    let answer: Answer = remote::json(bytes)?;
    let mut bars = answer.bars.unwrap_or_default();
    let rows = bars.remove(symbol).unwrap_or_default();
    match bars.keys().next() {
        Some(other) => Err(Fault::new(format!("bars.{other}"), format!("bars of {symbol} were asked for"))),
        None => Ok(Page { rows, next: answer.next_page_token.filter(|token| !token.is_empty()) }),
    }
}

impl Page {
    fn take(&self, symbol: &str, bars: &mut Collected) -> Result<(), Fault> {
        for (i, bar) in self.rows.iter().enumerate() {
            let place = || format!("bars.{symbol}[{i}]");
            let stamp = bar.t.parse::<Timestamp>().ok().and_then(|t| i64::try_from(t.as_nanosecond()).ok());
            let stamp = stamp.ok_or_else(|| Fault::new(place() + ".t", format!("{:?} is no time", bar.t)))?;
            if !(bar.vw.is_finite() && bar.vw > 0.0 && bar.n >= 0.0) {
                let problem = format!("a volume-weighted price of {} in {} trades cannot be", bar.vw, bar.n);
                return Err(Fault::new(place(), problem));
            }
            // Midnight in New York is 04:00 or 05:00 of the same day in UTC.
            let open_ns = if bars.is_daily() { stamp.div_euclid(DAY) * DAY } else { stamp };
            let (prices, trades) = ([bar.o, bar.h, bar.l, bar.c], Some((bar.vw, bar.n)));
            bars.take(Row { open_ns, prices, volume: bar.v, trades }, place)?;
        }
        Ok(())
    }
}
