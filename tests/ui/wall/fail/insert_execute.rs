//! An INSERT.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::insert_into(artists::table)
        .values(artists::name.eq("Nina"))
        .execute(conn)
        .await?;
    Ok(())
}

fn main() {}
