//! A loopback server that plays scripts, a virtual clock, and manifests of remote providers.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use pavlov_market_data::{
    Clock, Kind, Limits, Manifest, MarketDataError, Network, Secret, Sources, fetch, fetch_series, load_dataset,
    load_series,
};
use pavlov_store::{Disk, Hash};

/// 2024-01-05T22:00:00Z.
pub(crate) const NOW_NS: i64 = 1_704_492_000_000_000_000;
pub(crate) const KEY_ID: &str = "PKCANARY0ID7391";
pub(crate) const KEY_SECRET: &str = "canary/secret+8215=";

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, extra header lines, body.
    Whole(u16, &'static str, Vec<u8>),
    /// Breaks the connection before a byte of the answer.
    Reset,
    /// Sends the head and half the body, then closes.
    Short(Vec<u8>),
    /// Says nothing until the client gives up.
    Silent,
    /// Sends a byte now and then until the client gives up.
    Drip,
    /// Sends a body until the client gives up.
    Endless,
    /// Sends no HTTP at all.
    Garbage,
}

pub(crate) fn ok(body: impl AsRef<[u8]>) -> Reply {
    Reply::Whole(200, "", body.as_ref().to_vec())
}

type Script = dyn Fn(usize, &str) -> Reply + Send + Sync;

/// A server on 127.0.0.1 that answers the n-th request for a target as its script says.
pub(crate) struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, end) = (heads.clone(), stop.clone());
        let thread = std::thread::spawn(move || serve(&listener, &script, &log, &end));
        Server { address, heads, stop, thread: Some(thread) }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The request heads so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The targets asked for so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.split(' ').nth(1).unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, script: &Script, heads: &Mutex<Vec<String>>, stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(mut stream) = stream else { continue };
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut peeked = [0; 8192];
        let Some(head) = peek_head(&stream, &mut peeked) else { continue };
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let n = {
            let mut heads = heads.lock().unwrap();
            heads.push(head);
            heads.len() - 1
        };
        let reply = script(n, &target);
        // Closing with the request unread resets the connection.
        if !matches!(reply, Reply::Reset) {
            let _ = stream.read(&mut peeked);
            let _ = answer(&mut stream, reply);
        }
    }
}

fn peek_head(stream: &TcpStream, buffer: &mut [u8]) -> Option<String> {
    loop {
        let len = stream.peek(buffer).ok().filter(|len| *len > 0)?;
        let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if text.contains("\r\n\r\n") {
            return Some(text);
        }
        std::thread::yield_now();
    }
}

fn answer(stream: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    let head = |status: u16, extra: &str, len: usize| {
        format!("HTTP/1.1 {status} Status\r\nConnection: close\r\nContent-Length: {len}\r\n{extra}\r\n")
    };
    match reply {
        Reply::Whole(status, extra, body) => {
            stream.write_all(head(status, extra, body.len()).as_bytes())?;
            stream.write_all(&body)
        }
        Reply::Short(body) => {
            stream.write_all(head(200, "", body.len()).as_bytes())?;
            stream.write_all(&body[..body.len() / 2])
        }
        Reply::Garbage => stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n"),
        Reply::Silent => wait_for_end(stream),
        Reply::Drip => {
            stream.write_all(head(200, "", 1 << 20).as_bytes())?;
            stream.set_read_timeout(Some(Duration::from_millis(20)))?;
            while still_there(stream) {
                stream.write_all(b" ")?;
            }
            Ok(())
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[")?;
            while stream.write_all(&[b' '; 4096]).is_ok() {}
            Ok(())
        }
        Reply::Reset => Ok(()),
    }
}

fn wait_for_end(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0; 16]).map(|_| ())
}

fn still_there(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 16]) {
        Ok(len) => len > 0,
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// Time that passes only when somebody waits.
#[derive(Debug)]
pub(crate) struct VirtualClock {
    now_ns: AtomicI64,
    waits: Mutex<Vec<Duration>>,
    lines: Mutex<String>,
}

impl VirtualClock {
    pub(crate) fn at(now_ns: i64) -> Arc<VirtualClock> {
        Arc::new(VirtualClock { now_ns: AtomicI64::new(now_ns), waits: Mutex::default(), lines: Mutex::default() })
    }

    pub(crate) fn set(&self, now_ns: i64) {
        self.now_ns.store(now_ns, Ordering::SeqCst);
    }

    /// The log lines of the networks that run on this clock.
    pub(crate) fn lines(&self) -> String {
        self.lines.lock().unwrap().clone()
    }

    /// Seconds of every wait so far.
    pub(crate) fn waits(&self) -> Vec<f64> {
        self.waits.lock().unwrap().iter().map(Duration::as_secs_f64).collect()
    }
}

impl Clock for VirtualClock {
    fn now_ns(&self) -> i64 {
        self.now_ns.load(Ordering::SeqCst)
    }

    fn sleep(&self, duration: Duration) {
        self.waits.lock().unwrap().push(duration);
        self.now_ns.fetch_add(duration.as_nanos() as i64, Ordering::SeqCst);
    }
}

pub(crate) const PROVIDERS: [&str; 4] = ["bitfinex", "yahoo", "alpaca", "fred"];

/// Keys, small limits, and every provider at one address.
pub(crate) fn network(clock: Arc<VirtualClock>, base: &str) -> Network {
    let key = |name: &str, key: &str| (name.to_owned(), Secret::new(key.to_owned()));
    let logs = clock.clone();
    Network {
        clock,
        log: Arc::new(move |line| logs.lines.lock().unwrap().push_str(&format!("{line}\n"))),
        keys: BTreeMap::from([key("APCA_API_KEY_ID", KEY_ID), key("APCA_API_SECRET_KEY", KEY_SECRET)]),
        hosts: PROVIDERS.map(|name| (name.to_owned(), base.to_owned())).into(),
        limits: Limits {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(5),
            body_len: 64 << 10,
            num_attempts: 3,
            wait: Duration::from_secs(120),
        },
    }
}

/// A manifest of a remote provider.
pub(crate) fn remote(provider: &str, symbol: &str, interval: &str, adjustment: &str, span: [&str; 2]) -> Manifest {
    let [from, to] = span;
    let kind = if provider == "fred" { "series" } else { "bars" };
    let text = format!(
        "schema_version = 1\nname = \"remote\"\nsummary = \"s\"\nsource = \"s\"\nkind = \"{kind}\"\nsymbol = \"{symbol}\"\n\
         interval = \"{interval}\"\nadjustment = \"{adjustment}\"\nspan = [\"{from}\", \"{to}\"]\n\
         [provider]\nname = \"{provider}\"\n"
    );
    Manifest::parse(&text, Path::new("datasets/remote.toml")).unwrap()
}

/// The dataset that the first answer of each provider in `testdata/providers` belongs to, and that answer.
pub(crate) fn example(provider: &str) -> (Manifest, Vec<u8>) {
    let (symbol, interval, adjustment, span, file) = match provider {
        "bitfinex" => ("BTCUSD", "1h", "none", ["2018-06-01", "2018-06-01T05:00:00Z"], "bitfinex_1h.json"),
        "yahoo" => ("SPY", "1d", "split", ["2018-07-03", "2018-07-10"], "yahoo_1d.json"),
        "alpaca" => {
            let span = ["2022-01-03T14:30:00Z", "2022-01-03T14:35:00Z"];
            ("AAPL", "1m", "none", span, "alpaca_1m_page2.json")
        }
        _ => ("DGS5", "1d", "none", ["2017-01-01", "2017-01-06"], "fred_dgs5.csv"),
    };
    (remote(provider, symbol, interval, adjustment, span), testdata(file))
}

pub(crate) fn testdata(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/providers").join(file)).unwrap()
}

/// What stands in bars and series alike, and all of it as it would be logged.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) times: Vec<i64>,
    /// Closes or values.
    pub(crate) values: Vec<f64>,
    pub(crate) hash: Hash,
    pub(crate) shown: String,
}

/// Fetches bars or a series, or without a network loads them.
pub(crate) fn got(manifest: &Manifest, from: &Sources, network: Option<&Network>) -> Result<Got, MarketDataError> {
    match (manifest.kind(), network) {
        (Kind::Bars, network) => {
            let got = if network.is_some() { fetch(manifest, from, network) } else { load_dataset(manifest, from) }?;
            let shown = format!("{got:?}");
            Ok(Got { times: got.bars.times().to_vec(), values: got.bars.close().to_vec(), hash: got.hash, shown })
        }
        (Kind::Series, network) => {
            let got =
                if network.is_some() { fetch_series(manifest, from, network) } else { load_series(manifest, from) }?;
            let shown = format!("{got:?}");
            Ok(Got {
                times: got.series.times_ns().to_vec(),
                values: got.series.values().to_vec(),
                hash: got.hash,
                shown,
            })
        }
    }
}

/// A cache on this disk, without a data folder.
pub(crate) fn cache_on(disk: Arc<dyn Disk>) -> Sources {
    Sources { disk, cache_dir: Some("/w/cache".into()), data_dir: None }
}
