//! A DELETE is no query because it returns rows.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::delete(artists::table)
        .load::<(i32, String)>(conn)
        .await?;
    Ok(())
}

fn main() {}
