//! An *endpoint*: where a node is, what stands before it, and what it is for.

use std::fmt;
use std::time::Duration;

/// Where a node is reached, and what stands between it and us: [`docs::poolers`](crate::docs::poolers) tells
/// what follows from that.
///
/// A URL alone is one, too: `builder.replica("postgres://app:secret@db-2/shop")` is
/// [`Endpoint::direct`].
///
/// ```
/// use diesel_manifold::{Endpoint, Manifold};
/// use std::time::Duration;
///
/// let builder = Manifold::builder()
///     .primary(Endpoint::pooled("postgres://app:secret@pgbouncer:6432/primary"))
///     .replica(Endpoint::balanced("postgres://app:secret@haproxy:5433/shop"))
///     .replica(
///         Endpoint::direct("postgres://app:secret@db-4/shop")
///             .named("reports")
///             .tag("analytics")
///             .statement_timeout(Duration::from_secs(600)),
///     );
/// ```
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) url: String,
    pub(crate) way: Way,
    pub(crate) name: Option<String>,
    pub(crate) tag: Option<String>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) pin_after_write: Option<Duration>,
}

/// What stands between us and a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing that matters: a connection is one server's from its beginning to its end.
    Direct,
    /// Something that may answer each transaction from another connection, or another server.
    Opaque,
}

/// It holds a password, so the URL is not shown.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("way", &self.way)
            .field("name", &self.name)
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    fn new(url: impl Into<String>, way: Way) -> Self {
        Self {
            url: url.into(),
            way,
            name: None,
            tag: None,
            statement_timeout: None,
            pin_after_write: None,
        }
    }

    /// A server itself, or a proxy that hands a connection through unchanged. Its sessions get their
    /// settings once, when they are opened. One that turns out to be a pooler's is refused when the manifold connects.
    pub fn direct(url: impl Into<String>) -> Self {
        Self::new(url, Way::Direct)
    }

    /// A pooler before one server, such as PgBouncer in transaction mode (from 1.21 on, with
    /// `max_prepared_statements`) or in session mode. No session setting is ever sent: it would stay with
    /// the server's connection, for whoever is lent that next. Each body runs in a transaction of its
    /// own, which says what a session would, and asks the server where it is. One that loses prepared statements
    /// (PgBouncer before 1.21 in transaction mode) is refused when the manifold connects.
    pub fn pooled(url: impl Into<String>) -> Self {
        Self::new(url, Way::Opaque)
    }

    /// A balancer before several servers, such as HAProxy or the service of a Kubernetes cluster. As
    /// [`Endpoint::pooled`]; who answered is found out each time.
    pub fn balanced(url: impl Into<String>) -> Self {
        Self::new(url, Way::Opaque)
    }

    /// What the node is called, in routes, logs and [`Manifold::nodes`](crate::Manifold::nodes). Default:
    /// `primary`, `replica-1` .., `node-1` .., as it was configured; a discovered one by its address. The role is observed, so a node keeps its name
    /// when it is promoted.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// As a replica it answers only reads with this tag, `#[read(tag = "analytics")]`, and those go to such nodes first. If
    /// none of them may answer, [`ReadSettings::all_out`](crate::ReadSettings::all_out) decides, as for other reads; if no node has the tag
    /// at all, it counts for nothing. One that is promoted takes the writes, whatever its tag. Default: none.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// It cannot tell where it is in the primary's log, as a logical replica or a reader of Aurora; it is *assumed*
    /// to show everything that is older than this, and so a session reads on the primary for as long after a
    /// write. Default: it tells its position.
    ///
    /// **This is weaker than everything else here**: if the node lags for longer, its answers are older than was
    /// promised, and nobody notices. So choose it longer than it ever lags. It never takes writes.
    #[must_use]
    pub fn pin_after_write(mut self, pin: Duration) -> Self {
        self.pin_after_write = Some(pin);
        self
    }

    /// `statement_timeout` of its sessions, zero for no limit. Default:
    /// [`PoolSettings::statement_timeout`](crate::PoolSettings::statement_timeout).
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = Some(timeout);
        self
    }
}

impl From<&str> for Endpoint {
    fn from(url: &str) -> Self {
        Self::direct(url)
    }
}

impl From<&String> for Endpoint {
    fn from(url: &String) -> Self {
        Self::direct(url)
    }
}

impl From<String> for Endpoint {
    fn from(url: String) -> Self {
        Self::direct(url)
    }
}
