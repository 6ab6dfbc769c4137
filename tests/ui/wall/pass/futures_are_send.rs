//! Every verb's future may wait on another thread, also while a second one is held beside it.

use diesel_manifold::prelude::*;
use futures_util::TryStreamExt;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

type Row = (i32, String);

async fn read(conn: &mut ReadConn<'_>, id: i32, names: &[&str]) -> QueryResult<()> {
    let _: Vec<Row> = artists::table.load(conn).await?;
    let _: Vec<Row> = artists::table.get_results(conn).await?;
    let _: Row = artists::table.find(id).get_result(conn).await?;
    let _: Row = artists::table
        .filter(artists::name.eq_any(names))
        .first(conn)
        .await?;
    let rows = artists::table.load_stream::<Row>(conn).await?;
    let _: Vec<Row> = rows.try_collect().await?;
    let mut boxed = artists::table.into_boxed();
    if let [name] = names {
        boxed = boxed.filter(artists::name.eq(*name));
    }
    let _: Vec<Row> = boxed.load(conn).await?;
    let names = artists::table.select(artists::name);
    let _: Vec<String> = names.union(names).load(conn).await?;
    let raw = diesel::dsl::sql::<diesel::sql_types::Integer>("SELECT 1").assert_read_only();
    let _: i32 = raw.get_result(conn).await?;
    Ok(())
}

async fn pipelined(conn: &mut ReadConn<'_>) -> QueryResult<(Row, i64)> {
    let (mut first, mut second) = (conn.pipeline(), conn.pipeline());
    let row = artists::table.first::<Row>(&mut first);
    let count = artists::table.count().get_result::<i64>(&mut second);
    tokio::try_join!(row, count)
}

async fn write(conn: &mut WriteConn<'_>) -> QueryResult<()> {
    diesel::delete(artists::table).execute(conn).await?;
    let _: Row = diesel::delete(artists::table).get_result(conn).await?;
    read(&mut conn.as_read(), 1, &["Nina"]).await
}

fn is_send<T: Send>(_: T) {}

fn all(read_conn: &mut ReadConn<'_>, write_conn: &mut WriteConn<'_>) {
    is_send(read(read_conn, 1, &["Nina"]));
    is_send(pipelined(read_conn));
    is_send(write(write_conn));
}

fn main() {
    let _ = all;
}
