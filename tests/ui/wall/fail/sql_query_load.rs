//! Raw SQL says nothing about itself.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    n: i32,
}

async fn fault(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    diesel::sql_query("DELETE FROM artists RETURNING id AS n")
        .load::<Row>(conn)
        .await?;
    Ok(())
}

fn main() {}
