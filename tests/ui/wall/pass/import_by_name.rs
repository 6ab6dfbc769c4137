//! The verbs by name hide those of diesel's prelude, as diesel-async's do.

use diesel::prelude::*;
use diesel_manifold::{ReadConn, RunQueryDsl, WriteConn};

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn read(conn: &mut ReadConn<'_>) -> QueryResult<Vec<(i32, String)>> {
    artists::table.filter(artists::id.eq(1)).load(conn).await
}

async fn write(conn: &mut WriteConn<'_>) -> QueryResult<usize> {
    diesel::delete(artists::table.find(1)).execute(conn).await
}

fn main() {
    let _ = (read, write);
}
