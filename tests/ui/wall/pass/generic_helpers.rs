//! Helpers that are generic in the query, or in the connection, keep the wall.

use diesel_async::AsyncPgConnection;
use diesel_async::methods::LoadQuery;
use diesel_manifold::prelude::*;
use diesel_manifold::{QueryConn, RunsOn, Wire, kind};

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

type Row = (i32, String);

/// Any query, on a reading connection.
async fn all<'q, Q, K, U>(query: Q, conn: &mut ReadConn<'_>) -> QueryResult<Vec<U>>
where
    Q: LoadQuery<'q, Wire, U> + for<'a> RunsOn<ReadConn<'a>, kind::Read<K>> + 'q,
    K: kind::Kind,
    U: Send,
{
    query.load(conn).await
}

/// One query, on any connection.
async fn artists<C, K>(conn: &mut C) -> QueryResult<Vec<Row>>
where
    C: QueryConn,
    K: kind::Kind,
    artists::table: RunsOn<C, K> + for<'q> LoadQuery<'q, C::Raw, Row>,
{
    RunQueryDsl::<C, K>::load(artists::table, conn).await
}

async fn read(conn: &mut ReadConn<'_>) -> QueryResult<()> {
    let named = artists::table.filter(artists::name.eq("Nina"));
    let _: Vec<Row> = all(named, conn).await?;
    let names = artists::table.select(artists::name);
    let _: Vec<String> = all(names.union(names), conn).await?;
    artists(conn).await?;
    Ok(())
}

async fn write(conn: &mut WriteConn<'_>, raw: &mut AsyncPgConnection) -> QueryResult<()> {
    artists(conn).await?;
    artists(raw).await?;
    read(&mut conn.as_read()).await
}

fn main() {
    let _ = (read, write);
}
