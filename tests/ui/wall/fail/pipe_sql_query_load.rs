//! Raw SQL through a `ReadPipe`.

use diesel_manifold::prelude::*;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    n: i32,
}

async fn fault(mut pipe: ReadPipe<'_>) -> QueryResult<()> {
    diesel::sql_query("DELETE FROM artists RETURNING id AS n")
        .load::<Row>(&mut pipe)
        .await?;
    Ok(())
}

fn main() {}
