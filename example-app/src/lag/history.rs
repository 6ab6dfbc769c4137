//! What we remember of a replica besides its last answer.
//!
//! A system identifier does not tell histories apart: a copy of a data directory has the same one,
//! and so has a primary that was replaced. But nobody is ahead of a primary that is asked later.

use diesel_manifold::Moment;

use super::question::{Answer, Lsn, Replay, Role};

/// Of which cluster the replica is, and what was last received there. Lost with each answer that
/// does not come: who was away may be back with other data.
#[derive(Debug, Default)]
pub struct History {
    system: Option<i64>,
    timeline: Option<u32>,
    /// How far it was, and when we heard that: a primary that is asked later is as far.
    unjudged: Option<(Moment, Lsn)>,
    is_other: bool,
}

/// Where a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeline {
    Is(u32),
    /// No walreceiver has told us. Its last restart point was there, and it may have gone on since.
    AtLeast(u32),
}

impl History {
    /// Takes in what the node answered, if it did.
    pub fn hear(&mut self, heard: Moment, outcome: &Result<Answer, String>) {
        let Ok(Answer {
            system,
            role: Role::Replica(replay),
            ..
        }) = outcome
        else {
            *self = Self::default();
            return;
        };
        let before = self.timeline.filter(|_| self.system == Some(*system));
        // An archive can lead a replica to a later timeline without a walreceiver.
        let remembered = before.map(|before| before.max(replay.timeline));
        let timeline = replay.received_on().or(remembered);
        if self.system != Some(*system) || self.timeline != timeline {
            *self = Self {
                system: Some(*system),
                timeline,
                ..Self::default()
            };
        }
        // The first: the newest may never be older than the question to the primary.
        if self.unjudged.is_none() {
            self.unjudged = replay.received.map(|received| (heard, received));
        }
    }

    /// Compares it with the primary that answered, to a question `asked` then, that it has `flushed`
    /// so much. Nothing leaves a primary before it is on its disk.
    pub fn judge(&mut self, asked: Moment, flushed: Lsn) {
        if let Some((_, received)) = self.unjudged.take_if(|(heard, _)| *heard <= asked) {
            self.is_other |= received > flushed;
        }
    }

    /// The primary is another, or may be.
    pub fn forget_primary(&mut self) {
        self.unjudged = None;
        self.is_other = false;
    }

    /// Whether it was ahead of the primary. That stays true when the primary gets that far.
    pub fn is_other(&self) -> bool {
        self.is_other
    }

    /// Where the replica is that answered this last.
    pub fn timeline(&self, replay: &Replay) -> Timeline {
        match self.timeline {
            Some(timeline) => Timeline::Is(timeline),
            None => Timeline::AtLeast(replay.timeline),
        }
    }
}

impl Timeline {
    /// Whether positions of the primary, on `primary`, can be compared with its own.
    pub fn can_be(self, primary: u32) -> bool {
        match self {
            Self::Is(timeline) => timeline == primary,
            Self::AtLeast(timeline) => timeline <= primary,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::question::{Lsn, Receiver};
    use super::*;

    fn replica(system: i64, timeline: u32, receiver: Receiver) -> Answer {
        let replay = Replay {
            timeline,
            received: Some(Lsn(0x500)),
            replayed: Some(Lsn(0x500)),
            paused: false,
            receiver,
        };
        Answer {
            who: "app".to_owned(),
            system,
            role: Role::Replica(replay),
        }
    }

    #[test]
    fn a_timeline_is_what_was_last_received_and_no_restart_point_from_before() {
        use Timeline::{AtLeast, Is};
        let streams = |timeline| Ok(replica(7, timeline, Receiver::Streaming));
        let cut = |timeline| Ok(replica(7, timeline, Receiver::None));
        let unseen = Ok(replica(7, 1, Receiver::Unseen));
        let other = Ok(replica(8, 1, Receiver::None));
        let gone = || Err("gone".to_owned());
        let cases = [
            ("streams", vec![streams(2)], Is(2)),
            ("never streamed", vec![cut(1)], AtLeast(1)),
            ("unseen", vec![unseen], AtLeast(1)),
            ("cut off", vec![streams(2), cut(1), cut(1)], Is(2)),
            ("cut off, from the archive", vec![streams(1), cut(2)], Is(2)),
            ("follows", vec![streams(1), cut(1), streams(2)], Is(2)),
            ("rebuilt", vec![streams(2), streams(1)], Is(1)),
            ("was away", vec![streams(2), gone(), cut(1)], AtLeast(1)),
            ("another cluster's", vec![streams(2), other], AtLeast(1)),
        ];
        for (what, outcomes, expected) in cases {
            let mut history = History::default();
            for outcome in &outcomes {
                history.hear(Moment::default(), outcome);
            }
            let last = outcomes.last().unwrap().as_ref().unwrap();
            let Role::Replica(replay) = &last.role else {
                panic!("{what}: {last:?}");
            };
            assert_eq!(history.timeline(replay), expected, "{what}");
        }
    }

    #[test]
    fn who_was_ahead_of_a_primary_that_was_asked_later_has_another_history() {
        enum Event {
            /// The replica has received 0x500, heard then.
            Replica(u64),
            /// It streams again, on timeline 2.
            Follows(u64),
            Gone,
            /// Asked then, the primary had flushed that.
            Primary(u64, u64),
            Failover,
        }
        use Event::{Failover, Follows, Gone, Primary, Replica};
        let at = |ms| Moment::default().after(Duration::from_millis(ms));
        let streams = |timeline| Ok(replica(7, timeline, Receiver::Streaming));
        let ahead = || vec![Replica(100), Primary(150, 0x4FF)];
        let then = |event| ahead().into_iter().chain([event]).collect();
        let cases = [
            ("ahead", ahead(), true),
            ("level", vec![Replica(100), Primary(150, 0x500)], false),
            ("behind", vec![Replica(100), Primary(150, 0x600)], false),
            ("at once", vec![Replica(100), Primary(100, 0x4FF)], true),
            (
                "asked before",
                vec![Replica(100), Primary(99, 0x4FF)],
                false,
            ),
            (
                "answers that overtake each other",
                vec![
                    Replica(100),
                    Primary(99, 0x4FF),
                    Replica(200),
                    Primary(199, 0x4FF),
                ],
                true,
            ),
            (
                "judged once",
                vec![Replica(100), Primary(150, 0x500), Primary(250, 0)],
                false,
            ),
            (
                "overtaken",
                ahead()
                    .into_iter()
                    .chain([Replica(200), Primary(250, 0x600)])
                    .collect(),
                true,
            ),
            ("was away", then(Gone), false),
            ("on another timeline", then(Follows(200)), false),
            ("of another primary", then(Failover), false),
            (
                "heard before another primary",
                vec![Replica(100), Failover, Primary(150, 0x4FF)],
                false,
            ),
        ];
        for (what, events, expected) in cases {
            let mut history = History::default();
            for event in events {
                match event {
                    Replica(ms) => history.hear(at(ms), &streams(1)),
                    Follows(ms) => history.hear(at(ms), &streams(2)),
                    Gone => history.hear(at(900), &Err("gone".to_owned())),
                    Primary(ms, flushed) => history.judge(at(ms), Lsn(flushed)),
                    Failover => history.forget_primary(),
                }
            }
            assert_eq!(history.is_other(), expected, "{what}");
        }
    }
}
