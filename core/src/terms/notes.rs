//! What the queries of one running body left behind, noted while they ran; and the gate that holds
//! their rows back from the body if the node turns out to be behind.
//!
//! A user's error type may hide why a query failed, and a body may drop a query half way. The calls
//! must know both: whether the body may run again on another node, and whether the connection may
//! serve anybody else. So every query of our `RunQueryDsl` notes its beginning, its end and the
//! class of its error here, in a task-local that the call opens around the body.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

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
    refused: AtomicBool,
    /// A query has come to its end without an error.
    answered: AtomicBool,
    standby: AtomicBool,
    gate: Mutex<Gate>,
}

/// What holds the rows of a body back until its node has told where it is.
#[derive(Debug, Default)]
enum Gate {
    /// The node was not asked, or is fresh enough.
    #[default]
    Open,
    /// The answer has not come yet. On the wire it comes before any rows, but another thread may hand
    /// the rows over before this one has heard it. Who waits is woken.
    Undecided(Vec<Waker>),
    /// The node is behind.
    Closed,
}

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

    /// The connection is as good as lost: nobody waits any more for what it answers.
    pub fn lose_connection(&self) {
        self.connection.store(true, Ordering::Relaxed);
    }

    /// A query failed with an error that diesel does not tell apart: among them is the shutdown of
    /// the server (57P01), so the connection has to be asked.
    pub fn has_unknown(&self) -> bool {
        self.unknown.load(Ordering::Relaxed)
    }

    /// A query's rows were held back from the body: its node, or that of a call around it, is behind.
    pub fn has_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Before any query was answered, one was refused because its server takes no writes (SQLSTATE 25006):
    /// nothing of the body has happened, and the server is no primary, or none any more.
    pub fn is_refused_by_standby(&self) -> bool {
        self.standby.load(Ordering::Relaxed)
    }

    /// The node was asked for its position: no row passes before the answer.
    pub fn ask(&self) {
        *self.gate() = Gate::Undecided(Vec::new());
    }

    /// The node's answer has come.
    pub fn decide(&self, is_fresh: bool) {
        let decided = if is_fresh { Gate::Open } else { Gate::Closed };
        let before = std::mem::replace(&mut *self.gate(), decided);
        if let Gate::Undecided(waiting) = before {
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether the body, if it has an answer, has it from a node that is behind.
    pub fn is_behind(&self) -> bool {
        !matches!(*self.gate(), Gate::Open)
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
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
            DatabaseErrorKind::ReadOnlyTransaction if !self.answered.load(Ordering::Relaxed) => {
                &self.standby
            }
            _ => return,
        };
        class.store(true, Ordering::Relaxed);
    }
}

/// One query under way. It is over when [`Query::end`] was called; dropped before, it stays in
/// flight in the notes, because it stays in flight on the wire.
#[derive(Debug)]
pub struct Query {
    scope: Option<Arc<Scope>>,
    ended: bool,
}

impl Query {
    /// Notes the beginning of a query in the running call, if there is one.
    pub fn begin() -> Self {
        let scope = RUNNING.try_with(Arc::clone).ok();
        for notes in scope.iter().flat_map(|scope| scope.all()) {
            notes.in_flight.fetch_add(1, Ordering::Relaxed);
        }
        Self {
            scope,
            ended: false,
        }
    }

    /// Notes an error of the query; it may not be its end.
    pub fn note(&self, error: &Error) {
        for notes in self.scope.iter().flat_map(|scope| scope.all()) {
            notes.note(error);
        }
    }

    /// Notes that it has an answer, or the first part of one.
    pub fn answered(&self) {
        for notes in self.scope.iter().flat_map(|scope| scope.all()) {
            notes.answered.store(true, Ordering::Relaxed);
        }
    }

    /// Whether rows may pass to the body; pending as long as nobody knows.
    pub fn poll_gate(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(scope) = &self.scope else {
            return Poll::Ready(true);
        };
        if let Gate::Undecided(waiting) = &mut *scope.notes.gate() {
            if !waiting.iter().any(|known| known.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            return Poll::Pending;
        }
        // A call around this one may still wait for its own node's answer; what runs on that node's
        // connection comes behind it.
        let closed = |notes: &Notes| matches!(*notes.gate(), Gate::Closed);
        let refused = scope.all().any(closed);
        if refused {
            // In each: an answer that any of these bodies makes up instead is nothing to keep.
            (scope.all()).for_each(|notes| notes.refused.store(true, Ordering::Relaxed));
        }
        Poll::Ready(!refused)
    }

    /// Notes that the server has answered in full.
    pub fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            for notes in self.scope.iter().flat_map(|scope| scope.all()) {
                notes.in_flight.fetch_sub(1, Ordering::Relaxed);
            }
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

    /// What a query in a body with these notes is told.
    async fn gate(notes: &Arc<Notes>) -> Poll<bool> {
        let asking = std::future::poll_fn(|cx| Poll::Ready(Query::begin().poll_gate(cx)));
        notes.around(asking).await
    }

    #[tokio::test]
    async fn no_row_passes_before_the_node_has_told_that_it_is_fresh() {
        let notes = Arc::new(Notes::default());
        assert_eq!(gate(&notes).await, Poll::Ready(true));
        notes.ask();
        assert_eq!(gate(&notes).await, Poll::Pending);
        notes.decide(false);
        assert_eq!(gate(&notes).await, Poll::Ready(false));
        assert!(notes.is_behind());
        notes.decide(true);
        assert_eq!(gate(&notes).await, Poll::Ready(true));
        assert!(!notes.is_behind());
    }

    #[tokio::test]
    async fn rows_that_wait_for_the_answer_are_woken_by_it() {
        let notes = Arc::new(Notes::default());
        notes.ask();
        let inside = Arc::clone(&notes);
        // A task of its own: nobody polls it again unless it is woken.
        let waiting = tokio::spawn(async move {
            let query = inside.around(async { Query::begin() }).await;
            std::future::poll_fn(|cx| query.poll_gate(cx)).await
        });
        tokio::task::yield_now().await;
        notes.decide(true);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn a_call_inside_waits_for_no_answer_of_the_call_around_it() {
        let (outer, inner) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
        outer.ask();
        assert_eq!(outer.around(gate(&inner)).await, Poll::Ready(true));
        outer.decide(false);
        assert!(!inner.has_refused());
        assert_eq!(outer.around(gate(&inner)).await, Poll::Ready(false));
        assert!(inner.has_refused() && outer.has_refused());
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

    #[tokio::test]
    async fn a_standby_has_refused_a_body_only_if_nothing_of_it_was_answered() {
        let read_only = || {
            let text = String::from("cannot execute INSERT in a read-only transaction");
            Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, Box::new(text))
        };
        for answered in [false, true] {
            let notes = Arc::new(Notes::default());
            notes
                .around(async {
                    if answered {
                        Query::begin().answered();
                    }
                    Query::begin().note(&read_only());
                })
                .await;
            assert_eq!(notes.is_refused_by_standby(), !answered);
        }
    }
}
