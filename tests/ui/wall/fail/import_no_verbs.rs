//! No verbs at all.

use diesel::QueryResult;
use diesel_manifold::ReadConn;

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
