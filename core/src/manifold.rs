//! The handle that repositories hold.

pub mod repository;

use std::sync::Arc;

use crate::builder::Builder;
use crate::builder::place::Place;
use crate::cache::shared::inspection::SharedCache;
use crate::calls::Calls;
use crate::calls::caller::Caller;
use crate::calls::transaction::SendClosure;
use crate::pools::status::NodeStatus;
use crate::query::conn::{ReadConn, WriteConn};
use crate::session::Session;
use crate::terms::endpoint::Endpoint;
use crate::terms::error::{Error, Result};
use crate::terms::memory::Memory;
use crate::terms::namespace::Namespace;
use crate::terms::policy::Policy;
use crate::terms::position::Position;
use crate::token_store::TokenStore;

/// One primary, its replicas and a two-level cache, behind one handle.
///
/// Cheap to clone; all clones are the same manifold. A repository holds one in a field `db`.
///
/// The manifold owns a background task that looks after its pools, and one for each node and each discovery; they end with
/// the last clone.
#[derive(Debug, Clone)]
pub struct Manifold {
    calls: Arc<Calls>,
    namespace: Namespace,
    caller: Caller,
}

impl Manifold {
    /// Configures a manifold.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A manifold configured by the environment.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `DATABASE_PRIMARY_URL`, else `DATABASE_URL` | the primary, or the node to ask first; required |
    /// | `DATABASE_REPLICA_URLS`, `DATABASE_REPLICA_URL` | the other nodes, separated by commas; none: reads run on the primary, still read-only |
    /// | `MANIFOLD_POOLED` | `true`: a pooler or a balancer stands before these servers, [`Endpoint::pooled`]; default `false` |
    /// | `REDIS_URL` | the second level of the cache, `rediss://` over TLS; none: L1 only |
    /// | `MANIFOLD_NAMESPACE` | keeps applications apart that share a database and a Redis; default empty |
    /// | `MANIFOLD_TOKEN_KEY` | signs the tokens of sessions: base64 of at least 32 random bytes, as [`TokenKey`](crate::TokenKey) tells; several, separated by commas: the first signs, each opens; none: no tokens |
    ///
    /// TLS is asked for in the URLs, by `sslmode`, `sslrootcert`, `sslcert` and `sslkey`:
    /// [`docs::tls`](crate::docs::tls).
    ///
    /// # Errors
    ///
    /// `is_configuration` for a missing or malformed variable, and what [`Builder::connect`] says.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing is left behind.
    pub async fn from_env() -> Result<Self> {
        Builder::from_env()?.connect().await
    }

    pub(crate) fn new(calls: Arc<Calls>, namespace: Namespace) -> Self {
        Self {
            calls,
            namespace,
            caller: Caller::default(),
        }
    }

    pub(crate) fn calls(&self) -> &Arc<Calls> {
        &self.calls
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Another handle of the same manifold, whose reads have `policy` in the place of their methods'
    /// own: a [`Consistency`](crate::Consistency) or a whole [`Policy`]. It takes the place of that of
    /// this handle, too.
    ///
    /// A repository has the same method, by `#[derive(Repository)]`: see
    /// [`Repository`](crate::Repository).
    ///
    /// ```no_run
    /// # use diesel_manifold::{Consistency, Manifold, Policy};
    /// # use std::time::Duration;
    /// # fn example(manifold: &Manifold) {
    /// let strong = manifold.with(Consistency::Strong);
    /// let recent = manifold.with(Policy::new().max_staleness(Duration::from_secs(2)));
    /// # }
    /// ```
    #[must_use]
    pub fn with(&self, policy: impl Into<Policy>) -> Self {
        let mut other = self.clone();
        other.caller.policy = Some(policy.into());
        other
    }

    /// A new session, which has written and seen nothing yet.
    pub fn session(&self) -> Session {
        Session::new(self.clone(), Memory::default())
    }

    /// A session with the floors of a token of [`Session::token`], made by any process on the same
    /// cluster that has the key.
    ///
    /// # Errors
    ///
    /// `is_token` if it is none of ours: forged, torn, of another cluster or version;
    /// `is_configuration` if no key is configured. [`Manifold::session_as_of_now`] is what to go on
    /// with.
    pub fn session_from(&self, token: &str) -> Result<Session> {
        let session = self.session();
        session.merge(token)?;
        Ok(session)
    }

    /// A session that includes everything acknowledged before now: for a caller whose token is lost or
    /// cannot be read, and so may point anywhere. Its first load needs to know where the primary is now:
    /// then any node that has got there answers, else the primary.
    pub fn session_as_of_now(&self) -> Session {
        let session = self.session();
        self.calls.require_now(session.memory());
        session
    }

    /// A session that is bound by this process's own writes, as calls without a session are.
    #[cfg(feature = "tower")]
    pub(crate) fn session_of_process(&self) -> Session {
        let session = self.session();
        self.calls.require_own(session.memory());
        session
    }

    /// The store of tokens: sessions in Redis, under keys of the application. It takes no token key.
    ///
    /// # Errors
    ///
    /// `is_configuration` if no Redis is configured, or
    /// [`token_store.ttl`](crate::TokenStoreSettings::ttl) is out of its bounds.
    pub fn token_store(&self) -> Result<TokenStore> {
        self.calls.check_store()?;
        Ok(TokenStore::new(self.clone()))
    }

    /// Another handle of the same manifold, whose calls read and write with `session`.
    ///
    /// ```no_run
    /// # use diesel_manifold::{Manifold, Session};
    /// # struct Albums { db: Manifold }
    /// # fn example(manifold: &Manifold, session: &Session) {
    /// let albums = Albums { db: manifold.with_session(session) };
    /// # }
    /// ```
    #[must_use]
    pub fn with_session(&self, session: &Session) -> Self {
        let mut other = self.clone();
        other.caller.memory = Some(Arc::clone(session.memory()));
        other
    }

    /// Runs `body` on one snapshot of one node that is fresh enough: its reads see the database at one
    /// moment.
    ///
    /// ```ignore
    /// let (album, songs) = manifold.read_snapshot(async |snap| {
    ///     let album = albums.by_id_on(snap, 7).await?;
    ///     let songs = songs.of_album_on(snap, 7).await?;
    ///     Ok::<_, diesel_manifold::Error>((album, songs))
    /// }).await?;
    /// ```
    ///
    /// It is a read-only transaction at REPEATABLE READ. How fresh it must be says the policy of the
    /// handle ([`Manifold::with`]), by default the session; what the methods inside were annotated with
    /// does not count. Public methods called inside read elsewhere; the `_on` methods read this snapshot. The body runs once: when its node fails
    /// half way, so does the call.
    ///
    /// # Errors
    ///
    /// What `body` fails with; else [`Error`]: unreachable, busy, lagging.
    ///
    /// # Cancel safety
    ///
    /// Dropped, its query is cancelled and the connection closed.
    pub async fn read_snapshot<R, E, F>(&self, body: F) -> Result<R, E>
    where
        for<'r, 'c> F: AsyncFnOnce(&'r mut ReadConn<'c>) -> Result<R, E>
            + SendClosure<&'r mut ReadConn<'c>, Result<R, E>, Running: Send>
            + Send,
        E: From<Error> + Send,
        R: Send,
    {
        self.calls.read_snapshot(&self.caller, body).await
    }

    /// Runs `body` in one transaction on the primary: several repositories, one commit.
    ///
    /// ```ignore
    /// manifold.transaction(async |tx| {
    ///     albums.rename_on(tx, 7, "Kind of Blue").await?;
    ///     songs.add_on(tx, 7, "So What").await
    /// }).await?;
    /// ```
    ///
    /// Commits if it answers `Ok`, and drops the cached answers that its `_on` methods declared; rolls
    /// back, and drops nothing, otherwise. A public `#[write]` inside fails with
    /// [`is_nested_write`](Error::is_nested_write).
    ///
    /// # Errors
    ///
    /// What `body` fails with; else [`Error`]: unreachable, busy, aborted by the body, outcome
    /// unknown, or the server's own at COMMIT.
    ///
    /// # Cancel safety
    ///
    /// Dropped before COMMIT, the transaction is rolled back and its connection closed. From COMMIT
    /// on it ends without the caller: committed, its invalidations delivered.
    pub async fn transaction<R, E, F>(&self, body: F) -> Result<R, E>
    where
        for<'r, 'c> F: AsyncFnOnce(&'r mut WriteConn<'c>) -> Result<R, E>
            + SendClosure<&'r mut WriteConn<'c>, Result<R, E>, Running: Send>
            + Send,
        E: From<Error> + Send,
        R: Send,
    {
        self.calls.transaction(&self.caller, body).await
    }

    /// One more node joins, a primary or a standby of it: what it is, it says itself. A node that does not answer
    /// joins all the same, and is left out until it does.
    ///
    /// ```no_run
    /// # use diesel_manifold::{Endpoint, Manifold};
    /// # async fn example(manifold: &Manifold) -> diesel_manifold::Result<()> {
    /// manifold.add_node(Endpoint::direct("postgres://app:secret@db-4/shop").named("db-4")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `is_configuration` for a malformed URL, a wrong user, password or database, a server of another cluster, or
    /// a name that another node has.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, the node has not joined.
    pub async fn add_node(&self, endpoint: impl Into<Endpoint>) -> Result<()> {
        let endpoint = endpoint.into();
        let pools = &self.calls.pools;
        let name = pools.next_name();
        let place = Place::new(endpoint, name, "the URL of the new node");
        pools.join(&place.plan()?).await.map(drop)
    }

    /// The node with this name leaves: no call goes there any more, and those that are there come to their end,
    /// for at most [`PoolSettings::drain`](crate::PoolSettings::drain). No call fails for it.
    ///
    /// # Errors
    ///
    /// `is_configuration` if there is no such node, or it takes the writes.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the node has left, and its connections close when their calls end.
    pub async fn remove_node(&self, name: &str) -> Result<()> {
        self.calls.pools.leave(name).await
    }

    /// The state of each node, in the order in which they were named or joined.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.calls.pools.status()
    }

    /// The position behind the last write of this process, once there was one.
    pub fn last_write(&self) -> Option<Position> {
        self.calls.last_write()
    }

    /// What all keys of this manifold begin with in Redis, behind `mf:`.
    pub fn namespace(&self) -> String {
        self.namespace.to_string()
    }

    /// A look into Redis: which answers are there, what one of them is, and dropping them by hand.
    ///
    /// # Errors
    ///
    /// `is_configuration` if no Redis is configured, or it refuses the user of its URL;
    /// `is_unreachable` if it does not answer within 2 s.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the connection that was being opened is closed.
    pub async fn shared_cache(&self) -> Result<SharedCache<'_>> {
        self.calls.cache.inspect().await
    }

    /// Runs the pending migrations on the primary, one runner at a time among all processes, and then keeps every read from
    /// the replicas that have not replayed them: waits until those that may answer have, for at most
    /// [`ReadSettings::schema_wait`](crate::ReadSettings::schema_wait). Tells the versions that it ran.
    ///
    /// Call it at the start, before the first read, in each process: one that finds nothing pending still learns
    /// what its replicas must have.
    ///
    /// ```ignore
    /// const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
    /// manifold.migrate(MIGRATIONS).await?;
    /// ```
    ///
    /// # Errors
    ///
    /// `is_migration` if one fails; the replicas must have those before it all the same. `is_unreachable` without a
    /// primary, and `is_busy` or `is_unreachable` if it cannot be asked afterwards where it is: migrate again, or
    /// nobody knows which replicas have what was run.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the migrations that have begun go on to their end, and the replicas are not waited for.
    #[cfg(feature = "migrations")]
    pub async fn migrate<S>(&self, migrations: S) -> Result<Vec<String>>
    where
        S: diesel::migration::MigrationSource<diesel::pg::Pg> + Send + 'static,
    {
        self.calls.migrate(migrations).await
    }

    /// Waits for the writes that are ending, with their invalidations, and closes the pools. Calls
    /// that come later fail with [`is_shut_down`](Error::is_shut_down).
    ///
    /// Call it when the process is asked to stop: a runtime that ends takes unfinished ends of writes
    /// with it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the pools stay open; it can be called again.
    pub async fn shutdown(&self) {
        self.calls.shut_down().await;
    }
}
