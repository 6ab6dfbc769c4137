//! What all sessions together did: every write, when it was acknowledged, and whether it is still there.

use std::time::Duration;

use diesel_manifold::Moment;

use crate::history::aftermath::Aftermath;
use crate::history::record::{Outcome, Record};

/// A manifold has noticed a promotion so long after it at the latest: it asks each node ten times a second. Until
/// then one that the old primary still answers may hold that for the primary.
pub const NOTICE: Duration = Duration::from_secs(1);

/// All writes, by row.
#[derive(Debug)]
pub struct Facts<'a> {
    rows: Vec<Row>,
    /// What the run has left behind.
    pub aftermath: &'a Aftermath,
    /// For each process the acknowledgements by which it was on a later timeline than before.
    noticed: Vec<Vec<(Moment, u32)>>,
}

/// The writes of one session, in its order; their numbers count from 1.
#[derive(Debug, Default)]
struct Row {
    writes: Vec<Write>,
    acknowledged: Vec<Acknowledged>,
}

/// How a write ended for its writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Acknowledged,
    InDoubt,
    Failed,
}

#[derive(Debug, Clone, Copy)]
struct Write {
    process: usize,
    start: Moment,
    ended: Moment,
    end: End,
    /// Whether it is there when all is over.
    survived: bool,
    /// The timeline of the primary that acknowledged it.
    timeline: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    number: i64,
    end: Moment,
    process: usize,
}

impl<'a> Facts<'a> {
    /// The facts of a history.
    pub fn of(sessions: &[Vec<Record>], aftermath: &'a Aftermath) -> Self {
        let rows = sessions.iter().enumerate().map(|(row, records)| {
            let mut writes = Row::default();
            for record in records {
                writes.note(row, record, aftermath);
            }
            writes
        });
        Self {
            rows: rows.collect(),
            noticed: noticed(sessions, aftermath),
            aftermath,
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    fn write(&self, row: usize, number: i64) -> Option<&Write> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.rows[row].writes.get(index)
    }

    /// Whether a read that ended at `until` can have shown this number in this row.
    pub fn may_show(&self, row: usize, number: i64, until: Moment) -> bool {
        if number == 0 {
            return true;
        }
        let Some(write) = self.write(row, number) else {
            return false;
        };
        // One that failed with the primary may have been shown by a node that had heard of it, before that was lost.
        let is_of_the_lost = || {
            let disturbed = self.aftermath.has_failover(write.start, write.ended);
            disturbed && !write.survived
        };
        write.start <= until && (write.end != End::Failed || is_of_the_lost())
    }

    /// Whether the write is there when all is over.
    pub fn survived(&self, row: usize, number: i64) -> bool {
        let write = self.write(row, number);
        write.is_some_and(|write| write.survived)
    }

    /// Whether the write was acknowledged and is not there when all is over.
    pub fn is_lost(&self, row: usize, number: i64) -> bool {
        let write = self.write(row, number);
        write.is_some_and(|write| write.end == End::Acknowledged && !write.survived)
    }

    /// Whether a failover can have lost the write before `until`.
    pub fn is_excused(&self, row: usize, number: i64, until: Moment) -> bool {
        let write = self.write(row, number);
        write
            .is_some_and(|write| !write.survived && self.aftermath.has_failover(write.start, until))
    }

    /// The timeline on which the write was acknowledged.
    pub fn timeline(&self, row: usize, number: i64) -> Option<u32> {
        self.write(row, number)?.timeline
    }

    /// Of what a session's row has shown, what it must still show: the last number that no failover can have lost.
    pub fn still_shown(&self, row: usize, number: i64, until: Moment) -> i64 {
        self.last(row, number, |number, write| {
            write.end != End::Failed && !self.is_excused(row, number, until)
        })
    }

    /// The last number up to this one that was acknowledged and that no failover can have lost.
    pub fn still_acknowledged(&self, row: usize, number: i64, until: Moment) -> i64 {
        self.still_acknowledged_to(None, row, number, until)
    }

    /// The same; of the writes of one process, or of all.
    fn still_acknowledged_to(
        &self,
        process: Option<usize>,
        row: usize,
        number: i64,
        until: Moment,
    ) -> i64 {
        self.last(row, number, |number, write| {
            write.end == End::Acknowledged
                && process.is_none_or(|process| process == write.process)
                && !self.is_excused(row, number, until)
        })
    }

    fn last(&self, row: usize, number: i64, is_it: impl Fn(i64, &Write) -> bool) -> i64 {
        let mut down = (1..=number).rev();
        let found = down.find(|one| {
            self.write(row, *one)
                .is_some_and(|write| is_it(*one, write))
        });
        found.unwrap_or(0)
    }

    /// The timeline that this process must know of when a call begins at `start`.
    pub fn known_timeline(&self, process: usize, start: Moment) -> u32 {
        let told = self.aftermath.timeline_at(earlier(start, NOTICE));
        let Some(noticed) = self.noticed.get(process) else {
            return told;
        };
        let passed = noticed.partition_point(|(end, _)| *end < start);
        let own = passed.checked_sub(1).map(|last| noticed[last].1);
        own.map_or(told, |own| own.max(told))
    }

    /// Up to when what was acknowledged to anybody must show in a call that begins at `start`: while there are two
    /// primaries, and its manifold need not know yet, up to the promotion.
    fn fence(&self, start: Moment) -> Moment {
        let mut failovers = self.aftermath.failovers.iter();
        let unnoticed =
            failovers.find(|it| it.promoting <= start && start <= it.promoted.after(NOTICE));
        unnoticed.map_or(start, |it| it.promoting)
    }
}

fn earlier(moment: Moment, by: Duration) -> Moment {
    Moment::default().after(moment.since(Moment::default()).saturating_sub(by))
}

impl Row {
    fn note(&mut self, row: usize, record: &Record, aftermath: &Aftermath) {
        let Some(number) = record.number else {
            return;
        };
        let end = match record.outcome {
            Outcome::Failed(_) => End::Failed,
            Outcome::InDoubt(_) => End::InDoubt,
            _ => End::Acknowledged,
        };
        let node = record.trace.as_ref().map(|trace| trace.node.as_str());
        self.writes.push(Write {
            process: record.process,
            start: record.start,
            ended: record.end,
            end,
            survived: end != End::Failed && aftermath.has(row, number),
            timeline: timeline(record, aftermath).filter(|_| node.is_some()),
        });
        assert_eq!(
            usize::try_from(number),
            Ok(self.writes.len()),
            "they are numbered"
        );
        if end == End::Acknowledged {
            self.acknowledged.push(Acknowledged {
                number,
                end: record.end,
                process: record.process,
            });
        }
    }
}

/// The timeline on which a write was acknowledged, by who took it.
pub fn timeline(record: &Record, aftermath: &Aftermath) -> Option<u32> {
    let trace = record.trace.as_ref()?;
    let is_acknowledged = record.number.is_some() && record.outcome == Outcome::Done;
    is_acknowledged.then(|| aftermath.timeline_of(&trace.node, record.end))
}

/// When each process had a write acknowledged on a later timeline than ever before.
fn noticed(sessions: &[Vec<Record>], aftermath: &Aftermath) -> Vec<Vec<(Moment, u32)>> {
    let all = sessions.iter().flatten();
    let processes = all.clone().map(|record| record.process + 1).max();
    let mut noticed = vec![Vec::new(); processes.unwrap_or_default()];
    for record in all {
        if let Some(timeline) = timeline(record, aftermath) {
            noticed[record.process].push((record.end, timeline));
        }
    }
    for acknowledged in &mut noticed {
        acknowledged.sort_unstable();
        let mut highest = 0;
        acknowledged.retain(|(_, timeline)| {
            let is_news = *timeline > highest;
            highest = highest.max(*timeline);
            is_news
        });
    }
    noticed
}

/// What was acknowledged up to a moment that only moves forward.
#[derive(Debug, Clone)]
pub struct Horizon {
    /// Of one process only.
    process: Option<usize>,
    /// For each row the acknowledged write that comes next.
    next: Vec<usize>,
    /// For each row the last number that was acknowledged.
    numbers: Vec<i64>,
}

impl Horizon {
    /// The beginning, when nothing was acknowledged; of all processes, or of one.
    pub fn new(facts: &Facts<'_>, process: Option<usize>) -> Self {
        Self {
            process,
            next: vec![0; facts.rows()],
            numbers: vec![0; facts.rows()],
        }
    }

    /// The last number of each row that was acknowledged `bound` before the call of `span`, or earlier, and that no
    /// failover can have lost until it ended. A later call must not ask for an earlier moment.
    pub fn numbers(
        &mut self,
        facts: &Facts<'_>,
        (start, until): (Moment, Moment),
        bound: Duration,
    ) -> Vec<i64> {
        let process = self.process;
        for (index, row) in facts.rows.iter().enumerate() {
            let rest = &row.acknowledged[self.next[index]..];
            // Compared this way round, because a moment has no place before the beginning.
            let counts = |write: &&Acknowledged| {
                let is_due = write.end.after(bound) <= start;
                is_due && (process.is_some() || write.end <= facts.fence(start))
            };
            let passed = rest.iter().take_while(counts);
            for write in passed {
                self.next[index] += 1;
                if process.is_none_or(|process| process == write.process) {
                    self.numbers[index] = write.number;
                }
            }
        }
        let numbers = self.numbers.iter().enumerate();
        let still = |(row, number): (usize, &i64)| {
            facts.still_acknowledged_to(process, row, *number, until)
        };
        numbers.map(still).collect()
    }
}
