//! Raw SQL that reports affected rows.

use diesel_manifold::prelude::*;

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::sql_query("DELETE FROM artists")
        .execute(conn)
        .await?;
    Ok(())
}

fn main() {}
