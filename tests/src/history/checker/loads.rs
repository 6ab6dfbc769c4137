//! Along a session: it sees what it wrote, and what it has seen.

use std::time::Duration;

use crate::history::checker::{Check, Facts, Found, Horizon, Promise};
use crate::history::record::{Outcome, Record};

/// Every later load of the session shows its last acknowledged write, in whatever process it was, unless it was lost
/// with a primary.
///
/// A write in doubt may show or not; if it shows, [`MonotonicLoads`] keeps it.
#[derive(Debug)]
pub struct OwnWrites {
    row: usize,
    acknowledged: i64,
}

impl OwnWrites {
    /// The check for a session.
    pub fn new(session: usize) -> Self {
        Self {
            row: session,
            acknowledged: 0,
        }
    }
}

impl Check for OwnWrites {
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        if let (Some(number), Outcome::Done) = (record.number, &record.outcome) {
            self.acknowledged = number;
        }
        if !record.is_load_of_session() {
            return;
        }
        let acknowledged = facts.still_acknowledged(self.row, self.acknowledged, record.end);
        let oldest = record.shown().iter().map(|vector| vector[self.row]).min();
        if let Some(shown) = oldest.filter(|shown| *shown < acknowledged) {
            found.violation(
                Promise::OwnWrites,
                format!("shows {shown}, and {acknowledged} was acknowledged to it before"),
            );
        }
    }
}

/// A cached read shows what the session has written, in whatever process it was: its token says so.
#[derive(Debug)]
pub struct CachedOwnWrites {
    row: usize,
    acknowledged: i64,
}

impl CachedOwnWrites {
    /// The check for a session.
    pub fn new(session: usize) -> Self {
        Self {
            row: session,
            acknowledged: 0,
        }
    }
}

impl Check for CachedOwnWrites {
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        if let (Some(number), Outcome::Done) = (record.number, &record.outcome) {
            self.acknowledged = number;
        }
        let Outcome::Cached(shown) = record.outcome else {
            return;
        };
        let number = facts.still_acknowledged(self.row, self.acknowledged, record.end);
        if shown < number {
            let what = format!("shows {shown}, and {number} was acknowledged to it before");
            found.violation(Promise::CachedOwnWrites, what);
        }
    }
}

/// A later load shows no less than an earlier one, row by row, but for what was lost with a primary in between.
///
/// Kept apart is what replicas and what the primary have shown. A commit is in the log, and so on the
/// replicas, before the primary shows it; it is acknowledged after that. So a load on the primary may
/// miss what a replica has shown as long as that write is not acknowledged: a gap pair. It may never
/// miss what the primary itself has shown, and a replica may miss neither.
#[derive(Debug)]
pub struct MonotonicLoads {
    by_primary: Vec<i64>,
    by_replicas: Vec<i64>,
    acknowledged: Horizon,
}

impl MonotonicLoads {
    /// The check for a session.
    pub fn new(facts: &Facts<'_>) -> Self {
        Self {
            by_primary: vec![0; facts.rows()],
            by_replicas: vec![0; facts.rows()],
            acknowledged: Horizon::new(facts, None),
        }
    }

    /// The row that went back, from what to what; and whether all that went back is in the gap.
    fn went_back(&mut self, facts: &Facts<'_>, record: &Record) -> Option<(usize, i64, i64, bool)> {
        // All loads of a snapshot show the same, which another check holds.
        let vector = record.shown().first()?;
        let is_from_primary = record.is_from_primary();
        let acknowledged =
            self.acknowledged
                .numbers(facts, (record.start, record.end), Duration::ZERO);
        let mut worst = None;
        for (row, shown) in vector.iter().copied().enumerate() {
            let still = |number| facts.still_shown(row, number, record.end);
            let (primary, replicas) = (still(self.by_primary[row]), still(self.by_replicas[row]));
            let seen = primary.max(replicas);
            if shown >= seen {
                continue;
            }
            let in_gap = is_from_primary && shown >= primary && shown >= acknowledged[row];
            if worst.is_none() || !in_gap {
                worst = Some((row, seen, shown, in_gap));
            }
            if !in_gap {
                break;
            }
        }
        worst
    }
}

impl Check for MonotonicLoads {
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        if !record.is_load_of_session() {
            return;
        }
        match self.went_back(facts, record) {
            Some((_, _, _, true)) => found.gap_pair(),
            Some((row, seen, shown, false)) => {
                let what = format!("row {row} goes back from {seen} to {shown}");
                found.violation(Promise::MonotonicLoads, what);
            }
            None => {}
        }
        let seen = if record.is_from_primary() {
            &mut self.by_primary
        } else {
            &mut self.by_replicas
        };
        for vector in record.shown() {
            for (row, shown) in vector.iter().copied().enumerate() {
                seen[row] = seen[row].max(shown);
            }
        }
    }
}
