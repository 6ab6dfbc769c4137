//! What was last heard of each node, and the line that comes of it. No clock and no server here.

use diesel_manifold::Moment;

use super::question::{Answer, Lsn, Receiver, Replay, Role, Written};
use super::ring::{Behind, Ring};

/// The answer to one question, or why there is none.
#[derive(Debug)]
pub struct Report {
    pub node: usize,
    pub asked: Moment,
    pub heard: Moment,
    pub outcome: Result<Answer, String>,
}

/// A node as it is shown. What is `None` is not known, or does not exist in its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub node: String,
    pub role: Option<&'static str>,
    pub received: Option<Lsn>,
    /// Of a primary: what it has written.
    pub replayed: Option<Lsn>,
    /// Of a replica.
    pub behind: Option<Behind>,
    pub state: String,
}

/// The nodes, and where the primary was.
#[derive(Debug)]
pub struct Board {
    names: Vec<String>,
    last: Vec<Option<Report>>,
    /// The primary, as long as one answers.
    source: Option<Source>,
    ring: Ring,
    /// Whose positions are in the ring.
    ring_of: Option<Source>,
}

/// The primary: the node, and what its positions belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    node: usize,
    system: i64,
    timeline: u32,
}

impl Board {
    pub fn new(names: Vec<String>) -> Self {
        Self {
            last: names.iter().map(|_| None).collect(),
            names,
            source: None,
            ring: Ring::default(),
            ring_of: None,
        }
    }

    /// Whether each node was asked at or after `moment`, and has answered or failed.
    pub fn has_heard_all_since(&self, moment: Moment) -> bool {
        let mut last = self.last.iter();
        last.all(|last| last.as_ref().is_some_and(|report| report.asked >= moment))
    }

    /// Takes in a report.
    pub fn hear(&mut self, report: Report) {
        let (node, asked, heard) = (report.node, report.asked, report.heard);
        self.last[node] = Some(report);
        let primary = self.primary();
        self.source = primary.map(|(source, _)| source);
        let Some((source, written)) = primary else {
            return;
        };
        if self.ring_of != Some(source) {
            // Positions of two timelines say nothing about each other.
            self.ring = Ring::default();
            self.ring_of = Some(source);
        }
        if source.node == node {
            self.ring.keep(asked, heard, &written);
        }
    }

    /// As whom we were asking when a node did not let us see what its walreceiver does.
    pub fn sees_too_little(&self) -> Option<&str> {
        let answers = self.last.iter().flatten().flat_map(|last| &last.outcome);
        let mut blind = answers.filter(|answer| match &answer.role {
            Role::Primary(_) => false,
            Role::Replica(replay) => replay.receiver == Receiver::Unseen,
        });
        blind.next().map(|answer| answer.who.as_str())
    }

    /// A line for each node.
    pub fn lines(&self, now: Moment) -> Vec<Line> {
        let nodes = self.names.iter().zip(&self.last).enumerate();
        let lines = nodes.map(|(node, (name, report))| {
            let unknown = Line {
                node: name.clone(),
                role: None,
                received: None,
                replayed: None,
                behind: None,
                state: "not asked yet".to_owned(),
            };
            match report {
                Some(report) => self.line(node, report, now, unknown),
                None => unknown,
            }
        });
        lines.collect()
    }

    fn line(&self, node: usize, report: &Report, now: Moment, line: Line) -> Line {
        let answer = match &report.outcome {
            Ok(answer) => answer,
            Err(why) => {
                return Line {
                    state: format!("unreachable: {why}"),
                    ..line
                };
            }
        };
        match &answer.role {
            Role::Primary(written) => Line {
                role: Some("primary"),
                replayed: Some(written.flushed),
                state: self.state_of_primary(node, written),
                ..line
            },
            Role::Replica(replay) => Line {
                role: Some("replica"),
                received: replay.received,
                replayed: replay.replayed,
                behind: (replay.replayed)
                    .filter(|_| self.is_comparable(answer, replay))
                    .and_then(|replayed| self.ring.behind(replayed, report.asked, now)),
                state: self.state_of_replica(answer, replay),
                ..line
            },
        }
    }

    fn state_of_primary(&self, node: usize, written: &Written) -> String {
        match self.source {
            Some(source) if source.node != node => format!(
                "a second primary, on timeline {}: {} is on {}",
                written.timeline, self.names[source.node], source.timeline
            ),
            _ => "writable".to_owned(),
        }
    }

    fn state_of_replica(&self, answer: &Answer, replay: &Replay) -> String {
        let mut said = Vec::new();
        if replay.paused {
            said.push("paused".to_owned());
        }
        match &replay.receiver {
            Receiver::Streaming if replay.paused => {}
            Receiver::Streaming => said.push("streaming".to_owned()),
            Receiver::None => said.push("not streaming".to_owned()),
            Receiver::Other(status) => said.push(format!("not streaming ({status})")),
            Receiver::Unseen => said.push("?".to_owned()),
        }
        if let Some(source) = self.source {
            if answer.system != source.system {
                said.push("of another cluster".to_owned());
            } else if replay.timeline != source.timeline {
                said.push(format!(
                    "on timeline {}, the primary on {}",
                    replay.timeline, source.timeline
                ));
            }
        }
        said.join(", ")
    }

    fn is_comparable(&self, answer: &Answer, replay: &Replay) -> bool {
        self.source.is_some_and(|source| {
            answer.system == source.system && replay.timeline == source.timeline
        })
    }

    /// Of two primaries the one with the higher timeline was promoted later.
    fn primary(&self) -> Option<(Source, Written)> {
        let reports = self.last.iter().flatten();
        let primaries = reports.filter_map(|report| match &report.outcome {
            Ok(Answer {
                system,
                role: Role::Primary(written),
                ..
            }) => Some((
                Source {
                    node: report.node,
                    system: *system,
                    timeline: written.timeline,
                },
                *written,
            )),
            _ => None,
        });
        // The first of the highest: `max_by_key` would take the last.
        primaries.reduce(|first, next| {
            if next.0.timeline > first.0.timeline {
                next
            } else {
                first
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ring::Lag;
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::default().after(Duration::from_millis(ms))
    }

    fn written(timeline: u32, lsn: u64) -> Role {
        Role::Primary(Written {
            timeline,
            inserted: Lsn(lsn),
            flushed: Lsn(lsn),
            page: 8192,
        })
    }

    fn replay(replayed: u64) -> Replay {
        Replay {
            timeline: 1,
            received: Some(Lsn(0x500)),
            replayed: Some(Lsn(replayed)),
            paused: false,
            receiver: Receiver::Streaming,
        }
    }

    fn of_cluster(system: i64, role: Role) -> Answer {
        let who = "app".to_owned();
        Answer { who, system, role }
    }

    /// A board of `primary` and `replica-1`; the primary has written 0x400, and 100 ms later 0x500.
    fn board() -> Board {
        let mut board = Board::new(vec!["primary".to_owned(), "replica-1".to_owned()]);
        for (ms, lsn) in [(0, 0x400), (100, 0x500)] {
            tell(&mut board, 0, ms, Ok(of_cluster(7, written(1, lsn))));
        }
        board
    }

    fn tell(board: &mut Board, node: usize, ms: u64, outcome: Result<Answer, String>) {
        let (asked, heard) = (at(ms), at(ms + 1));
        board.hear(Report {
            node,
            asked,
            heard,
            outcome,
        });
    }

    /// The second node's bytes, lag in milliseconds, and state, 50 ms after it answered at 200.
    fn second(mut board: Board, outcome: Result<Answer, String>) -> (Option<(u64, u128)>, String) {
        tell(&mut board, 1, 200, outcome);
        let line = board.lines(at(250)).remove(1);
        let behind = line.behind.map(|behind| match behind.lag {
            Lag::Is(lag) => (behind.bytes, lag.as_millis()),
            Lag::MoreThan(_) => panic!("{line:?}"),
        });
        (behind, line.state)
    }

    #[test]
    fn a_replica_is_shown_with_all_that_keeps_it_from_following() {
        let has_all = replay(0x500);
        let paused = Replay {
            paused: true,
            ..replay(0x400)
        };
        let cut = Replay {
            receiver: Receiver::None,
            received: Some(Lsn(0x400)),
            ..replay(0x400)
        };
        let paused_and_cut = Replay {
            receiver: Receiver::None,
            ..paused.clone()
        };
        let starting = Replay {
            receiver: Receiver::Other("starting".to_owned()),
            ..replay(0x500)
        };
        let unseen = Replay {
            receiver: Receiver::Unseen,
            ..replay(0x500)
        };
        let of_another_timeline = Replay {
            timeline: 2,
            ..replay(0x500)
        };
        let never_replayed = Replay {
            replayed: None,
            ..replay(0)
        };
        let (current, late) = (Some((0, 0)), Some((0x100, 250)));
        let cases = [
            (7, has_all.clone(), current, "streaming"),
            (7, replay(0x400), late, "streaming"),
            (7, paused, late, "paused"),
            // All that it has received is replayed, and it is behind all the same.
            (7, cut, late, "not streaming"),
            (7, paused_and_cut, late, "paused, not streaming"),
            (7, starting, current, "not streaming (starting)"),
            (7, unseen, current, "?"),
            (
                7,
                of_another_timeline,
                None,
                "streaming, on timeline 2, the primary on 1",
            ),
            (7, never_replayed, None, "streaming"),
            (8, has_all, None, "streaming, of another cluster"),
        ];
        for (system, replay, behind, state) in cases {
            let shown = second(board(), Ok(of_cluster(system, Role::Replica(replay))));
            assert_eq!(shown, (behind, state.to_owned()));
        }
    }

    #[test]
    fn a_node_that_does_not_answer_is_shown_with_the_reason() {
        let shown = second(board(), Err("no route to host".to_owned()));
        assert_eq!(shown, (None, "unreachable: no route to host".to_owned()));
    }

    #[test]
    fn behind_a_primary_that_does_not_answer_nobody_knows_the_lag() {
        let mut board = board();
        tell(&mut board, 0, 150, Err("gone".to_owned()));
        let replica = || Ok(of_cluster(7, Role::Replica(replay(0x400))));
        assert_eq!(second(board, replica()), (None, "streaming".to_owned()));
        // What was known of it before still counts.
        let mut board = self::board();
        tell(&mut board, 0, 150, Err("gone".to_owned()));
        tell(&mut board, 0, 190, Ok(of_cluster(7, written(1, 0x500))));
        assert_eq!(second(board, replica()).0, Some((0x100, 250)));
    }

    #[test]
    fn roles_are_observed_and_a_promoted_replica_is_the_primary() {
        let mut board = board();
        tell(&mut board, 1, 200, Ok(of_cluster(7, written(2, 0x480))));
        let lines = board.lines(at(250));
        assert_eq!(lines[1].role, Some("primary"));
        assert_eq!(lines[1].state, "writable");
        assert_eq!(
            lines[0].state,
            "a second primary, on timeline 1: replica-1 is on 2"
        );
        // The old primary follows it now, and has replayed more than ever was on its timeline.
        tell(&mut board, 1, 300, Ok(of_cluster(7, written(2, 0x490))));
        let follows = Replay {
            timeline: 2,
            ..replay(0x480)
        };
        tell(
            &mut board,
            0,
            400,
            Ok(of_cluster(7, Role::Replica(follows))),
        );
        let line = board.lines(at(450)).remove(0);
        assert_eq!(line.role, Some("replica"));
        assert_eq!(line.behind.map(|behind| behind.bytes), Some(0x10));
    }

    #[test]
    fn who_may_not_see_the_walreceiver_is_told_as_whom() {
        let mut board = board();
        tell(
            &mut board,
            1,
            200,
            Ok(of_cluster(7, Role::Replica(replay(0x500)))),
        );
        assert_eq!(board.sees_too_little(), None);
        let unseen = Replay {
            receiver: Receiver::Unseen,
            ..replay(0x500)
        };
        tell(&mut board, 1, 300, Ok(of_cluster(7, Role::Replica(unseen))));
        assert_eq!(board.sees_too_little(), Some("app"));
    }
}
