//! How the connections to one server are encrypted, and which way is tried first.

use std::error::Error as StdError;

use tokio_postgres::Socket;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;

#[cfg(feature = "tls")]
use crate::pools::connect::handshake;
use crate::terms::error::Result;
use crate::terms::tls::client::Client;
use crate::terms::tls::parameters::Parameters;
use crate::terms::tls::{Mode, Tls, Verdict};

/// Speaks TLS for the driver.
#[cfg(feature = "tls")]
pub type Connector = handshake::Connector;
#[cfg(not(feature = "tls"))]
pub type Connector = tokio_postgres::NoTls;

/// A connection that speaks TLS, if it does.
pub type Stream = <Connector as MakeTlsConnect<Socket>>::Stream;

/// How to encrypt.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// What the driver is told at first.
    pub first: SslMode,
    /// What it is told when that was refused for its encryption.
    pub otherwise: Option<SslMode>,
    client: Option<Client>,
}

impl Encryption {
    /// What the parameters say. `local`: the servers are reached by Unix sockets, on which nobody speaks
    /// TLS. `setting` names where the parameters stand, for the error.
    pub fn new(parameters: &Parameters, local: bool, setting: &str) -> Result<Self> {
        let (mode, tls) = Tls::of_postgres(parameters, setting)?;
        let (first, otherwise) = match mode {
            _ if local => (SslMode::Disable, None),
            _ if mode.insists() => (SslMode::Require, None),
            Mode::Allow if cfg!(feature = "tls") => (SslMode::Disable, Some(SslMode::Prefer)),
            Mode::Prefer if cfg!(feature = "tls") => (SslMode::Prefer, Some(SslMode::Disable)),
            _ => (SslMode::Disable, None),
        };
        let never = first == SslMode::Disable && otherwise.is_none();
        let client = (!never).then(|| Client::new(&tls, setting)).transpose()?;
        Ok(Self {
            first,
            otherwise,
            // PostgreSQL 17 wants to be told so, where TLS begins without a question
            // (`sslnegotiation=direct`); older ones do not look at it.
            client: client.map(|client| client.speaking("postgresql")),
        })
    }

    /// What the driver connects and cancels with.
    #[cfg(feature = "tls")]
    pub fn connector(&self) -> Connector {
        handshake::Connector(self.client.clone())
    }

    /// What the driver connects and cancels with.
    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "as it is where TLS is compiled in")]
    pub fn connector(&self) -> Connector {
        tokio_postgres::NoTls
    }

    /// What TLS has to do with the failure; `None`: nothing.
    pub fn verdict(&self, error: &tokio_postgres::Error) -> Option<Verdict> {
        // The driver has no type for it.
        let none = error.source().map(ToString::to_string);
        if none.as_deref() == Some("server does not support TLS") {
            return Some(Verdict {
                why: "it speaks no TLS, which its sslmode asks for".to_owned(),
                fix: Some("turn TLS on at the server, or ask for less by sslmode"),
            });
        }
        self.client.as_ref()?.verdict(error)
    }
}

/// Whether another encryption may succeed where this one failed: the handshake failed, or
/// `pg_hba.conf` has no such line.
pub fn may_differ(error: &tokio_postgres::Error) -> bool {
    #[cfg(feature = "tls")]
    if (error.source()).is_some_and(<dyn StdError>::is::<handshake::Failed>) {
        return true;
    }
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}
