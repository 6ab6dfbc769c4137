//! An *entry*: a value at rest in Redis, with its times.
//!
//! ```text
//! "MF" | version: u8 = 2 | codec: u8 = 0 (postcard) | born: u64 | time to live: u64
//!      | bounds: u8 (1: has a stamp, 2: has a reach, 4: of the primary) | stamp | reach | payload
//! ```
//!
//! Numbers are big endian; times are milliseconds, `born` since 1970; stamp and reach are a timeline
//! (u32) and a place in its log (u64), zero where there is none. Another magic, version or codec is a miss:
//! whoever wrote it knows more than we do.

use std::time::Duration;

use crate::terms::bounds::Bounds;
use crate::terms::position::Position;

const HEAD: [u8; 4] = *b"MF\x02\x00";
/// Where the payload begins, in bytes; before it stands all that tells an entry's times.
pub const PAYLOAD: usize = HEAD.len() + 16 + 1 + 2 * POSITION;
/// The length of a position, in bytes.
const POSITION: usize = 12;

const STAMP: u8 = 1;
const REACH: u8 = 2;
const OF_PRIMARY: u8 = 4;

/// A parsed entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    born_ms: u64,
    ttl_ms: u64,
    /// What the value includes, and what it cannot show.
    pub bounds: Bounds,
    /// The value, encoded.
    pub payload: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The entry of a value that was loaded at `born_ms` and may be served for `ttl`.
    pub fn write(born_ms: u64, ttl: Duration, bounds: &Bounds, payload: &[u8]) -> Vec<u8> {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let mut bytes = Vec::with_capacity(PAYLOAD + payload.len());
        bytes.extend_from_slice(&HEAD);
        bytes.extend_from_slice(&born_ms.to_be_bytes());
        bytes.extend_from_slice(&ttl_ms.to_be_bytes());
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        bytes.push(
            flag(bounds.stamp.is_some(), STAMP)
                | flag(bounds.reach.is_some(), REACH)
                | flag(bounds.primary, OF_PRIMARY),
        );
        for position in [bounds.stamp, bounds.reach] {
            let (timeline, lsn) = position.map_or((0, 0), |at| (at.timeline(), at.lsn()));
            bytes.extend_from_slice(&timeline.to_be_bytes());
            bytes.extend_from_slice(&lsn.to_be_bytes());
        }
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The entry in `bytes`, if it is one that this version can read.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&HEAD)?;
        let (born, rest) = rest.split_first_chunk()?;
        let (ttl, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first()?;
        let (stamp, rest) = position(rest)?;
        let (reach, payload) = position(rest)?;
        // A flag that this version does not know may mean anything.
        if flags & !(STAMP | REACH | OF_PRIMARY) != 0 {
            return None;
        }
        Some(Self {
            born_ms: u64::from_be_bytes(*born),
            ttl_ms: u64::from_be_bytes(*ttl),
            bounds: Bounds {
                stamp: Some(stamp).filter(|_| flags & STAMP != 0),
                reach: Some(reach).filter(|_| flags & REACH != 0),
                primary: flags & OF_PRIMARY != 0,
            },
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

fn position(bytes: &[u8]) -> Option<(Position, &[u8])> {
    let (timeline, rest) = bytes.split_first_chunk()?;
    let (lsn, rest) = rest.split_first_chunk()?;
    let position = Position::new(u32::from_be_bytes(*timeline), u64::from_be_bytes(*lsn));
    Some((position, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        stamp: Some(Position::new(1, 0x300_4088)),
        reach: Some(Position::new(1, 0x300_4100)),
        primary: false,
    };
    const TTL: Duration = Duration::from_secs(60);

    #[test]
    fn an_entry_comes_back_as_it_was_written() {
        let bytes = Entry::write(1_000, TTL, &BOUNDS, b"value");
        let entry = Entry::parse(&bytes).expect("our own entry");
        assert_eq!(entry.payload, b"value");
        assert_eq!(entry.bounds, BOUNDS);
        let unbounded = Bounds {
            primary: true,
            ..Bounds::default()
        };
        let bytes = Entry::write(1_000, TTL, &unbounded, b"");
        assert_eq!(
            Entry::parse(&bytes).expect("our own entry").bounds,
            unbounded
        );
        assert_eq!(entry.time_left(31_000), Some(Duration::from_secs(30)));
    }

    #[test]
    fn an_entry_is_over_with_its_time_to_live() {
        let bytes = Entry::write(1_000, TTL, &BOUNDS, b"");
        let entry = Entry::parse(&bytes).expect("our own entry");
        assert_eq!(entry.time_left(61_000), None);
        assert_eq!(entry.time_left(0), Some(TTL), "no longer than written");
    }

    #[test]
    fn an_unknown_version_or_a_torn_entry_is_a_miss() {
        let bytes = Entry::write(1_000, TTL, &BOUNDS, b"value");
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
