//! An *entry*: a value at rest in Redis, with its times.
//!
//! ```text
//! "MF" | version: u8 = 1 | codec: u8 = 0 (postcard) | born: u64 | time to live: u64 | payload
//! ```
//!
//! Times are milliseconds, big endian, `born` since 1970. Another magic, version or codec is a miss:
//! whoever wrote it knows more than we do.

use std::time::Duration;

const HEAD: [u8; 4] = *b"MF\x01\x00";
/// Where the payload begins, in bytes; before it stands all that tells an entry's times.
pub const PAYLOAD: usize = HEAD.len() + 16;

/// A parsed entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    born_ms: u64,
    ttl_ms: u64,
    /// The value, encoded.
    pub payload: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The entry of a value that was loaded at `born_ms` and may be served for `ttl`.
    pub fn write(born_ms: u64, ttl: Duration, payload: &[u8]) -> Vec<u8> {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let mut bytes = Vec::with_capacity(PAYLOAD + payload.len());
        bytes.extend_from_slice(&HEAD);
        bytes.extend_from_slice(&born_ms.to_be_bytes());
        bytes.extend_from_slice(&ttl_ms.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The entry in `bytes`, if it is one that this version can read.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&HEAD)?;
        let (born, rest) = rest.split_first_chunk()?;
        let (ttl, payload) = rest.split_first_chunk()?;
        Some(Self {
            born_ms: u64::from_be_bytes(*born),
            ttl_ms: u64::from_be_bytes(*ttl),
            payload,
        })
    }

    /// For how much longer it may be served; `None` if it is over. A clock that is behind the
    /// writer's does not lengthen it.
    pub fn time_left(&self, now_ms: u64) -> Option<Duration> {
        let age = now_ms.saturating_sub(self.born_ms);
        let left = self.ttl_ms.checked_sub(age).filter(|left| *left > 0)?;
        Some(Duration::from_millis(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    #[test]
    fn an_entry_comes_back_as_it_was_written() {
        let bytes = Entry::write(1_000, TTL, b"value");
        let entry = Entry::parse(&bytes).expect("our own entry");
        assert_eq!(entry.payload, b"value");
        assert_eq!(entry.time_left(31_000), Some(Duration::from_secs(30)));
    }

    #[test]
    fn an_entry_is_over_with_its_time_to_live() {
        let bytes = Entry::write(1_000, TTL, b"");
        let entry = Entry::parse(&bytes).expect("our own entry");
        assert_eq!(entry.time_left(61_000), None);
        assert_eq!(entry.time_left(0), Some(TTL), "no longer than written");
    }

    #[test]
    fn an_unknown_version_or_a_torn_entry_is_a_miss() {
        let bytes = Entry::write(1_000, TTL, b"value");
        for at in 0..HEAD.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(Entry::parse(&other), None);
        }
        for len in 0..PAYLOAD {
            assert_eq!(Entry::parse(&bytes[..len]), None);
        }
    }
}
