//! COMMIT, with what must be known before it and after it, in one round trip.
//!
//! Four messages leave together. `pg_current_xact_id_if_assigned()` tells the transaction's id, by which
//! an outcome that gets lost can be asked for, and with it a place in the log before the commit. A SAVEPOINT fails if a statement of the transaction had
//! failed and the body swallowed that, or if the body ended the transaction itself: PostgreSQL answers
//! COMMIT in either case without an error, and diesel-async would report success. Then COMMIT, and
//! behind it the position in the log, which includes the commit (before it, it would not).
//!
//! Each has its own Sync, so the server answers the first before it works on the next, even where
//! COMMIT hangs in synchronous replication.

use diesel::connection::{CacheSize, Instrumentation};
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::{ConnectionResult, QueryResult};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, AsyncPgConnection,
    SimpleAsyncConnection, TransactionManager,
};

use crate::pools::lease::Lease;
use crate::pools::queries::{Whereabouts, Xid, before_commit, whereabouts};
use crate::pools::survey::Asked;
use crate::terms::floors::Written;
use crate::terms::position::Position;
use crate::terms::sighting::Tick;
use crate::terms::trap::{Trap, Trapped};

/// A transaction that the server has committed.
#[derive(Debug, Clone, Copy)]
pub struct Committed {
    /// Whether it changed anything.
    pub changed: bool,
    /// Where it is in the log: between these two. If it changed nothing, what it showed lies before
    /// the second. `None`: the connection was lost right after the server had confirmed.
    pub written: Option<Written>,
    /// The position was asked for at this tick.
    pub asked: Tick,
}

/// A transaction that was not committed, or perhaps not.
#[derive(Debug)]
pub enum NotCommitted {
    /// The server rolled back and said why (a deferred constraint, a conflict).
    RolledBack(Error),
    /// The server rolled back because a statement had failed, which the body did not report.
    AbortedByBody,
    /// The body ended the transaction by SQL of its own; what of it is committed nobody knows.
    EndedByBody,
    /// The connection was lost before the answer.
    Unknown {
        /// The transaction's id, if the server had answered that far.
        xid: Option<Xid>,
        /// How the connection was lost.
        source: Error,
    },
}

impl Lease {
    /// Commits the transaction of a write.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, the connection is closed and the outcome is not known; that is why only a
    /// task of the manifold calls it.
    pub async fn commit(&mut self) -> Result<Committed, NotCommitted> {
        let asked = self.node().shared.survey.ticks.next();
        let mut committing = Committing {
            trapped: self.trapped(),
            raw: self.raw(),
            before: Err(Error::NotInTransaction),
            savepoint: Err(Error::NotInTransaction),
            after: Err(Error::NotInTransaction),
        };
        let commit = AnsiTransactionManager::commit_transaction(&mut committing).await;
        let Committing {
            before,
            savepoint,
            after,
            ..
        } = committing;
        let Err(error) = commit else {
            return match (savepoint, before) {
                (Ok(()), before) => Ok(self.committed(asked, before, after)),
                (Err(_), Err(_)) => Err(NotCommitted::AbortedByBody),
                (Err(_), Ok(_)) => Err(NotCommitted::EndedByBody),
            };
        };
        if !self.lost_with(&error).await {
            return Err(NotCommitted::RolledBack(error));
        }
        match (savepoint, before) {
            // It had changed nothing, so nothing got lost with the answer.
            (Ok(()), Ok((None, _))) => Ok(Committed {
                changed: false,
                written: None,
                asked,
            }),
            (_, before) => Err(NotCommitted::Unknown {
                xid: before.ok().and_then(|(xid, _)| xid),
                source: error,
            }),
        }
    }

    fn committed(
        &self,
        asked: Tick,
        before: QueryResult<(Option<Xid>, u64)>,
        after: QueryResult<Whereabouts>,
    ) -> Committed {
        let after = after.ok().and_then(|found| self.position_of(asked, found));
        // Without the question before it nobody knows whether it changed anything, so it did.
        let changed = !matches!(before, Ok((None, _)));
        let written = after.zip(before.ok()).map(|(after, (_, before))| {
            let before = Position::new(after.timeline(), before);
            if self.trapped().is(Trap::PositionBeforeCommit) {
                return Written {
                    before,
                    after: before,
                };
            }
            Written { before, after }
        });
        Committed {
            changed,
            written,
            asked,
        }
    }

    /// Where the primary was. Through an opaque endpoint it may be another server that was asked, such as
    /// behind COMMIT: then it is not known, unless that is the primary, too.
    fn position_of(&self, asked: Tick, found: Whereabouts) -> Option<Position> {
        let shared = &self.node().shared;
        let at = shared.clock.now();
        let asked = Asked { tick: asked, at };
        let sighting = shared.survey.sight(self.line(), asked, found, None)?;
        (!self.is_opaque() || shared.is_latest_primary(&sighting)).then_some(sighting.position)
    }

    /// Whether `error` is the connection's end and not the server's answer.
    ///
    /// PostgreSQL itself never answers a COMMIT that took effect with an error. A proxy in between
    /// does, when it loses the server, and closes the connection then; so an error that diesel does
    /// not tell apart counts as an answer only if the connection still is one.
    async fn lost_with(&mut self, error: &Error) -> bool {
        match error {
            Error::DatabaseError(DatabaseErrorKind::Unknown, _) => {
                self.raw().is_broken() || self.ping().await.is_err()
            }
            Error::DatabaseError(
                DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
                _,
            )
            | Error::BrokenTransactionManager => true,
            _ => false,
        }
    }

    fn trapped(&self) -> Trapped {
        self.node().shared.survey.trapped
    }

    /// Where the primary is now, for statements that each commit by themselves. `None`: it cannot tell, or does not
    /// answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, the connection is closed.
    pub async fn position(&mut self) -> Option<Position> {
        let asked = self.node().shared.survey.ticks.next();
        let found = self.whereabouts().await?;
        self.position_of(asked, found)
    }
}

/// The connection as diesel-async's transaction manager sees it during COMMIT: it sends the two
/// queries around that statement and passes everything else on.
struct Committing<'a> {
    trapped: Trapped,
    raw: &'a mut AsyncPgConnection,
    before: QueryResult<(Option<Xid>, u64)>,
    savepoint: QueryResult<()>,
    after: QueryResult<Whereabouts>,
}

impl SimpleAsyncConnection for Committing<'_> {
    async fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        if sql != "COMMIT" {
            return self.raw.batch_execute(sql).await;
        }
        let conn = &*self.raw;
        let (mut first, mut second, mut third, mut fourth) = (conn, conn, conn, conn);
        // `join!` polls in this order first, and each sends its message in its first poll.
        let (before, savepoint, commit, after) = tokio::join!(
            biased;
            before_commit(&mut first),
            second.batch_execute("SAVEPOINT manifold_end"),
            third.batch_execute(sql),
            whereabouts(&mut fourth, self.trapped),
        );
        self.savepoint = savepoint;
        self.before = before;
        self.after = after;
        commit
    }
}

impl AsyncConnectionCore for Committing<'_> {
    type ExecuteFuture<'c, 'q> = <AsyncPgConnection as AsyncConnectionCore>::ExecuteFuture<'c, 'q>;
    type LoadFuture<'c, 'q> = <AsyncPgConnection as AsyncConnectionCore>::LoadFuture<'c, 'q>;
    type Stream<'c, 'q> = <AsyncPgConnection as AsyncConnectionCore>::Stream<'c, 'q>;
    type Row<'c, 'q> = <AsyncPgConnection as AsyncConnectionCore>::Row<'c, 'q>;
    type Backend = Pg;

    fn load<'c, 'q, T>(&'c mut self, source: T) -> Self::LoadFuture<'c, 'q>
    where
        T: AsQuery + 'q,
        T::Query: QueryFragment<Self::Backend> + QueryId + 'q,
    {
        AsyncConnectionCore::load(self.raw, source)
    }

    fn execute_returning_count<'c, 'q, T>(&'c mut self, source: T) -> Self::ExecuteFuture<'c, 'q>
    where
        T: QueryFragment<Self::Backend> + QueryId + 'q,
    {
        self.raw.execute_returning_count(source)
    }
}

impl AsyncConnection for Committing<'_> {
    type TransactionManager = AnsiTransactionManager;

    async fn establish(_: &str) -> ConnectionResult<Self> {
        Err(diesel::ConnectionError::BadConnection(String::from(
            "this connection only commits what another one began",
        )))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        self.raw.transaction_state()
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.raw.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.raw.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.raw.set_prepared_statement_cache_size(size);
    }
}
