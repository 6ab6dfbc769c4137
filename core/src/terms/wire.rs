//! The *wire*: an open connection that the call and the body ask side by side.

use std::fmt;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};

/// The connection beneath a [`ReadConn`](crate::ReadConn). It is named only in helpers that are
/// generic over the query, see [`RunQueryDsl`](crate::RunQueryDsl); nobody outside gets hold of one.
///
/// It is shared for as long as the node's position is asked for ahead of the body's first query, and
/// belongs to one owner at any other time.
pub struct Wire(Arc<AsyncPgConnection>);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    pub(crate) fn new(conn: AsyncPgConnection) -> Self {
        Self(Arc::new(conn))
    }

    /// The connection, for questions that go out side by side.
    pub(crate) fn shared(&self) -> &AsyncPgConnection {
        &self.0
    }

    /// The same connection once more, for a question that is not bound to this borrow. It must be
    /// dropped before anybody needs the connection for itself.
    pub(crate) fn beside(&self) -> Arc<AsyncPgConnection> {
        Arc::clone(&self.0)
    }

    /// The connection for oneself.
    pub(crate) fn alone(&mut self) -> &mut AsyncPgConnection {
        match Arc::get_mut(&mut self.0) {
            Some(conn) => conn,
            None => unreachable!("the question beside the body ends with the body"),
        }
    }
}

impl SimpleAsyncConnection for Wire {
    async fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        self.shared().batch_execute(sql).await
    }
}

impl AsyncConnectionCore for Wire {
    type ExecuteFuture<'c, 'q> = <AsyncPgConnection as AsyncConnectionCore>::ExecuteFuture<'c, 'q>;
    type LoadFuture<'c, 'q> = <AsyncPgConnection as AsyncConnectionCore>::LoadFuture<'c, 'q>;
    type Stream<'c, 'q> = <AsyncPgConnection as AsyncConnectionCore>::Stream<'c, 'q>;
    type Row<'c, 'q> = <AsyncPgConnection as AsyncConnectionCore>::Row<'c, 'q>;
    type Backend = Pg;

    fn load<'c, 'q, T>(&'c mut self, source: T) -> Self::LoadFuture<'c, 'q>
    where
        T: AsQuery + 'q,
        T::Query: QueryFragment<Self::Backend> + QueryId + 'q,
    {
        AsyncConnectionCore::load(&mut self.shared(), source)
    }

    fn execute_returning_count<'c, 'q, T>(&'c mut self, source: T) -> Self::ExecuteFuture<'c, 'q>
    where
        T: QueryFragment<Self::Backend> + QueryId + 'q,
    {
        self.shared().execute_returning_count(source)
    }
}
