//! Where the primary was at which time, by this process's clock: what a bounded staleness is proven
//! with.
//!
//! A sample is the time at which the primary was *asked* and the position that it answered, so
//! everything acknowledged before that time lies before that position. No clock but this process's is
//! involved, and an idle primary needs no heartbeat.

use std::collections::VecDeque;
use std::time::Duration;

use crate::terms::clock::Moment;
use crate::terms::position::Position;

/// The samples, oldest first. As many as fit between `spacing` and `length`.
#[derive(Debug)]
pub struct Ring {
    samples: VecDeque<(Moment, Position)>,
    /// Samples closer together than this are not worth their place.
    spacing: Duration,
    /// Older ones are dropped.
    length: Duration,
}

impl Ring {
    /// An empty ring.
    pub fn new(spacing: Duration, length: Duration) -> Self {
        Self {
            samples: VecDeque::new(),
            spacing,
            length,
        }
    }

    /// The primary was asked at `asked` and answered `position`.
    ///
    /// With the first one of a later timeline all others go: an old primary that was still there answered after the
    /// new one took writes, and what it said bounds none of those.
    pub fn note(&mut self, asked: Moment, position: Position) {
        if let Some((last, at)) = self.samples.back() {
            if at.timeline() > position.timeline() {
                return;
            }
            if at.timeline() < position.timeline() {
                self.samples.clear();
            } else if asked.since(*last) < self.spacing {
                return;
            }
        }
        self.samples.push_back((asked, position));
        while let Some((oldest, _)) = self.samples.front() {
            if asked.since(*oldest) <= self.length {
                break;
            }
            self.samples.pop_front();
        }
    }

    /// What a node must have replayed to show everything acknowledged before `since`: the first
    /// sample asked for at or after it. The one before it would miss what was acknowledged between
    /// the two. `None`: nobody knows.
    pub fn required(&self, since: Moment) -> Option<Position> {
        let at = self.samples.partition_point(|(asked, _)| *asked < since);
        // Before the first sample nothing is known of what had been acknowledged; the first one still
        // includes it.
        self.samples.get(at).map(|(_, position)| *position)
    }

    /// Where the primary was by `then`: the last sample asked for at or before it. What was acknowledged up to
    /// then, and is not before it, came after the question. `None`: nobody knows.
    pub fn reached_by(&self, then: Moment) -> Option<Position> {
        let before = self.samples.iter().rev();
        let mut before = before.skip_while(|(asked, _)| *asked > then);
        before.next().map(|(_, position)| *position)
    }

    /// How far somebody is behind the last sample: the time between it and the last one that `covers`. It does
    /// not grow while nobody hears from the primary. If none is covered, it is at least as long as the ring.
    pub fn behind(&self, covers: impl Fn(Position) -> bool) -> Option<Duration> {
        let (newest, _) = self.samples.back()?;
        let covered = self.samples.iter().rev().find(|(_, it)| covers(*it));
        let (asked, _) = covered.or(self.samples.front())?;
        Some(newest.since(*asked))
    }

    /// How old an answer is at most that includes everything before `stamp`: the time since the last
    /// sample that it covers.
    pub fn age(&self, stamp: Position, now: Moment) -> Option<Duration> {
        let covered = |(_, position): &&(Moment, Position)| position.is_covered_by(stamp);
        let (asked, _) = self.samples.iter().rev().find(covered)?;
        Some(now.since(*asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::default().after(Duration::from_millis(ms))
    }

    fn place(lsn: u64) -> Position {
        Position::new(1, lsn)
    }

    /// Asked at 100, 200 .. 500 ms, when the primary was at 10, 20 .. 50.
    fn ring() -> Ring {
        let mut ring = Ring::new(Duration::from_millis(50), Duration::from_secs(60));
        for n in 1..=5 {
            ring.note(at(n * 100), place(n * 10));
        }
        ring
    }

    #[test]
    fn the_sample_that_counts_is_the_first_one_asked_for_at_or_after() {
        let table = [
            (0, Some(10)),
            (100, Some(10)),
            (101, Some(20)),
            (350, Some(40)),
            (500, Some(50)),
            (501, None),
        ];
        for (ms, lsn) in table {
            assert_eq!(ring().required(at(ms)), lsn.map(place), "{ms}");
        }
    }

    #[test]
    fn the_age_of_an_answer_is_the_time_since_the_last_sample_that_it_includes() {
        let table = [(9, None), (10, Some(500)), (29, Some(400)), (99, Some(100))];
        for (lsn, ms) in table {
            let age = ring().age(place(lsn), at(600));
            assert_eq!(age, ms.map(Duration::from_millis), "{lsn}");
        }
        // It shows all that is left of an older timeline, and nothing of a newer one.
        let age = |timeline| ring().age(Position::new(timeline, 99), at(600));
        assert_eq!((age(2), age(0)), (Some(Duration::from_millis(100)), None));
    }

    #[test]
    fn what_an_old_primary_answered_bounds_nothing_that_a_new_one_acknowledged() {
        let mut ring = ring();
        ring.note(at(501), Position::new(2, 45));
        ring.note(at(600), place(60));
        for since in [0, 300, 501] {
            assert_eq!(ring.required(at(since)), Some(Position::new(2, 45)));
        }
        assert_eq!(ring.required(at(502)), None);
    }

    #[test]
    fn samples_too_close_or_too_old_are_not_kept() {
        let mut ring = Ring::new(Duration::from_millis(50), Duration::from_secs(1));
        for ms in [0, 49, 50, 1049] {
            ring.note(at(ms), place(ms));
        }
        assert_eq!(ring.samples, [(at(50), place(50)), (at(1049), place(1049))]);
    }
}
