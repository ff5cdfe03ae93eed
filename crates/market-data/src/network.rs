//! What a provider needs of the outside world: a clock, keys, hosts and limits, all given by the caller.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The time, and waiting for it; tests run on a virtual one.
pub trait Clock: Send + Sync {
    /// Nanoseconds since 1970, UTC.
    fn now_ns(&self) -> i64;

    /// Returns after this long.
    fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that gives fetches the time; no result depends on it")]
    fn now_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// A key of a service. It can be sent and nothing else: it has neither `Display` nor `Serialize`, and its `Debug` shows
/// no part of it.
///
/// ```compile_fail
/// println!("{}", pavlov_market_data::Secret::new("key".to_owned()));
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the key.
    pub fn new(key: String) -> Secret {
        Secret(key)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The bounds of a fetch: nothing a service sends, or fails to send, makes it take longer or more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To establish a connection.
    pub connect: Duration,
    /// For one request from the first byte sent to the last one read.
    pub total: Duration,
    /// Bytes of one answer.
    pub body_len: u64,
    /// Requests made for one answer.
    pub num_attempts: u32,
    /// The longest wait that a service may ask for.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connect: Duration::from_secs(10),
            total: Duration::from_secs(60),
            body_len: 64 << 20,
            num_attempts: 4,
            wait: Duration::from_secs(120),
        }
    }
}

/// Everything that a remote provider is given.
#[derive(Clone)]
pub struct Network {
    /// Says which bars are finished, and waits.
    pub clock: Arc<dyn Clock>,
    /// Keys by the name of their environment variable.
    pub keys: BTreeMap<String, Secret>,
    /// Base addresses by the name of a provider; one that is not here is asked at its own address. Never read from a
    /// manifest: keys would go wherever its author likes.
    pub hosts: BTreeMap<String, String>,
    /// Bounds.
    pub limits: Limits,
    /// Takes a line for every request and every wait, for people.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Network {
    /// The machine's clock, the services' own addresses, and the keys that `variable` knows, such as
    /// `|name| std::env::var(name).ok()`; `log` takes a line for every request.
    pub fn new(variable: impl Fn(&str) -> Option<String>, log: impl Fn(&str) + Send + Sync + 'static) -> Network {
        let known = crate::PROVIDERS.iter().flat_map(|entry| entry.keys);
        let keys = known.filter_map(|name| Some(((*name).to_owned(), Secret::new(variable(name)?)))).collect();
        let (clock, hosts, limits) = (Arc::new(SystemClock), BTreeMap::new(), Limits::default());
        Network { clock, keys, hosts, limits, log: Arc::new(log) }
    }
}
