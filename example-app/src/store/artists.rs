//! Artists. They have no page of their own: they come and are shared with their albums.

use diesel_manifold::prelude::*;

use super::schema::artist;

/// The artists.
#[derive(Debug, Clone)]
pub struct Artists {
    db: Manifold,
}

impl Artists {
    /// The artists behind `db`.
    pub const fn new(db: Manifold) -> Self {
        Self { db }
    }
}

#[repository]
impl Artists {
    /// The id of the artist of this name, who is new if there is none.
    ///
    /// It looks before it inserts: an insert that meets an artist who is there uses up an id, and
    /// most albums are by artists who are there.
    #[write(invalidates(none))]
    pub async fn id_of(&self, conn: &mut WriteConn<'_>, name: &str) -> Result<i32> {
        let known = artist::table
            .filter(artist::name.eq(name))
            .select(artist::id);
        if let Some(id) = known.first(conn).await.optional()? {
            return Ok(id);
        }
        let added = diesel::insert_into(artist::table)
            .values(artist::name.eq(name))
            .on_conflict_do_nothing()
            .returning(artist::id)
            .get_result(conn)
            .await
            .optional()?;
        match added {
            Some(id) => Ok(id),
            // Another transaction added the same artist in between, and has committed by now.
            None => Ok(known.first(conn).await?),
        }
    }
}
