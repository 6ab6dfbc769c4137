//! A name that is imported hides the one of a glob: diesel-async's verbs hide ours.

use diesel_async::RunQueryDsl;
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
