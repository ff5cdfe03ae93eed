//! The one place that opens a socket: a bounded GET with retries.
//!
//! A request is repeated where repeating may help: no connection, a connection that breaks, an answer that is late or
//! cut, status 408, 429 and 5xx. The waits double from one second (ten after a 429 without `Retry-After`) and run on
//! the caller's clock. Any other status is final at once. Redirects are not followed, so that a key reaches no other
//! host. Keys travel as headers marked sensitive; an error holds the address and never a header, and quotes an answer
//! only where no key was sent that the answer could echo.

use std::cell::Cell;
use std::io::Read;
use std::time::Duration;

use jiff::fmt::rfc2822;
use ureq::http::{HeaderValue, Response};
use ureq::{Agent, Body, Error};

use crate::network::{Network, Secret};

const SECOND_NS: i64 = 1_000_000_000;
/// Characters of an answer that an error quotes.
const QUOTED: usize = 200;
const USER_AGENT: &str = concat!("Mozilla/5.0 (compatible; pavlov/", env!("CARGO_PKG_VERSION"), ")");

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpFault {
    /// No answer, or a part of one, after every attempt.
    #[error("no whole answer in {}, the last one: {cause}; check the connection", times(*attempts))]
    Connection {
        /// Requests made.
        attempts: u32,
        /// What happened to the last one.
        cause: String,
    },
    /// The service refuses.
    #[error("status {status} in {}{}{}", times(*attempts), cure(*status), quoted(answer))]
    Status {
        /// The status of the last answer.
        status: u16,
        /// Requests made.
        attempts: u32,
        /// The beginning of the answer, empty if a key was sent.
        answer: String,
    },
    /// The service asks for a longer wait than the limits allow.
    #[error("the service asks to wait {seconds} s, the limit is {limit} s; try again later")]
    Wait {
        /// Asked for.
        seconds: u64,
        /// Allowed.
        limit: u64,
    },
    /// The answer does not end.
    #[error("the answer is longer than {limit} bytes; ask for a shorter span")]
    TooLong {
        /// Bytes allowed.
        limit: u64,
    },
}

fn times(attempts: u32) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}

fn cure(status: u16) -> &'static str {
    match status {
        401 | 403 => ": the key is missing, wrong or not allowed to read this",
        404 => ": the symbol is not known there",
        429 => ": too many requests, try again later",
        300..=399 => ": a redirect, which is not followed",
        _ => "",
    }
}

fn quoted(answer: &str) -> String {
    if answer.is_empty() { String::new() } else { format!("; it says {answer:?}") }
}

/// What one attempt came to.
enum Failed {
    /// Not worth another attempt.
    Final(HttpFault),
    /// Worth another one, after the wait that the service asks for.
    Again { fault: HttpFault, asked: Option<Duration>, first_wait: Duration },
}

/// Requests to one service, not faster than its `spacing`.
pub(crate) struct Http<'a> {
    network: &'a Network,
    agent: Agent,
    spacing: Duration,
    last_ns: Cell<Option<i64>>,
}

impl<'a> Http<'a> {
    /// Prepares requests to the service at `base`.
    pub(crate) fn new(network: &'a Network, base: &str, spacing: Duration) -> Http<'a> {
        let local = base.starts_with("http://127.0.0.1:");
        let builder = Agent::config_builder()
            .https_only(!local)
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(USER_AGENT)
            .timeout_connect(Some(network.limits.connect))
            .timeout_global(Some(network.limits.total));
        let config = if local { builder.proxy(None).max_idle_connections(0).build() } else { builder.build() };
        Http { network, agent: config.new_agent(), spacing, last_ns: Cell::new(None) }
    }

    /// The body of the answer to a GET.
    pub(crate) fn get(&self, url: &str, keys: &[(&'static str, &Secret)]) -> Result<Vec<u8>, HttpFault> {
        let limits = self.network.limits;
        let mut attempt = 1;
        loop {
            self.keep_distance();
            (self.network.log)(url);
            let (fault, asked, first_wait) = match self.attempt(url, keys, attempt) {
                Ok(body) => return Ok(body),
                Err(Failed::Final(fault)) => return Err(fault),
                Err(Failed::Again { fault, asked, first_wait }) => (fault, asked, first_wait),
            };
            let wait = asked.unwrap_or_else(|| first_wait.saturating_mul(1 << (attempt - 1).min(16)));
            if asked.is_some() && wait > limits.wait {
                return Err(HttpFault::Wait { seconds: wait.as_secs(), limit: limits.wait.as_secs() });
            }
            if attempt >= limits.num_attempts {
                return Err(fault);
            }
            let wait = wait.min(limits.wait);
            (self.network.log)(&format!("{fault}; asking again in {} s", wait.as_secs_f64()));
            self.network.clock.sleep(wait);
            attempt += 1;
        }
    }

    fn keep_distance(&self) {
        let now = self.network.clock.now_ns();
        let since = self.last_ns.get().map(|last| now.saturating_sub(last).max(0).unsigned_abs());
        let missing = since.and_then(|since| self.spacing.checked_sub(Duration::from_nanos(since)));
        if let Some(missing) = missing.filter(|missing| !missing.is_zero()) {
            self.network.clock.sleep(missing);
        }
        self.last_ns.set(Some(self.network.clock.now_ns()));
    }

    fn attempt(&self, url: &str, keys: &[(&'static str, &Secret)], attempts: u32) -> Result<Vec<u8>, Failed> {
        let again = |cause: String| Failed::Again {
            fault: HttpFault::Connection { attempts, cause },
            asked: None,
            first_wait: Duration::from_secs(1),
        };
        let mut request = self.agent.get(url);
        for (name, secret) in keys {
            let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| {
                let cause = format!("the key for {name} holds characters that no header can have");
                Failed::Final(HttpFault::Connection { attempts, cause })
            })?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        let mut response = request.call().map_err(|error| match error {
            Error::BadUri(_) | Error::Http(_) | Error::RequireHttpsOnly(_) => {
                Failed::Final(HttpFault::Connection { attempts, cause: error.to_string() })
            }
            error => again(error.to_string()),
        })?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(self.refused(&mut response, status, attempts, keys.is_empty()));
        }
        let limit = self.network.limits.body_len;
        read_body(&mut response, limit).map_err(|error| match error {
            None => Failed::Final(HttpFault::TooLong { limit }),
            Some(cause) => again(cause),
        })
    }

    fn refused(&self, response: &mut Response<Body>, status: u16, attempts: u32, may_quote: bool) -> Failed {
        let asked = self.retry_after(response);
        let answer = if may_quote { beginning(response) } else { String::new() };
        let fault = HttpFault::Status { status, attempts, answer };
        match status {
            429 => Failed::Again { fault, asked, first_wait: Duration::from_secs(10) },
            408 | 500..=599 => Failed::Again { fault, asked, first_wait: Duration::from_secs(1) },
            _ => Failed::Final(fault),
        }
    }

    /// The wait that a service asks for: seconds or a date (RFC 9110, section 10.2.3).
    fn retry_after(&self, response: &Response<Body>) -> Option<Duration> {
        let text = response.headers().get("retry-after")?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = rfc2822::parse(text).ok()?.timestamp();
        let wait = i64::try_from(date.as_nanosecond()).ok()?.saturating_sub(self.network.clock.now_ns());
        Some(Duration::from_secs(u64::try_from(wait.saturating_add(SECOND_NS - 1) / SECOND_NS).unwrap_or(0)))
    }
}

/// The whole body; `None` in the error if it is longer than `limit`, else what cut it short.
fn read_body(response: &mut Response<Body>, limit: u64) -> Result<Vec<u8>, Option<String>> {
    let mut bytes = Vec::new();
    let read = response.body_mut().with_config().limit(limit.saturating_add(1)).reader().read_to_end(&mut bytes);
    if bytes.len() as u64 > limit {
        return Err(None);
    }
    read.map(|_| bytes).map_err(|error| Some(error.to_string()))
}

/// The first characters of an answer, on one line.
fn beginning(response: &mut Response<Body>) -> String {
    let mut bytes = Vec::new();
    let _ = response.body_mut().as_reader().take(QUOTED as u64 * 4).read_to_end(&mut bytes);
    let text: String = String::from_utf8_lossy(&bytes).chars().take(QUOTED).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
