//! Posts with their comments: a page is two queries of one read, and one post is cached.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel_manifold::Cacheable;
use diesel_manifold::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::comments::{Comment, Comments};
use super::schema::post;

/// A post with its comments, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, Cacheable, ToSchema)]
pub struct PostWithComments {
    #[schema(example = 1)]
    pub id: i32,
    #[schema(example = 1)]
    pub blog_id: i32,
    #[schema(example = "Where to begin")]
    pub title: String,
    #[schema(example = "With album 5.")]
    pub body: String,
    /// When the transaction that published it began, by the primary's clock.
    pub created_at: DateTime<Utc>,
    pub comments: Vec<Comment>,
}

/// A post to be published.
#[derive(Debug, Clone)]
pub struct NewPost {
    pub title: String,
    pub body: String,
}

/// What is to be different about a post; `None` stays.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = post)]
pub struct PostChange {
    pub title: Option<String>,
    pub body: Option<String>,
}

/// A row of the table.
#[derive(Queryable, Selectable)]
#[diesel(table_name = post, check_for_backend(diesel::pg::Pg))]
struct Post {
    id: i32,
    blog_id: i32,
    title: String,
    body: String,
    created_at: DateTime<Utc>,
}

impl Post {
    fn with(self, comments: Vec<Comment>) -> PostWithComments {
        PostWithComments {
            id: self.id,
            blog_id: self.blog_id,
            title: self.title,
            body: self.body,
            created_at: self.created_at,
            comments,
        }
    }
}

/// The posts.
#[derive(Debug, Clone)]
pub struct Posts {
    db: Manifold,
    comments: Comments,
}

impl Posts {
    /// The posts behind `db`.
    pub fn new(db: Manifold) -> Self {
        Self {
            comments: Comments::new(db.clone()),
            db,
        }
    }
}

#[repository]
impl Posts {
    /// At most `limit` posts with an id above `after`, of one blog or of all, in id order, each with
    /// its comments.
    ///
    /// Two queries in one read run on one connection: both ask the same replica. One query for each
    /// post would be what an ORM does when nobody watches.
    #[read]
    pub async fn page_with_comments(
        &self,
        conn: &mut ReadConn<'_>,
        blog: Option<i32>,
        after: i32,
        limit: i64,
    ) -> Result<Vec<PostWithComments>> {
        let mut page = post::table
            .filter(post::id.gt(after))
            .order(post::id)
            .limit(limit)
            .select(Post::as_select())
            .into_boxed();
        if let Some(blog) = blog {
            page = page.filter(post::blog_id.eq(blog));
        }
        let posts: Vec<Post> = page.load(conn).await?;
        let ids: Vec<i32> = posts.iter().map(|post| post.id).collect();
        let mut comments = self.comments.on_posts_on(conn, &ids).await?;
        let with_comments = posts.into_iter().map(|post| {
            let comments = comments.remove(&post.id).unwrap_or_default();
            post.with(comments)
        });
        Ok(with_comments.collect())
    }

    /// One post with its comments.
    #[cached(ttl = "1m")]
    pub async fn by_id(
        &self,
        conn: &mut ReadConn<'_>,
        id: i32,
    ) -> Result<Option<Arc<PostWithComments>>> {
        let this = post::table.find(id).select(Post::as_select());
        let Some(post) = this.first(conn).await.optional()? else {
            return Ok(None);
        };
        let mut comments = self.comments.on_posts_on(conn, &[id]).await?;
        let comments = comments.remove(&id).unwrap_or_default();
        Ok(Some(Arc::new(post.with(comments))))
    }

    /// Publishes a post on a blog and gives its id. Without such a blog it is diesel's
    /// `ForeignKeyViolation`.
    #[write(invalidates(none))]
    pub async fn publish(&self, conn: &mut WriteConn<'_>, blog: i32, new: &NewPost) -> Result<i32> {
        let values = (
            post::blog_id.eq(blog),
            post::title.eq(&new.title),
            post::body.eq(&new.body),
        );
        Ok(diesel::insert_into(post::table)
            .values(values)
            .returning(post::id)
            .get_result(conn)
            .await?)
    }

    /// Edits a post and gives it as it is now; `None` if there is no such post.
    #[write(invalidates(by_id(id)))]
    pub async fn edit(
        &self,
        conn: &mut WriteConn<'_>,
        id: i32,
        change: &PostChange,
    ) -> Result<Option<Arc<PostWithComments>>> {
        // diesel refuses an UPDATE that sets nothing.
        if change.title.is_some() || change.body.is_some() {
            diesel::update(post::table.find(id))
                .set(change)
                .execute(conn)
                .await?;
        }
        self.by_id_on(&mut conn.as_read(), id).await
    }
}
