//! A DELETE.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::delete(artists::table).execute(conn).await?;
    Ok(())
}

fn main() {}
