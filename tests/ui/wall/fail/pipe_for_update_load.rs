//! A lock through a `ReadPipe`.

use diesel_manifold::prelude::*;

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
    }
}

async fn fault(mut pipe: ReadPipe<'_>) -> QueryResult<()> {
    artists::table
        .for_update()
        .load::<(i32, String)>(&mut pipe)
        .await?;
    Ok(())
}

fn main() {}
