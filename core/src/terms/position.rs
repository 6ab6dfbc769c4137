//! A *position* in the write-ahead log, on a timeline.

use std::fmt;

/// A WAL position on a timeline, for example `0/3024088` on timeline 1.
///
/// Positions have no order: two of them compare only within one timeline, and after a failover only
/// with the history of both. Whoever needs "has replayed" asks [`Position::is_covered_by`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    timeline: u32,
    lsn: u64,
}

impl Position {
    /// The position `lsn` on `timeline`.
    pub const fn new(timeline: u32, lsn: u64) -> Self {
        Self { timeline, lsn }
    }

    /// The timeline, counted from 1, raised by each promotion.
    pub const fn timeline(self) -> u32 {
        self.timeline
    }

    /// The byte position in the log.
    pub const fn lsn(self) -> u64 {
        self.lsn
    }

    /// Whether a node of the same timeline that has replayed up to `replayed` shows everything
    /// before this position.
    pub const fn is_covered_by(self, replayed: Self) -> bool {
        self.timeline == replayed.timeline && self.lsn <= replayed.lsn
    }
}

/// As PostgreSQL prints it: `0/3024088`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.lsn >> 32, self.lsn & 0xFFFF_FFFF)
    }
}
