//! A SELECT that locks its rows: FOR SHARE SKIP LOCKED.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    artists::table
        .for_share()
        .skip_locked()
        .first::<(i32, String)>(conn)
        .await?;
    Ok(())
}

fn main() {}
