//! Comments on posts. They are read with their posts, so the write of one makes a post stale.

use std::collections::HashMap;

use diesel_manifold::Cacheable;
use diesel_manifold::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::posts::Posts;
use super::schema::comment;

/// A comment below its post.
#[derive(Debug, Clone, Serialize, Deserialize, Cacheable, Queryable, Selectable, ToSchema)]
#[diesel(table_name = comment, check_for_backend(diesel::pg::Pg))]
pub struct Comment {
    #[schema(example = 1)]
    pub id: i32,
    #[schema(example = "Ada")]
    pub author: String,
    #[schema(example = "Why not 7?")]
    pub body: String,
}

/// A comment to be made.
#[derive(Debug, Clone)]
pub struct NewComment {
    pub author: String,
    pub body: String,
}

/// The comments.
#[derive(Debug, Clone)]
pub struct Comments {
    db: Manifold,
}

impl Comments {
    /// The comments behind `db`.
    pub const fn new(db: Manifold) -> Self {
        Self { db }
    }
}

#[repository]
impl Comments {
    /// The comments on each of these posts, oldest first. A post without any is not in the map.
    #[read]
    pub async fn on_posts(
        &self,
        conn: &mut ReadConn<'_>,
        posts: &[i32],
    ) -> Result<HashMap<i32, Vec<Comment>>> {
        let rows: Vec<(i32, Comment)> = comment::table
            .filter(comment::post_id.eq_any(posts))
            .order((comment::post_id, comment::id))
            .select((comment::post_id, Comment::as_select()))
            .load(conn)
            .await?;
        let mut comments: HashMap<_, Vec<_>> = HashMap::new();
        for (post, comment) in rows {
            comments.entry(post).or_default().push(comment);
        }
        Ok(comments)
    }

    /// Comments on a post and gives the comment's id. Without such a post it is diesel's
    /// `ForeignKeyViolation`.
    ///
    /// It invalidates another repository's answer: the post is cached with its comments.
    #[write(invalidates(Posts::by_id(post)))]
    pub async fn add(&self, conn: &mut WriteConn<'_>, post: i32, new: &NewComment) -> Result<i32> {
        let values = (
            comment::post_id.eq(post),
            comment::author.eq(&new.author),
            comment::body.eq(&new.body),
        );
        Ok(diesel::insert_into(comment::table)
            .values(values)
            .returning(comment::id)
            .get_result(conn)
            .await?)
    }
}
