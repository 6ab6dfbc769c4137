//! Against the clock: what had been acknowledged, to whomever, shows.

use std::collections::HashMap;
use std::time::Duration;

use crate::history::checker::{Check, Facts, Found, Horizon, Promise};
use crate::history::operation::{Level, Operation};
use crate::history::record::Record;

/// A bounded read shows what every session was acknowledged before the call less its bound.
#[derive(Debug, Default)]
pub struct Freshness {
    /// A session's calls follow each other, so for one bound the moment in question only moves forward.
    horizons: HashMap<Duration, Horizon>,
}

impl Check for Freshness {
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        let Some(bound) = record.bound() else { return };
        let horizon = self.horizons.entry(bound);
        let horizon = horizon.or_insert_with(|| Horizon::new(facts, None));
        let numbers = horizon.numbers(facts, (record.start, record.end), bound);
        if let Some((row, shown, number)) = missing(record, &numbers) {
            let what = format!(
                "row {row} shows {shown}, and {number} was acknowledged {bound:?} before the call"
            );
            found.violation(Promise::Freshness, what);
        }
    }
}

/// A read without a session shows what its process wrote.
#[derive(Debug, Default)]
pub struct ProcessWrites {
    /// By process: the session hops.
    horizons: HashMap<usize, Horizon>,
}

impl Check for ProcessWrites {
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        let is_asked = matches!(
            record.step.operation,
            Operation::Read {
                level: Level::Process,
                ..
            }
        );
        if !is_asked {
            return;
        }
        let horizon = self.horizons.entry(record.process);
        let horizon = horizon.or_insert_with(|| Horizon::new(facts, Some(record.process)));
        let numbers = horizon.numbers(facts, (record.start, record.end), Duration::ZERO);
        if let Some((row, shown, number)) = missing(record, &numbers) {
            let what =
                format!("row {row} shows {shown}, and this process wrote {number} before the call");
            found.violation(Promise::ProcessWrites, what);
        }
    }
}

/// The first row that shows less than it must: which, what it shows, what it must.
fn missing(record: &Record, numbers: &[i64]) -> Option<(usize, i64, i64)> {
    let loads = record.shown().iter();
    let rows = loads.flat_map(|vector| vector.iter().zip(numbers).enumerate());
    let mut missing = rows.filter(|(_, (shown, number))| shown < number);
    missing
        .next()
        .map(|(row, (shown, number))| (row, *shown, *number))
}
