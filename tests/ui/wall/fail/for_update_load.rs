//! A SELECT that locks its rows: FOR UPDATE.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    artists::table
        .for_update()
        .load::<(i32, String)>(conn)
        .await?;
    Ok(())
}

fn main() {}
