//! A raw fragment as a statement of its own.

use diesel::dsl::sql;
use diesel::sql_types::Integer;
use diesel_manifold::prelude::*;

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    sql::<Integer>("DELETE FROM artists RETURNING 1")
        .load::<i32>(conn)
        .await?;
    Ok(())
}

fn main() {}
