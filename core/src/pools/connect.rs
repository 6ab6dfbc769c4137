//! Opening a connection, and what the pool asks of it before it is lent again.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use diesel::connection::CacheSize;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;

use crate::pools::dice;
use crate::pools::queries;
use crate::terms::error::{Error, Result};
use crate::terms::settings::PoolSettings;

diesel::define_sql_function! { fn current_database() -> Text; }

/// A PostgreSQL server to connect to.
#[derive(Clone)]
pub struct Endpoint {
    config: tokio_postgres::Config,
    /// Host and port, without the password, for messages.
    address: String,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.address).finish()
    }
}

impl Endpoint {
    /// The endpoint of a `postgres://` URL or a `key=value` string. `setting` names where it was
    /// configured, for the error.
    pub fn parse(url: &str, setting: &str) -> Result<Self> {
        let config = tokio_postgres::Config::from_str(url).map_err(|error| {
            let why = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            Error::configuration(
                format!("{setting} is not a PostgreSQL URL ({why})"),
                "write it as postgres://user:password@host:5432/database",
            )
        })?;
        if config.get_hosts().is_empty() {
            return Err(Error::configuration(
                format!("{setting} names no host"),
                "write it as postgres://user:password@host:5432/database",
            ));
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err(Error::configuration(
                format!(
                    "{setting} asks for TLS (sslmode=require), which this version does not speak"
                ),
                "use a network that needs none, or a local proxy that adds it",
            ));
        }
        Ok(Self {
            address: address(&config),
            config,
        })
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn address(config: &tokio_postgres::Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        // One port for all hosts, or one for each.
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            tokio_postgres::config::Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            tokio_postgres::config::Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    hosts.collect::<Vec<_>>().join(",")
}

/// Which database a connection reaches, whatever its URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `system_identifier` of the cluster: a primary and its standbys have the same.
    pub system: i64,
    /// The database.
    pub database: String,
    /// The schemas that its `search_path` finds tables in: the same query means other tables in
    /// others.
    pub schemas: String,
}

/// From one start of the server, or its recovery from a crash, to the next. `None`: the role may not
/// see it (it needs `pg_monitor`).
///
/// It is when the checkpointer was started: a crash of one backend restarts that, too, while
/// `pg_postmaster_start_time()` stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incarnation(Option<String>);

impl Incarnation {
    /// Whether both are known, and one.
    pub fn is(&self, other: &Self) -> bool {
        self.0.is_some() && self == other
    }
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
    pub conn: AsyncPgConnection,
    /// The server's, when the connection was opened; as long as it is open, the server's still.
    pub incarnation: Incarnation,
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
            self.endpoint.address, self.session
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
        tokio::time::timeout(limit, self.connect_unbounded())
            .await
            .unwrap_or_else(|_| {
                Err(ConnectError::new(
                    Class::Down,
                    format!("{} did not answer within {limit:?}", self.endpoint.address),
                    None,
                ))
            })
    }

    async fn connect_unbounded(&self) -> Result<Opened, ConnectError> {
        let (client, connection) = (self.endpoint.config)
            .connect(NoTls)
            .await
            .map_err(|error| ConnectError::from_postgres(&self.endpoint, error))?;
        let mut conn = AsyncPgConnection::try_from_client_and_connection(client, connection)
            .await
            .map_err(|error| ConnectError::setup(&self.endpoint, error))?;
        let (identity, incarnation) = self
            .set_up(&mut conn)
            .await
            .map_err(|error| ConnectError::setup(&self.endpoint, error))?;
        self.check(&identity)?;
        Ok(Opened {
            conn,
            incarnation,
            identity,
        })
    }

    async fn set_up(
        &self,
        conn: &mut AsyncPgConnection,
    ) -> diesel::QueryResult<(Identity, Incarnation)> {
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
        Ok((identity, Incarnation(incarnation)))
    }

    fn check(&self, found: &Identity) -> Result<(), ConnectError> {
        match self.expected.get() {
            Some(expected) if expected != found => Err(ConnectError::new(
                Class::Foreign,
                format!(
                    "{} is another database: system identifier {}, database `{}`, schemas `{}`, where the primary has {}, `{}` and `{}`",
                    self.endpoint.address,
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
            conn: opened.conn,
            incarnation: opened.incarnation,
            lifetime,
        })
    }

    async fn recycle(&self, link: &mut Link, metrics: &Metrics) -> RecycleResult<ConnectError> {
        if link.conn.is_broken() {
            return Err(RecycleError::message("the connection is closed"));
        }
        if metrics.age() > link.lifetime {
            return Err(RecycleError::message("the connection reached its lifetime"));
        }
        // A body may have turned the statement cache off, which is not for the next one to find.
        link.conn
            .set_prepared_statement_cache_size(CacheSize::Unbounded);
        if metrics.last_used() > self.settings.ping_after {
            link.conn
                .batch_execute("")
                .await
                .map_err(|error| RecycleError::message(error.to_string()))?;
        }
        Ok(())
    }
}

/// What a failed connection says about its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It cannot serve now.
    Down,
    /// It serves, but takes no more connections (SQLSTATE 53300).
    Full,
    /// It refuses us: a wrong password, role or database. The configuration is at fault.
    Denied,
    /// It is not a node of the primary's cluster. The configuration is at fault.
    Foreign,
}

/// Why a connection could not be opened.
#[derive(Debug, Clone)]
pub struct ConnectError {
    /// What it says about the node.
    pub class: Class,
    why: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl ConnectError {
    fn new(class: Class, why: String, source: Option<Arc<dyn StdError + Send + Sync>>) -> Self {
        Self { class, why, source }
    }

    fn from_postgres(endpoint: &Endpoint, error: tokio_postgres::Error) -> Self {
        let class = match error.code() {
            Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => Class::Full,
            Some(code)
                if matches!(
                    *code,
                    SqlState::INVALID_PASSWORD
                        | SqlState::INVALID_AUTHORIZATION_SPECIFICATION
                        | SqlState::INVALID_CATALOG_NAME
                        | SqlState::INSUFFICIENT_PRIVILEGE
                ) =>
            {
                Class::Denied
            }
            _ => Class::Down,
        };
        let why = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        Self::new(
            class,
            format!("{}: {why}", endpoint.address),
            Some(Arc::new(error)),
        )
    }

    /// A failure of the pool itself.
    pub fn pool(address: &str, why: &str) -> Self {
        Self::new(Class::Down, format!("{address}: {why}"), None)
    }

    fn setup(endpoint: &Endpoint, error: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(
            Class::Down,
            format!("{}: {error}", endpoint.address),
            Some(Arc::new(error)),
        )
    }

    /// The public error, about the node `who`.
    pub fn into_error(self, who: &str) -> Error {
        match self.class {
            Class::Denied => Error::configuration(
                format!("{who} refuses this configuration ({})", self.why),
                "check the user, the password and the database of its URL",
            ),
            Class::Foreign => Error::configuration(
                format!("{who} does not belong to the primary ({})", self.why),
                "give the URL of a physical standby of the primary",
            ),
            Class::Down | Class::Full => Error::unreachable(who, self.why, self.source),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
