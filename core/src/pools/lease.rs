//! A *lease*: a borrowed connection that knows its node and whether it may be given back.
//!
//! diesel-async and deadpool leave two traps to whoever returns connections. A dropped query goes on
//! at the server, and the next user of its connection waits for it; a dropped transaction stays open
//! in the idle pool, with its locks. So a lease is given back only by [`Lease::settle`] or after a
//! commit; dropped before, its connection is cancelled at the server and closed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::Object;
use diesel::QueryResult;
use diesel::result::Error;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
};

use crate::pools::connect::encryption::Connector as TlsConnector;
use crate::pools::connect::{Line, Link};
use crate::pools::node::{Loan, Node};
use crate::pools::queries::{Whereabouts, whereabouts};
use crate::pools::transaction::Transaction;
use crate::terms::notes::Notes;
use crate::terms::position::Position;
use crate::terms::route::Role;
use crate::terms::sighting::Sighting;
use crate::terms::wire::Wire;
use tokio_postgres::CancelToken;

/// How a body left its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// In order.
    Sound,
    /// In order, but another transaction made a query fail (SQLSTATE 40001).
    Conflict,
    /// With a query that it dropped half way, or one that failed for a reason which diesel does not
    /// tell apart.
    Doubtful,
    /// Broken: what it answered, if it failed, is the connection's fault.
    Broken,
}

/// A borrowed connection.
pub struct Lease {
    /// `None` only after the drop took it.
    loan: Option<Loan>,
    node: Arc<Node>,
    role: Role,
    notes: Arc<Notes>,
    in_order: bool,
    /// A question of ours has not been answered.
    pub(super) asking: bool,
    /// The transaction that an opaque endpoint's body is in.
    pub(super) transaction: Transaction,
    since: Instant,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.node.name)
    }
}

impl Lease {
    /// A lease of `loan` from `node`, which answers as what it is now.
    #[expect(
        clippy::disallowed_methods,
        reason = "measures how long the lease is held"
    )]
    pub fn new(loan: Loan, node: Arc<Node>, role: Role) -> Self {
        node.lent();
        Self {
            loan: Some(loan),
            node,
            role,
            notes: Arc::default(),
            in_order: false,
            asking: false,
            transaction: Transaction::None,
            since: Instant::now(),
        }
    }

    /// The node that lent it.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// What the node answers as.
    pub fn role(&self) -> Role {
        self.role
    }

    /// It has told what it is.
    pub fn answers_as(&mut self, role: Role) {
        self.role = role;
    }

    /// Whether the node answers as the primary.
    pub fn is_of_primary(&self) -> bool {
        self.role == Role::Primary
    }

    /// What the queries of the body note.
    pub fn notes(&self) -> Arc<Notes> {
        Arc::clone(&self.notes)
    }

    /// The connection, for a body.
    pub fn wire(&mut self) -> &mut Wire {
        match &mut self.loan {
            Some(loan) => &mut loan.wire,
            None => unreachable!("the connection is taken out in `drop` only"),
        }
    }

    /// The connection.
    pub fn raw(&mut self) -> &mut AsyncPgConnection {
        self.wire().alone()
    }

    /// The body has come to its end: finds out how it left the connection, which goes back to its pool
    /// if it is in order.
    pub async fn settle(&mut self) -> Left {
        let notes = Arc::clone(&self.notes);
        let lost = self.asking
            || notes.has_lost_connection()
            || self.raw().is_broken()
            // A shutdown of the server reaches us as an error that diesel does not tell apart, a
            // moment before the connection closes. So on an unknown error the connection is asked.
            || (notes.has_unknown() && self.ping().await.is_err());
        if lost {
            self.node.broke();
            return Left::Broken;
        }
        self.in_order = !notes.is_busy() && !self.transaction.is_open();
        if notes.has_conflict() {
            Left::Conflict
        } else if notes.is_busy() || notes.has_unknown() {
            Left::Doubtful
        } else {
            Left::Sound
        }
    }

    /// Asks the node where it is. `None`: it cannot tell, or the connection is broken.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, the connection is closed.
    pub async fn ask(&mut self) -> Option<Arc<Sighting>> {
        let question = self.ask_beside();
        self.within_limit(question).await.flatten()
    }

    /// What a question of ours comes to. `None`: it was not answered in time, and the connection is of no use
    /// any more.
    async fn within_limit<T>(&mut self, question: impl Future<Output = T>) -> Option<T> {
        let limit = self.node.shared.settings.connect_timeout;
        self.asking = true;
        let answer = tokio::time::timeout(limit, question).await;
        self.asking = answer.is_err();
        answer.ok()
    }

    /// Where the server says it is. `None`: it cannot tell, or does not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, the connection is closed.
    pub async fn whereabouts(&mut self) -> Option<Whereabouts> {
        let (wire, trapped) = (self.wire().beside(), self.node.shared.survey.trapped);
        let question = async move { whereabouts(&mut &*wire, trapped).await };
        self.within_limit(question).await?.ok()
    }

    /// A position behind which the body's answer shows nothing, if its queries have come to their end.
    pub async fn reach(&mut self) -> Option<Position> {
        if self.notes.is_busy() || self.raw().is_broken() {
            return None;
        }
        self.ask().await.map(|sighting| sighting.position)
    }

    /// The same question, for whoever uses the connection meanwhile. Through an opaque endpoint it opens the
    /// transaction of what is read.
    pub fn ask_beside(&mut self) -> impl Future<Output = Option<Arc<Sighting>>> + Send + use<> {
        let (node, line) = (Arc::clone(&self.node), self.line().clone());
        let wire = self.wire().beside();
        let opening = self.opening();
        async move {
            match opening {
                None => node.ask(&mut &*wire, &line).await.ok().flatten(),
                Some(opening) => opening.ask(&node, &wire, &line).await,
            }
        }
    }

    /// Asks the connection whether it still is one.
    pub async fn ping(&mut self) -> QueryResult<()> {
        let limit = self.node.shared.settings.connect_timeout;
        tokio::time::timeout(limit, self.raw().batch_execute(""))
            .await
            .unwrap_or_else(|_| Err(Error::BrokenTransactionManager))
    }

    /// Whether the connection is known to be dead.
    pub fn is_broken(&mut self) -> bool {
        self.raw().is_broken()
    }

    /// Opens the transaction of a write.
    pub async fn begin(&mut self, sql: &str) -> QueryResult<()> {
        AnsiTransactionManager::begin_transaction_sql(self.raw(), sql).await
    }

    /// Rolls the transaction of a write back.
    pub async fn roll_back(&mut self) -> QueryResult<()> {
        let node = Arc::clone(&self.node);
        let rolled_back = AnsiTransactionManager::rollback_transaction(self.raw());
        let ended = node.unless_left_out(rolled_back).await;
        ended.unwrap_or_else(|| {
            self.asking = true;
            Err(Error::BrokenTransactionManager)
        })
    }

    /// What is known of the connection; through an opaque endpoint, of a write's transaction.
    pub fn line(&self) -> &Line {
        match (&self.transaction, &self.loan) {
            (Transaction::Write(line, _), _) => line,
            (_, Some(loan)) => &loan.line,
            (_, None) => unreachable!("the connection is taken out in `drop` only"),
        }
    }

    /// Says that the connection may go back to its pool.
    pub fn give_back(mut self) {
        self.in_order = !self.asking
            && !self.transaction.is_open()
            && !self.notes.is_busy()
            && !self.raw().is_broken();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.node.returned(self.since.elapsed());
        let Some(loan) = self.loan.take() else { return };
        if self.in_order {
            return; // deadpool takes it back
        }
        let link = Object::take(loan);
        cancel(link, &self.node);
    }
}

/// Closes a connection whose query may still run, after asking the server to cancel it.
fn cancel(link: Link, node: &Node) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return; // No runtime is left to send anything; the socket closes with the process.
    };
    let Ok(permit) = Arc::clone(&node.shared.cancels).try_acquire_owned() else {
        return;
    };
    let limit = node.shared.settings.connect_timeout;
    let is_opaque = node.is_opaque();
    // Spawned because `drop` cannot wait. It ends within the connect timeout, and at most
    // as many run as there are permits. The connection lives until its cancel was sent, so that the
    // server's process is still the one that the cancel names.
    runtime.spawn(async move {
        let Link { wire, tls, .. } = link;
        let token = wire.shared().cancel_token();
        let cancelling = async {
            if is_opaque {
                cancel_through(&wire, &token, &tls).await;
            } else {
                // A request that fails leaves what no request leaves; the socket closes either way.
                let _ = token.cancel_query(tls).await;
            }
        };
        let _ = tokio::time::timeout(limit, cancelling).await;
        drop((wire, permit));
    });
}

/// Between two requests to a pooler.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks a pooler to cancel until the query has come to its end.
///
/// PgBouncer forgets a request whose sender has left before it was passed on, and the driver leaves at once; and it lets the
/// server work on for a client that has gone.
async fn cancel_through(wire: &Wire, token: &CancelToken, tls: &TlsConnector) {
    let mut conn = wire.shared();
    let mut ended = std::pin::pin!(conn.batch_execute(""));
    loop {
        #[cfg_attr(
            not(feature = "tls"),
            expect(clippy::clone_on_copy, reason = "with the feature it is no `Copy`")
        )]
        let again = tls.clone();
        let _ = token.cancel_query(again).await;
        if tokio::time::timeout(PAUSE, &mut ended).await.is_ok() {
            return;
        }
    }
}
