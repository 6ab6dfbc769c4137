//! A query node of one's own does not run before its author says that it reads.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel_manifold::prelude::*;

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

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    Paginated(artists::table.select(artists::id))
        .load::<i32>(conn)
        .await?;
    Ok(())
}

fn main() {}
