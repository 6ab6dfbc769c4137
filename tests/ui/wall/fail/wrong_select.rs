//! A SELECT that diesel refuses is no query at all, so the wall refuses it as well.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

diesel::table! {
    albums (id) {
        id -> Integer,
        title -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(albums, artists);

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    albums::table
        .filter(artists::name.eq("Nina"))
        .load::<(i32, String)>(conn)
        .await?;
    Ok(())
}

fn main() {}
