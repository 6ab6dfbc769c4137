//! Why a connection could not be opened, and what that says about its node.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use tokio_postgres::error::SqlState;

use crate::terms::error::Error;
use crate::terms::tls::Verdict;

/// What a failed connection says about its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It cannot serve now.
    Down,
    /// It serves, but takes no more connections (SQLSTATE 53300).
    Full,
    /// It serves, but takes no writes.
    Standby,
    /// It refuses us: a wrong password, role or database. The configuration is at fault.
    Denied,
    /// TLS cannot be had as it was asked for. The configuration is at fault, and this mends it.
    Tls(&'static str),
    /// What stands before it does not do as it was declared. The configuration is at fault, and this mends it.
    Pooler(&'static str),
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
    pub fn new(class: Class, why: String, source: Option<Arc<dyn StdError + Send + Sync>>) -> Self {
        Self { class, why, source }
    }

    /// The server at `address`, or the way to it, refused; `verdict` says what TLS has to do with it.
    pub fn from_postgres(
        address: &str,
        error: tokio_postgres::Error,
        verdict: Option<Verdict>,
    ) -> Self {
        if let Some(Verdict { why, fix }) = verdict {
            let class = fix.map_or(Class::Down, Class::Tls);
            return Self::new(class, format!("{address}: {why}"), Some(Arc::new(error)));
        }
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
        Self::new(class, format!("{address}: {why}"), Some(Arc::new(error)))
    }

    /// A failure of the pool itself.
    pub fn pool(address: &str, why: &str) -> Self {
        Self::new(Class::Down, format!("{address}: {why}"), None)
    }

    /// The connection was open, and failed with its first queries.
    pub fn setup(address: &str, error: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(
            Class::Down,
            format!("{address}: {error}"),
            Some(Arc::new(error)),
        )
    }

    /// Says that another way was tried `first`.
    pub fn after(mut self, first: &Self) -> Self {
        self.why = format!("{}; tried before: {}", self.why, first.why);
        self
    }

    /// The public error, about the node `who`.
    pub fn into_error(self, who: &str) -> Error {
        match self.class {
            Class::Denied => Error::configuration(
                format!("{who} refuses this configuration ({})", self.why),
                "check the user, the password, the database and the TLS parameters of its URL",
            ),
            Class::Tls(fix) => {
                Error::configuration(format!("TLS to {who} fails ({})", self.why), fix)
            }
            Class::Pooler(fix) => {
                Error::configuration(format!("{who} is behind a pooler ({})", self.why), fix)
            }
            Class::Foreign => Error::configuration(
                format!("{who} does not belong to the primary ({})", self.why),
                "give the URL of a physical standby of the primary",
            ),
            Class::Down | Class::Full | Class::Standby => {
                Error::unreachable(who, self.why, self.source)
            }
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
