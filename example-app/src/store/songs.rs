//! The songs of an album, in their order.

use diesel_manifold::Cacheable;
use diesel_manifold::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::song;

/// A song on its album.
// It is kept in the cache as a part of the album, so it is `Cacheable`, too.
#[derive(
    Debug, Clone, PartialEq, Serialize, Deserialize, Cacheable, Queryable, Selectable, ToSchema,
)]
#[diesel(table_name = song, check_for_backend(diesel::pg::Pg))]
pub struct Song {
    /// Where it stands on the album, counted from 1.
    #[schema(example = 1)]
    pub position: i32,
    #[schema(example = "Walk On Water")]
    pub title: String,
    #[schema(required, example = 295_680)]
    pub milliseconds: Option<i32>,
}

/// A song to be added.
#[derive(Debug, Clone)]
pub struct NewSong {
    pub title: String,
    pub milliseconds: Option<i32>,
}

/// The songs.
#[derive(Debug, Clone)]
pub struct Songs {
    db: Manifold,
}

impl Songs {
    /// The songs behind `db`.
    pub const fn new(db: Manifold) -> Self {
        Self { db }
    }
}

#[repository]
impl Songs {
    /// The songs of an album, in order.
    #[read]
    pub async fn of_album(&self, conn: &mut ReadConn<'_>, album: i32) -> Result<Vec<Song>> {
        let songs = song::table
            .filter(song::album_id.eq(album))
            .order(song::position)
            .select(Song::as_select());
        Ok(songs.load(conn).await?)
    }

    /// Puts songs on an album that has none, in the order of the slice.
    ///
    /// It makes no cached answer stale: an album that is cached has its songs already.
    #[write(invalidates(none))]
    pub async fn add(&self, conn: &mut WriteConn<'_>, album: i32, songs: &[NewSong]) -> Result<()> {
        let rows: Vec<_> = (1..)
            .zip(songs)
            .map(|(position, new): (i32, _)| {
                (
                    song::album_id.eq(album),
                    song::position.eq(position),
                    song::title.eq(&new.title),
                    song::milliseconds.eq(new.milliseconds),
                )
            })
            .collect();
        // One statement for all. 500 songs, the most that come over HTTP, are 2,000 parameters of
        // the 65,535 that a statement can have.
        diesel::insert_into(song::table)
            .values(rows)
            .execute(conn)
            .await?;
        Ok(())
    }
}
