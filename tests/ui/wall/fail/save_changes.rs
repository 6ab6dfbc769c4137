//! `save_changes`, diesel-async's UPDATE of a struct.

use diesel_async::SaveChangesDsl;
use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

#[derive(Identifiable, AsChangeset)]
#[diesel(table_name = artists)]
struct Artist {
    id: i32,
    name: String,
}

fn fault(conn: &mut ReadConn<'_>, artist: Artist) {
    let _ = artist.save_changes::<(i32, String)>(conn);
}

fn main() {}
