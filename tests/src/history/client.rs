//! One session at work: it does what its dice say and writes down what became of it.

use std::sync::Arc;

use diesel_manifold::{Clock, Error, Route, Source, routes};

use crate::history::operation::{Level, Operation, Step, Steps};
use crate::history::plan::Plan;
use crate::history::record::{Outcome, Record, Role, Trace};
use crate::history::register::Register;

/// How an operation was called off by the harness itself.
pub const DROPPED: &str = "dropped";

/// A session.
pub struct Client {
    processes: Arc<[Register]>,
    process: usize,
    key: i32,
    /// The last number that it wrote or tried to write.
    number: i64,
    clock: Clock,
}

impl Client {
    /// The session that writes the row `key`. It begins in one of the processes, by turns.
    pub fn new(processes: Arc<[Register]>, key: usize, clock: Clock) -> Self {
        Self {
            process: key % processes.len(),
            processes,
            key: i32::try_from(key).expect("few sessions"),
            number: 0,
            clock,
        }
    }

    /// Does one operation after the other, as long as `goes_on` says yes.
    pub async fn work(
        mut self,
        plan: &Plan,
        steps: Steps,
        goes_on: impl Fn() -> bool,
    ) -> Vec<Record> {
        let mut records = Vec::new();
        for step in steps {
            if !goes_on() {
                break;
            }
            records.push(self.perform(plan, step).await);
        }
        records
    }

    async fn perform(&mut self, plan: &Plan, step: Step) -> Record {
        let is_write = matches!(step.operation, Operation::Write { .. });
        self.number += i64::from(is_write);
        let process = self.process;
        let patience = step.dropped_after.unwrap_or(plan.limit);
        let start = self.clock.now();
        let ended = tokio::time::timeout(patience, routes(self.attempt(step.operation))).await;
        let end = self.clock.now();
        let (outcome, trace) = match ended {
            Ok((Ok(outcome), routes)) => (outcome, routes.last().map(trace)),
            Ok((Err(error), routes)) => (failure(is_write, &error), routes.last().map(trace)),
            Err(_) => {
                let why = if step.dropped_after.is_some() {
                    DROPPED
                } else {
                    "no answer in time"
                };
                let outcome = if is_write {
                    Outcome::InDoubt(why)
                } else {
                    Outcome::Failed(why)
                };
                (outcome, None)
            }
        };
        Record {
            process,
            step,
            start,
            end,
            number: is_write.then_some(self.number),
            outcome,
            trace,
        }
    }

    async fn attempt(&mut self, operation: Operation) -> Result<Outcome, Error> {
        let register = &self.processes[self.process];
        match operation {
            Operation::Write { lazy, open } => {
                register.put(self.key, self.number, lazy, open).await?;
                Ok(Outcome::Done)
            }
            Operation::Read { level, lasting } => {
                // Today every read is the same: unprotected.
                let (Level::Session
                | Level::Process
                | Level::Strong
                | Level::Eventual
                | Level::Bounded(_)
                | Level::BoundedEventual(_)) = level;
                let vector = if lasting.is_zero() {
                    register.all().await?
                } else {
                    register.all_slowly(lasting).await?
                };
                Ok(Outcome::Shown(vec![vector]))
            }
            Operation::Snapshot(loads) => {
                let mut vectors = Vec::new();
                for _ in 0..loads {
                    vectors.push(register.all().await?);
                }
                Ok(Outcome::Shown(vectors))
            }
            Operation::Cached => Ok(Outcome::Cached(register.one(self.key).await?)),
            Operation::Hop => {
                self.process = (self.process + 1) % self.processes.len();
                Ok(Outcome::Done)
            }
        }
    }
}

/// What an error means for the history. A write that failed did not happen, unless the error says that
/// nobody knows.
fn failure(is_write: bool, error: &Error) -> Outcome {
    if is_write && error.is_outcome_unknown() {
        return Outcome::InDoubt("outcome unknown");
    }
    Outcome::Failed(if error.is_unreachable() {
        "unreachable"
    } else if error.is_busy() {
        "busy"
    } else if error.query().is_some() {
        "query failed"
    } else {
        "other"
    })
}

fn trace(route: &Route) -> Trace {
    let role = match &route.source {
        Source::Node(name) if &**name == "primary" => Role::Primary,
        Source::Node(_) => Role::Replica,
        _ => Role::Cache,
    };
    Trace {
        node: route.source.to_string(),
        role,
        reason: route.reason.as_str(),
        need: None,
        stamp: None,
    }
}
