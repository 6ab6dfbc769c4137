//! COMMIT, with what must be known before it and after it, in one round trip.
//!
//! Three messages leave together. `pg_current_xact_id_if_assigned()` fails if a statement of the
//! transaction had failed and the body swallowed that: PostgreSQL answers such a COMMIT with a
//! rollback and no error, and diesel-async would report success. Its answer, the transaction's id,
//! lets an outcome that gets lost be asked for. Then COMMIT, and behind it the position in the log,
//! which includes the commit (before it, it would not).
//!
//! Each has its own Sync, so the server answers the first before it works on the second, even where
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
use crate::pools::queries::{Xid, current_position, current_xid};
use crate::terms::position::Position;

/// A transaction that the server has committed.
#[derive(Debug, Clone, Copy)]
pub struct Committed {
    /// The position behind it; `None` if it changed nothing, or if the connection was lost right
    /// after the server had confirmed.
    pub position: Option<Position>,
}

/// A transaction that was not committed, or perhaps not.
#[derive(Debug)]
pub enum NotCommitted {
    /// The server rolled back and said why (a deferred constraint, a conflict).
    RolledBack(Error),
    /// The server rolled back because a statement had failed, which the body did not report.
    AbortedByBody,
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
        let mut committing = Committing {
            raw: self.raw(),
            xid: Err(Error::NotInTransaction),
            position: Err(Error::NotInTransaction),
        };
        let commit = AnsiTransactionManager::commit_transaction(&mut committing).await;
        let (xid, position) = (committing.xid, committing.position);
        match (commit, xid) {
            (Ok(()), Ok(xid)) => Ok(Committed {
                position: xid.and(position.ok()),
            }),
            (Ok(()), Err(_)) => Err(NotCommitted::AbortedByBody),
            (Err(error), xid) => {
                if self.lost_with(&error).await {
                    let xid = xid.ok().flatten();
                    return Err(NotCommitted::Unknown { xid, source: error });
                }
                Err(NotCommitted::RolledBack(error))
            }
        }
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

    /// The position after statements that each committed by themselves.
    pub async fn position(&mut self) -> Option<Position> {
        current_position(self.raw()).await.ok()
    }
}

/// The connection as diesel-async's transaction manager sees it during COMMIT: it sends the two
/// queries around that statement and passes everything else on.
struct Committing<'a> {
    raw: &'a mut AsyncPgConnection,
    xid: QueryResult<Option<Xid>>,
    position: QueryResult<Position>,
}

impl SimpleAsyncConnection for Committing<'_> {
    async fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        if sql != "COMMIT" {
            return self.raw.batch_execute(sql).await;
        }
        let (mut first, mut second, mut third) = (&*self.raw, &*self.raw, &*self.raw);
        // `join!` polls in this order first, and each sends its message in its first poll.
        let (xid, commit, position) = tokio::join!(
            biased;
            current_xid(&mut first),
            second.batch_execute(sql),
            current_position(&mut third),
        );
        self.xid = xid;
        self.position = position;
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
