//! A bound parameter gives raw SQL a type that cannot be named: box it first.

use diesel::sql_types::Integer;
use diesel_manifold::prelude::*;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    n: i32,
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::sql_query("SELECT $1 AS n")
        .bind::<Integer, _>(1)
        .assert_read_only()
        .load::<Row>(conn)
        .await?;
    Ok(())
}

fn main() {}
