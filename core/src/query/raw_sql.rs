//! Raw SQL whose author says that it only reads.

use diesel::backend::Backend;
use diesel::expression::SqlLiteral;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, BoxedSqlQuery, Query, QueryFragment, QueryId, SqlQuery};
use diesel::result::QueryResult;

use crate::query::permission::{ReadOnlyQuery, kind};

/// Raw SQL that may run on a [`ReadConn`](crate::ReadConn), made by
/// [`assert_read_only`](AssertReadOnlyExt::assert_read_only).
#[derive(Debug, Clone, Copy)]
pub struct AssertReadOnly<Q>(Q);

impl<Q: Query> Query for AssertReadOnly<Q> {
    type SqlType = Q::SqlType;
}

impl<Q: QueryId> QueryId for AssertReadOnly<Q> {
    type QueryId = Q::QueryId;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for AssertReadOnly<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<Q: Query> ReadOnlyQuery<kind::Asserted> for AssertReadOnly<Q> {}

/// For hand-written SQL only: diesel's own INSERT, UPDATE and DELETE refuse it.
pub trait AssertReadOnlyExt: Sized {
    /// Says that this SQL only reads. The server checks it: every session that reads is read-only,
    /// so a mistake is its error `cannot execute .. in a read-only transaction`.
    ///
    /// Bound parameters need a boxed query first:
    /// `sql_query("..").into_boxed::<Pg>().bind::<Integer, _>(7).assert_read_only()`.
    fn assert_read_only(self) -> AssertReadOnly<Self>
    where
        Self: RawSql,
    {
        AssertReadOnly(self)
    }
}

// Every query has the method, so that the wrong one is refused by `RawSql`, which says why.
impl<Q: Query> AssertReadOnlyExt for Q {}

/// What can be asserted. Not exported: nobody adds to it.
#[diagnostic::on_unimplemented(
    message = "`assert_read_only` is for raw SQL only: `sql_query(..)` and `sql(..)`",
    label = "this query is not raw SQL, or has parameters bound before it was boxed",
    note = "bound parameters need a boxed query first: `sql_query(..).into_boxed::<Pg>().bind::<Integer, _>(7)`",
    note = "what diesel builds is never asserted: its SELECTs run as they are, its other statements on a `WriteConn`"
)]
pub trait RawSql {}

#[diagnostic::do_not_recommend]
impl<Inner> RawSql for SqlQuery<Inner> {}
#[diagnostic::do_not_recommend]
impl<DB: Backend, Q> RawSql for BoxedSqlQuery<'_, DB, Q> {}
#[diagnostic::do_not_recommend]
impl<ST, T> RawSql for SqlLiteral<ST, T> {}
