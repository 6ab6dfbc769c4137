//! What was last heard of each node, and the line that comes of it. No clock and no server here.

use diesel_manifold::Moment;

use super::history::{History, Timeline};
use super::question::{Answer, Lsn, Receiver, Replay, Role, Written};
use super::ring::{Behind, Ring};

#[cfg(test)]
mod tests;

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
    histories: Vec<History>,
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
            histories: names.iter().map(|_| History::default()).collect(),
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
        self.histories[node].hear(heard, &report.outcome);
        self.last[node] = Some(report);
        let primary = self.primary();
        self.source = primary.map(|(source, _)| source);
        let Some((source, written)) = primary else {
            self.forget_primary();
            return;
        };
        if self.ring_of != Some(source) {
            // Positions of two timelines say nothing about each other.
            self.ring = Ring::default();
            self.ring_of = Some(source);
            self.forget_primary();
        }
        if source.node == node {
            self.ring.keep(asked, heard, &written);
            for history in &mut self.histories {
                history.judge(asked, written.flushed);
            }
        }
    }

    fn forget_primary(&mut self) {
        for history in &mut self.histories {
            history.forget_primary();
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
                    .filter(|_| self.is_comparable(node, answer, replay))
                    .and_then(|replayed| self.ring.behind(replayed, report.asked, now)),
                state: self.state_of_replica(node, answer, replay),
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

    fn state_of_replica(&self, node: usize, answer: &Answer, replay: &Replay) -> String {
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
            if answer.system == source.system {
                let history = &self.histories[node];
                said.extend(timeline_beside(history.timeline(replay), source.timeline));
                if history.is_other() {
                    said.push("was ahead of the primary: another history".to_owned());
                }
            } else {
                said.push("of another cluster".to_owned());
            }
        }
        said.join(", ")
    }

    fn is_comparable(&self, node: usize, answer: &Answer, replay: &Replay) -> bool {
        self.source.is_some_and(|source| {
            let history = &self.histories[node];
            answer.system == source.system
                && history.timeline(replay).can_be(source.timeline)
                && !history.is_other()
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

/// What there is to say of a replica's timeline, with the primary on `primary`.
fn timeline_beside(replica: Timeline, primary: u32) -> Option<String> {
    match replica {
        Timeline::AtLeast(timeline) if timeline < primary => Some("timeline unknown".to_owned()),
        _ if replica.can_be(primary) => None,
        Timeline::Is(timeline) | Timeline::AtLeast(timeline) => {
            Some(format!("on timeline {timeline}, the primary on {primary}"))
        }
    }
}
