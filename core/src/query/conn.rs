//! The connections that a repository's methods receive.

use std::ops::{Deref, DerefMut};

use diesel_async::{AsyncConnectionCore, AsyncPgConnection};

use crate::terms::invalidations::Invalidations;
use crate::terms::key::IntoKeys;
use crate::terms::wire::Wire;

/// A connection that runs `SELECT`s and nothing else.
///
/// It has no `Deref`, no `AsMut` and is no diesel connection, so a statement that may change data or
/// lock rows does not compile on it. It must never get a `DerefMut`, not even to a private type:
/// diesel-async's blanket implementation would make it a full connection at once.
#[derive(Debug)]
pub struct ReadConn<'a> {
    wire: &'a mut Wire,
}

impl<'a> ReadConn<'a> {
    pub(crate) fn new(wire: &'a mut Wire) -> Self {
        Self { wire }
    }

    /// A shared handle for sending several queries at once: still read-only.
    ///
    /// ```no_run
    /// # use diesel_manifold::prelude::*;
    /// # diesel::table! { albums (id) { id -> Integer, title -> Text, } }
    /// # async fn page(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    /// let (mut first, mut second) = (conn.pipeline(), conn.pipeline());
    /// let (titles, count) = tokio::try_join!(
    ///     albums::table.select(albums::title).limit(10).load::<String>(&mut first),
    ///     albums::table.count().get_result::<i64>(&mut second),
    /// )?;
    /// # Ok(()) }
    /// ```
    pub fn pipeline(&self) -> ReadPipe<'_> {
        ReadPipe {
            raw: self.wire.shared(),
        }
    }
}

/// A shared, copyable handle of a [`ReadConn`] for pipelined queries.
#[derive(Clone, Copy)]
pub struct ReadPipe<'a> {
    raw: &'a AsyncPgConnection,
}

impl std::fmt::Debug for ReadPipe<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadPipe")
    }
}

/// A connection to the primary inside a write. It dereferences to diesel-async's connection, so
/// everything that runs there runs here.
pub struct WriteConn<'a> {
    wire: &'a mut Wire,
    invalidations: &'a mut Invalidations,
}

impl std::fmt::Debug for WriteConn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteConn")
            .field("invalidations", &self.invalidations)
            .finish_non_exhaustive()
    }
}

impl<'a> WriteConn<'a> {
    pub(crate) fn new(wire: &'a mut Wire, invalidations: &'a mut Invalidations) -> Self {
        Self {
            wire,
            invalidations,
        }
    }

    /// Lends this connection to a `#[read]` body, which then sees the running transaction.
    pub fn as_read(&mut self) -> ReadConn<'_> {
        ReadConn::new(self.wire)
    }

    /// Declares cached answers stale; they are dropped when the transaction has committed.
    ///
    /// It is for keys that only the body knows; `#[write(invalidates(..))]` declares the others. What
    /// is declared in a savepoint that rolls back stays declared.
    ///
    /// ```ignore
    /// conn.invalidate(Albums::by_id_key(&7));
    /// conn.invalidate(old.iter().map(|album| Albums::by_id_key(&album.id)));
    /// ```
    pub fn invalidate(&mut self, keys: impl IntoKeys) {
        self.invalidations.extend(keys.into_keys());
    }
}

impl Deref for WriteConn<'_> {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        self.wire.shared()
    }
}

impl DerefMut for WriteConn<'_> {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        self.wire.alone()
    }
}

/// Where a query really goes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a database connection",
    label = "expected `&mut ReadConn`, `&mut WriteConn` or a diesel-async connection"
)]
pub trait QueryConn {
    /// An ordinary diesel-async connection.
    type Raw: AsyncConnectionCore;

    #[doc(hidden)]
    fn __raw(&mut self, _: private::Token) -> &mut Self::Raw;
}

/// Its token cannot be named outside, so `__raw` cannot be called outside.
pub(super) mod private {
    #[derive(Debug)]
    pub struct Token;
}

#[diagnostic::do_not_recommend]
impl<C: AsyncConnectionCore> QueryConn for C {
    type Raw = C;

    fn __raw(&mut self, _: private::Token) -> &mut C {
        self
    }
}

impl QueryConn for ReadConn<'_> {
    type Raw = Wire;

    fn __raw(&mut self, _: private::Token) -> &mut Wire {
        self.wire
    }
}

impl<'a> QueryConn for ReadPipe<'a> {
    type Raw = &'a AsyncPgConnection;

    fn __raw(&mut self, _: private::Token) -> &mut &'a AsyncPgConnection {
        &mut self.raw
    }
}

/// `execute` reports affected rows; only a connection that may write has it.
#[diagnostic::on_unimplemented(
    message = "`execute` is for statements that change data, so `{Self}` does not have it",
    label = "this connection is read-only",
    note = "mark the method `#[write]` and take `conn: &mut WriteConn<'_>`",
    note = "to read rows use `load`, `first` or `get_result`"
)]
pub trait CanExecute: QueryConn {}

#[diagnostic::do_not_recommend]
impl<C: AsyncConnectionCore> CanExecute for C {}
