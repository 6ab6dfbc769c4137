//! The *history* of timelines: where each began, and what of an older one is in it.
//!
//! A failover ends a timeline: the promoted standby goes on from where it had replayed, and what the old
//! primary wrote behind that is lost, acknowledged or not. PostgreSQL keeps the same facts in its
//! [history files](https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES),
//! which only a superuser may read.

use std::collections::BTreeMap;

use crate::terms::floors::Written;
use crate::terms::position::Position;

/// Where timelines began, as far as this process has seen it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Where each timeline left the one before it: the promoted node's replay position, which stays
    /// as it was. `None`: nobody saw the promotion, so nobody knows.
    began: BTreeMap<u32, Option<u64>>,
}

/// What has become of acknowledged writes since the timeline on which they were made; the worse, the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survival {
    /// No failover has come since.
    Current,
    /// They survived it.
    Kept,
    /// Nobody can say.
    Uncertain,
    /// One of them at least is not there.
    Lost,
}

/// How far a timeline goes on in a later one.
enum Extent {
    /// It is that one.
    Whole,
    /// Up to there.
    UpTo(u64),
    /// Nobody knows.
    Unknown,
}

impl History {
    /// A primary on `timeline` was promoted when it had replayed up to `replayed`, or nobody saw it.
    pub fn learn(&mut self, timeline: u32, replayed: Option<u64>) {
        let began = self.began.entry(timeline).or_insert(replayed);
        if began.is_none() {
            *began = replayed;
        }
    }

    /// The timeline of everybody, if there was one only.
    pub fn only(&self) -> Option<u32> {
        let mut seen = self.began.keys();
        seen.next().copied().filter(|_| seen.next().is_none())
    }

    /// The highest timeline that anybody was seen on.
    pub fn latest(&self) -> Option<u32> {
        self.began.keys().next_back().copied()
    }

    /// Whether a node that has replayed up to `reached` includes everything before `floor` that there still
    /// is: what was lost with a timeline nobody includes.
    pub fn covers(&self, floor: Position, reached: Position) -> bool {
        let ended_before = || {
            let extent = self.extent(floor.timeline(), reached.timeline());
            matches!(extent, Extent::UpTo(end) if end < floor.lsn() && end <= reached.lsn())
        };
        floor.is_covered_by(reached) || (floor.timeline() < reached.timeline() && ended_before())
    }

    /// What has become of `written`, now that the highest timeline is what it is.
    pub fn survival(&self, written: Written) -> Survival {
        let Written { before, after } = written;
        let Some(latest) = self.latest().filter(|latest| *latest > before.timeline()) else {
            return Survival::Current;
        };
        match self.extent(before.timeline(), latest) {
            Extent::UpTo(end) if before.lsn() >= end => Survival::Lost,
            Extent::UpTo(end) if before.timeline() == after.timeline() && after.lsn() <= end => {
                Survival::Kept
            }
            Extent::UpTo(_) | Extent::Unknown | Extent::Whole => Survival::Uncertain,
        }
    }

    /// How far `timeline` goes on in `later`.
    fn extent(&self, timeline: u32, later: u32) -> Extent {
        let mut extent = Extent::Whole;
        for timeline in timeline.saturating_add(1)..=later {
            match (self.began.get(&timeline), extent) {
                (Some(Some(began)), Extent::UpTo(end)) => extent = Extent::UpTo(end.min(*began)),
                (Some(Some(began)), _) => extent = Extent::UpTo(*began),
                _ => return Extent::Unknown,
            }
        }
        extent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let mut history = History::default();
        history.learn(2, Some(300));
        history.learn(3, Some(350));
        history.learn(5, None);
        history
    }

    #[test]
    fn a_floor_is_covered_as_far_as_it_survived() {
        let at = Position::new;
        let table = [
            (at(2, 310), at(2, 310), true),
            (at(2, 311), at(2, 310), false),
            (at(1, 300), at(2, 310), true),
            (at(1, 300), at(2, 290), false),
            // It was lost: what is left of it ends at 300.
            (at(1, 320), at(2, 310), true),
            (at(1, 320), at(2, 299), false),
            (at(1, 300), at(3, 400), true),
            (at(2, 360), at(3, 355), true),
            (at(2, 360), at(3, 349), false),
            (at(3, 10), at(2, 400), false),
            // Nobody saw where 4 and 5 began; who has come as far has all of it that there is.
            (at(3, 400), at(4, 400), true),
            (at(3, 400), at(4, 399), false),
            (at(4, 400), at(5, 399), false),
        ];
        for (floor, reached, covered) in table {
            let found = history().covers(floor, reached);
            assert_eq!(found, covered, "{floor:?} {reached:?}");
        }
    }

    #[test]
    fn a_write_is_lost_kept_or_nobody_can_say() {
        use Survival::{Current, Kept, Lost, Uncertain};
        let at = Position::new;
        let mut known = History::default();
        known.learn(1, None);
        known.learn(2, Some(300));
        let table = [
            (at(1, 280), at(1, 300), Kept),
            (at(1, 301), at(1, 320), Lost),
            (at(1, 299), at(1, 301), Uncertain),
            // The commit lies behind the first.
            (at(1, 300), at(1, 301), Lost),
            // Of another timeline the first, and nobody knows where its end was.
            (at(1, 280), at(2, 400), Uncertain),
            (at(1, 301), at(2, 400), Lost),
            (at(2, 500), at(2, 600), Current),
            // Later than all that this process has seen.
            (at(3, 500), at(3, 600), Current),
        ];
        for (before, after, survival) in table {
            let written = Written { before, after };
            assert_eq!(known.survival(written), survival, "{written:?}");
        }
        let written = Written {
            before: at(3, 10),
            after: at(3, 20),
        };
        assert_eq!(history().survival(written), Uncertain, "nobody saw 4 begin");
    }

    #[test]
    fn what_a_promoted_node_told_once_is_kept() {
        let mut history = History::default();
        history.learn(2, Some(300));
        history.learn(2, None);
        let floor = Position::new(1, 300);
        assert!(history.covers(floor, Position::new(2, 400)));
        assert_eq!((history.latest(), history.only()), (Some(2), Some(2)));
    }
}
