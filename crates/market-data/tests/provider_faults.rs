//! R7 and R18: whatever a service does, there is the right data or an error that says what and where; nothing partial is
//! cached, the waits are those of the limits, and no key appears anywhere but in the request.

mod support;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use pavlov_market_data::{
    HttpFault, Kind, Manifest, MarketDataError, Network, PROVIDERS as REGISTRY, Request, Secret, fetch, load_dataset,
};
use pavlov_store::Disk;
use pavlov_testkit::SimDisk;
use support::net::{
    Got, KEY_ID, KEY_SECRET, NOW_NS, PROVIDERS, Reply, Server, VirtualClock, cache_on, example, got, network, ok,
    testdata,
};

/// What a fetch came to, and everything it left behind.
struct Outcome {
    got: Result<Got, MarketDataError>,
    requests: usize,
    /// Seconds waited, without the pauses that keep a service's rate.
    waits: Vec<f64>,
    disk: Arc<SimDisk>,
    /// What a user was told on the way.
    lines: String,
}

fn outcome(manifest: &Manifest, server: &Server, change: impl FnOnce(&mut Network)) -> Outcome {
    let clock = VirtualClock::at(NOW_NS);
    let mut network = network(clock.clone(), &server.base());
    change(&mut network);
    let disk = Arc::new(SimDisk::new());
    let got = got(manifest, &cache_on(disk.clone()), Some(&network));
    let waits = clock.waits().into_iter().filter(|wait| *wait >= 1.0 && ![1.1, 2.1].contains(wait)).collect();
    Outcome { got, requests: server.targets().len(), waits, disk, lines: clock.lines() }
}

fn nothing_cached(outcome: &Outcome) -> bool {
    outcome.disk.files().is_empty()
}

type FaultCase = (&'static str, Reply, Vec<f64>, &'static str);

/// (what happens, the reply, the waits if it happens at every request, what the error says). One wait fewer than
/// requests; a fault without waits is final.
fn faults() -> Vec<FaultCase> {
    let status = |status, head| Reply::Whole(status, head, b"<p>try  later</p>".to_vec());
    let connection = "no whole answer in 3 attempts";
    vec![
        ("reset", Reply::Reset, vec![1.0, 2.0], connection),
        ("garbage", Reply::Garbage, vec![1.0, 2.0], connection),
        ("short body", Reply::Short(vec![b' '; 5_000]), vec![1.0, 2.0], connection),
        ("401", status(401, ""), vec![], "status 401 in 1 attempt: the key is missing, wrong or not allowed"),
        ("403", status(403, ""), vec![], "status 403 in 1 attempt"),
        ("404", status(404, ""), vec![], "status 404 in 1 attempt: the symbol is not known there"),
        ("redirect", status(302, "Location: http://127.0.0.1:1/\r\n"), vec![], "a redirect, which is not followed"),
        ("408", status(408, ""), vec![1.0, 2.0], "status 408 in 3 attempts"),
        ("429", status(429, ""), vec![10.0, 20.0], "status 429 in 3 attempts: too many requests"),
        ("429 with seconds", status(429, "Retry-After: 7\r\n"), vec![7.0, 7.0], "status 429 in 3 attempts"),
        ("429 with a date", status(429, "Retry-After: Fri, 05 Jan 2024 22:00:30 GMT\r\n"), vec![], "status 429"),
        ("429 with an age", status(429, "Retry-After: 86400\r\n"), vec![], "asks to wait 86400 s, the limit is 120 s"),
        ("500", status(500, ""), vec![1.0, 2.0], "status 500 in 3 attempts"),
        ("502", status(502, ""), vec![1.0, 2.0], "status 502 in 3 attempts"),
        ("503", status(503, "Retry-After: 3\r\n"), vec![3.0, 3.0], "status 503 in 3 attempts"),
        ("504", status(504, ""), vec![1.0, 2.0], "status 504 in 3 attempts"),
        ("HTML with 200", ok("<!DOCTYPE html><html>consent</html>\n"), vec![], "the answer is a page of HTML"),
        ("wrong schema", ok("{\"data\": [1, 2]}\n"), vec![], ": the answer, "),
        ("an empty answer", ok(""), vec![], ": the answer, "),
        ("endless body", Reply::Endless, vec![], "longer than 65536 bytes"),
        ("long body", ok(vec![b' '; 70_000]), vec![], "longer than 65536 bytes"),
    ]
}

#[test]
fn every_fault_of_every_provider_is_an_error_that_says_what_and_where() {
    for provider in PROVIDERS {
        for (name, reply, waits, says) in faults() {
            let (manifest, _) = example(provider);
            let server = Server::new(move |_, _| reply.clone());
            let found = outcome(&manifest, &server, |_| {});
            let error = found.got.as_ref().unwrap_err();
            let text = error.to_string();
            let context = format!("{provider}, {name}: {text}, waits {:?}", found.waits);
            assert!(error.is_unavailable() && text.contains(says), "{context}");
            assert!(text.contains(&format!("provider {provider}, {}", manifest.symbol())), "{context}");
            assert!(text.contains(&server.base()), "{context}");
            assert!(nothing_cached(&found), "{context}");
            if name == "429 with a date" {
                assert!(found.waits[0] == 30.0 && found.requests == 3, "{context}");
            } else {
                assert!(found.waits == waits && found.requests == waits.len() + 1, "{context}");
                assert_eq!(found.lines.matches("asking again in").count(), waits.len(), "{}", found.lines);
            }
        }
    }
}

#[test]
fn a_fault_that_passes_is_survived_and_one_that_stays_leaves_the_cache_as_it_was() {
    for provider in PROVIDERS {
        for (name, reply, waits, _) in faults() {
            let (manifest, body) = example(provider);
            let server = Server::new(move |n, _| if n == 0 { reply.clone() } else { ok(&body) });
            let found = outcome(&manifest, &server, |_| {});
            let passes = !waits.is_empty() || name == "429 with a date";
            assert_eq!(
                found.got.is_ok(),
                passes,
                "{provider}, {name}: {:?}",
                found.got.map(|dataset| dataset.times.len())
            );
            if let Ok(dataset) = found.got {
                let cached = got(&manifest, &cache_on(found.disk), None).unwrap();
                assert_eq!(cached.hash, dataset.hash, "{provider}, {name}");
            }
        }
    }
}

/// A fault behind the first page: pages that came before it are not kept.
#[test]
fn a_fault_on_a_later_page_keeps_nothing() {
    for provider in ["bitfinex", "alpaca"] {
        for (name, reply, waits, _) in faults() {
            let (manifest, last) = example(provider);
            let first = match provider {
                "alpaca" => testdata("alpaca_1m_page1.json"),
                _ => b"[[1527811200000,7488.1,7497.3,7510,7480.2,512.33100912]]".to_vec(),
            };
            for stays in [true, false] {
                let (first, last, reply) = (first.clone(), last.clone(), reply.clone());
                let server = Server::new(move |n, _| match n {
                    0 => ok(&first),
                    1 => reply.clone(),
                    _ if stays => reply.clone(),
                    _ => ok(&last),
                });
                let found = outcome(&manifest, &server, |_| {});
                let passes = !stays && (!waits.is_empty() || name == "429 with a date");
                assert_eq!(found.got.is_ok(), passes, "{provider}, {name}, {:?}", found.got.map(|d| d.times.len()));
                assert!(passes || nothing_cached(&found), "{provider}, {name}");
            }
        }
    }
}

#[test]
fn nobody_at_the_address_is_retried_and_reported() {
    for provider in PROVIDERS {
        let (manifest, _) = example(provider);
        let server = Server::new(|_, _| Reply::Reset);
        // The port of a server that is gone.
        let gone = Server::new(|_, _| Reply::Reset).base();
        let found = outcome(&manifest, &server, |network| {
            network.hosts.values_mut().for_each(|host| host.clone_from(&gone));
        });
        let text = found.got.as_ref().unwrap_err().to_string();
        assert!(text.contains("no whole answer in 3 attempts") && text.contains(&gone), "{text}");
        assert_eq!(found.waits, [1.0, 2.0]);
    }
}

#[test]
fn a_slow_service_costs_no_more_than_its_limit() {
    for provider in PROVIDERS {
        for reply in [Reply::Silent, Reply::Drip] {
            let (manifest, _) = example(provider);
            let context = format!("{provider}, {reply:?}");
            let server = Server::new(move |_, _| reply.clone());
            let found = outcome(&manifest, &server, |network| {
                network.limits.total = Duration::from_millis(60);
                network.limits.num_attempts = 2;
            });
            let text = found.got.as_ref().unwrap_err().to_string();
            assert!(text.contains("no whole answer in 2 attempts") && text.contains("timeout"), "{context}: {text}");
            assert!(found.requests == 2 && nothing_cached(&found), "{context}");
        }
    }
}

#[test]
fn a_service_that_explains_itself_is_quoted() {
    for (provider, reply, says) in [
        ("bitfinex", Reply::Whole(400, "", testdata("bitfinex_error.json")), "time_interval: invalid"),
        ("bitfinex", ok(testdata("bitfinex_error.json")), "reports error 10020: time_interval: invalid"),
        ("yahoo", Reply::Whole(404, "", testdata("yahoo_not_found.json")), "symbol may be delisted"),
        ("yahoo", ok(testdata("yahoo_not_found.json")), "chart.error: the service reports Not Found: No data found"),
    ] {
        let (manifest, _) = example(provider);
        let server = Server::new(move |_, _| reply.clone());
        let text = outcome(&manifest, &server, |_| {}).got.unwrap_err().to_string();
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn the_fault_of_a_request_is_data_too() {
    let (manifest, _) = example("yahoo");
    let server = Server::new(|_, _| Reply::Whole(404, "", b"no".to_vec()));
    let clock = VirtualClock::at(NOW_NS);
    let span = manifest.span().unwrap();
    let entry = REGISTRY.iter().find(|entry| entry.name == "yahoo").unwrap();
    let built = (entry.build)("[provider]\nname = \"yahoo\"\n").unwrap();
    let request =
        Request { symbol: "SPY", interval_ns: manifest.interval_ns(), adjustment: manifest.adjustment(), span };
    let error = built.fetch(&request, Some(&network(clock, &server.base()))).unwrap_err();
    let expected = HttpFault::Status { status: 404, attempts: 1, answer: "no".to_owned() };
    assert!(
        matches!(&error, MarketDataError::NoAnswer { fault, asked } if *fault == expected && asked.symbol == "SPY")
    );
    assert!(matches!(built.fetch(&request, None).unwrap_err(), MarketDataError::Offline { provider: "yahoo" }));
}

/// Every log line of this process.
struct Lines;

static LOGGED: Mutex<String> = Mutex::new(String::new());

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut logged = LOGGED.lock().unwrap();
        logged.push_str(&format!("{}\n", record.args()));
    }

    fn flush(&self) {}
}

fn forms(key: &str) -> Vec<String> {
    let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = key
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    vec![key.to_owned(), percent, hex, base64(key.as_bytes())]
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextets = bytes.chunks(3).flat_map(|chunk| {
        let word = chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |i| char::from(DIGITS[(word >> (18 - 6 * i) & 63) as usize]))
    });
    sextets.collect()
}

/// A key stays secret through success and every fault, also where the service sends it back.
#[test]
fn a_key_appears_nowhere_but_in_the_request() {
    static LOGGER: OnceLock<()> = OnceLock::new();
    LOGGER.get_or_init(|| log::set_logger(&Lines).unwrap());
    log::set_max_level(log::LevelFilter::Trace);
    let (manifest, body) = example("alpaca");
    let echo = format!("{{\"message\": \"forbidden for {KEY_ID} {KEY_SECRET}\"}}").into_bytes();
    let echoes = [200, 302, 401, 403, 500].map(|status| Reply::Whole(status, "", echo.clone()));
    let replies = faults().into_iter().map(|(_, reply, ..)| reply).chain(echoes).chain([ok(&body)]);
    let mut seen = String::new();
    for reply in replies {
        let server = Server::new(move |_, _| reply.clone());
        let found = outcome(&manifest, &server, |_| {});
        assert!(server.heads().iter().all(|head| head.contains(KEY_SECRET)), "the key is sent");
        seen += &(server.targets().join("\n") + &found.lines);
        match &found.got {
            Ok(dataset) => seen += &dataset.shown,
            Err(error) => seen += &format!("{error} {error:?} {:?}", std::error::Error::source(error)),
        }
        for path in found.disk.files() {
            seen += &path.display().to_string();
            seen += &String::from_utf8_lossy(&found.disk.read(&path).unwrap());
        }
    }
    let bad = |network: &mut Network| {
        let key = Secret::new(format!("{KEY_SECRET}\n"));
        seen += &format!("{key:?}");
        network.keys.insert("APCA_API_SECRET_KEY".to_owned(), key);
    };
    let server = Server::new(|_, _| Reply::Reset);
    let found = outcome(&manifest, &server, bad);
    let text = format!("{:?}", found.got.unwrap_err());
    assert!(text.contains("characters that no header can have"), "{text}");
    seen += &text;
    seen += &format!("{manifest:?}");
    let logged = LOGGED.lock().unwrap().clone();
    assert!(logged.contains("HEADERS ARE REDACTED") || logged.contains("GET"), "the client logs: {logged:.300}");
    seen += &logged;
    assert!(seen.contains("AAPL") && seen.contains("manifest.json"), "the search looks at what there is");
    for form in forms(KEY_ID).iter().chain(&forms(KEY_SECRET)) {
        assert!(!seen.contains(form), "{form} was found");
    }
    assert_eq!(base64(b"key!"), "a2V5IQ");
}

/// R5: damaged answers are an error that names the address and the place, or bars that hold every rule.
#[test]
fn mutated_answers_never_panic_hang_or_pass_unnamed() {
    let rounds = if pavlov_testkit::scale::nightly() { 200_000 } else { 2_000 };
    let mut rng = <rand_chacha::ChaCha8Rng as rand_core::SeedableRng>::seed_from_u64(5);
    let body = Arc::new(Mutex::new(Vec::new()));
    let sent = body.clone();
    let server = Server::new(move |_, _| ok(&*sent.lock().unwrap()));
    let network = network(VirtualClock::at(NOW_NS), &server.base());
    let nowhere = pavlov_market_data::Sources { cache_dir: None, ..cache_on(Arc::new(SimDisk::new())) };
    let (mut read, mut refused) = (0, 0);
    for round in 0..rounds {
        let (manifest, original) = example(PROVIDERS[round % PROVIDERS.len()]);
        let bytes = mutated(original, &mut rng);
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        *body.lock().unwrap() = bytes;
        match got(&manifest, &nowhere, Some(&network)) {
            Ok(found) => {
                read += 1;
                let least = if manifest.kind() == Kind::Series { f64::NEG_INFINITY } else { 0.0 };
                assert!(found.times.windows(2).all(|pair| pair[0] < pair[1]), "{shown}");
                assert!(found.values.iter().all(|value| value.is_finite() && *value > least), "{shown}");
            }
            Err(error) => {
                refused += 1;
                named(&error, &shown);
            }
        }
    }
    assert!(read > rounds / 50 && refused > rounds / 2, "{read} read, {refused} refused");
}

/// An error of a damaged answer says where: the address and a place in the answer, or the bar that broke a rule.
fn named(error: &MarketDataError, shown: &str) {
    let text = error.to_string();
    let address = text.contains(": http://127.0.0.1:");
    let places = ["line ", "chart", "bars.", "[", "value ", "next_page_token", "the last row"];
    let in_answer = address
        && text
            .split_once(": the answer, ")
            .is_some_and(|(_, place)| places.iter().any(|known| place.starts_with(known)));
    let in_bars = text.contains(", row ") && text.contains("column ");
    let nothing_left = text.contains("holds no bars or values of remote");
    assert!(in_answer || in_bars || nothing_left, "{text}\n{shown}");
}

/// One to three damages: a cut, bytes set, a piece doubled, dropped or moved, a value retyped.
fn mutated(mut bytes: Vec<u8>, rng: &mut dyn rand_core::RngCore) -> Vec<u8> {
    const VALUES: [&str; 14] = [
        "null",
        "NaN",
        "-1",
        "0",
        "1e999",
        "1e308",
        "-9223372036854775808",
        "99999999999999999999",
        "\"x\"",
        "[]",
        "{}",
        "true",
        "\"\u{0130}\\ud800\"",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ];
    for _ in 0..=rng.next_u32() % 3 {
        if bytes.len() < 2 {
            return bytes;
        }
        let mut below = |n: usize| (rng.next_u64() % n.max(1) as u64) as usize;
        let at = below(bytes.len());
        let len = 1 + below((bytes.len() - at).min(40));
        match below(7) {
            0 => bytes.truncate(at),
            1 => bytes[at] = below(256) as u8,
            2 => drop(bytes.drain(at..at + len)),
            3 => {
                let piece = bytes[at..at + len].to_vec();
                let to = below(bytes.len());
                bytes.splice(to..to, piece);
            }
            4 => bytes[at..at + len].reverse(),
            _ => {
                // The number or word that stands here or behind.
                let is_value = |byte: &u8| byte.is_ascii_alphanumeric() || b".-+".contains(byte);
                let Some(start) = bytes[at..].iter().position(is_value).map(|i| at + i) else { continue };
                let end = bytes[start..].iter().position(|byte| !is_value(byte)).map_or(bytes.len(), |i| start + i);
                bytes.splice(start..end, VALUES[below(VALUES.len())].bytes());
            }
        }
    }
    bytes
}

#[test]
fn a_disk_that_fails_costs_a_note_and_never_the_old_cache() {
    for fault in pavlov_testkit::Fault::ALL {
        for call in 1.. {
            let (manifest, body) = example("bitfinex");
            let server = Server::new(move |_, _| ok(&body));
            let network = network(VirtualClock::at(NOW_NS), &server.base());
            let disk = Arc::new(SimDisk::new());
            disk.fail_call(call, fault);
            let dataset = fetch(&manifest, &cache_on(disk.clone()), Some(&network)).unwrap();
            assert_eq!(dataset.bars.len(), 4);
            if disk.calls() < call {
                break;
            }
            let sound = load_dataset(&manifest, &cache_on(disk.clone())).is_ok();
            assert!(sound || !dataset.notes.is_empty(), "{fault:?} at call {call}");
            let temps: Vec<PathBuf> = disk.files();
            let again = fetch(&manifest, &cache_on(disk.clone()), Some(&network)).unwrap();
            assert_eq!((again.hash, again.notes.len()), (dataset.hash, 0), "{fault:?} at call {call}: {temps:?}");
        }
    }
}
