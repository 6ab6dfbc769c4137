//! A script of statements.

use diesel_manifold::prelude::*;

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    conn.batch_execute("DELETE FROM artists").await?;
    Ok(())
}

fn main() {}
