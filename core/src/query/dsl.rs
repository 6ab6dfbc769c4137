//! The verbs of a query: the same names as diesel-async's, a superset of it.

use diesel::dsl::Limit;
use diesel::query_dsl::methods::LimitDsl;
use diesel_async::AsyncConnectionCore;
use diesel_async::methods::{ExecuteDsl, LoadQuery};
use futures_util::TryStreamExt;

use crate::query::conn::private::Token;
use crate::query::conn::{CanExecute, QueryConn};
use crate::query::futures::{Execute, First, Get, Load, Open, Rows};
use crate::query::permission::{RunsOn, kind::Kind};

type RawOf<C> = <C as QueryConn>::Raw;
type Opening<'conn, 'query, Q, C, U> = <Q as LoadQuery<'query, RawOf<C>, U>>::LoadFuture<'conn>;
type RowsOf<'conn, 'query, Q, C, U> = <Q as LoadQuery<'query, RawOf<C>, U>>::Stream<'conn>;
type Executing<'conn, 'query, C> = <RawOf<C> as AsyncConnectionCore>::ExecuteFuture<'conn, 'query>;

/// Runs queries, on every connection that may run them.
///
/// It replaces `diesel_async::RunQueryDsl`: on a diesel-async connection and on a
/// [`WriteConn`](crate::WriteConn) it runs everything, on a [`ReadConn`](crate::ReadConn) what only
/// reads. Import one of the two, never both; `use diesel_manifold::prelude::*` brings this one.
///
/// `K` is inferred. A helper that is generic over the query names it:
///
/// ```
/// use diesel_manifold::{RunsOn, Wire, kind, prelude::*};
/// use diesel_async::methods::LoadQuery;
///
/// async fn all<'q, Q, K: kind::Kind, U: Send>(
///     query: Q,
///     conn: &mut ReadConn<'_>,
/// ) -> QueryResult<Vec<U>>
/// where
///     Q: LoadQuery<'q, Wire, U> + for<'a> RunsOn<ReadConn<'a>, kind::Read<K>> + 'q,
/// {
///     query.load(conn).await
/// }
/// ```
#[expect(
    clippy::type_complexity,
    reason = "the futures are named, as diesel-async's are, so that nothing is boxed"
)]
pub trait RunQueryDsl<Conn, K: Kind>: Sized {
    /// Runs the statement and tells how many rows it touched.
    fn execute<'conn, 'query>(
        self,
        conn: &'conn mut Conn,
    ) -> Execute<Executing<'conn, 'query, Conn>>
    where
        Conn: CanExecute,
        Self: RunsOn<Conn, K> + ExecuteDsl<Conn::Raw> + 'query,
    {
        Execute::new(ExecuteDsl::execute(self, conn.__raw(Token)))
    }

    /// All rows.
    fn load<'query, 'conn, U>(
        self,
        conn: &'conn mut Conn,
    ) -> Load<Opening<'conn, 'query, Self, Conn, U>, RowsOf<'conn, 'query, Self, Conn, U>, U>
    where
        U: Send,
        Conn: QueryConn,
        Self: RunsOn<Conn, K> + LoadQuery<'query, Conn::Raw, U> + 'query,
    {
        Rows::new(self.internal_load(conn.__raw(Token)), |rows| {
            rows.try_collect()
        })
    }

    /// The rows as they arrive.
    fn load_stream<'conn, 'query, U>(
        self,
        conn: &'conn mut Conn,
    ) -> Open<Opening<'conn, 'query, Self, Conn, U>>
    where
        U: 'conn,
        Conn: QueryConn,
        Self: RunsOn<Conn, K> + LoadQuery<'query, Conn::Raw, U> + 'query,
    {
        Open::new(self.internal_load(conn.__raw(Token)))
    }

    /// The first row that the query returns; `NotFound` if there is none.
    fn get_result<'query, 'conn, U>(
        self,
        conn: &'conn mut Conn,
    ) -> Get<Opening<'conn, 'query, Self, Conn, U>, RowsOf<'conn, 'query, Self, Conn, U>>
    where
        U: Send,
        Conn: QueryConn,
        Self: RunsOn<Conn, K> + LoadQuery<'query, Conn::Raw, U> + 'query,
    {
        Rows::new(self.internal_load(conn.__raw(Token)), First::new)
    }

    /// All rows; the same as `load`, as in diesel.
    fn get_results<'query, 'conn, U>(
        self,
        conn: &'conn mut Conn,
    ) -> Load<Opening<'conn, 'query, Self, Conn, U>, RowsOf<'conn, 'query, Self, Conn, U>, U>
    where
        U: Send,
        Conn: QueryConn,
        Self: RunsOn<Conn, K> + LoadQuery<'query, Conn::Raw, U> + 'query,
    {
        self.load(conn)
    }

    /// The first row, asked for with `LIMIT 1`; `NotFound` if there is none.
    fn first<'query, 'conn, U>(
        self,
        conn: &'conn mut Conn,
    ) -> Get<
        Opening<'conn, 'query, Limit<Self>, Conn, U>,
        RowsOf<'conn, 'query, Limit<Self>, Conn, U>,
    >
    where
        U: Send,
        Conn: QueryConn,
        Self: LimitDsl,
        Limit<Self>: RunsOn<Conn, K> + LoadQuery<'query, Conn::Raw, U> + Send + 'query,
    {
        Rows::new(
            LimitDsl::limit(self, 1).internal_load(conn.__raw(Token)),
            First::new,
        )
    }
}

impl<T, Conn, K: Kind> RunQueryDsl<Conn, K> for T {}
