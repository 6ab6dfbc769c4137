//! Albums: a page of them from a replica, one of them from the cache, and the writes that keep the
//! cache honest.

use std::sync::Arc;

use diesel::dsl::exists;
use diesel_manifold::Cacheable;
use diesel_manifold::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::artists::Artists;
use super::schema::{album, artist};
use super::songs::{NewSong, Song, Songs};

/// An album in a list.
#[derive(Debug, Serialize, Queryable, ToSchema)]
pub struct AlbumSummary {
    #[schema(example = 5)]
    pub id: i32,
    #[schema(example = "Big Ones")]
    pub title: String,
    #[schema(required, example = "Aerosmith")]
    pub artist: Option<String>,
}

/// An album with its songs.
#[derive(Debug, Clone, Serialize, Deserialize, Cacheable, ToSchema)]
pub struct AlbumWithSongs {
    #[schema(example = 5)]
    pub id: i32,
    #[schema(example = "Big Ones")]
    pub title: String,
    #[schema(required, example = "Aerosmith")]
    pub artist: Option<String>,
    pub songs: Vec<Song>,
}

/// An album to be created.
#[derive(Debug)]
pub struct NewAlbum {
    pub title: String,
    pub artist: Option<String>,
    pub songs: Vec<NewSong>,
}

/// What is to be different about an album.
#[derive(Debug)]
pub struct AlbumChange {
    /// `None`: stays.
    pub title: Option<String>,
    pub artist: ArtistChange,
}

/// Whose an album is from now on.
#[derive(Debug, Default)]
pub enum ArtistChange {
    /// As before.
    #[default]
    Stays,
    Nobody,
    Is(String),
}

/// The albums.
#[derive(Debug, Clone)]
pub struct Albums {
    db: Manifold,
    artists: Artists,
    songs: Songs,
}

impl Albums {
    /// The albums behind `db`.
    pub fn new(db: Manifold) -> Self {
        Self {
            artists: Artists::new(db.clone()),
            songs: Songs::new(db.clone()),
            db,
        }
    }
}

#[repository]
impl Albums {
    /// At most `limit` albums with an id above `after`, in id order. Always from the database: every
    /// new album would change some page.
    #[read]
    pub async fn page(
        &self,
        conn: &mut ReadConn<'_>,
        after: i32,
        limit: i64,
    ) -> Result<Vec<AlbumSummary>> {
        let page = album::table
            .left_join(artist::table)
            .filter(album::id.gt(after))
            .order(album::id)
            .limit(limit)
            .select((album::id, album::title, artist::name.nullable()));
        Ok(page.load(conn).await?)
    }

    /// One album. The `Arc` makes a hit cheap: it is shared with the cache and not copied.
    #[cached(ttl = "2m")]
    pub async fn by_id(
        &self,
        conn: &mut ReadConn<'_>,
        id: i32,
    ) -> Result<Option<Arc<AlbumWithSongs>>> {
        let found = album::table
            .left_join(artist::table)
            .filter(album::id.eq(id))
            .select((album::title, artist::name.nullable()))
            .first::<(String, Option<String>)>(conn)
            .await
            .optional()?;
        let Some((title, artist)) = found else {
            return Ok(None);
        };
        // Another repository's read, on the same connection.
        let songs = self.songs.of_album_on(conn, id).await?;
        Ok(Some(Arc::new(AlbumWithSongs {
            id,
            title,
            artist,
            songs,
        })))
    }

    /// Whether there is any album.
    #[read]
    pub async fn any(&self, conn: &mut ReadConn<'_>) -> Result<bool> {
        Ok(diesel::select(exists(album::table.select(album::id)))
            .get_result(conn)
            .await?)
    }

    /// Creates an album with its artist and its songs in one transaction, and gives its id.
    ///
    /// It makes no cached answer stale: that there is no such album is never kept.
    #[write(invalidates(none))]
    pub async fn create(&self, conn: &mut WriteConn<'_>, new: &NewAlbum) -> Result<i32> {
        let artist = match &new.artist {
            Some(name) => Some(self.artists.id_of_on(conn, name).await?),
            None => None,
        };
        let id = diesel::insert_into(album::table)
            .values((album::title.eq(&new.title), album::artist_id.eq(artist)))
            .returning(album::id)
            .get_result(conn)
            .await?;
        self.songs.add_on(conn, id, &new.songs).await?;
        Ok(id)
    }

    /// Changes an album and gives it as it is now; `None` if there is no such album.
    #[write(invalidates(by_id(id)))]
    pub async fn change(
        &self,
        conn: &mut WriteConn<'_>,
        id: i32,
        change: &AlbumChange,
    ) -> Result<Option<Arc<AlbumWithSongs>>> {
        // The lock comes first: of two changes at once the later one sees the earlier, and an album
        // that does not exist gets no artist.
        let there = album::table.find(id).select(album::id).for_update();
        if there.first::<i32>(conn).await.optional()?.is_none() {
            return Ok(None);
        }
        let this = album::table.find(id);
        if let Some(title) = &change.title {
            diesel::update(this)
                .set(album::title.eq(title))
                .execute(conn)
                .await?;
        }
        let artist = match &change.artist {
            ArtistChange::Stays => None,
            ArtistChange::Nobody => Some(None),
            ArtistChange::Is(name) => Some(Some(self.artists.id_of_on(conn, name).await?)),
        };
        if let Some(artist) = artist {
            let set = album::artist_id.eq(artist);
            diesel::update(this).set(set).execute(conn).await?;
        }
        // A read inside the write sees the write: it runs on the same connection.
        self.by_id_on(&mut conn.as_read(), id).await
    }

    /// Deletes an album and its songs; false if there was none.
    #[write(invalidates(by_id(id)))]
    pub async fn delete(&self, conn: &mut WriteConn<'_>, id: i32) -> Result<bool> {
        let deleted = diesel::delete(album::table.find(id)).execute(conn).await?;
        Ok(deleted > 0)
    }
}
