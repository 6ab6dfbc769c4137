//! An upsert whose rows are streamed.

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
        .on_conflict_do_nothing()
        .returning(artists::id)
        .load_stream::<i32>(conn)
        .await?;
    Ok(())
}

fn main() {}
