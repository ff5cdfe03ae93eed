//! Public bars of the exchange Bitfinex.
//!
//! `GET /v2/candles/trade:1h:tBTCUSD/hist?start=MS&end=MS&limit=10000&sort=1` answers
//! `[[MS, open, close, high, low, volume], ...]`, stamped with the opening, oldest first; hours without a trade are left
//! out. An error is `["error", code, "text"]`. Source: Bitfinex API documentation v2, "Candles" (30 requests a minute).

use std::time::Duration;

use serde::Deserialize;

use crate::network::Network;
use crate::provider::{Fetched, Provider, Request};
use crate::providers::remote::{self, Collected, DAY, Fault, HOUR, MINUTE, Row, Session};
use crate::{Adjustment, Kind, MarketDataError};

const HOST: &str = "https://api-pub.bitfinex.com";
const SPACING: Duration = Duration::from_millis(2_100);
const PAGE: usize = 10_000;
const MILLISECOND: i64 = 1_000_000;
const INTERVALS: &[(i64, &str)] = &[
    (MINUTE, "1m"),
    (5 * MINUTE, "5m"),
    (15 * MINUTE, "15m"),
    (30 * MINUTE, "30m"),
    (HOUR, "1h"),
    (3 * HOUR, "3h"),
    (6 * HOUR, "6h"),
    (12 * HOUR, "12h"),
    (DAY, "1D"),
];

/// The `[provider]` table of `name = "bitfinex"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bitfinex {
    #[serde(rename = "name")]
    _name: String,
    /// The service's name for the symbol; `t` and the manifest's symbol if it is not given.
    symbol: Option<String>,
}

impl Provider for Bitfinex {
    fn check(&self, _: Kind, interval_ns: i64, adjustment: Adjustment) -> Result<(), String> {
        match adjustment {
            Adjustment::None => remote::interval_name(INTERVALS, interval_ns).map(|_| ()),
            _ => Err("bitfinex gives prices as traded; set adjustment = \"none\"".to_owned()),
        }
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn fetch(&self, request: &Request<'_>, network: Option<&Network>) -> Result<Fetched, MarketDataError> {
        let network = network.ok_or(MarketDataError::Offline { provider: "bitfinex" })?;
        let session = Session::new("bitfinex", HOST, SPACING, request, network);
        let now_ns = network.clock.now_ns();
        let mut bars = Collected::new(request, now_ns);
        // A bar that opens behind this is not over.
        let until_ns = request.span.to_ns.min(now_ns.saturating_sub(request.interval_ns - 1));
        let mut from_ns = request.span.from_ns;
        let mut empty = 0;
        // An empty page is believed when it comes twice: it would otherwise end the history for good.
        while from_ns < until_ns && empty < 2 {
            let path = self.path(request, from_ns)?;
            let rows = session.get(&path, &[], parse)?;
            empty = if rows.is_empty() { empty + 1 } else { 0 };
            let newest = take(&rows, &mut bars).map_err(|fault| session.wrong_answer(&path, fault))?;
            if let Some(newest) = newest {
                if newest < from_ns {
                    let problem = "the page holds nothing that was asked for";
                    return Err(session.wrong_answer(&path, Fault::new("the last row", problem)));
                }
                from_ns = newest.saturating_add(request.interval_ns);
            }
        }
        Ok(Fetched::from(bars))
    }
}

impl Bitfinex {
    fn path(&self, request: &Request<'_>, from_ns: i64) -> Result<String, MarketDataError> {
        let name = remote::interval_name(INTERVALS, request.interval_ns)
            .map_err(|_| MarketDataError::Interval { symbol: request.symbol.to_owned(), got: request.interval_ns })?;
        let symbol = self.symbol.clone().unwrap_or_else(|| format!("t{}", request.symbol));
        let start = from_ns.div_euclid(MILLISECOND) + i64::from(from_ns.rem_euclid(MILLISECOND) > 0);
        // `end` is inclusive.
        let end = (request.span.to_ns - 1).div_euclid(MILLISECOND);
        let symbol = remote::percent(&symbol);
        Ok(format!("/v2/candles/trade:{name}:{symbol}/hist?start={start}&end={end}&limit={PAGE}&sort=1"))
    }
}

/// `[MS, open, close, high, low, volume]`.
type Page = Vec<(i64, f64, f64, f64, f64, f64)>;

/// Reads a page.
pub(crate) fn parse(bytes: &[u8]) -> Result<Page, Fault> {
    if let Ok(("error", code, text)) = serde_json::from_slice::<(&str, i64, String)>(bytes) {
        return Err(Fault::new("[0]", format!("the service reports error {code}: {text}")));
    }
    remote::json(bytes)
}

/// Takes a page; the newest opening in it.
fn take(rows: &Page, bars: &mut Collected) -> Result<Option<i64>, Fault> {
    let mut newest = None;
    for (i, &(ms, open, close, high, low, volume)) in rows.iter().enumerate() {
        let place = || format!("[{i}]");
        let open_ns = ms.checked_mul(MILLISECOND).ok_or_else(|| Fault::new(place(), format!("{ms} is no time")))?;
        bars.take(Row { open_ns, prices: [open, high, low, close], volume, trades: None }, place)?;
        newest = newest.max(Some(open_ns));
    }
    Ok(newest)
}
