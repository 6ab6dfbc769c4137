//! One session at work: it does what its dice say and writes down what became of it.

use std::sync::Arc;
use std::time::Duration;

use diesel_manifold::{Clock, Consistency, Error, Policy, Route, Session, routes};

use crate::history::operation::{Kind, Level, Operation, Step, Steps};
use crate::history::plan::Plan;
use crate::history::record::{Outcome, Record, Role, Trace, Vector};
use crate::history::register::Register;

/// How an operation was called off by the harness itself.
pub const DROPPED: &str = "dropped";
/// How a session was told that acknowledged writes of it are lost ..
pub const WRITE_LOST: &str = "write lost";
/// .. or that they may be. In both cases nothing was done.
pub const WRITE_UNCERTAIN: &str = "write uncertain";

/// How often the last word is asked for.
const LAST_TRIES: usize = 20;

/// A session.
pub struct Client {
    processes: Arc<[Register]>,
    process: usize,
    session: Session,
    key: i32,
    /// The last number that it wrote or tried to write.
    number: i64,
    clock: Clock,
}

impl Client {
    /// The session that writes the row `key`. It begins in one of the processes, by turns.
    pub fn new(processes: Arc<[Register]>, key: usize, clock: Clock) -> Self {
        let process = key % processes.len();
        Self {
            session: processes[process].db().session(),
            process,
            processes,
            key: i32::try_from(key).expect("few sessions"),
            number: 0,
            clock,
        }
    }

    /// Does one operation after the other, as long as `goes_on` says yes.
    pub async fn work(
        &mut self,
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

    /// When all is whole again: reads of the session until one is answered, so that who has lost a write and was not told
    /// is told now, or never.
    pub async fn last_word(&mut self, plan: &Plan) -> Vec<Record> {
        let step = Step {
            kind: Kind::SessionRead,
            operation: Operation::Read {
                level: Level::Session,
                lasting: Duration::ZERO,
            },
            dropped_after: None,
        };
        let mut records: Vec<Record> = Vec::new();
        while records.len() < LAST_TRIES && records.last().is_none_or(|it| !it.has_succeeded()) {
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
        let register = self.register();
        match operation {
            Operation::Write { lazy, open } => {
                register.put(self.key, self.number, lazy, open).await?;
                Ok(Outcome::Done)
            }
            Operation::Read { level, lasting } => {
                let register = self.at(level);
                let vector = if lasting.is_zero() {
                    register.all().await?
                } else {
                    register.all_slowly(lasting).await?
                };
                Ok(Outcome::Shown(vec![vector]))
            }
            Operation::Snapshot(loads) => {
                let snapshot = register.db().read_snapshot(async |snap| {
                    let mut vectors: Vec<Vector> = Vec::new();
                    for _ in 0..loads {
                        vectors.push(register.all_on(snap).await?);
                    }
                    Ok::<_, Error>(vectors)
                });
                Ok(Outcome::Shown(snapshot.await?))
            }
            Operation::Cached => Ok(Outcome::Cached(register.one(self.key).await?)),
            Operation::Hop => {
                let token = self.session.token().await?;
                let process = (self.process + 1) % self.processes.len();
                // As long as it has not arrived, the session is still where it was.
                self.session = self.processes[process].db().session_from(&token)?;
                self.process = process;
                Ok(Outcome::Done)
            }
        }
    }

    /// The register for the session's calls.
    fn register(&self) -> Register {
        let db = self.processes[self.process].db();
        Register::new(db.with_session(&self.session))
    }

    /// The register for a read that must show so much.
    fn at(&self, level: Level) -> Register {
        let (own, any) = (self.register(), &self.processes[self.process]);
        let eventual = Policy::new().consistency(Consistency::Eventual);
        match level {
            Level::Session => own,
            Level::Process => any.clone(),
            Level::Strong => Register::new(own.db().with(Consistency::Strong)),
            Level::Eventual => Register::new(own.db().with(eventual)),
            Level::Bounded(bound) => {
                Register::new(own.db().with(Policy::new().max_staleness(bound)))
            }
            Level::BoundedEventual(bound) => {
                Register::new(any.db().with(eventual.max_staleness(bound)))
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
    Outcome::Failed(if error.is_write_lost() {
        WRITE_LOST
    } else if error.is_write_uncertain() {
        WRITE_UNCERTAIN
    } else if error.is_unreachable() {
        "unreachable"
    } else if error.is_busy() {
        "busy"
    } else if error.is_lagging() {
        "lagging"
    } else if error.query().is_some() {
        "query failed"
    } else {
        "other"
    })
}

fn trace(route: &Route) -> Trace {
    let role = match route.role {
        Some(diesel_manifold::Role::Primary) => Role::Primary,
        Some(diesel_manifold::Role::Replica) => Role::Replica,
        None => Role::Cache,
    };
    Trace {
        node: route.source.to_string(),
        role,
        reason: route.reason.as_str(),
        need: route.need,
        stamp: route.stamp,
    }
}
