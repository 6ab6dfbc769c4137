//! diesel-async's verbs by name hide ours; a module that only writes does not notice.

use diesel_async::RunQueryDsl;
use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn write(conn: &mut WriteConn<'_>) -> QueryResult<usize> {
    diesel::delete(artists::table.find(1)).execute(conn).await
}

fn main() {
    let _ = write;
}
