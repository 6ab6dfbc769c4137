//! Who asserts that SQL reads has no use for `execute`.

use diesel_manifold::prelude::*;

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::sql_query("DELETE FROM artists")
        .assert_read_only()
        .execute(conn)
        .await?;
    Ok(())
}

fn main() {}
