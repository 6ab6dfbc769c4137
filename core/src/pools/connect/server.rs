//! Where a server is, and how to log in: what a URL says.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel_async::AsyncPgConnection;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};

use crate::pools::connect::encryption::{Connector, Encryption, Stream, may_differ};
use crate::pools::connect::failure::{Class, ConnectError};
use crate::pools::connect::pooler::{self, Bare};
use crate::pools::dice;
use crate::terms::endpoint::Way;
use crate::terms::error::{Error, Result};
use crate::terms::tls::parameters;

/// A PostgreSQL server to connect to, or what stands before one.
#[derive(Clone)]
pub struct Server {
    config: tokio_postgres::Config,
    encryption: Encryption,
    /// Host and port, without the password, for messages.
    address: String,
    /// What stands before it.
    way: Way,
    /// It was found out that what stands there does with prepared statements.
    fit: Arc<AtomicBool>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.address).finish()
    }
}

impl Server {
    /// The server of a `postgres://` URL or a `key=value` string. `setting` names where it was
    /// configured, for the error.
    pub fn parse(url: &str, setting: &str) -> Result<Self> {
        let (url, parameters) = parameters::of_postgres(url);
        let config = tokio_postgres::Config::from_str(&url).map_err(|error| {
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
        let is_tcp = |host: &Host| matches!(host, Host::Tcp(_));
        // Where there is an address, the host is only a name, and a path is none.
        let local = config.get_hostaddrs().is_empty() && !config.get_hosts().iter().any(is_tcp);
        // Not shown: what stands before it is a part of the password.
        if (config.get_hosts().iter())
            .any(|host| matches!(host, Host::Tcp(name) if name.contains('@')))
        {
            return Err(Error::configuration(
                format!("{setting} has an @ in its password, where the host should begin"),
                "percent-encode it there, as %40",
            ));
        }
        let encryption = Encryption::new(&parameters, local, setting)?;
        if config.get_ssl_negotiation() == SslNegotiation::Direct
            && encryption.first != SslMode::Require
        {
            return Err(Error::configuration(
                format!("{setting} has sslnegotiation=direct, and TLS is not required"),
                "use it with sslmode=require, verify-ca or verify-full",
            ));
        }
        Ok(Self {
            address: address(&config),
            config,
            encryption,
            way: Way::Direct,
            fit: Arc::default(),
        })
    }

    /// The same, if that stands before it.
    #[must_use]
    pub fn behind(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    /// What stands before it.
    pub const fn way(&self) -> Way {
        self.way
    }

    /// The name and the port of its host, if it is one, and a name.
    pub fn name(&self) -> Option<(String, u16)> {
        match (self.config.get_hosts(), self.config.get_ports()) {
            ([Host::Tcp(name)], ports) => {
                Some((name.clone(), ports.first().copied().unwrap_or(5432)))
            }
            _ => None,
        }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What a query of its connections is cancelled with.
    pub fn connector(&self) -> Connector {
        self.encryption.connector()
    }

    /// Opens a connection, however long that takes.
    pub async fn open(&self) -> Result<AsyncPgConnection, ConnectError> {
        // Boxed: the driver's handshake is larger than all that a call has around it.
        Box::pin(async { self.set_up(self.log_in(None).await?).await }).await
    }

    /// Opens a connection that is marked by this `nonce`, for whoever then looks whether it still is.
    pub async fn open_marked(&self, nonce: &str) -> Result<AsyncPgConnection, ConnectError> {
        let options = pooler::marked(self.config.get_options(), nonce);
        Box::pin(async { self.set_up(self.log_in(Some(&options)).await?).await }).await
    }

    /// Opens a connection through what stands before the server, if that does with prepared statements.
    pub async fn open_through(&self) -> Result<AsyncPgConnection, ConnectError> {
        Box::pin(async {
            let mut login = self.log_in(None).await?;
            if !self.fit.load(Ordering::Relaxed) {
                self.examine(&mut login).await?;
                self.fit.store(true, Ordering::Relaxed);
            }
            self.set_up(login).await
        })
        .await
    }

    /// Refuses a pooler that lends a server's connection for a transaction only and passes on the names of
    /// prepared statements: each is unknown to the server's next connection.
    async fn examine(&self, (client, connection): &mut Login) -> Result<(), ConnectError> {
        let mut ours = Bare { client, connection };
        let failed = |error| ConnectError::setup(&self.address, error);
        let nonce = pooler::nonce(dice::roll());
        if ours.renames(&nonce).await.map_err(failed)? {
            return Ok(());
        }
        let (client, mut connection) = self.log_in(None).await?;
        let mut theirs = Bare {
            client: &client,
            connection: &mut connection,
        };
        if !ours.shares_with(&mut theirs).await.map_err(failed)? {
            return Ok(());
        }
        let why = format!(
            "{}: it is pooled by transactions, and a prepared statement is lost behind each",
            self.address
        );
        Err(ConnectError::new(Class::Pooler(pooler::PREPARE), why, None))
    }

    async fn log_in(&self, options: Option<&str>) -> Result<Login, ConnectError> {
        let error = match self.login(self.encryption.first, options).await {
            Ok(login) => return Ok(login),
            Err(error) => error,
        };
        match self.encryption.otherwise {
            Some(otherwise) if may_differ(&error) => {
                let first = self.refused(error, options);
                let login = self.login(otherwise, options).await;
                login.map_err(|error| self.refused(error, options).after(&first))
            }
            _ => Err(self.refused(error, options)),
        }
    }

    async fn login(
        &self,
        mode: SslMode,
        options: Option<&str>,
    ) -> Result<Login, tokio_postgres::Error> {
        let mut config = self.config.clone();
        config.ssl_mode(mode);
        if let Some(options) = options {
            config.options(options);
        }
        config.connect(self.connector()).await
    }

    async fn set_up(&self, (client, connection): Login) -> Result<AsyncPgConnection, ConnectError> {
        AsyncPgConnection::try_from_client_and_connection(client, connection)
            .await
            .map_err(|error| ConnectError::setup(&self.address, error))
    }

    fn refused(&self, error: tokio_postgres::Error, options: Option<&str>) -> ConnectError {
        if let Some(refusal) = pooler::refusal(&error) {
            // The parameter is ours, or one of its URL.
            let fix = options.map_or(pooler::OMIT, |_| pooler::DECLARE);
            let why = format!("{}: {refusal}", self.address);
            return ConnectError::new(Class::Pooler(fix), why, Some(Arc::new(error)));
        }
        let verdict = self.encryption.verdict(&error);
        ConnectError::from_postgres(&self.address, error, verdict)
    }
}

type Login = (
    tokio_postgres::Client,
    tokio_postgres::Connection<tokio_postgres::Socket, Stream>,
);

fn address(config: &tokio_postgres::Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        // One port for all hosts, or one for each.
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    hosts.collect::<Vec<_>>().join(",")
}
