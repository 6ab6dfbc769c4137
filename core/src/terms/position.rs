//! A *position* in the write-ahead log, on a timeline.

use std::fmt;

/// The header of a page of the log and of the first page of a segment, in bytes
/// ([`xlog_internal.h`](https://github.com/postgres/postgres/blob/master/src/include/access/xlog_internal.h):
/// `SizeOfXLogShortPHD`, `SizeOfXLogLongPHD`).
const PAGE_HEADER: u64 = 24;
const SEGMENT_HEADER: u64 = 40;
/// A page of the log. Another size needs a server compiled for it, which no distribution ships.
const PAGE: u64 = 8192;

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

    /// Where a primary inserts next, normalised; `offset` is the position's within its segment.
    ///
    /// A primary names the place behind a page's header, a standby the end of the record before it.
    /// Unless both are the same position, an idle primary waits for ever for a standby that has
    /// replayed everything.
    pub(crate) const fn inserting_at(timeline: u32, lsn: u64, offset: u64) -> Self {
        let header = if offset == SEGMENT_HEADER {
            SEGMENT_HEADER
        } else if offset > PAGE && offset % PAGE == PAGE_HEADER {
            PAGE_HEADER
        } else {
            0
        };
        Self {
            timeline,
            lsn: lsn - header,
        }
    }

    /// The timeline, counted from 1, raised by each promotion.
    pub const fn timeline(self) -> u32 {
        self.timeline
    }

    /// The byte position in the log.
    pub const fn lsn(self) -> u64 {
        self.lsn
    }

    /// Whether a node that has replayed up to `replayed` shows everything before this position: on the same
    /// timeline; on a later one everything of it that was not lost with the older one.
    pub const fn is_covered_by(self, replayed: Self) -> bool {
        self.timeline <= replayed.timeline && self.lsn <= replayed.lsn
    }

    /// The one of the two that includes the other: on one timeline the higher; else the one on the
    /// higher timeline, whose history includes whatever of the lower one was not lost.
    #[must_use]
    pub(crate) const fn later(self, other: Self) -> Self {
        let other_is_later = other.timeline > self.timeline
            || (other.timeline == self.timeline && other.lsn > self.lsn);
        if other_is_later { other } else { self }
    }

    /// The position before this one.
    ///
    /// The stamp of a load on a primary: a commit whose record lies before where the primary inserts
    /// may not be visible yet, and a fence taken after its acknowledgement is not below that place.
    pub(crate) const fn before(self) -> Self {
        Self {
            timeline: self.timeline,
            lsn: self.lsn.saturating_sub(1),
        }
    }
}

/// As PostgreSQL prints it: `0/3024088`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.lsn >> 32, self.lsn & 0xFFFF_FFFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_behind_a_header_is_the_end_of_the_record_before_it() {
        const SEGMENT: u64 = 16 << 20;
        let table = [
            // Behind a segment's header, behind a page's, and elsewhere.
            (SEGMENT + 40, 40, SEGMENT),
            (SEGMENT + PAGE + 24, PAGE + 24, SEGMENT + PAGE),
            (SEGMENT + 24, 24, SEGMENT + 24),
            (SEGMENT + PAGE + 40, PAGE + 40, SEGMENT + PAGE + 40),
            (SEGMENT + 64, 64, SEGMENT + 64),
        ];
        for (lsn, offset, normal) in table {
            let found = Position::inserting_at(1, lsn, offset).lsn();
            assert_eq!(found, normal, "{lsn:X}");
        }
    }
}
