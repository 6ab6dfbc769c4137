//! An import in a body adds to those of the module and hides none.

use diesel::prelude::*;
use diesel_manifold::ReadConn;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<Vec<(i32, String)>> {
    use diesel_manifold::RunQueryDsl;
    artists::table.load(conn).await
}

fn main() {}
