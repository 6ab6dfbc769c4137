//! Both libraries' verbs by name.

use diesel::QueryResult;
use diesel_async::RunQueryDsl;
use diesel_manifold::{ReadConn, RunQueryDsl};

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
