//! The checker: what each answer had to show, and whether it did.
//!
//! It waits for nothing and asks nobody: histories in, verdict out. It goes once through the records of
//! each session, and every check keeps what it has to remember: a number for each row, and for each
//! bound a place in the history that only moves forward. So it is linear in the length of a session.
//!
//! Times are taken before a call and after it, so a write counts as acknowledged no sooner than it was,
//! and a read as begun no later. An error of the clock can hide a violation; it cannot make one.

mod facts;
mod failovers;
mod freshness;
mod loads;
mod sense;
#[cfg(test)]
mod tests;

use std::fmt;

pub use facts::{Facts, Horizon};
pub use failovers::{Tally, tally};

use crate::history::aftermath::Aftermath;
use crate::history::record::Record;

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// A session's reads show its acknowledged writes.
    OwnWrites,
    /// A session's loads never go back.
    MonotonicLoads,
    /// A bounded read shows everything acknowledged before its bound; a strong one, before its call.
    Freshness,
    /// Without a session, a read shows what its process wrote.
    ProcessWrites,
    /// A cached read shows what its session wrote.
    CachedOwnWrites,
    /// All loads of a snapshot show the same.
    OneSnapshot,
    /// Nothing is shown that nobody wrote, or whose writer was told that it failed.
    OnlyWritten,
    /// What the library says that an answer includes is no less than what it says was needed.
    NeedMet,
    /// A write that was acknowledged and lost is told to its session before that is shown a state without it.
    LossesTold,
    /// Nobody is told of a loss that was none.
    NoFalseAlarm,
    /// Nothing is lost without a failover, nothing is there twice, and nothing that its writer was told had failed.
    Durable,
    /// Who knows of a later timeline neither writes to an older one nor is shown what was lost with it.
    LatestTimeline,
}

impl Promise {
    /// How it is called in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OwnWrites => "own writes",
            Self::MonotonicLoads => "monotonic loads",
            Self::Freshness => "bounded staleness",
            Self::ProcessWrites => "the process's writes",
            Self::CachedOwnWrites => "own writes, cached",
            Self::OneSnapshot => "one snapshot",
            Self::OnlyWritten => "only what was written",
            Self::NeedMet => "need met",
            Self::LossesTold => "losses told",
            Self::NoFalseAlarm => "no false alarm",
            Self::Durable => "durable",
            Self::LatestTimeline => "the latest timeline",
        }
    }
}

/// An answer that breaks a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub promise: Promise,
    /// Whose answer.
    pub session: usize,
    /// Which of its records, counted from 0.
    pub record: usize,
    /// What it showed, and what it should have.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (promise, session, record) = (self.promise.name(), self.session, self.record);
        write!(
            f,
            "{promise}: session {session}, record {record}: {}",
            self.what
        )
    }
}

/// What the checks have found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Broken promises, in the order of sessions and their records.
    pub violations: Vec<Violation>,
    /// Loads on the primary that did not show yet what one on a replica had shown.
    pub gap_pairs: usize,
}

/// One promise, checked along one session.
pub trait Check {
    /// The session's next record. Every record of every kind is shown to every check.
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>);
}

/// Where a check tells what it found, about the record it looks at.
#[derive(Debug)]
pub struct Found<'a> {
    verdict: &'a mut Verdict,
    session: usize,
    record: usize,
}

impl Found<'_> {
    /// The answer breaks a promise.
    pub fn violation(&mut self, promise: Promise, what: String) {
        self.verdict.violations.push(Violation {
            promise,
            session: self.session,
            record: self.record,
            what,
        });
    }

    /// The answer is the later one of a gap pair.
    pub fn gap_pair(&mut self) {
        self.verdict.gap_pairs += 1;
    }
}

/// All checks, for one session.
pub fn checks(session: usize, facts: &Facts<'_>) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(loads::OwnWrites::new(session)),
        Box::new(loads::CachedOwnWrites::new(session)),
        Box::new(loads::MonotonicLoads::new(facts)),
        Box::new(freshness::Freshness::default()),
        Box::new(freshness::ProcessWrites::default()),
        Box::new(sense::OneSnapshot),
        Box::new(sense::OnlyWritten::new(session)),
        Box::new(sense::NeedMet),
        Box::new(failovers::Losses::new(session)),
        Box::new(failovers::Durable::new(session)),
        Box::new(failovers::LatestTimeline::new(session)),
    ]
}

/// Judges a history: the records of each session in their order, and what was left of it.
pub fn check(sessions: &[Vec<Record>], aftermath: &Aftermath) -> Verdict {
    let facts = Facts::of(sessions, aftermath);
    let mut verdict = Verdict::default();
    for (session, records) in sessions.iter().enumerate() {
        let mut checks = checks(session, &facts);
        for (index, record) in records.iter().enumerate() {
            let mut found = Found {
                verdict: &mut verdict,
                session,
                record: index,
            };
            for check in &mut checks {
                check.next(&facts, record, &mut found);
            }
        }
    }
    verdict
}
