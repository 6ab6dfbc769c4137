//! What came of the calls: counts and latencies, in memory that does not grow with them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel_manifold::{Error, Result, Route};
use hdrhistogram::Histogram;

use super::choice::Kind;
use super::failure;

/// In microseconds. A call that takes longer than an hour is counted as one of an hour.
const LONGEST: u64 = 3_600_000_000;
/// Of a latency so many digits are kept, which is an error of at most 0.1 %.
const DIGITS: u8 = 3;

/// The tallies of all kinds of calls.
#[derive(Debug)]
pub struct Tallies(Vec<(Kind, Mutex<Tally>)>);

/// What came of the calls of one kind.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Calls that were begun. Those that neither were answered nor failed are still under way.
    pub begun: u64,
    pub answered: u64,
    /// Rows that were read or written.
    pub rows: u64,
    /// How many answers came from where.
    pub routes: BTreeMap<String, u64>,
    /// Of the answered calls, in microseconds.
    pub latencies: Histogram<u64>,
    pub failures: BTreeMap<String, Failures>,
}

/// Failures of one kind.
#[derive(Debug, Clone)]
pub struct Failures {
    pub count: u64,
    /// What the first one said.
    pub first: String,
}

impl Tallies {
    pub fn new(kinds: &[Kind]) -> anyhow::Result<Self> {
        let latencies = Histogram::new_with_bounds(1, LONGEST, DIGITS)?;
        let tally = Tally {
            begun: 0,
            answered: 0,
            rows: 0,
            routes: BTreeMap::new(),
            latencies,
            failures: BTreeMap::new(),
        };
        let tallies = kinds.iter().map(|kind| (*kind, Mutex::new(tally.clone())));
        Ok(Self(tallies.collect()))
    }

    /// A call of this kind begins.
    pub fn begun(&self, kind: Kind) {
        self.with(kind, |tally| tally.begun += 1);
    }

    /// A call of this kind has ended: what it answered, who did, and after how long.
    pub fn ended(&self, kind: Kind, answer: &Result<usize>, route: Option<&Route>, took: Duration) {
        self.with(kind, |tally| match answer {
            Ok(rows) => tally.answered(*rows, route, took),
            Err(error) => tally.failed(error),
        });
    }

    /// All of them, as they are now.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, MutexGuard<'_, Tally>)> {
        self.0.iter().map(|(kind, tally)| (*kind, lock(tally)))
    }

    fn with(&self, kind: Kind, note: impl FnOnce(&mut Tally)) {
        if let Some((_, tally)) = self.0.iter().find(|(this, _)| *this == kind) {
            note(&mut lock(tally));
        }
    }
}

impl Tally {
    fn answered(&mut self, rows: usize, route: Option<&Route>, took: Duration) {
        self.answered += 1;
        self.rows += rows as u64;
        if let Some(route) = route {
            *self.routes.entry(route.source.to_string()).or_default() += 1;
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(micros);
    }

    fn failed(&mut self, error: &Error) {
        let failures = self
            .failures
            .entry(failure::kind(error))
            .or_insert_with(|| Failures {
                count: 0,
                first: failure::text(error),
            });
        failures.count += 1;
    }

    /// How many have failed.
    pub fn failures(&self) -> u64 {
        self.failures.values().map(|failures| failures.count).sum()
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
