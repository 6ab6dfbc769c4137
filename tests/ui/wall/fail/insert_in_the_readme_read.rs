use diesel_manifold::{Cacheable, Manifold, prelude::*};
use serde::{Deserialize, Serialize};

diesel::table! {
    albums (id) { id -> Integer, title -> Text, }
}

#[derive(Clone, Queryable, Serialize, Deserialize, Cacheable)]
pub struct Album {
    pub id: i32,
    pub title: String,
}

pub struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    /// Albums after `after`, in id order.
    #[read]
    pub async fn page(&self, conn: &mut ReadConn<'_>, after: i32, limit: i64) -> Result<Vec<Album>> {
        diesel::insert_into(albums::table).values(albums::title.eq("x")).execute(conn).await?;
        let page = albums::table.filter(albums::id.gt(after)).order(albums::id).limit(limit);
        Ok(page.load(conn).await?)
    }
}

fn main() {}
