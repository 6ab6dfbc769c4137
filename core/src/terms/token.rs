//! A *token*: the floors of a session on their way through a cookie, a header or a job's payload.
//!
//! ```text
//! version: u8 = 1 | system: u64 | written before | written after | seen | cached | epoch: u64 | number: u64 | tag: [u8; 32]
//!                                 each a position: timeline: u32 | lsn: u64
//! ```
//!
//! Big endian, 105 bytes. In base64url that is 140 characters: no padding and no bits left over, so
//! one floor has one text. What is missing is zero: no timeline and no number is. `system` is the
//! cluster's system identifier, as the server has it, unsigned.
//!
//! The tag is HMAC-SHA256 over a fixed prefix and all bytes before the tag. Nothing of these is
//! believed, or told, before a key of ours has signed them. Behind that, another version and another
//! cluster are told: only who has the key can have written them, and an operator who mixed up two
//! clusters must find out. **Every version keeps this frame** (the version first, the tag last, over
//! the same prefix, at most 512 characters): so that during a rolling deploy the old program tells a
//! newer token from a forged one.
//!
//! A token does not expire: an old one asks for less, and merging lowers no floor. It is no
//! credential: who steals one gets no answer that is not his, only answers that are fresher.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::terms::error::{Error, Result};
use crate::terms::floors::{Floors, Sequence, Written};
use crate::terms::position::Position;

pub mod key;
#[cfg(test)]
mod tests;

use key::{TAG, TokenKeys};

const VERSION: u8 = 1;
/// What a token says and its tag, in bytes.
const SIZE: usize = 1 + 8 + 4 * POSITION + 16 + TAG;
const POSITION: usize = 12;
/// The longest text that is looked at, in characters. Ours have 140; a later version's may be longer.
const LONGEST: usize = 512;

/// What is wrong with a text that should be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is longer than any version's.
    TooLong,
    /// It has other characters than base64url, padding, or bits left over.
    NotBase64,
    /// None of the keys has signed it: forged, torn, or of a key that went.
    NotSigned,
    /// Signed, by a program that writes another version.
    Version(u8),
    /// Signed, about positions in another cluster's log.
    Cluster,
    /// Signed, but no session has such floors.
    Impossible,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "has more than {LONGEST} characters, so it is none of ours"),
            Self::NotBase64 => f.write_str("is not base64url, so it is none of ours"),
            Self::NotSigned => f.write_str(
                "is signed by none of the keys of this manifold: it was changed, or its key is gone",
            ),
            Self::Version(version) => {
                write!(f, "is of version {version}, and this program reads {VERSION}")
            }
            Self::Cluster => f.write_str("is of another PostgreSQL cluster"),
            Self::Impossible => f.write_str("says what no session can"),
        }
    }
}

impl TokenKeys {
    /// The token of `floors` in the cluster `system`.
    pub fn seal(&self, system: i64, floors: &Floors) -> String {
        let mut bytes = said(system, floors);
        let tag = self.first().tag(&bytes);
        bytes.extend_from_slice(&tag);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The floors in `text`, if it is a token of ours about the cluster `system`.
    ///
    /// # Errors
    ///
    /// `is_token`, which says what is wrong with it.
    pub fn open(&self, system: i64, text: &str) -> Result<Floors> {
        self.read(system, text).map_err(Error::token)
    }

    fn read(&self, system: i64, text: &str) -> Result<Floors, Flaw> {
        if text.len() > LONGEST {
            return Err(Flaw::TooLong);
        }
        let mut buffer = [0; LONGEST / 4 * 3];
        let length = BASE64_URL_SAFE_NO_PAD
            .decode_slice(text, &mut buffer)
            .map_err(|_| Flaw::NotBase64)?;
        let (said, tag) = buffer[..length].split_last_chunk().ok_or(Flaw::NotSigned)?;
        if !self.all().any(|key| key.has_signed(said, tag)) {
            return Err(Flaw::NotSigned);
        }
        heard(system, said)
    }
}

/// What a token says, without its tag.
pub fn said(system: i64, floors: &Floors) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SIZE);
    bytes.push(VERSION);
    bytes.extend_from_slice(&system.to_be_bytes());
    bytes.extend(said_written(floors.written));
    for position in [floors.seen, floors.cached] {
        bytes.extend(said_position(position));
    }
    let (epoch, number) = floors.sequence.map_or((0, 0), |it| (it.epoch, it.number));
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes
}

/// What a token says of writes.
pub fn said_written(written: Option<Written>) -> [u8; 2 * POSITION] {
    let before = said_position(written.map(|written| written.before));
    let after = said_position(written.map(|written| written.after));
    let mut bytes = [0; 2 * POSITION];
    let (first, second) = bytes.split_at_mut(POSITION);
    first.copy_from_slice(&before);
    second.copy_from_slice(&after);
    bytes
}

fn said_position(position: Option<Position>) -> [u8; POSITION] {
    let (timeline, lsn) = position.map_or((0, 0), |it| (it.timeline(), it.lsn()));
    let mut bytes = [0; POSITION];
    let (first, second) = bytes.split_at_mut(4);
    first.copy_from_slice(&timeline.to_be_bytes());
    second.copy_from_slice(&lsn.to_be_bytes());
    bytes
}

/// What is believed of bytes that should be what a token says: of a tag that was verified, or from where
/// nobody writes who is not trusted.
pub fn heard(system: i64, said: &[u8]) -> Result<Floors, Flaw> {
    match said.split_first() {
        Some((&VERSION, said)) => believe(system, said),
        Some((version, _)) => Err(Flaw::Version(*version)),
        None => Err(Flaw::Impossible),
    }
}

/// What a token of our version says behind its version.
fn believe(system: i64, said: &[u8]) -> Result<Floors, Flaw> {
    let mut rest = Rest(said);
    if rest.take()? != system.to_be_bytes() {
        return Err(Flaw::Cluster);
    }
    let written = match (rest.position()?, rest.position()?) {
        (None, None) => None,
        (Some(before), Some(after)) if before.later(after) == after => {
            Some(Written { before, after })
        }
        _ => return Err(Flaw::Impossible),
    };
    let seen = rest.position()?;
    let cached = rest.position()?;
    let sequence = rest.sequence()?;
    if !rest.0.is_empty() {
        return Err(Flaw::Impossible);
    }
    Ok(Floors {
        written,
        seen,
        sequence,
        cached,
    })
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Flaw> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Flaw::Impossible)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn position(&mut self) -> Result<Option<Position>, Flaw> {
        let timeline = u32::from_be_bytes(self.take()?);
        let lsn = u64::from_be_bytes(self.take()?);
        match (timeline, lsn) {
            (0, 0) => Ok(None),
            (0, _) => Err(Flaw::Impossible),
            _ => Ok(Some(Position::new(timeline, lsn))),
        }
    }

    fn sequence(&mut self) -> Result<Option<Sequence>, Flaw> {
        let epoch = u64::from_be_bytes(self.take()?);
        let number = u64::from_be_bytes(self.take()?);
        match (epoch, number) {
            (0, 0) => Ok(None),
            (_, 0) => Err(Flaw::Impossible),
            _ => Ok(Some(Sequence { epoch, number })),
        }
    }
}
