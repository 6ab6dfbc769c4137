//! What happened: a record for each operation, in the order of its session.

use std::time::Duration;

use diesel_manifold::{Moment, Position};

use crate::history::operation::{Level, Operation, Step};

/// The value of each row, by its key; the writes of session `n` are in the row `n`.
pub type Vector = Vec<i64>;

/// What became of one operation.
#[derive(Debug, Clone)]
pub struct Record {
    /// The process that the session was in.
    pub process: usize,
    /// What was to be done.
    pub step: Step,
    /// Before the call.
    pub start: Moment,
    /// After it.
    pub end: Moment,
    /// The number that it wrote or tried to write.
    pub number: Option<i64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Who answered, as the library tells it.
    pub trace: Option<Trace>,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A write was acknowledged, or a hop done.
    Done,
    /// What a read has shown: the vector of each load.
    Shown(Vec<Vector>),
    /// What a cached read has shown of the own row.
    Cached(i64),
    /// Nothing was done, or nothing was shown; the reason is one of a few words.
    Failed(&'static str),
    /// A write may have happened.
    InDoubt(&'static str),
}

/// Who answered, and what the library knew about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Its name.
    pub node: String,
    /// What it was when it answered.
    pub role: Role,
    /// Why it was this one.
    pub reason: &'static str,
    /// What the answer had to include.
    pub need: Option<Position>,
    /// What it is known to include.
    pub stamp: Option<Position>,
}

/// What answered a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The primary.
    Primary,
    /// A replica.
    Replica,
    /// No node: the cache.
    Cache,
}

impl Record {
    /// The vectors that it has shown; a snapshot shows several.
    pub fn shown(&self) -> &[Vector] {
        match &self.outcome {
            Outcome::Shown(vectors) => vectors,
            _ => &[],
        }
    }

    /// Whether its answer is one of the session's loads: it includes what the session wrote and saw, and
    /// the later ones include it.
    pub fn is_load_of_session(&self) -> bool {
        match self.step.operation {
            Operation::Snapshot(_) => true,
            Operation::Read { level, .. } => match level {
                Level::Session | Level::Strong | Level::Bounded(_) => true,
                Level::Process | Level::Eventual | Level::BoundedEventual(_) => false,
            },
            Operation::Write { .. } | Operation::Cached | Operation::Hop => false,
        }
    }

    /// Everything acknowledged so long before the call must show; for a strong read that is zero.
    pub fn bound(&self) -> Option<Duration> {
        match self.step.operation {
            Operation::Read { level, .. } => match level {
                Level::Strong => Some(Duration::ZERO),
                Level::Bounded(bound) | Level::BoundedEventual(bound) => Some(bound),
                Level::Session | Level::Process | Level::Eventual => None,
            },
            _ => None,
        }
    }

    /// Whether the primary answered.
    pub fn is_from_primary(&self) -> bool {
        let role = self.trace.as_ref().map(|trace| trace.role);
        role == Some(Role::Primary)
    }

    /// Whether it did what it was to do.
    pub fn has_succeeded(&self) -> bool {
        !matches!(self.outcome, Outcome::Failed(_) | Outcome::InDoubt(_))
    }
}
