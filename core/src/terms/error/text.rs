//! What people read: who is at fault, and what to do.

use std::fmt;

use super::{Error, Kind};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Query(error) => error.fmt(f),
            Kind::Configuration { what, fix } => write!(f, "{what}; {fix}"),
            Kind::Unreachable { who, why, .. } => write!(f, "{who} cannot be reached: {why}"),
            Kind::Busy { who, waited } => write!(
                f,
                "no free connection to {who} within {waited:?}; raise the pool size or lower the load"
            ),
            Kind::Lagging { waited } => write!(
                f,
                "no replica has replayed what this call must include within {waited:?}, and the primary's \
                 read pool was in use; look at the replicas' lag, raise `pool.fallback_size`, or read with \
                 `consistency = eventual`"
            ),
            Kind::Overloaded { waiting } => write!(
                f,
                "{waiting} reads wait for a node that is fresh enough, which is as many as may; look at the \
                 replicas' lag, or raise `read.max_waiting`"
            ),
            Kind::NoReplica => f.write_str(
                "no replica may answer: each is away, lags too far or follows nobody; look at \
                 `Manifold::nodes`, or let the primary answer by `read.all_out`",
            ),
            Kind::Behind => f.write_str(
                "this node is behind what the call must include; the call goes on elsewhere",
            ),
            Kind::Token { flaw } => write!(f, "the token {flaw}; begin a new session"),
            #[cfg(feature = "migrations")]
            Kind::Migration { source } => {
                write!(
                    f,
                    "a migration failed, and those before it are done: {source}"
                )
            }
            Kind::ShutDown => f.write_str("the manifold was shut down; nothing was run"),
            Kind::NestedWrite { .. }
            | Kind::AbortedByBody { .. }
            | Kind::OutcomeUnknown { .. }
            | Kind::EndedByBody { .. }
            | Kind::TooManyInvalidations { .. }
            | Kind::WriteLost { .. }
            | Kind::WriteUncertain { .. } => self.of_a_write(f),
        }
    }
}

impl Error {
    fn of_a_write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::NestedWrite { name } => write!(
                f,
                "`{name}` was called inside a running write, where it would wait for itself; \
                 call `{name}_on(conn, ..)` to take part in the running transaction"
            ),
            Kind::AbortedByBody { name } => write!(
                f,
                "the body of `{name}` answered Ok although one of its statements failed, so the \
                 server rolled the transaction back; return that error, or run the statement that \
                 may fail in `conn.transaction(..)`, which is a savepoint"
            ),
            Kind::OutcomeUnknown { name, .. } => write!(
                f,
                "the connection was lost during the COMMIT of `{name}` and the server could not be \
                 asked for the outcome; look whether the write happened before repeating it"
            ),
            Kind::EndedByBody { name } => write!(
                f,
                "the body of `{name}` ended its transaction by SQL of its own (COMMIT or ROLLBACK), so \
                 nobody knows what of it is committed; use `conn.transaction(..)` for a part that may \
                 fail, or `#[write(transaction = off)]`"
            ),
            Kind::TooManyInvalidations { limit, rolled_back } => {
                write!(f, "one write invalidates more than {limit} keys, so ")?;
                f.write_str(if *rolled_back {
                    "it was rolled back; split it, or raise `max_invalidations`"
                } else {
                    "some cached answers that it made stale stay until their time to live is over; \
                     split it, or raise `max_invalidations`"
                })
            }
            Kind::WriteLost { timeline } => write!(
                f,
                "a write that was acknowledged to this session is lost: the primary that had it failed before \
                 the one on timeline {timeline} had received it; look at what is there and write again"
            ),
            Kind::WriteUncertain { timeline } => write!(
                f,
                "a write that was acknowledged to this session may be lost: nobody knows whether the primary on \
                 timeline {timeline} has received it; look at what is there before writing again"
            ),
            // Told above.
            _ => Ok(()),
        }
    }
}
