//! Both preludes: the name is ambiguous, and diesel's synchronous verbs come with it.

use diesel::prelude::*;
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
