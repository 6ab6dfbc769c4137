//! What the queries of one running body left behind, noted while they ran; and the gate that holds
//! their rows back from the body if the node turns out to be behind.
//!
//! A user's error type may hide why a query failed, and a body may drop a query half way. The calls
//! must know both: whether the body may run again on another node, and whether the connection may
//! serve anybody else. So every query of our `RunQueryDsl` notes its beginning, its end and the
//! class of its error here, in a task-local that the call opens around the body.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use diesel::result::{DatabaseErrorKind, Error};

tokio::task_local! {
    static RUNNING: Arc<Scope>;
}

/// The notes of a running body, and those of the bodies around it: a query inside a nested call may
/// run on the outer body's connection, and nobody can tell. Noted in both, a connection is closed too
/// often rather than given back too early.
#[derive(Debug)]
struct Scope {
    notes: Arc<Notes>,
    around: Option<Arc<Scope>>,
}

impl Scope {
    fn all(&self) -> impl Iterator<Item = &Notes> {
        std::iter::successors(Some(self), |scope| scope.around.as_deref())
            .map(|scope| &*scope.notes)
    }
}

/// The notes of one run of a body.
#[derive(Debug, Default)]
pub struct Notes {
    in_flight: AtomicU32,
    conflict: AtomicBool,
    connection: AtomicBool,
    unknown: AtomicBool,
    gate: AtomicU8,
}

/// The gate of a body: open unless its node was asked for its position ahead of the first query.
const OPEN: u8 = 0;
/// The answer has not come yet. On one connection it comes before any rows.
const UNDECIDED: u8 = 1;
/// The node is behind.
const CLOSED: u8 = 2;

impl Notes {
    /// Runs `body` with these notes open.
    pub async fn around<F: Future>(self: &Arc<Self>, body: F) -> F::Output {
        let scope = Scope {
            notes: Arc::clone(self),
            around: RUNNING.try_with(Arc::clone).ok(),
        };
        RUNNING.scope(Arc::new(scope), body).await
    }

    /// A query was sent and has not come to its end: whoever uses the connection next would wait
    /// for it.
    pub fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// A query failed in a way that another transaction caused (SQLSTATE 40001).
    pub fn has_conflict(&self) -> bool {
        self.conflict.load(Ordering::Relaxed)
    }

    /// A query failed because the connection did.
    pub fn has_lost_connection(&self) -> bool {
        self.connection.load(Ordering::Relaxed)
    }

    /// A query failed with an error that diesel does not tell apart: among them is the shutdown of
    /// the server (57P01), so the connection has to be asked.
    pub fn has_unknown(&self) -> bool {
        self.unknown.load(Ordering::Relaxed)
    }

    /// The node was asked for its position: no row passes before the answer.
    pub fn ask(&self) {
        self.gate.store(UNDECIDED, Ordering::SeqCst);
    }

    /// The node's answer has come.
    pub fn decide(&self, is_fresh: bool) {
        let gate = if is_fresh { OPEN } else { CLOSED };
        self.gate.store(gate, Ordering::SeqCst);
    }

    /// Whether the body, if it has an answer, has it from a node that is behind.
    pub fn is_behind(&self) -> bool {
        self.gate.load(Ordering::SeqCst) != OPEN
    }

    fn note(&self, error: &Error) {
        let Error::DatabaseError(kind, _) = error else {
            return;
        };
        let class = match kind {
            DatabaseErrorKind::SerializationFailure => &self.conflict,
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
                &self.connection
            }
            DatabaseErrorKind::Unknown => &self.unknown,
            _ => return,
        };
        class.store(true, Ordering::Relaxed);
    }
}

/// One query under way. It is over when [`Query::end`] was called; dropped before, it stays in
/// flight in the notes, because it stays in flight on the wire.
#[derive(Debug)]
pub struct Query(Option<Arc<Scope>>);

impl Query {
    /// Notes the beginning of a query in the running call, if there is one.
    pub fn begin() -> Self {
        let scope = RUNNING.try_with(Arc::clone).ok();
        for notes in scope.iter().flat_map(|scope| scope.all()) {
            notes.in_flight.fetch_add(1, Ordering::Relaxed);
        }
        Self(scope)
    }

    /// Notes an error of the query; it may not be its end.
    pub fn note(&self, error: &Error) {
        for notes in self.0.iter().flat_map(|scope| scope.all()) {
            notes.note(error);
        }
    }

    /// Whether rows may pass to the body.
    pub fn passes(&self) -> bool {
        let Some(scope) = &self.0 else { return true };
        // A call around this one may still wait for its own node's answer; what runs on that node's
        // connection comes behind it.
        let mut around = scope.all().skip(1);
        !scope.notes.is_behind() && !around.any(|notes| notes.gate.load(Ordering::SeqCst) == CLOSED)
    }

    /// Notes that the server has answered in full.
    pub fn end(&mut self) {
        for notes in self.0.take().iter().flat_map(|scope| scope.all()) {
            notes.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_query_dropped_half_way_leaves_the_connection_busy() {
        let notes = Arc::new(Notes::default());
        notes.around(async { drop(Query::begin()) }).await;
        assert!(notes.is_busy());
    }

    #[tokio::test]
    async fn a_query_inside_a_nested_call_is_noted_in_the_outer_one_too() {
        let (outer, inner) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
        let nested = inner.around(async { drop(Query::begin()) });
        outer.around(nested).await;
        assert!(outer.is_busy() && inner.is_busy());
    }

    #[tokio::test]
    async fn an_answered_query_leaves_nothing() {
        let notes = Arc::new(Notes::default());
        notes.around(async { Query::begin().end() }).await;
        assert!(!notes.is_busy());
    }

    #[tokio::test]
    async fn no_row_passes_before_the_node_has_told_that_it_is_fresh() {
        let notes = Arc::new(Notes::default());
        assert!(notes.around(async { Query::begin().passes() }).await);
        notes.ask();
        assert!(!notes.around(async { Query::begin().passes() }).await);
        notes.decide(false);
        assert!(!notes.around(async { Query::begin().passes() }).await && notes.is_behind());
        notes.decide(true);
        assert!(notes.around(async { Query::begin().passes() }).await && !notes.is_behind());
    }

    #[tokio::test]
    async fn a_call_inside_waits_for_no_answer_of_the_call_around_it() {
        let (outer, inner) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
        outer.ask();
        let nested = inner.around(async { Query::begin().passes() });
        assert!(outer.around(nested).await);
        outer.decide(false);
        let nested = inner.around(async { Query::begin().passes() });
        assert!(!outer.around(nested).await);
    }

    #[tokio::test]
    async fn only_connection_and_conflict_classes_are_noted_as_such() {
        let notes = Arc::new(Notes::default());
        let unique = Error::DatabaseError(
            DatabaseErrorKind::UniqueViolation,
            Box::new(String::from("duplicate")),
        );
        notes
            .around(async {
                let query = Query::begin();
                query.note(&unique);
                query.note(&Error::NotFound);
            })
            .await;
        assert!(!notes.has_conflict() && !notes.has_lost_connection() && !notes.has_unknown());
    }
}
