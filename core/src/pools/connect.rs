//! Opening a connection, and what the pool asks of it before it is lent again.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use diesel::QueryResult;
use diesel::connection::CacheSize;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::pools::dice;
use crate::pools::queries;
use crate::terms::error::Result;
use crate::terms::settings::PoolSettings;
use crate::terms::wire::Wire;

#[cfg(feature = "tls")]
mod binding;
pub mod encryption;
pub mod endpoint;
pub mod failure;
#[cfg(feature = "tls")]
mod handshake;
pub mod identity;

use encryption::Connector as TlsConnector;
use endpoint::Endpoint;
use failure::{Class, ConnectError};
use identity::{Identity, Incarnation};

diesel::define_sql_function! { fn current_database() -> Text; }

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
    let endpoint = Endpoint::parse(url, "the URL")?;
    let limit = PoolSettings::default().connect_timeout;
    let opened = within(limit, endpoint.address(), endpoint.open()).await;
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
    incarnation: Incarnation,
    /// Whom it reaches.
    pub identity: Identity,
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
    /// The server's, when the connection was opened; as long as it is open, the server's still.
    pub incarnation: Incarnation,
    /// What its queries are cancelled with: in the same encryption.
    pub tls: TlsConnector,
    lifetime: Duration,
}

/// Opens connections to one endpoint for one kind of session.
pub struct Connector {
    endpoint: Endpoint,
    session: Session,
    settings: PoolSettings,
    expected: Arc<OnceLock<Identity>>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Connector({}, {:?})",
            self.endpoint.address(),
            self.session
        )
    }
}

impl Connector {
    /// A connector whose connections must reach the `expected` database, once that is known.
    pub fn new(
        endpoint: Endpoint,
        session: Session,
        settings: PoolSettings,
        expected: Arc<OnceLock<Identity>>,
    ) -> Self {
        Self {
            endpoint,
            session,
            settings,
            expected,
        }
    }

    /// Opens a connection within the connect timeout and asks it who it is.
    pub async fn connect(&self) -> Result<Opened, ConnectError> {
        let limit = self.settings.connect_timeout;
        within(limit, self.endpoint.address(), self.connect_unbounded()).await
    }

    async fn connect_unbounded(&self) -> Result<Opened, ConnectError> {
        let mut conn = self.endpoint.open().await?;
        let (identity, incarnation) = self
            .set_up(&mut conn)
            .await
            .map_err(|error| ConnectError::setup(self.endpoint.address(), error))?;
        self.check(&identity)?;
        Ok(Opened {
            conn,
            incarnation,
            identity,
        })
    }

    async fn set_up(&self, conn: &mut AsyncPgConnection) -> QueryResult<(Identity, Incarnation)> {
        let read_only = self.session == Session::Read;
        let timeout = self.settings.statement_timeout.as_millis();
        conn.batch_execute(&format!(
            "SET default_transaction_read_only = {read_only}; SET statement_timeout = {timeout}"
        ))
        .await?;
        if self.session == Session::Write {
            // Prepares what the end of a write sends in one go. On a standby it fails, and a
            // standby is no primary.
            queries::prepare(conn).await?;
        }
        let system = sql::<Nullable<BigInt>>("(SELECT system_identifier FROM pg_control_system())");
        let schemas = sql::<Text>("array_to_string(current_schemas(false), ',')");
        let incarnation = sql::<Nullable<Text>>(
            "(SELECT backend_start::text FROM pg_stat_activity WHERE backend_type = 'checkpointer')",
        );
        let (system, database, schemas, incarnation): (Option<i64>, String, String, _) =
            diesel::select((system, current_database(), schemas, incarnation))
                .get_result(conn)
                .await?;
        let identity = Identity {
            system: system.unwrap_or_default(),
            database,
            schemas,
        };
        Ok((identity, Incarnation::new(incarnation)))
    }

    fn check(&self, found: &Identity) -> Result<(), ConnectError> {
        match self.expected.get() {
            Some(expected) if expected != found => Err(ConnectError::new(
                Class::Foreign,
                format!(
                    "{} is another database: system identifier {}, database `{}`, schemas `{}`, where the primary has {}, `{}` and `{}`",
                    self.endpoint.address(),
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

impl Manager for Connector {
    type Type = Link;
    type Error = ConnectError;

    async fn create(&self) -> Result<Link, ConnectError> {
        let opened = self.connect().await?;
        // Up to a tenth less, so that connections opened together are not replaced together.
        let lifetime = self
            .settings
            .max_lifetime
            .mul_f64(1.0 - 0.1 * dice::fraction());
        Ok(Link {
            wire: Wire::new(opened.conn),
            incarnation: opened.incarnation,
            tls: self.endpoint.connector(),
            lifetime,
        })
    }

    async fn recycle(&self, link: &mut Link, metrics: &Metrics) -> RecycleResult<ConnectError> {
        if link.wire.alone().is_broken() {
            return Err(RecycleError::message("the connection is closed"));
        }
        if metrics.age() > link.lifetime {
            return Err(RecycleError::message("the connection reached its lifetime"));
        }
        // A body may have turned the statement cache off, which is not for the next one to find.
        link.wire
            .alone()
            .set_prepared_statement_cache_size(CacheSize::Unbounded);
        if metrics.last_used() > self.settings.ping_after {
            link.wire
                .alone()
                .batch_execute("")
                .await
                .map_err(|error| RecycleError::message(error.to_string()))?;
        }
        Ok(())
    }
}
