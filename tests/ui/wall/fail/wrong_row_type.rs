//! A plain mistake keeps diesel's own text: the name is no number.

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
        .load::<i32>(conn)
        .await?;
    Ok(())
}

fn main() {}
