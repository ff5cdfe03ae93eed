//! The cache manifest: what was fetched, how, and which segments hold it.
//!
//! The file is JSON of the form `{"blake3":"<hash>","cache":<body>}`, where the hash is of the bytes of the body: they
//! are verified before any parser sees them.

use std::path::Path;

use pavlov_store::Hash;
use serde::{Deserialize, Serialize};

use crate::{MarketDataError, Provenance, Span};

/// The format that this build writes; it reads format 1 too, which had no coverage and no stamps of segments.
pub(super) const SCHEMA_VERSION: u32 = 2;

const HEAD: &[u8] = b"{\"blake3\":\"";
const MIDDLE: &[u8] = b"\",\"cache\":";
const TAIL: &[u8] = b"}\n";
const HASH_LEN: usize = 64;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CacheRecord {
    pub(super) schema_version: u32,
    /// The hash of the dataset manifest's data-defining part.
    pub(super) recipe: Hash,
    /// [`crate::Bars::content_hash`] of the segments together.
    pub(super) content_hash: Hash,
    pub(super) provenance: Provenance,
    /// What was asked of a remote provider.
    #[serde(default)]
    pub(super) coverage: Option<Coverage>,
    /// In rising time.
    pub(super) segments: Vec<Segment>,
}

/// One immutable file, named by its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segment {
    pub(super) hash: Hash,
    pub(super) rows: usize,
    /// First and last close stamp, UTC ns.
    #[serde(default)]
    pub(super) closes: Option<(i64, i64)>,
}

/// What a cache that grows piece by piece knows of its symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Coverage {
    /// The span that was asked for; it may reach into the future.
    pub(crate) asked: Span,
    /// The part of it whose bars are all here.
    pub(crate) covered: Span,
}

impl Coverage {
    /// Whether nothing of a span is missing that could be had when it was last asked for.
    pub(crate) fn holds(&self, span: Span) -> bool {
        self.covered.from_ns <= span.from_ns && (span.to_ns <= self.covered.to_ns || span.to_ns <= self.asked.to_ns)
    }
}

impl Segment {
    pub(super) fn file_name(&self) -> String {
        format!("{}.parquet", self.hash)
    }

    /// Whether a bar of it may close in a span.
    pub(super) fn meets(&self, closes: Span) -> bool {
        self.closes.is_none_or(|(first, last)| first < closes.to_ns && closes.from_ns <= last)
    }
}

impl CacheRecord {
    pub(super) fn encode(&self) -> Vec<u8> {
        // Strings, numbers and hashes: JSON always takes them.
        let body = serde_json::to_vec_pretty(self).unwrap_or_default();
        [HEAD, Hash::of(&body).to_string().as_bytes(), MIDDLE, &body, TAIL].concat()
    }

    pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<CacheRecord, MarketDataError> {
        let damaged = |problem: &str| MarketDataError::damaged(path, problem);
        let body = verified_body(bytes).ok_or_else(|| damaged("it is damaged: its hash does not fit its content"))?;
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let version: Version = serde_json::from_slice(body).map_err(|error| damaged(&error.to_string()))?;
        if !(1..=SCHEMA_VERSION).contains(&version.schema_version) {
            let got = version.schema_version;
            return Err(damaged(&format!("it has format {got}, this build reads 1 to {SCHEMA_VERSION}")));
        }
        serde_json::from_slice(body).map_err(|error| damaged(&error.to_string()))
    }
}

/// The body if the file has the expected form and the hash fits.
fn verified_body(bytes: &[u8]) -> Option<&[u8]> {
    let (hash, rest) = bytes.strip_prefix(HEAD)?.split_at_checked(HASH_LEN)?;
    let body = rest.strip_prefix(MIDDLE)?.strip_suffix(TAIL)?;
    let promised: Hash = std::str::from_utf8(hash).ok()?.parse().ok()?;
    (promised == Hash::of(body)).then_some(body)
}
