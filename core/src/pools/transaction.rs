//! The transaction of a body behind an opaque endpoint: a pooler in transaction mode, a balancer, the service
//! of a cluster.
//!
//! There a connection is nobody's. What a session would say once (read-only, `statement_timeout`) each
//! transaction says for itself, by BEGIN and SET LOCAL, which leave nothing behind; and what one server has told
//! holds until the transaction ends, so it is asked where it is inside of it, ahead of the body's first query and,
//! for what was shown, behind its last. At READ COMMITTED each statement has a snapshot of its own, so the
//! question ahead of it fixes none
//! ([isolation](https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED)).

use std::sync::Arc;

use diesel::QueryResult;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use crate::pools::connect::Line;
use crate::pools::lease::Lease;
use crate::pools::node::Node;
use crate::pools::queries;
use crate::terms::position::Position;
use crate::terms::sighting::{Door, Sighting};

const READ: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

/// A snapshot on the server that was just asked. COMMIT AND CHAIN begins the next transaction in the same
/// moment, so a pooler never sees the connection idle and lends it to nobody else; and only the next query takes the
/// snapshot, which is behind the position then
/// ([COMMIT](https://www.postgresql.org/docs/current/sql-commit.html)).
const SNAPSHOT: &str = "COMMIT AND CHAIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";

/// The transaction that a lease's body is in, if the lease knows of it.
#[derive(Debug)]
pub(super) enum Transaction {
    /// None, or one of diesel-async's own on a direct connection.
    None,
    /// One that only reads.
    Read,
    /// One that may write, what was learned of its server in it, and the timeline that it writes.
    Write(Line, u32),
}

impl Transaction {
    /// Whether it must end before the connection may go back.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Read)
    }
}

/// What opens the transaction of a read.
#[derive(Debug)]
pub(super) struct Opening(String);

impl Opening {
    /// Opens it, and asks where its server is, in one round trip. `None`: it is not known.
    pub(super) async fn ask(
        self,
        node: &Node,
        conn: &AsyncPgConnection,
        line: &Line,
    ) -> Option<Arc<Sighting>> {
        let (mut first, mut second) = (conn, conn);
        // `join!` polls in this order first, and each sends its message in its first poll.
        let (opened, seen) = tokio::join!(
            biased;
            first.batch_execute(&self.0),
            node.ask(&mut second, line),
        );
        opened.and(seen).ok().flatten()
    }
}

impl Lease {
    /// Whether each transaction on its connection may be another server's.
    pub fn is_opaque(&self) -> bool {
        self.node().is_opaque()
    }

    /// What must open a transaction before anything is read.
    pub(super) fn opening(&mut self) -> Option<Opening> {
        let opens = self.is_opaque() && matches!(self.transaction, Transaction::None);
        opens.then(|| {
            self.transaction = Transaction::Read;
            Opening(self.bounded(READ))
        })
    }

    /// Opens the transaction of a read without asking anything, if there must be one and is none: of a node that
    /// cannot tell a position.
    pub async fn open(&mut self) -> QueryResult<()> {
        match self.opening() {
            Some(Opening(sql)) => self.raw().batch_execute(&sql).await,
            None => Ok(()),
        }
    }

    /// The statement, and the bound of those that follow it in its transaction.
    fn bounded(&self, begin: &str) -> String {
        let timeout = self.node().timeout.as_millis();
        format!("{begin}; SET LOCAL statement_timeout = {timeout}")
    }

    /// Takes a snapshot with the body's first query, on the server that was asked before: after this, all of
    /// them see one moment.
    pub async fn snapshot(&mut self, direct: &str) -> QueryResult<()> {
        if !self.is_opaque() {
            return self.begin(direct).await;
        }
        let sql = self.bounded(SNAPSHOT);
        self.raw().batch_execute(&sql).await
    }

    /// Ends the transaction of what was read, if there is one. If `asks`, the answer is a position behind
    /// which it has shown nothing; `None` if that is not known, as of a transaction in which a query failed.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, the connection is closed.
    pub async fn close(&mut self, asks: bool) -> Option<Position> {
        let notes = self.notes();
        let is_lost = notes.has_lost_connection() || self.is_broken();
        if !self.transaction.is_open() || notes.is_busy() || is_lost {
            return None;
        }
        let limit = self.node().shared.settings.connect_timeout;
        let (node, line) = (Arc::clone(self.node()), self.line().clone());
        self.asking = true;
        let wire = self.wire().beside();
        let (mut first, mut second) = (&*wire, &*wire);
        let ending = async {
            let asking = async {
                if asks {
                    node.ask(&mut first, &line).await.ok().flatten()
                } else {
                    None
                }
            };
            tokio::join!(biased; asking, second.batch_execute("COMMIT"))
        };
        let ending = node.unless_left_out(tokio::time::timeout(limit, ending));
        let (seen, Ok(())) = ending.await?.ok()? else {
            return None;
        };
        self.asking = false;
        self.transaction = Transaction::None;
        seen.map(|sighting| sighting.position)
    }

    /// Asks the node what it is, outside of any transaction, for whoever wants the roles to be right.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, the connection is closed.
    pub async fn ask_now(&mut self) {
        if !self.is_broken() {
            self.transaction = Transaction::None;
            self.ask().await;
            self.close(false).await;
        }
    }

    /// Opens the transaction of a write, on a connection that was lent as the primary's. `false`: another
    /// server answers there now, or one whose writes would be lost; nothing was run, and the lease is to be
    /// dropped.
    pub async fn begin_write(&mut self, begin: &str) -> QueryResult<bool> {
        if !self.is_opaque() {
            return self.begin(begin).await.map(|()| true);
        }
        let opened = self.node().shared.survey.ticks.next();
        let begin = self.bounded(&format!("{begin} READ WRITE"));
        let node = Arc::clone(self.node());
        let line = self.line().clone();
        if let Err(error) = self.begin(&begin).await {
            if self.raw().is_broken() {
                return Err(error);
            }
            // A standby begins no such transaction; then it says so.
            self.raw().batch_execute("ROLLBACK").await?;
            let seen = node.ask(self.raw(), &line).await?;
            let is_primary = seen.is_some_and(|seen| node.shared.is_latest_primary(&seen));
            return if is_primary { Err(error) } else { Ok(false) };
        }
        let conn = &*self.raw();
        let (mut first, mut second, mut third) = (conn, conn, conn);
        let (seen, incarnation, prepared) = tokio::join!(
            biased;
            node.ask(&mut first, &line),
            queries::incarnation(&mut second),
            queries::before_commit(&mut third),
        );
        let seen = seen?.filter(|seen| node.shared.is_latest_primary(seen));
        let Some(seen) = seen else {
            return Ok(false);
        };
        // What COMMIT sends along must be prepared by then, and no standby prepares it.
        prepared?;
        let incarnation = incarnation?;
        let door = Door {
            incarnation,
            opened,
        };
        let line = Line { door, ..line };
        self.transaction = Transaction::Write(line, seen.position.timeline());
        Ok(true)
    }

    /// Whether a later primary has become known since the transaction of a write began, on the same node: behind an
    /// opaque endpoint by its timeline, else by a connection that was opened later and reaches another server.
    pub fn is_overtaken(&self) -> bool {
        match self.transaction {
            Transaction::Write(_, timeline) => Some(timeline) < self.node().shared.survey.latest(),
            Transaction::None | Transaction::Read => {
                self.node().track.is_superseded(&self.line().door)
            }
        }
    }
}
