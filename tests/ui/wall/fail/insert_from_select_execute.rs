//! An INSERT that begins as a SELECT.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    artists::table
        .select(artists::name)
        .insert_into(artists::table)
        .into_columns(artists::name)
        .execute(conn)
        .await?;
    Ok(())
}

fn main() {}
