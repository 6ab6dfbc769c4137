//! Blogs. All that is told of one is its posts.

use diesel::dsl::exists;
use diesel_manifold::prelude::*;

use super::schema::blog;

/// The blogs.
#[derive(Debug, Clone)]
pub struct Blogs {
    db: Manifold,
}

impl Blogs {
    /// The blogs behind `db`.
    pub const fn new(db: Manifold) -> Self {
        Self { db }
    }
}

#[repository]
impl Blogs {
    /// Whether there is any blog.
    #[read]
    pub async fn any(&self, conn: &mut ReadConn<'_>) -> Result<bool> {
        Ok(diesel::select(exists(blog::table.select(blog::id)))
            .get_result(conn)
            .await?)
    }

    /// Creates a blog and gives its id.
    #[write(invalidates(none))]
    pub async fn create(&self, conn: &mut WriteConn<'_>, name: &str) -> Result<i32> {
        Ok(diesel::insert_into(blog::table)
            .values(blog::name.eq(name))
            .returning(blog::id)
            .get_result(conn)
            .await?)
    }
}
