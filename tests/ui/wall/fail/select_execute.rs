//! `execute` of a SELECT: it counts touched rows, which is no question for a reader.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    artists::table.execute(conn).await?;
    Ok(())
}

fn main() {}
