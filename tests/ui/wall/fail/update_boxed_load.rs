//! A boxed UPDATE: boxing hides nothing.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::update(artists::table)
        .into_boxed()
        .set(artists::name.eq("Nina"))
        .returning(artists::id)
        .load::<i32>(conn)
        .await?;
    Ok(())
}

fn main() {}
