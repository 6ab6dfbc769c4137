//! A query node of one's own reads if what it wraps reads, as its implementation says.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel_manifold::prelude::*;
use diesel_manifold::{ReadOnlyQuery, kind};

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

#[derive(QueryId)]
struct Paginated<T>(T);

impl<T: Query> Query for Paginated<T> {
    type SqlType = T::SqlType;
}

impl<T: QueryFragment<Pg>> QueryFragment<Pg> for Paginated<T> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }
}

impl<T: ReadOnlyQuery<K>, K: kind::Kind> ReadOnlyQuery<kind::Wrapped<K>> for Paginated<T> {}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    Paginated(diesel::delete(artists::table).returning(artists::id))
        .load::<i32>(conn)
        .await?;
    Ok(())
}

fn main() {}
