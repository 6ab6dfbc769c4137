//! What can go wrong, and who is at fault: the machine (a binary is missing), the server (it did not start) or the caller.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a cluster did not start, or a fault could not be done. The message says what to do; the predicates say which kind it is.
#[derive(Debug)]
pub struct Error {
    // Boxed, so that every `Result` here stays the size of a pointer.
    kind: Box<Kind>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    MissingBinary {
        binary: String,
        package: &'static str,
        variable: &'static str,
        looked_in: Vec<PathBuf>,
    },
    UnsupportedVersion {
        found: String,
    },
    NoAccount,
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    Process {
        doing: &'static str,
        program: PathBuf,
        source: io::Error,
    },
    NotStarted {
        server: String,
        why: String,
        log: String,
    },
    Sql {
        server: String,
        sql: String,
        message: String,
    },
    Redis {
        doing: &'static str,
        why: String,
    },
    TimedOut {
        waiting_for: String,
        limit: Duration,
        detail: String,
    },
    WrongState {
        server: String,
        wanted: &'static str,
        state: String,
    },
    Invalid {
        what: &'static str,
        given: String,
        rule: &'static str,
    },
    NoFreePort,
    TemplateChanged,
}

impl Error {
    /// A server or one of its tools is not installed. The message names the package that brings it.
    pub fn is_missing_binary(&self) -> bool {
        matches!(*self.kind, Kind::MissingBinary { .. })
    }

    /// A server was started and did not come up. The message ends with the last lines of its log.
    pub fn is_not_started(&self) -> bool {
        matches!(*self.kind, Kind::NotStarted { .. })
    }

    /// Something that should have happened by itself did not within its limit.
    pub fn is_timed_out(&self) -> bool {
        matches!(*self.kind, Kind::TimedOut { .. })
    }

    /// PostgreSQL refused a statement.
    pub fn is_sql(&self) -> bool {
        matches!(*self.kind, Kind::Sql { .. })
    }

    /// The server is not in a state for this: stopped, frozen, running already, or a primary instead of a replica.
    pub fn is_wrong_state(&self) -> bool {
        matches!(*self.kind, Kind::WrongState { .. })
    }

    /// Trying again may help. Mostly another process came in between: it took a port that we had found free, or replaced the template that we were copying.
    pub(crate) fn is_worth_another_try(&self) -> bool {
        match &*self.kind {
            Kind::NotStarted { log, .. } => log.contains("Address already in use"),
            // A start that timed out was seen once in some hundreds, on a busy machine; the cause was
            // not found. The last try's error has the logs.
            Kind::TemplateChanged | Kind::TimedOut { .. } => true,
            _ => false,
        }
    }

    /// This error; if it is a wait that was in vain, with what a reader needs to see why.
    pub(crate) fn with_detail(mut self, detail: impl FnOnce() -> String) -> Self {
        if let Kind::TimedOut { detail: place, .. } = &mut *self.kind {
            *place = detail();
        }
        self
    }

    /// Turns an `io::Error` about a path into an [`Error`]; made for `map_err`.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            Kind::File {
                doing,
                path,
                source,
            }
            .into()
        }
    }

    /// Turns an `io::Error` about a program into an [`Error`]; made for `map_err`.
    pub(crate) fn process(doing: &'static str, program: &Path) -> impl FnOnce(io::Error) -> Self {
        let program = program.to_owned();
        move |source| {
            Kind::Process {
                doing,
                program,
                source,
            }
            .into()
        }
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self {
            kind: Box::new(kind),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.kind {
            Kind::MissingBinary { binary, package, variable, looked_in } => {
                write!(f, "`{binary}` was not found; install it with {package}, or point {variable} at it (looked in")?;
                for (index, place) in looked_in.iter().enumerate() {
                    write!(f, "{} {}", if index == 0 { "" } else { "," }, place.display())?;
                }
                f.write_str(")")
            }
            Kind::UnsupportedVersion { found } => {
                write!(f, "`{found}` is too old: the configuration is for PostgreSQL 15 and later; MANIFOLD_PG_BIN chooses another")
            }
            Kind::NoAccount => f.write_str(
                "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as; add one, or do not run as root",
            ),
            Kind::File { doing, path, .. } => write!(f, "could not {doing} {}", path.display()),
            Kind::Process { doing, program, .. } => write!(f, "could not {doing} {}", program.display()),
            Kind::NotStarted { server, why, log } => {
                write!(f, "{server} did not start: {why}; the end of its log:\n{}", log.trim_end())
            }
            Kind::Sql { server, sql, message } => write!(f, "{server} refused a statement: {} (of `{sql}`)", message.trim_end()),
            Kind::Redis { doing, why } => write!(f, "Redis did not {doing}: {why}"),
            Kind::TimedOut { waiting_for, limit, detail } => {
                write!(f, "waited {limit:?} for {waiting_for}, in vain")?;
                if detail.is_empty() { Ok(()) } else { write!(f, ": {}", detail.trim_end()) }
            }
            Kind::WrongState { server, wanted, state } => write!(f, "{server} must be {wanted} for this, and is {state}"),
            Kind::Invalid { what, given, rule } => write!(f, "`{given}` is no {what}: {rule}"),
            Kind::NoFreePort => f.write_str("no free port was found on 127.0.0.1; are very many servers running?"),
            Kind::TemplateChanged => f.write_str(
                "the template in the temporary directory changes while it is copied; is something cleaning that directory up?",
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.kind {
            Kind::File { source, .. } | Kind::Process { source, .. } => Some(source),
            _ => None,
        }
    }
}
