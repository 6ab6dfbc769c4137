//! Both libraries' verbs in scope, one of them unnamed.

use diesel_async::RunQueryDsl as _;
use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<Vec<(i32, String)>> {
    artists::table.load(conn).await
}

fn main() {}
