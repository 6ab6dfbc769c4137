//! Where the primary was, and when we asked it.
//!
//! Everything that was acknowledged before a question is in front of the position in its answer. So a
//! replica that has replayed that position is behind by no more than the time since the question.

use std::collections::VecDeque;
use std::time::Duration;

use diesel_manifold::Moment;

use super::question::{Lsn, Written};

/// An hour at ten samples a second. Who is further behind is behind by more than the oldest one.
const CAPACITY: usize = 36_000;

/// The latest samples of one primary on one timeline.
#[derive(Debug, Default)]
pub struct Ring {
    samples: VecDeque<Sample>,
}

#[derive(Debug)]
struct Sample {
    asked: Moment,
    /// Who has replayed up to here has everything from before the question.
    end: Lsn,
    /// Since when we know that a replica can get there: the primary has it on disk.
    known: Option<Moment>,
}

/// How far a replica is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    pub bytes: u64,
    pub lag: Lag,
}

/// For how long the replica has been missing something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    Is(Duration),
    /// It lags behind our oldest sample.
    MoreThan(Duration),
}

impl Ring {
    /// Notes the primary's answer, `heard` now, to a question that was `asked` before.
    pub fn keep(&mut self, asked: Moment, heard: Moment, written: &Written) {
        // In front of one that is known, the others have had their time.
        let newest_first = self.samples.iter_mut().rev();
        for sample in newest_first.take_while(|sample| sample.known.is_none()) {
            if sample.end <= written.flushed {
                sample.known = Some(heard);
            }
        }
        if self.samples.len() == CAPACITY {
            self.samples.pop_front();
        }
        let replayable = written.replayable();
        self.samples.push_back(Sample {
            asked,
            end: replayable.unwrap_or(written.inserted),
            known: replayable.map(|_| heard),
        });
    }

    /// How far a replica is behind that was `asked` and had replayed up to `replayed`. `None` as long
    /// as there is nothing to compare with.
    ///
    /// What we learned of the primary after the replica was asked is not held against it: there was no
    /// time to replay that.
    pub fn behind(&self, replayed: Lsn, asked: Moment, now: Moment) -> Option<Behind> {
        let newest_first = || self.samples.iter().rev();
        let newest = newest_first().find(|sample| sample.known.is_some_and(|at| at <= asked))?;
        let bytes = newest.end.0.saturating_sub(replayed.0);
        let lag = if bytes == 0 {
            Lag::Is(Duration::ZERO)
        } else {
            match newest_first().find(|sample| sample.end <= replayed) {
                Some(sample) => Lag::Is(now.since(sample.asked)),
                None => Lag::MoreThan(now.since(self.samples.front()?.asked)),
            }
        };
        Some(Behind { bytes, lag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 8192;

    fn at(ms: u64) -> Moment {
        Moment::default().after(Duration::from_millis(ms))
    }

    /// A primary, asked each 100 ms, that answers after 1 ms: what it had inserted and flushed.
    fn ring(answers: &[(u64, u64)]) -> Ring {
        let mut ring = Ring::default();
        for (turn, (inserted, flushed)) in (0..).zip(answers) {
            let written = Written {
                timeline: 1,
                inserted: Lsn(*inserted),
                flushed: Lsn(*flushed),
                page: PAGE,
            };
            ring.keep(at(turn * 100), at(turn * 100 + 1), &written);
        }
        ring
    }

    fn lag(bytes: u64, ms: u64) -> Behind {
        let lag = Lag::Is(Duration::from_millis(ms));
        Behind { bytes, lag }
    }

    fn more_than(bytes: u64, ms: u64) -> Behind {
        let lag = Lag::MoreThan(Duration::from_millis(ms));
        Behind { bytes, lag }
    }

    #[test]
    fn a_replica_is_behind_since_the_newest_sample_that_it_has_replayed() {
        // Behind 0x3000 the primary went on.
        let commits = ring(&[(0x110, 0x110), (0x220, 0x220), (0x330, 0x330)]);
        let idle = ring(&[(0x110, 0x110); 3]);
        // At the end of a page, with nothing behind it.
        let idle_at_page = ring(&[(PAGE, PAGE); 3]);
        // A transaction has filled pages and pauses; a replica stops in front of the last record.
        let paused_write = ring(&[(0x110, 0x110), (PAGE + 0x100, PAGE), (PAGE + 0x100, PAGE)]);
        // It has committed.
        let ended_write = ring(&[
            (0x110, 0x110),
            (PAGE + 0x100, PAGE),
            (PAGE + 0x140, PAGE + 0x140),
        ]);
        // It goes on.
        let long_write = ring(&[
            (0x110, 0x110),
            (PAGE + 0x100, PAGE),
            (2 * PAGE + 0x100, 2 * PAGE),
        ]);
        // Here the first question came when it had filled pages already.
        let started_in_write = ring(&[(PAGE + 0x100, PAGE); 3]);
        let then_committed = ring(&[(PAGE + 0x100, PAGE), (PAGE + 0x140, PAGE + 0x140)]);
        // Somebody has committed up to 0x220, others write.
        let busy = ring(&[(0x110, 0x110), (0x440, 0x220), (0x450, 0x220)]);
        #[rustfmt::skip]
        let cases = [
            ("all replayed", &commits, 0x330, 250, 250, Some(lag(0, 0))),
            ("more replayed than we know", &commits, 0x440, 250, 250, Some(lag(0, 0))),
            ("one sample behind", &commits, 0x220, 250, 250, Some(lag(0x110, 150))),
            ("between two samples", &commits, 0x2FF, 250, 250, Some(lag(0x31, 150))),
            ("two samples behind", &commits, 0x110, 250, 250, Some(lag(0x220, 250))),
            ("shown later", &commits, 0x110, 250, 900, Some(lag(0x220, 900))),
            ("behind all samples", &commits, 0x100, 250, 250, Some(more_than(0x230, 250))),
            ("asked before the last sample was heard", &commits, 0x220, 200, 300, Some(lag(0, 0))),
            ("asked before any was heard", &commits, 0x330, 0, 300, None),
            ("idle", &idle, 0x110, 250, 90_000, Some(lag(0, 0))),
            ("idle at the end of a page", &idle_at_page, PAGE, 250, 90_000, Some(lag(0, 0))),
            ("in front of an unfinished record", &paused_write, 0x1FF0, 250, 9_000, Some(lag(0, 0))),
            ("and cut off before", &paused_write, 0x100, 250, 250, Some(more_than(0x10, 250))),
            ("the record was finished", &ended_write, 0x1FF0, 250, 300, Some(lag(PAGE + 0x140 - 0x1FF0, 300))),
            ("misses a write that goes on", &long_write, 0x110, 250, 250, Some(lag(PAGE - 0x10, 250))),
            ("started in a write", &started_in_write, 0x1FF0, 250, 9_000, None),
            ("and it was committed", &then_committed, 0x1FF0, 150, 200, Some(more_than(PAGE + 0x140 - 0x1FF0, 200))),
            ("and has reached the replica", &then_committed, PAGE + 0x140, 150, 200, Some(lag(0, 0))),
            ("has what is on disk", &busy, 0x220, 250, 900, Some(lag(0, 0))),
            ("misses what is on disk", &busy, 0x210, 250, 900, Some(lag(0x10, 900))),
        ];
        for (what, ring, replayed, asked, now, expected) in cases {
            let behind = ring.behind(Lsn(replayed), at(asked), at(now));
            assert_eq!(behind, expected, "{what}");
        }
        assert_eq!(Ring::default().behind(Lsn(1), at(0), at(0)), None);
    }

    #[test]
    fn it_is_bounded_and_what_lags_behind_it_lags_by_more() {
        let positions = (1..=CAPACITY as u64 + 10).map(|turn| (turn * 8, turn * 8));
        let ring = ring(&positions.collect::<Vec<_>>());
        assert_eq!(ring.samples.len(), CAPACITY);
        let now = at((CAPACITY as u64 + 10) * 100);
        let behind = ring.behind(Lsn(8), now, now).unwrap();
        assert_eq!(behind.lag, Lag::MoreThan(Duration::from_secs(3600)));
    }
}
