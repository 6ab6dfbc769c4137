//! The failures of this library: opaque, cheap to clone, each saying who is at fault and what to do.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::terms::call::Name;
use crate::terms::token::Flaw;

mod passage;
mod text;

/// `Result` with this library's [`Error`], unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Arc<dyn StdError + Send + Sync>;

/// Why a call, or the start of a manifold, failed.
///
/// Opaque, so that it can grow; ask its predicates. It is cheap to clone.
///
/// A query's own failure comes through unchanged: [`Error::query`] is diesel's error. A method that
/// returns `QueryResult` gets a failure of ours as diesel's: a missing connection as
/// `DatabaseErrorKind::UnableToSendCommand`, any other as `QueryBuilderError`, whose box
/// downcasts to this type.
#[derive(Clone)]
pub struct Error(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Query(diesel::result::Error),
    Configuration {
        what: String,
        fix: String,
    },
    Unreachable {
        who: String,
        why: String,
        source: Option<Source>,
    },
    Busy {
        who: String,
        waited: Duration,
    },
    Lagging {
        waited: Duration,
    },
    Overloaded {
        waiting: usize,
    },
    NoReplica,
    Behind,
    WriteLost {
        timeline: u32,
    },
    WriteUncertain {
        timeline: u32,
    },
    NestedWrite {
        name: Name,
    },
    AbortedByBody {
        name: Name,
    },
    OutcomeUnknown {
        name: Name,
        source: Source,
    },
    EndedByBody {
        name: Name,
    },
    TooManyInvalidations {
        limit: usize,
        rolled_back: bool,
    },
    Token {
        flaw: Flaw,
    },
    #[cfg(feature = "migrations")]
    Migration {
        source: Source,
    },
    ShutDown,
}

impl Error {
    fn new(kind: Kind) -> Self {
        Self(Arc::new(kind))
    }

    pub(crate) fn configuration(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Kind::Configuration {
            what: what.into(),
            fix: fix.into(),
        })
    }

    pub(crate) fn unreachable(
        who: impl Into<String>,
        why: impl Into<String>,
        source: Option<Source>,
    ) -> Self {
        Self::new(Kind::Unreachable {
            who: who.into(),
            why: why.into(),
            source,
        })
    }

    pub(crate) fn busy(who: impl Into<String>, waited: Duration) -> Self {
        Self::new(Kind::Busy {
            who: who.into(),
            waited,
        })
    }

    pub(crate) fn lagging(waited: Duration) -> Self {
        Self::new(Kind::Lagging { waited })
    }

    pub(crate) fn overloaded(waiting: usize) -> Self {
        Self::new(Kind::Overloaded { waiting })
    }

    pub(crate) fn no_replica() -> Self {
        Self::new(Kind::NoReplica)
    }

    pub(crate) fn write_lost(timeline: u32) -> Self {
        Self::new(Kind::WriteLost { timeline })
    }

    pub(crate) fn write_uncertain(timeline: u32) -> Self {
        Self::new(Kind::WriteUncertain { timeline })
    }

    /// What a query is told whose node is behind. Nobody outside sees it: the call goes on elsewhere.
    pub(crate) fn behind() -> Self {
        Self::new(Kind::Behind)
    }

    pub(crate) fn nested_write(name: Name) -> Self {
        Self::new(Kind::NestedWrite { name })
    }

    pub(crate) fn aborted_by_body(name: Name) -> Self {
        Self::new(Kind::AbortedByBody { name })
    }

    pub(crate) fn outcome_unknown(name: Name, source: diesel::result::Error) -> Self {
        Self::new(Kind::OutcomeUnknown {
            name,
            source: Arc::new(source),
        })
    }

    pub(crate) fn ended_by_body(name: Name) -> Self {
        Self::new(Kind::EndedByBody { name })
    }

    pub(crate) fn too_many_invalidations(limit: usize, rolled_back: bool) -> Self {
        Self::new(Kind::TooManyInvalidations { limit, rolled_back })
    }

    pub(crate) fn token(flaw: Flaw) -> Self {
        Self::new(Kind::Token { flaw })
    }

    #[cfg(feature = "migrations")]
    pub(crate) fn migration(source: Source) -> Self {
        Self::new(Kind::Migration { source })
    }

    pub(crate) fn shut_down() -> Self {
        Self::new(Kind::ShutDown)
    }

    /// The failure of a query, if that is what this is.
    pub fn query(&self) -> Option<&diesel::result::Error> {
        match &*self.0 {
            Kind::Query(error) => Some(error),
            _ => None,
        }
    }

    /// A query found no row where it needed one.
    pub fn is_not_found(&self) -> bool {
        matches!(self.query(), Some(diesel::result::Error::NotFound))
    }

    /// The settings are wrong; the text says which and what would be right.
    pub fn is_configuration(&self) -> bool {
        matches!(*self.0, Kind::Configuration { .. })
    }

    /// No node that may answer could be reached.
    pub fn is_unreachable(&self) -> bool {
        matches!(*self.0, Kind::Unreachable { .. })
    }

    /// Every connection that could answer was in use for as long as a call may wait.
    pub fn is_busy(&self) -> bool {
        matches!(*self.0, Kind::Busy { .. })
    }

    /// No replica had replayed what the call must include, and the primary's read pool was in use, for
    /// as long as a call may look for a node: [`ReadSettings::deadline`](crate::ReadSettings::deadline).
    pub fn is_lagging(&self) -> bool {
        matches!(*self.0, Kind::Lagging { .. })
    }

    /// As many reads as may wait for a fresh node were waiting:
    /// [`ReadSettings::max_waiting`](crate::ReadSettings::max_waiting).
    pub fn is_overloaded(&self) -> bool {
        matches!(*self.0, Kind::Overloaded { .. })
    }

    /// No replica may answer, and [`AllOut::Fail`](crate::AllOut::Fail) spares the primary.
    pub fn is_no_replica(&self) -> bool {
        matches!(*self.0, Kind::NoReplica)
    }

    /// A write that was acknowledged to this session is lost: it was in the log of a primary that failed, behind
    /// the place from which the new one went on. The session is told once, for all that were
    /// lost, and goes on without them; nothing of
    /// the call that is told was run. With replication that waits for a replica (`synchronous_commit`) this
    /// does not happen.
    pub fn is_write_lost(&self) -> bool {
        matches!(*self.0, Kind::WriteLost { .. })
    }

    /// A write that was acknowledged to this session may be lost with a primary that failed: nobody can
    /// tell on which side of the place from which the new one went on it was. Otherwise as
    /// [`Error::is_write_lost`]; look whether it is there.
    pub fn is_write_uncertain(&self) -> bool {
        matches!(*self.0, Kind::WriteUncertain { .. })
    }

    /// A public `#[write]` method was called inside a running write.
    pub fn is_nested_write(&self) -> bool {
        matches!(*self.0, Kind::NestedWrite { .. })
    }

    /// The body answered `Ok` although one of its statements had failed, so the server rolled back.
    pub fn is_aborted_by_body(&self) -> bool {
        matches!(*self.0, Kind::AbortedByBody { .. })
    }

    /// The connection was lost during COMMIT and the server could not be asked what became of it:
    /// the write may have happened.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(*self.0, Kind::OutcomeUnknown { .. })
    }

    /// The token is not one of ours, or of another cluster; begin a new session. The text says which.
    pub fn is_token(&self) -> bool {
        matches!(*self.0, Kind::Token { .. })
    }

    /// A migration failed, or could not be read. Those before it are done.
    #[cfg(feature = "migrations")]
    pub fn is_migration(&self) -> bool {
        matches!(*self.0, Kind::Migration { .. })
    }

    /// The manifold was shut down before the call.
    pub fn is_shut_down(&self) -> bool {
        matches!(*self.0, Kind::ShutDown)
    }

    /// The calling code is at fault and has to change; trying again will not help.
    pub fn is_misuse(&self) -> bool {
        matches!(
            *self.0,
            Kind::NestedWrite { .. }
                | Kind::AbortedByBody { .. }
                | Kind::EndedByBody { .. }
                | Kind::TooManyInvalidations { .. }
                | Kind::ShutDown
        )
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            // `Display` already is the query's own text, so the source is what is behind it.
            Kind::Query(error) => error.source(),
            Kind::Unreachable {
                source: Some(source),
                ..
            }
            | Kind::OutcomeUnknown { source, .. } => Some(&**source),
            _ => None,
        }
    }
}
