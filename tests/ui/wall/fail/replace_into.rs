//! REPLACE INTO: PostgreSQL has none, and diesel says so.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

fn fault(conn: &mut ReadConn<'_>) {
    let _ = diesel::replace_into(artists::table)
        .default_values()
        .execute(conn);
}

fn main() {}
