//! Where a server is, and how to log in: what a URL says.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use diesel_async::AsyncPgConnection;
use tokio_postgres::NoTls;
use tokio_postgres::config::{Host, SslMode};

use crate::pools::connect::failure::ConnectError;
use crate::terms::error::{Error, Result};

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

    /// Opens a connection, however long that takes.
    pub async fn open(&self) -> Result<AsyncPgConnection, ConnectError> {
        let (client, connection) = (self.config.connect(NoTls).await)
            .map_err(|error| ConnectError::from_postgres(&self.address, error))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection)
            .await
            .map_err(|error| ConnectError::setup(&self.address, error))
    }
}

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
