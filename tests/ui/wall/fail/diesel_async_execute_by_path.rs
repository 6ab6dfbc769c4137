//! diesel-async's own verb, called by its path: `execute`.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

fn fault(conn: &mut ReadConn<'_>) {
    let _ = diesel_async::RunQueryDsl::execute(diesel::delete(artists::table), conn);
}

fn main() {}
