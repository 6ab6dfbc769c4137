//! What we remember of a replica besides its last answer.

use super::question::{Answer, Replay, Role};

/// Of which cluster the replica is, and what was last received there. Lost with each answer that
/// does not come: who was away may be back with other data.
#[derive(Debug, Default)]
pub struct History {
    system: Option<i64>,
    timeline: Option<u32>,
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
    pub fn hear(&mut self, outcome: &Result<Answer, String>) {
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
        *self = Self {
            system: Some(*system),
            timeline: replay.received_on().or(remembered),
        };
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
                history.hear(outcome);
            }
            let last = outcomes.last().unwrap().as_ref().unwrap();
            let Role::Replica(replay) = &last.role else {
                panic!("{what}: {last:?}");
            };
            assert_eq!(history.timeline(replay), expected, "{what}");
        }
    }
}
