//! Content hashes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::StoreError;

/// The BLAKE3 hash of some bytes, written as 64 lower-case hexadecimal digits.
///
/// ```
/// use pavlov_store::Hash;
/// let hash = Hash::of(b"bars");
/// assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(blake3::hash(bytes).into())
    }

    /// The hash of a sequence of parts, each preceded by its length: moving a byte between parts changes it.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Hash {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Hash(hasher.finalize().into())
    }

    /// The first 12 digits, for messages.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Hash, StoreError> {
        match blake3::Hash::from_hex(text) {
            Ok(hash) if hash.to_hex().as_str() == text => Ok(Hash(hash.into())),
            _ => Err(StoreError::HashSyntax { got: text.to_owned() }),
        }
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_hash_is_blake3() {
        // The test vector of the empty input in the BLAKE3 paper's reference implementation.
        let expected = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Hash::of(b"").to_string(), expected);
        assert_eq!(Hash::of(b"").short(), "af1349b9f5f9");
    }

    #[test]
    fn parts_are_told_apart_by_their_lengths() {
        let hash = |parts: &[&[u8]]| Hash::of_parts(parts.iter().copied());
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_ne!(hash(&[b"abc"]), hash(&[b"abc", b""]));
        assert_eq!(hash(&[b"ab", b"c"]), hash(&[b"ab", b"c"]));
    }

    #[test]
    fn only_64_lower_case_digits_are_a_hash() {
        let text = Hash::of(b"x").to_string();
        for bad in [&text[1..], &text.to_uppercase(), &format!("{text}0"), &format!("g{}", &text[1..]), ""] {
            assert!(matches!(bad.parse::<Hash>(), Err(StoreError::HashSyntax { got }) if got == bad));
        }
    }

    proptest! {
        #[test]
        fn text_and_json_read_back_to_the_same_hash(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let hash = Hash::of(&bytes);
            prop_assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
            let json = serde_json::to_string(&hash).unwrap();
            prop_assert_eq!(&json, &format!("\"{hash}\""));
            prop_assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
        }
    }
}
