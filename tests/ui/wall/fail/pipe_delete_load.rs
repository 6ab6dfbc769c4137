//! A DELETE through a `ReadPipe`.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(mut pipe: ReadPipe<'_>) -> QueryResult<()> {
    diesel::delete(artists::table)
        .load::<(i32, String)>(&mut pipe)
        .await?;
    Ok(())
}

fn main() {}
