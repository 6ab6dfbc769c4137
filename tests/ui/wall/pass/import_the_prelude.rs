//! One import is enough, for reading and for writing.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = artists)]
struct Artist {
    id: i32,
    name: String,
}

async fn read(conn: &mut ReadConn<'_>) -> QueryResult<Option<Artist>> {
    artists::table
        .find(1)
        .select(Artist::as_select())
        .first(conn)
        .await
        .optional()
}

async fn write(conn: &mut WriteConn<'_>, artist: Artist) -> QueryResult<usize> {
    conn.batch_execute("SET LOCAL statement_timeout = '1s'")
        .await?;
    conn.transaction(async |conn| {
        let _ = artists::table.for_update().load::<Artist>(conn).await?;
        diesel::insert_into(artists::table)
            .values(&artist)
            .execute(conn)
            .await
    })
    .await
}

fn main() {
    let _ = (read, write);
}
