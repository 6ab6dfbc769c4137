//! A *position* in the write-ahead log, on a timeline; and the history of timelines.

use std::collections::BTreeMap;
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

    /// Whether a node of the same timeline that has replayed up to `replayed` shows everything
    /// before this position.
    pub const fn is_covered_by(self, replayed: Self) -> bool {
        self.timeline == replayed.timeline && self.lsn <= replayed.lsn
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

/// Where timelines began, as far as this process has seen it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Where each timeline left the one before it: the promoted node's replay position, which stays
    /// as it was. `None`: it was primary from its start, so nobody knows.
    began: BTreeMap<u32, Option<u64>>,
}

/// Whether a node includes a floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// It does.
    Covered,
    /// It does not yet.
    Behind,
    /// It never will: what lies between was lost with a timeline.
    Lost,
    /// The floor is of another timeline and nobody knows where that one ended.
    Unknown,
}

impl History {
    /// A primary on `timeline` was promoted when it had replayed up to `replayed`, or never.
    pub fn learn(&mut self, timeline: u32, replayed: Option<u64>) {
        let began = self.began.entry(timeline).or_insert(replayed);
        if began.is_none() {
            *began = replayed;
        }
    }

    /// The timeline of the primary, if there was one only.
    pub fn only(&self) -> Option<u32> {
        let mut seen = self.began.keys();
        seen.next().copied().filter(|_| seen.next().is_none())
    }

    /// Whether a node that has replayed up to `reached` includes everything before `floor`.
    pub fn covers(&self, floor: Position, reached: Position) -> Cover {
        if floor.timeline > reached.timeline {
            return Cover::Behind;
        }
        let mut kept = u64::MAX;
        for timeline in floor.timeline + 1..=reached.timeline {
            match self.began.get(&timeline) {
                Some(Some(began)) => kept = kept.min(*began),
                _ => return Cover::Unknown,
            }
        }
        if floor.lsn > kept {
            Cover::Lost
        } else if floor.lsn > reached.lsn {
            Cover::Behind
        } else {
            Cover::Covered
        }
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

    #[test]
    fn a_floor_is_covered_within_its_timeline_and_up_to_where_that_one_ended() {
        use Cover::{Behind, Covered, Lost, Unknown};
        let mut history = History::default();
        history.learn(2, Some(300));
        history.learn(3, Some(350));
        history.learn(5, None);
        let at = Position::new;
        let table = [
            (at(2, 310), at(2, 310), Covered),
            (at(2, 311), at(2, 310), Behind),
            (at(1, 300), at(2, 310), Covered),
            // It looks smaller and was lost all the same.
            (at(1, 305), at(2, 310), Lost),
            (at(1, 300), at(2, 290), Behind),
            (at(1, 300), at(3, 400), Covered),
            (at(1, 320), at(3, 400), Lost),
            (at(2, 340), at(3, 400), Covered),
            (at(2, 360), at(3, 400), Lost),
            (at(3, 10), at(2, 400), Behind),
            (at(3, 400), at(4, 500), Unknown),
            (at(4, 400), at(5, 500), Unknown),
        ];
        for (floor, reached, cover) in table {
            assert_eq!(
                history.covers(floor, reached),
                cover,
                "{floor:?} {reached:?}"
            );
        }
    }

    #[test]
    fn what_a_promoted_node_told_once_is_kept() {
        let mut history = History::default();
        history.learn(2, Some(300));
        history.learn(2, None);
        let floor = Position::new(1, 300);
        assert_eq!(history.covers(floor, Position::new(2, 400)), Cover::Covered);
        assert_eq!(history.only(), Some(2));
    }
}
