//! Bars of stocks, funds, indices and futures from Yahoo's chart API.
//!
//! `GET /v8/finance/chart/TSLA?period1=S&period2=S&interval=1d&includeAdjustedClose=true` answers
//! `{"chart": {"result": [{"meta": {..}, "timestamp": [S, ..], "indicators": {"quote": [{"open": [..], "high", "low",
//! "close", "volume"}], "adjclose": [{"adjclose": [..]}]}}], "error": null}}`, or a `null` result and an error with
//! `code` and `description`. A row of nulls is a bar without data. The API is not documented by Yahoo; the shape is that
//! which its clients have read for years (yfinance, version 0.2).
//!
//! Prices are always adjusted for splits; `adjclose` is adjusted for dividends too. A daily bar is stamped with the
//! opening of the exchange; here it is the whole day of that date, in UTC, like everywhere in this crate.

use std::time::Duration;

use serde::Deserialize;

use crate::network::Network;
use crate::provider::{Fetched, Provider, Request};
use crate::providers::remote::{self, Collected, DAY, Fault, HOUR, MINUTE, Row, SECOND, Session};
use crate::{Adjustment, Kind, MarketDataError, Span};

const HOST: &str = "https://query1.finance.yahoo.com";
const SPACING: Duration = Duration::from_millis(500);
/// The longest span of minute bars that the service answers at once is 8 days.
const MINUTE_PIECE: i64 = 7 * DAY;
const INTERVALS: &[(i64, &str)] = &[
    (MINUTE, "1m"),
    (2 * MINUTE, "2m"),
    (5 * MINUTE, "5m"),
    (15 * MINUTE, "15m"),
    (30 * MINUTE, "30m"),
    (HOUR, "1h"),
    (DAY, "1d"),
];

/// The `[provider]` table of `name = "yahoo"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Yahoo {
    #[serde(rename = "name")]
    _name: String,
    /// The service's name for the symbol; the manifest's symbol if it is not given.
    symbol: Option<String>,
}

impl Provider for Yahoo {
    fn check(&self, _: Kind, interval_ns: i64, adjustment: Adjustment) -> Result<(), String> {
        remote::interval_name(INTERVALS, interval_ns)?;
        match adjustment {
            Adjustment::SplitAndDividend if interval_ns != DAY => {
                Err("yahoo adjusts days only for dividends; set adjustment = \"split\"".to_owned())
            }
            Adjustment::None => Err("yahoo adjusts every price for splits; set adjustment = \"split\"".to_owned()),
            Adjustment::Mixed => Err(remote::no_mix("yahoo")),
            Adjustment::Split | Adjustment::SplitAndDividend => Ok(()),
        }
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn fetch(&self, request: &Request<'_>, network: Option<&Network>) -> Result<Fetched, MarketDataError> {
        let network = network.ok_or(MarketDataError::Offline { provider: "yahoo" })?;
        let session = Session::new("yahoo", HOST, SPACING, request, network);
        let symbol = self.symbol.as_deref().unwrap_or(request.symbol);
        let mut bars = Collected::new(request, network.clock.now_ns());
        let piece = if request.interval_ns == MINUTE { MINUTE_PIECE } else { i64::MAX };
        let end_ns = request.span.to_ns.min(network.clock.now_ns());
        let mut from_ns = request.span.from_ns;
        while from_ns < end_ns {
            let to_ns = end_ns.min(from_ns.saturating_add(piece));
            let path = path(symbol, request, Span { from_ns, to_ns })?;
            let chart = session.get(&path, &[], |bytes| parse(bytes, symbol))?;
            chart.take(request.adjustment, &mut bars).map_err(|fault| session.wrong_answer(&path, fault))?;
            from_ns = to_ns;
        }
        Ok(Fetched::from(bars))
    }
}

fn path(symbol: &str, request: &Request<'_>, span: Span) -> Result<String, MarketDataError> {
    let name = remote::interval_name(INTERVALS, request.interval_ns)
        .map_err(|_| MarketDataError::Interval { symbol: request.symbol.to_owned(), got: request.interval_ns })?;
    // A day of an exchange east or west of Greenwich opens up to 14 hours away from midnight UTC.
    let margin = if request.interval_ns == DAY { 14 * HOUR } else { 0 };
    let (from, to) = ((span.from_ns - margin).div_euclid(SECOND), (span.to_ns + margin).div_euclid(SECOND));
    let symbol = remote::percent(symbol);
    Ok(format!(
        "/v8/finance/chart/{symbol}?period1={from}&period2={to}&interval={name}&includePrePost=false\
         &includeAdjustedClose=true"
    ))
}

#[derive(Deserialize)]
struct Answer {
    chart: ChartOrError,
}

#[derive(Deserialize)]
struct ChartOrError {
    result: Option<Vec<Chart>>,
    error: Option<ServiceError>,
}

#[derive(Deserialize)]
struct ServiceError {
    code: String,
    description: Option<String>,
}

/// The chart of one symbol.
#[derive(Deserialize)]
pub(crate) struct Chart {
    meta: Meta,
    /// Missing where there is no bar.
    #[serde(default)]
    timestamp: Vec<i64>,
    indicators: Indicators,
}

#[derive(Deserialize)]
struct Meta {
    symbol: String,
    /// Seconds east of Greenwich.
    gmtoffset: i64,
}

#[derive(Deserialize)]
struct Indicators {
    quote: Vec<Quote>,
    adjclose: Option<Vec<AdjustedClose>>,
}

/// Empty where there is no bar.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Quote {
    open: Vec<Option<f64>>,
    high: Vec<Option<f64>>,
    low: Vec<Option<f64>>,
    close: Vec<Option<f64>>,
    volume: Vec<Option<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AdjustedClose {
    adjclose: Vec<Option<f64>>,
}

/// Reads a chart; the service's own error is a fault.
pub(crate) fn parse(bytes: &[u8], symbol: &str) -> Result<Chart, Fault> {
    let ChartOrError { result, error } = remote::json::<Answer>(bytes)?.chart;
    if let Some(ServiceError { code, description }) = error {
        let description = description.unwrap_or_default();
        return Err(Fault::new("chart.error", format!("the service reports {code}: {description}")));
    }
    let mut charts = result.unwrap_or_default();
    let chart = charts.pop().filter(|_| charts.is_empty());
    let chart = chart.ok_or_else(|| Fault::new("chart.result", "not exactly one chart"))?;
    if chart.meta.symbol != symbol {
        let problem = format!("{:?} was asked for, this is {:?}", symbol, chart.meta.symbol);
        return Err(Fault::new("chart.result[0].meta.symbol", problem));
    }
    Ok(chart)
}

impl Chart {
    fn take(&self, adjustment: Adjustment, bars: &mut Collected) -> Result<(), Fault> {
        let at = |name: &str| format!("chart.result[0].indicators.{name}");
        let n = self.timestamp.len();
        let none = Quote::default();
        let quote = self.indicators.quote.first().unwrap_or(&none);
        let columns = [&quote.open, &quote.high, &quote.low, &quote.close, &quote.volume];
        for (column, name) in columns.iter().zip(crate::rules::COLUMNS) {
            if column.len() != n {
                let problem = format!("{} values for {n} stamps", column.len());
                return Err(Fault::new(at(&format!("quote[0].{name}")), problem));
            }
        }
        let adjusted = self.indicators.adjclose.as_ref().and_then(|list| list.first()).map(|list| &list.adjclose);
        if adjustment == Adjustment::SplitAndDividend && adjusted.is_none_or(|adjusted| adjusted.len() != n) {
            return Err(Fault::new(at("adjclose[0].adjclose"), format!("not one value for each of {n} stamps")));
        }
        for i in 0..n {
            let Some(open_ns) = self.opening(self.timestamp[i], bars)? else { continue };
            // The latest quote may follow the bar of its own day.
            if bars.is_daily() && i > 0 && i + 1 == n && bars.last_open() == Some(open_ns) {
                bars.skip_unfinished();
                continue;
            }
            let [open, high, low, close, volume] = columns.map(|column| column[i]);
            let place = || format!("chart.result[0].indicators.quote[0], row {i}");
            let Some(prices) = whole([open, high, low, close]) else {
                if [open, high, low, close].iter().all(Option::is_none) {
                    bars.skip_empty();
                    continue;
                }
                return Err(Fault::new(place(), "a part of the prices is null"));
            };
            let factor = match adjustment {
                Adjustment::SplitAndDividend => factor(prices[3], adjusted.and_then(|adjusted| adjusted[i])),
                _ => Ok(1.0),
            };
            let factor = factor.map_err(|problem| Fault::new(place(), problem))?;
            let prices = prices.map(|price| price * factor);
            bars.take(Row { open_ns, prices, volume: volume.unwrap_or(0.0), trades: None }, place)?;
        }
        Ok(())
    }

    /// The opening of a bar, ns; of a daily one, midnight UTC of its date at the exchange. `None` for a day that only
    /// the margin of the request has brought, and for the latest quote, a row of its own stamped with its second.
    ///
    /// The offset is today's, and the clocks of the row's day may stand an hour apart from it: a stamp of midnight
    /// may look like 23:00 of the day before. No exchange opens its day behind 22:00.
    fn opening(&self, stamp_s: i64, bars: &mut Collected) -> Result<Option<i64>, Fault> {
        let fault = || Fault::new("chart.result[0].timestamp", format!("{stamp_s} is no time"));
        if !bars.is_daily() {
            if stamp_s % 60 != 0 {
                bars.skip_unfinished();
                return Ok(None);
            }
            return stamp_s.checked_mul(SECOND).map(Some).ok_or_else(fault);
        }
        let local_s = stamp_s.checked_add(self.meta.gmtoffset).and_then(|s| s.checked_add(2 * HOUR / SECOND));
        let open_ns = local_s.and_then(|s| s.div_euclid(DAY / SECOND).checked_mul(DAY)).ok_or_else(fault)?;
        Ok(bars.spans(open_ns).then_some(open_ns))
    }
}

/// What the prices of a bar are multiplied with to be adjusted for dividends.
fn factor(close: f64, adjusted: Option<f64>) -> Result<f64, String> {
    let factor = adjusted.map(|adjusted| adjusted / close).filter(|factor| factor.is_finite() && *factor > 0.0);
    factor.ok_or_else(|| format!("the adjusted close is {adjusted:?} where the close is {close}"))
}

fn whole<const N: usize>(values: [Option<f64>; N]) -> Option<[f64; N]> {
    values.iter().all(Option::is_some).then(|| values.map(Option::unwrap_or_default))
}
