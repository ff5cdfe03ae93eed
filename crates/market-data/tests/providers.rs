//! Each provider against the shapes of its service's answers, and a cache that is only asked to grow.

mod support;

use std::path::Path;
use std::sync::Arc;

use pavlov_market_data::{
    Dataset, Manifest, MarketDataError, Origin, Sources, Span, fetch, fetch_series, load_dataset, load_series, scan,
};
use pavlov_store::{Disk, Hash};
use pavlov_testkit::SimDisk;
use support::net::{
    KEY_ID, KEY_SECRET, NOW_NS, Reply, Server, VirtualClock, cache_on, example, network, ok, remote, testdata,
};

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

fn nowhere() -> Sources {
    Sources { cache_dir: None, ..cache_on(Arc::new(SimDisk::new())) }
}

fn once(manifest: &Manifest, body: &[u8]) -> (Result<Dataset, MarketDataError>, Vec<String>) {
    let body = body.to_vec();
    let server = Server::new(move |_, _| ok(&body));
    let got = fetch(manifest, &nowhere(), Some(&network(VirtualClock::at(NOW_NS), &server.base())));
    (got, server.heads())
}

#[test]
fn a_bitfinex_page_becomes_close_stamped_bars() {
    let (manifest, body) = example("bitfinex");
    let server = Server::new(move |n, _| if n == 0 { ok(&body) } else { ok("[]") });
    let clock = VirtualClock::at(NOW_NS);
    let dataset = fetch(&manifest, &nowhere(), Some(&network(clock.clone(), &server.base()))).unwrap();
    let bars = &dataset.bars;
    assert_eq!(bars.len(), 4);
    let first = bars.bar(0);
    assert_eq!(first.time, 1_527_811_200_000_000_000 + HOUR);
    assert_eq!([first.open, first.high, first.low, first.close], [7488.1, 7510.0, 7480.2, 7497.3]);
    assert_eq!((bars.gaps().missing_bars, dataset.provenance.cleaning.rows_read), (1, 4));
    assert_eq!(dataset.origin, Origin::Provider("bitfinex".to_owned()));
    let target = "/v2/candles/trade:1h:tBTCUSD/hist?start=1527811200000&end=1527829199999&limit=10000&sort=1";
    assert_eq!(server.targets(), [target], "the last bar ends the span: no further page");
    assert_eq!(clock.waits(), [0.0; 0]);
}

#[test]
fn pages_are_followed_and_overlaps_must_agree() {
    let manifest = remote("bitfinex", "BTCUSD", "1h", "none", ["2018-06-01", "2018-06-01T05:00:00Z"]);
    let row = |hour: i64, close: f64| {
        format!("[{},7000,{close},7100,6900,1.5]", (1_527_811_200_000_000_000 + hour * HOUR) / 1_000_000)
    };
    for (second, expected) in [(7001.0, None), (7002.0, Some("is there twice with different values"))] {
        let pages = [
            format!("[{},{}]", row(0, 7000.0), row(1, 7001.0)),
            format!("[{},{},{}]", row(1, second), row(2, 7002.0), row(3, 7003.0)),
            "[]".to_owned(),
            format!("[{}]", row(4, 7004.0)),
        ];
        let server = Server::new(move |n, _| ok(&pages[n]));
        let clock = VirtualClock::at(NOW_NS);
        let got = fetch(&manifest, &nowhere(), Some(&network(clock.clone(), &server.base())));
        match (got, expected) {
            (Ok(dataset), None) => {
                assert_eq!((dataset.bars.len(), dataset.provenance.cleaning.repeats_dropped), (5, 1));
                assert_eq!(clock.waits(), [2.1; 3], "30 requests a minute are allowed");
            }
            (Err(error), Some(problem)) => assert!(error.to_string().contains(problem), "{error}"),
            (got, _) => panic!("{got:?}"),
        }
    }
}

#[test]
fn an_empty_page_is_believed_the_second_time() {
    let (manifest, body) = example("bitfinex");
    let short = String::from_utf8(body).unwrap().replace(",[1527825600000,7529.5,7540,7544.2,7521,198.7]", "");
    let server = Server::new(move |n, _| if n == 0 { ok(&short) } else { ok("[]") });
    let dataset = fetch(&manifest, &nowhere(), Some(&network(VirtualClock::at(NOW_NS), &server.base()))).unwrap();
    assert_eq!((dataset.bars.len(), server.targets().len()), (3, 3));
    let (got, _) = once(&manifest, b"[]");
    let text = got.unwrap_err().to_string();
    assert!(text.contains("provider bitfinex holds no bars or values of remote"), "{text}");
}

#[test]
fn a_page_that_goes_nowhere_ends_in_an_error() {
    let (manifest, _) = example("bitfinex");
    let (got, heads) = once(&manifest, b"[[1527811200000,7000,7000,7100,6900,1.5]]");
    let text = got.unwrap_err().to_string();
    assert!(text.contains("the page holds nothing that was asked for") && heads.len() == 2, "{text}");
}

#[test]
fn yahoo_days_are_the_dates_of_the_exchange_and_null_rows_are_counted() {
    let (manifest, body) = example("yahoo");
    let (got, heads) = once(&manifest, &body);
    let dataset = got.unwrap();
    let closes: Vec<i64> = dataset.bars.times().iter().map(|time| time / DAY).collect();
    assert_eq!(closes, [17_716, 17_718, 17_719], "the days before 4, 6 and 7 July 2018");
    assert_eq!(dataset.bars.close(), [270.90, 273.11, 275.42], "as quoted, not adjusted for dividends");
    assert_eq!((dataset.provenance.cleaning.rows_read, dataset.provenance.cleaning.empty_rows), (4, 1));
    assert!(dataset.provenance.summary().contains("1 without a value"), "{}", dataset.provenance.summary());
    let from = 1_530_576_000 - 14 * 3600;
    assert!(heads[0].starts_with(&format!("GET /v8/finance/chart/SPY?period1={from}&period2=")), "{}", heads[0]);

    let seoul = remote("yahoo", "122630.KS", "1d", "split", ["2018-01-01", "2018-01-05"]);
    let bars = once(&seoul, &testdata("yahoo_1d_seoul.json")).0.unwrap().bars;
    assert_eq!(bars.times().iter().map(|time| time / DAY - 17_533).collect::<Vec<_>>(), [1, 2, 3], "2, 3, 4 January");
}

#[test]
fn yahoo_dividends_change_all_four_prices_or_none() {
    let (_, body) = example("yahoo");
    let manifest = remote("yahoo", "SPY", "1d", "split_and_dividend", ["2018-07-03", "2018-07-10"]);
    let bars = once(&manifest, &body).0.unwrap().bars;
    let factor = 245.5 / 270.90;
    let first = bars.bar(0);
    assert!((first.close - 245.5).abs() < 1e-9 && (first.high - 272.98 * factor).abs() < 1e-9, "{first:?}");
    let lacking = String::from_utf8(body).unwrap().replace("[245.5,", "[null,");
    let text = once(&manifest, lacking.as_bytes()).0.unwrap_err().to_string();
    assert!(text.contains("quote[0], row 0: the adjusted close is None"), "{text}");
}

#[test]
fn a_manifest_cannot_ask_for_what_a_service_does_not_have() {
    let parse = |provider: &str, interval: &str, adjustment: &str| {
        let (provider, kind) = provider.split_once(' ').unwrap_or((provider, "bars"));
        let text = format!(
            "schema_version = 1\nkind = \"{kind}\"\nname = \"x\"\nsummary = \"\"\nsource = \"\"\nsymbol = \"X\"\ninterval = \"{interval}\"\n\
             adjustment = \"{adjustment}\"\nspan = [\"2018-01-01\", \"2018-01-02\"]\n[provider]\nname = \"{provider}\"\n"
        );
        Manifest::parse(&text, Path::new("x.toml")).map(|_| ()).map_err(|error| error.to_string())
    };
    for (provider, interval, adjustment, problem) in [
        ("yahoo", "1d", "none", "x.toml:10:1: provider yahoo: yahoo adjusts every price for splits"),
        ("yahoo", "1h", "split_and_dividend", "adjusts days only"),
        ("yahoo", "3h", "split", "no bars of this interval; known are 1m, 2m, 5m, 15m, 30m, 1h, 1d"),
        ("bitfinex", "2m", "none", "no bars of this interval"),
        ("bitfinex", "1h", "split", "adjustment = \"none\""),
        ("alpaca", "1w", "none", "no bars of this interval"),
        ("fred", "1d", "none", "fred gives values, not bars; set kind = \"series\""),
        ("fred series", "1h", "none", "interval = \"1d\""),
        ("fred series", "1d", "split", "adjustment = \"none\""),
        ("fred series", "1mo", "none", "a provider gives a series of fixed steps"),
        ("yahoo", "1d", "mixed", "adjusts the prices of a bar alike"),
        ("alpaca", "1d", "mixed", "adjusts the prices of a bar alike"),
    ] {
        let text = parse(provider, interval, adjustment).unwrap_err();
        assert!(text.contains(problem), "{text}");
    }
    for (provider, adjustment) in [("yahoo", "split"), ("alpaca", "split_and_dividend"), ("fred series", "none")] {
        assert_eq!(parse(provider, "1d", adjustment), Ok(()));
    }
}

#[test]
fn an_unfinished_bar_is_never_kept() {
    let manifest = remote("yahoo", "GC=F", "5m", "split", ["2023-07-31T12:00:00Z", "2023-07-31T13:00:00Z"]);
    // 12:11:17: the bar of 12:10 is open, and the row behind it is the latest quote.
    let clock = VirtualClock::at(1_690_805_477_000_000_000);
    let server = Server::new(|_, _| ok(testdata("yahoo_5m.json")));
    let dataset = fetch(&manifest, &nowhere(), Some(&network(clock, &server.base()))).unwrap();
    assert_eq!((dataset.bars.len(), dataset.provenance.cleaning.unfinished_dropped), (2, 2));
    assert_eq!(dataset.bars.volume(), [0.0, 1210.0]);
    assert!(server.targets()[0].contains("GC%3DF"), "{}", server.targets()[0]);
}

#[test]
fn yahoo_minutes_are_asked_for_week_by_week() {
    let manifest = remote("yahoo", "GC=F", "1m", "split", ["2023-12-01", "2023-12-17"]);
    let server = Server::new(|n, _| {
        let stamp = 1_701_388_800 + n * 7 * 86_400;
        ok(format!(
            "{{\"chart\":{{\"result\":[{{\"meta\":{{\"symbol\":\"GC=F\",\"gmtoffset\":0}},\"timestamp\":[{stamp}],\
             \"indicators\":{{\"quote\":[{{\"open\":[1],\"high\":[1],\"low\":[1],\"close\":[1],\"volume\":[1]}}]}}}}],\
             \"error\":null}}}}"
        ))
    });
    let dataset = fetch(&manifest, &nowhere(), Some(&network(VirtualClock::at(NOW_NS), &server.base()))).unwrap();
    assert_eq!((dataset.bars.len(), server.targets().len()), (3, 3));
}

fn alpaca_pages(n: usize, _: &str) -> Reply {
    ok(testdata(["alpaca_1m_page1.json", "alpaca_1m_page2.json"][n]))
}

#[test]
fn alpaca_pages_carry_vwap_and_trades_through_the_cache() {
    let (manifest, _) = example("alpaca");
    let server = Server::new(alpaca_pages);
    let sources = cache_on(Arc::new(SimDisk::new()));
    let fetched = fetch(&manifest, &sources, Some(&network(VirtualClock::at(NOW_NS), &server.base()))).unwrap();
    assert_eq!(fetched.bars.len(), 4);
    assert_eq!(fetched.bars.trades(), Some(&[65.0, 13.0, 41.0, 22.0][..]));
    assert_eq!(fetched.bars.vwap().map(|vwap| vwap[0]), Some(178.235733));
    let heads = server.heads();
    assert!(heads[0].starts_with(
        "GET /v2/stocks/bars?symbols=AAPL&timeframe=1Min&start=2022-01-03T14%3A30%3A00Z&\
         end=2022-01-03T14%3A34%3A59.999999999Z&limit=10000&adjustment=raw&feed=sip&sort=asc HTTP/1.1\r\n"
    ));
    assert!(heads[1].contains("&page_token=QUFQTHxNfDE2NDEyMjAyNjAwMDAwMDAwMDA%3D "), "{}", heads[1]);
    for head in &heads {
        let lower = head.to_lowercase();
        assert!(lower.contains(&format!("apca-api-key-id: {}", KEY_ID.to_lowercase())), "{head}");
        assert!(lower.contains(&format!("apca-api-secret-key: {}", KEY_SECRET.to_lowercase())), "{head}");
    }
    let cached = load_dataset(&manifest, &sources).unwrap();
    assert_eq!((cached.origin, &cached.bars, cached.hash), (Origin::Cache, &fetched.bars, fetched.hash));
    let span = Span { from_ns: fetched.bars.times()[1], to_ns: fetched.bars.times()[3] };
    let part = scan(sources.disk.as_ref(), Path::new("/w/cache"), &manifest, &["trades"], span).unwrap().unwrap();
    assert_eq!(part.values, [[13.0, 41.0]]);
}

#[test]
fn alpaca_without_a_key_names_the_variable() {
    let (manifest, _) = example("alpaca");
    let mut network = network(VirtualClock::at(NOW_NS), "http://127.0.0.1:9");
    network.keys.remove("APCA_API_SECRET_KEY");
    let error = fetch(&manifest, &nowhere(), Some(&network)).unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains("APCA_API_SECRET_KEY"), "{error}");
}

#[test]
fn alpaca_pages_that_do_not_end_are_an_error() {
    let (manifest, _) = example("alpaca");
    for changing in [false, true] {
        let server = Server::new(move |n, _| {
            let n = if changing { n } else { 0 };
            ok(format!("{{\"bars\":{{}},\"next_page_token\":\"again{n}\"}}"))
        });
        let got = fetch(&manifest, &nowhere(), Some(&network(VirtualClock::at(NOW_NS), &server.base())));
        assert!(got.unwrap_err().to_string().contains("next_page_token: the pages do not end"));
        assert!(server.targets().len() < 20);
    }
}

#[test]
fn fred_values_become_a_series_that_only_grows() {
    let (manifest, body) = example("fred");
    let server = Server::new(move |_, _| ok(&body));
    let network = network(VirtualClock::at(NOW_NS), &server.base());
    let sources = cache_on(Arc::new(SimDisk::new()));
    let first = fetch_series(&manifest, &sources, Some(&network)).unwrap();
    let known: Vec<i64> = first.series.times_ns().iter().map(|time| time / DAY).collect();
    assert_eq!(known, [17_170, 17_171, 17_172], "known when the day of the date is over");
    assert_eq!(first.series.values(), [1.94, 1.94, 1.86]);
    assert_eq!(first.provenance.cleaning.empty_rows, 1);
    let again = fetch_series(&manifest, &sources, Some(&network)).unwrap();
    assert_eq!((again.origin, again.hash), (Origin::Cache, first.hash));
    assert!(load_series(&manifest, &sources).unwrap().series == first.series);
    let head = "GET /graph/fredgraph.csv?id=DGS5&cosd=2017-01-01&coed=2017-01-05 ";
    assert!(server.heads().len() == 1 && server.heads()[0].starts_with(head), "{:?}", server.heads());
}

#[test]
fn a_source_of_bars_gives_their_closes_as_a_series() {
    let (bars, body) = example("yahoo");
    let text = std::fs::read_to_string("../../datasets/yahoo-tsla-1d.toml").unwrap();
    let text = text.replace("symbol = \"TSLA\"", "symbol = \"SPY\"\nkind = \"series\"");
    let closes = Manifest::parse(&text, Path::new("datasets/closes.toml")).unwrap();
    let server = Server::new(move |_, _| ok(&body));
    let network = network(VirtualClock::at(NOW_NS), &server.base());
    let bars = fetch(&bars, &nowhere(), Some(&network)).unwrap().bars;
    let series = fetch_series(&closes, &nowhere(), Some(&network)).unwrap().series;
    assert_eq!((series.times_ns(), series.values()), (bars.times(), bars.close()));
    let text = fetch(&closes, &nowhere(), Some(&network)).unwrap_err().to_string();
    assert!(text.contains("a series"), "{text}");
}

/// Bitfinex hours from 2018-06-01 on, priced by `price`, as far as they are asked for and `known`.
fn hourly(price: impl Fn(i64) -> f64 + Send + Sync + 'static, known: std::ops::Range<i64>) -> Server {
    Server::new(move |_, target| {
        let number = |name: &str| -> i64 {
            let rest = target.split(name).nth(1).unwrap();
            rest.split('&').next().unwrap().parse().unwrap()
        };
        let (start, end) = (number("start="), number("end="));
        let row = |hour: i64| {
            let ms = 1_527_811_200_000 + hour * 3_600_000;
            let (open, close) = (price(hour - 1), price(hour));
            (start <= ms && ms <= end)
                .then(|| format!("[{ms},{open},{close},{},{},{}]", open.max(close), open.min(close), 1 + hour % 5))
        };
        ok(format!("[{}]", known.clone().filter_map(row).collect::<Vec<_>>().join(",")))
    })
}

fn at_hour(hour: i64) -> String {
    format!("2018-06-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24)
}

fn hours(from: i64, to: i64) -> Manifest {
    remote("bitfinex", "BTCUSD", "1h", "none", [&at_hour(from), &at_hour(to)])
}

fn price(hour: i64) -> f64 {
    7000.0 + hour as f64
}

#[test]
fn only_the_missing_part_is_asked_for_and_adding_a_day_writes_the_day() {
    let disk = Arc::new(SimDisk::new());
    let sources = cache_on(disk.clone());
    let server = hourly(price, 0..200);
    let network = network(VirtualClock::at(NOW_NS), &server.base());
    let get = |from, to| fetch(&hours(from, to), &sources, Some(&network)).unwrap();
    let parquet =
        || -> Vec<_> { disk.files().into_iter().filter(|p| p.extension().is_some_and(|e| e == "parquet")).collect() };
    let requests = || server.targets().len();

    let first = get(24, 96);
    let (before, one) = (parquet(), requests());
    assert_eq!((first.bars.len(), first.origin, before.len()), (72, Origin::Provider("bitfinex".to_owned()), 1));

    assert_eq!((get(24, 96).origin, requests()), (Origin::Cache, one), "nothing is missing");
    assert_eq!((get(30, 40).bars.len(), requests()), (10, one), "a part is not missing");

    let longer = get(24, 120);
    assert!(
        server.targets()[one..].iter().all(|target| target.contains("start=1528153200000")),
        "{:?}",
        server.targets()
    );
    let after = parquet();
    assert!(after.len() == 2 && after.contains(&before[0]), "the old segment stays as it is");
    let day = after.iter().find(|path| **path != before[0]).unwrap();
    assert!(disk.read(day).unwrap().len() < disk.read(&before[0]).unwrap().len());

    let both = get(0, 130);
    assert_eq!(parquet().len(), 4);
    let again = fetch(&hours(0, 130), &cache_on(Arc::new(SimDisk::new())), Some(&network)).unwrap();
    assert_eq!((both.hash, &both.bars), (again.hash, &again.bars), "pieces make what one fetch makes");
    assert_eq!(both.provenance, again.provenance);
    assert_eq!(longer.bars, both.bars.slice(24..120));
    let offline = load_dataset(&hours(24, 120), &sources).unwrap();
    assert_eq!((offline.origin, offline.hash), (Origin::Cache, longer.hash));
}

#[test]
fn a_rewritten_history_is_fetched_anew_and_never_mixed() {
    let sources = cache_on(Arc::new(SimDisk::new()));
    let clock = VirtualClock::at(NOW_NS);
    fetch(&hours(0, 48), &sources, Some(&network(clock.clone(), &hourly(price, 0..100).base()))).unwrap();
    let split = hourly(|hour| price(hour) / 2.0, 0..100);
    let dataset = fetch(&hours(0, 72), &sources, Some(&network(clock, &split.base()))).unwrap();
    assert!(dataset.notes.len() == 1 && dataset.notes[0].contains("has changed"), "{:?}", dataset.notes);
    assert!(dataset.bars.close().iter().all(|close| *close < 4000.0) && dataset.bars.len() == 72);
    assert_eq!(load_dataset(&hours(0, 72), &sources).unwrap().hash, dataset.hash);
}

#[test]
fn a_span_into_the_future_grows_with_the_clock() {
    let sources = cache_on(Arc::new(SimDisk::new()));
    let hour_ns = |hour: i64| 1_527_811_200_000_000_000 + hour * HOUR;
    let clock = VirtualClock::at(hour_ns(50) + HOUR / 2);
    let server = hourly(price, 0..51);
    let manifest = hours(0, 300);
    let first = fetch(&manifest, &sources, Some(&network(clock.clone(), &server.base()))).unwrap();
    assert_eq!(first.bars.len(), 50, "the 51st bar is not over");
    assert_eq!(load_dataset(&manifest, &sources).unwrap().bars.len(), 50, "offline, what there is will do");
    clock.set(hour_ns(120));
    let server = hourly(price, 0..120);
    let second = fetch(&manifest, &sources, Some(&network(clock, &server.base()))).unwrap();
    assert_eq!((second.bars.len(), second.provenance.gaps.count), (120, 0));
    assert_eq!(second.provenance.cleaning.unfinished_dropped, 0);
    assert!(server.targets()[0].contains("start=1527987600000"), "{:?}", server.targets());
}

#[test]
fn offline_a_missing_part_is_named_with_its_cure() {
    let sources = cache_on(Arc::new(SimDisk::new()));
    let server = hourly(price, 0..100);
    fetch(&hours(24, 48), &sources, Some(&network(VirtualClock::at(NOW_NS), &server.base()))).unwrap();
    for manifest in [hours(24, 72), hours(0, 48)] {
        for error in [load_dataset(&manifest, &sources).unwrap_err(), fetch(&manifest, &sources, None).unwrap_err()] {
            let text = error.to_string();
            assert!(error.is_unavailable(), "{text}");
            assert!(text.contains("it covers [2018-06-02T00:00:00Z, 2018-06-03T00:00:00Z)"), "{text}");
            assert!(text.contains("cargo xtask data fetch remote"), "{text}");
        }
    }
}

#[test]
fn another_adjustment_is_another_cache() {
    let sources = cache_on(Arc::new(SimDisk::new()));
    let (raw, _) = example("alpaca");
    let server = Server::new(alpaca_pages);
    fetch(&raw, &sources, Some(&network(VirtualClock::at(NOW_NS), &server.base()))).unwrap();
    let span = ["2022-01-03T14:30:00Z", "2022-01-03T14:35:00Z"];
    let split = remote("alpaca", "AAPL", "1m", "split", span);
    let text = load_dataset(&split, &sources).unwrap_err().to_string();
    assert!(text.contains("another version of the manifest"), "{text}");
}

#[test]
fn unexpected_content_is_not_cached() {
    let disk = Arc::new(SimDisk::new());
    let (_, body) = example("bitfinex");
    let server = Server::new(move |_, _| ok(&body));
    let text = format!(
        "schema_version = 1\nname = \"remote\"\nsummary = \"s\"\nsource = \"s\"\nsymbol = \"BTCUSD\"\ninterval = \"1h\"\n\
         adjustment = \"none\"\nspan = [\"2018-06-01\", \"2018-06-01T05:00:00Z\"]\nexpected_hash = \"{}\"\n\
         [provider]\nname = \"bitfinex\"\n",
        Hash::of(b"other")
    );
    let manifest = Manifest::parse(&text, Path::new("datasets/remote.toml")).unwrap();
    let network = network(VirtualClock::at(NOW_NS), &server.base());
    let error = fetch(&manifest, &cache_on(disk.clone()), Some(&network)).unwrap_err();
    assert!(matches!(error, MarketDataError::WrongContent { .. }), "{error}");
    assert_eq!(disk.files(), Vec::<std::path::PathBuf>::new());
}
