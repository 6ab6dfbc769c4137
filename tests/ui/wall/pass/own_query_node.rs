//! A query node of a user's own reads if the query that it wraps reads.

use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel_manifold::prelude::*;
use diesel_manifold::{ReadOnlyQuery, kind};

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

#[derive(QueryId)]
struct Counted<T>(T);

impl<T: Query> Query for Counted<T> {
    type SqlType = (T::SqlType, BigInt);
}

impl<T: QueryFragment<Pg>> QueryFragment<Pg> for Counted<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT *, count(*) OVER () FROM (");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(") counted");
        Ok(())
    }
}

impl<T: ReadOnlyQuery<K>, K: kind::Kind> ReadOnlyQuery<kind::Wrapped<K>> for Counted<T> {}

async fn counted(conn: &mut ReadConn<'_>) -> QueryResult<Vec<((i32, String), i64)>> {
    Counted(artists::table.as_query()).load(conn).await
}

fn main() {
    let _ = counted;
}
