//! Opening a connection, and what the pool asks of it before it is lent again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use diesel::QueryResult;
use diesel::connection::CacheSize;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::pools::dice;
use crate::pools::node::Plan;
use crate::pools::queries::{self, Whereabouts};
use crate::pools::shared::Shared;
use crate::pools::track::{Era, Track};
use crate::terms::endpoint::Way;
use crate::terms::error::Result;
use crate::terms::settings::PoolSettings;
use crate::terms::sighting::{Door, Incarnation, Tick};
use crate::terms::wire::Wire;

#[cfg(feature = "tls")]
mod binding;
pub mod encryption;
pub mod failure;
#[cfg(feature = "tls")]
mod handshake;
pub mod identity;
pub mod pooler;
pub mod server;

use encryption::Connector as TlsConnector;
use failure::{Class, ConnectError};
use identity::Identity;
use server::Server;

/// Opens a connection of your own to a PostgreSQL URL, as the manifold opens its own: for migrations,
/// and for a look at one server.
///
/// It belongs to no pool and is not routed. No session settings are sent: it may write, and no
/// `statement_timeout` is set.
///
/// ```no_run
/// use diesel_async::SimpleAsyncConnection;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut conn = diesel_manifold::connect("postgres://app:secret@db-1/shop").await?;
/// conn.batch_execute("ANALYZE albums").await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `is_configuration` for a malformed URL, a wrong user, password or database, or TLS that cannot be had
/// as the URL demands it ([`docs::tls`](crate::docs::tls)); `is_unreachable` if the server does not
/// answer within 3 s, the default of [`connect_timeout`](crate::PoolSettings::connect_timeout).
///
/// # Panics
///
/// Outside of a tokio runtime.
///
/// # Cancel safety
///
/// Dropped, the connection that was being opened is closed.
pub async fn connect(url: &str) -> Result<AsyncPgConnection> {
    let server = Server::parse(url, "the URL")?;
    let limit = PoolSettings::default().connect_timeout;
    let opened = within(limit, server.address(), server.open()).await;
    opened.map_err(|error| error.into_error("the server"))
}

/// Bounds what the server at `address` has to answer.
async fn within<T>(
    limit: Duration,
    address: &str,
    opening: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let late = |_| {
        let why = format!("{address} did not answer within {limit:?}");
        Err(ConnectError::new(Class::Down, why, None))
    };
    (tokio::time::timeout(limit, opening).await).unwrap_or_else(late)
}

/// A connection that was just opened.
pub struct Opened {
    conn: AsyncPgConnection,
    line: Line,
    /// Which database it reaches.
    pub identity: Identity,
}

/// What is known of a connection for as long as it is open.
#[derive(Debug, Clone)]
pub struct Line {
    /// Whom it reaches, and since when.
    pub door: Door,
    /// The size of the server's log segments, in bytes.
    pub segment: u64,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// Reads; the server refuses everything else, on the primary too.
    Read,
    /// Writes, on the primary.
    Write,
}

/// An open connection and how long it may live.
pub struct Link {
    pub wire: Wire,
    pub line: Line,
    /// What its queries are cancelled with: in the same encryption.
    pub tls: TlsConnector,
    lifetime: Duration,
    /// When it was last known to be open: in which era of its node.
    era: Era,
}

/// Opens connections to one node for one kind of session.
pub struct Connector {
    /// The node's number.
    node: usize,
    server: Server,
    session: Session,
    /// `statement_timeout` of its sessions.
    timeout: Duration,
    /// Whether the server is asked where it is.
    is_placed: bool,
    shared: Arc<Shared>,
    track: Arc<Track>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (node, address) = (self.node, self.server.address());
        write!(f, "Connector({node} at {address}, {:?})", self.session)
    }
}

impl Connector {
    /// A connector whose connections must reach the database of the manifold, once that is known.
    pub fn new(
        node: usize,
        plan: &Plan,
        session: Session,
        shared: Arc<Shared>,
        track: Arc<Track>,
    ) -> Self {
        let timeout = plan.statement_timeout(&shared);
        Self {
            node,
            server: plan.server.clone(),
            session,
            timeout,
            is_placed: plan.pin.is_none(),
            shared,
            track,
        }
    }

    /// Opens a connection within the connect timeout and asks it who it is.
    pub async fn connect(&self) -> Result<Opened, ConnectError> {
        let limit = self.shared.settings.connect_timeout;
        within(limit, self.server.address(), self.connect_unbounded()).await
    }

    /// Opens a connection within the connect timeout, and sends nothing of ours.
    #[cfg(feature = "migrations")]
    pub async fn open_bare(&self) -> Result<AsyncPgConnection, ConnectError> {
        let limit = self.shared.settings.connect_timeout;
        within(limit, self.server.address(), self.server.open()).await
    }

    async fn connect_unbounded(&self) -> Result<Opened, ConnectError> {
        let is_direct = self.server.way() == Way::Direct;
        let nonce = is_direct.then(|| pooler::nonce(dice::roll()));
        let mut conn = match &nonce {
            Some(nonce) => self.server.open_marked(nonce).await?,
            None => self.server.open_through().await?,
        };
        let (era, asked) = (self.track.era(), self.shared.asked());
        let (identity, line, found) = self
            .set_up(&mut conn, asked.tick, nonce.as_deref())
            .await
            .map_err(|error| ConnectError::setup(self.server.address(), error))?
            .ok_or_else(|| {
                let why = format!(
                    "{}: a setting that the connection began with is gone",
                    self.server.address()
                );
                ConnectError::new(Class::Pooler(pooler::DECLARE), why, None)
            })?;
        self.check(&identity)?;
        if let Some(found) = found {
            let followed = self.track.followed(&line.door);
            let seen = self.shared.heard(self.node, &line, asked, found, followed);
            if let Some(seen) = seen {
                self.track.note(era, &Arc::new(seen));
            }
        }
        let is_standby = found.is_none_or(|found| found.standby);
        // Through an opaque endpoint each transaction is asked for itself.
        if is_direct && self.session == Session::Write && is_standby {
            let why = format!("{} is a standby, in recovery", self.server.address());
            return Err(ConnectError::new(Class::Standby, why, None));
        }
        Ok(Opened {
            conn,
            line,
            identity,
        })
    }

    /// What is said and asked once. Through an opaque endpoint nothing is said that would stay: it would stay
    /// with the server's connection. diesel-async itself has set `TimeZone` and `client_encoding`, as
    /// every connection of it does; those two PgBouncer follows, and sets for each client anew
    /// ([features](https://www.pgbouncer.org/config.html#track_extra_parameters)). `None`: a connection that began
    /// with this `nonce` does not know it.
    async fn set_up(
        &self,
        conn: &mut AsyncPgConnection,
        opened: Tick,
        nonce: Option<&str>,
    ) -> QueryResult<Option<(Identity, Line, Option<Whereabouts>)>> {
        type Run = (String, Option<String>);
        type Row = (Option<i64>, String, String, Option<String>, Run, i64);
        let system = sql::<Nullable<BigInt>>("(SELECT system_identifier FROM pg_control_system())");
        let schemas = sql::<Text>("array_to_string(current_schemas(false), ',')");
        let mark = sql::<Nullable<Text>>(pooler::MARK);
        let segment = sql::<BigInt>("pg_size_bytes(current_setting('wal_segment_size'))");
        let (system, database, schemas, mark, (started, recovered), segment): Row =
            diesel::select((
                system,
                queries::current_database(),
                schemas,
                mark,
                (queries::Started, queries::Recovered),
                segment,
            ))
            .get_result(conn)
            .await?;
        let incarnation = match nonce {
            Some(nonce) if mark.as_deref() != Some(nonce) => return Ok(None),
            Some(_) => {
                let read_only = self.session == Session::Read;
                let timeout = self.timeout.as_millis();
                conn.batch_execute(&format!(
                    "SET default_transaction_read_only = {read_only}; SET statement_timeout = {timeout}"
                ))
                .await?;
                Incarnation::new(&started, recovered.as_deref())
            }
            None => Incarnation::nobodys(),
        };
        // These are kept prepared from now on, so that they go out ahead of what they must precede.
        let found = if self.is_placed {
            Some(queries::whereabouts(conn, self.shared.survey.trapped).await?)
        } else {
            None
        };
        let is_primary = found.is_some_and(|found| !found.standby);
        // Through an opaque endpoint it may be another server's turn now than when a write begins there.
        if nonce.is_some() && self.session == Session::Write && is_primary {
            queries::prepare_commit(conn).await?;
        }
        let identity = Identity {
            system: system.unwrap_or_default(),
            database,
            schemas,
        };
        let line = Line {
            door: Door {
                incarnation,
                opened,
            },
            // A segment is at least a megabyte, whatever the server says.
            segment: u64::try_from(segment).unwrap_or_default().max(1 << 20),
        };
        Ok(Some((identity, line, found)))
    }

    fn check(&self, found: &Identity) -> Result<(), ConnectError> {
        // A logical replica is a cluster of its own.
        let is_it = |expected: &Identity| {
            (expected.system == found.system || !self.is_placed)
                && (&expected.database, &expected.schemas) == (&found.database, &found.schemas)
        };
        match self.shared.expected() {
            Some(expected) if !is_it(expected) => Err(ConnectError::new(
                Class::Foreign,
                format!(
                    "{} is another database: system identifier {}, database `{}`, schemas `{}`, where the primary has {}, `{}` and `{}`",
                    self.server.address(),
                    found.system,
                    found.database,
                    found.schemas,
                    expected.system,
                    expected.database,
                    expected.schemas,
                ),
                None,
            )),
            _ => Ok(()),
        }
    }
}

impl Opened {
    /// The connection by itself, outside of any pool.
    pub fn apart(self) -> (AsyncPgConnection, Line) {
        (self.conn, self.line)
    }
}

impl Manager for Connector {
    type Type = Link;
    type Error = ConnectError;

    async fn create(&self) -> Result<Link, ConnectError> {
        let era = self.track.era();
        let opened = self.connect().await?;
        // Up to a tenth less, so that connections opened together are not replaced together.
        let longest = self.shared.settings.max_lifetime;
        let lifetime = longest.mul_f64(1.0 - 0.1 * dice::fraction());
        Ok(Link {
            wire: Wire::new(opened.conn),
            line: opened.line,
            tls: self.server.connector(),
            lifetime,
            era,
        })
    }

    async fn recycle(&self, link: &mut Link, metrics: &Metrics) -> RecycleResult<ConnectError> {
        if link.wire.alone().is_broken() {
            self.track.void();
            return Err(RecycleError::message("the connection is closed"));
        }
        if self.track.is_superseded(&link.line.door) {
            // Its name means another server by now, and this may be a primary that is none any more.
            return Err(RecycleError::message(
                "the connection reaches another server",
            ));
        }
        if metrics.age() > link.lifetime {
            return Err(RecycleError::message("the connection reached its lifetime"));
        }
        // A body may have turned the statement cache off, which is not for the next one to find.
        link.wire
            .alone()
            .set_prepared_statement_cache_size(CacheSize::Unbounded);
        // Where one broke the others may be dead, too, and not have heard of it yet: a read would spend its attempts on
        // them.
        let era = self.track.era();
        if link.era != era || metrics.last_used() > self.shared.settings.ping_after {
            link.wire
                .alone()
                .batch_execute("")
                .await
                .map_err(|error| RecycleError::message(error.to_string()))?;
            link.era = era;
        }
        Ok(())
    }
}
