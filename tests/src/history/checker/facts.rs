//! What all sessions together did: every write, and when it was acknowledged.

use std::time::Duration;

use diesel_manifold::Moment;

use crate::history::record::{Outcome, Record};

/// All writes, by row.
#[derive(Debug)]
pub struct Facts {
    rows: Vec<Row>,
}

/// The writes of one session, in its order; their numbers count from 1.
#[derive(Debug, Default)]
struct Row {
    writes: Vec<Write>,
    acknowledged: Vec<Acknowledged>,
}

#[derive(Debug, Clone, Copy)]
struct Write {
    start: Moment,
    has_failed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    number: i64,
    end: Moment,
    process: usize,
}

impl Facts {
    /// The facts of a history.
    pub fn of(sessions: &[Vec<Record>]) -> Self {
        let rows = sessions.iter().map(|records| {
            let mut row = Row::default();
            for record in records {
                let Some(number) = record.number else {
                    continue;
                };
                row.writes.push(Write {
                    start: record.start,
                    has_failed: matches!(record.outcome, Outcome::Failed(_)),
                });
                assert_eq!(
                    usize::try_from(number),
                    Ok(row.writes.len()),
                    "they are numbered"
                );
                if record.outcome == Outcome::Done {
                    row.acknowledged.push(Acknowledged {
                        number,
                        end: record.end,
                        process: record.process,
                    });
                }
            }
            row
        });
        Self {
            rows: rows.collect(),
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Whether a read that ended at `until` can have shown this number in this row.
    pub fn may_show(&self, row: usize, number: i64, until: Moment) -> bool {
        if number == 0 {
            return true;
        }
        let index = usize::try_from(number - 1);
        let write = index
            .ok()
            .and_then(|index| self.rows[row].writes.get(index));
        write.is_some_and(|write| !write.has_failed && write.start <= until)
    }
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
    pub fn new(facts: &Facts, process: Option<usize>) -> Self {
        Self {
            process,
            next: vec![0; facts.rows()],
            numbers: vec![0; facts.rows()],
        }
    }

    /// The last number of each row that was acknowledged `bound` before `start`, or earlier. A later call
    /// must not ask for an earlier moment.
    pub fn numbers(&mut self, facts: &Facts, start: Moment, bound: Duration) -> &[i64] {
        for (index, row) in facts.rows.iter().enumerate() {
            let rest = &row.acknowledged[self.next[index]..];
            let passed = rest
                .iter()
                .take_while(|write| write.end.after(bound) <= start);
            for write in passed {
                self.next[index] += 1;
                if self.process.is_none_or(|process| process == write.process) {
                    self.numbers[index] = write.number;
                }
            }
        }
        &self.numbers
    }
}
