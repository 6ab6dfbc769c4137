//! Only hand-written SQL can be asserted; diesel knows that an INSERT writes.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::insert_into(artists::table)
        .default_values()
        .returning(artists::id)
        .assert_read_only()
        .load::<i32>(conn)
        .await?;
    Ok(())
}

fn main() {}
