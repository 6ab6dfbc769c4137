//! An INSERT is no query because it returns a row.

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
        .get_result::<(i32, String)>(conn)
        .await?;
    Ok(())
}

fn main() {}
