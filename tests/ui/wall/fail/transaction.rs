//! A transaction of one's own, which could be opened READ WRITE.

use diesel_manifold::prelude::*;

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    conn.transaction::<(), diesel::result::Error, _>(async |_conn| Ok(()))
        .await?;
    Ok(())
}

fn main() {}
