//! An UPDATE .. RETURNING.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::update(artists::table)
        .set(artists::name.eq("Nina"))
        .returning(artists::id)
        .get_result::<i32>(conn)
        .await?;
    Ok(())
}

fn main() {}
