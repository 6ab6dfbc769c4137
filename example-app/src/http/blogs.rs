//! The handlers of blogs.

use std::sync::Arc;

use axum::extract::State;

use super::App;
use super::created::Created;
use super::input::{BlogJson, BlogName, Body, Id, PostJson};
use super::problem::Problem;
use crate::store::NewPost;

/// Create a blog
#[utoipa::path(
    post,
    path = "/api/blog",
    operation_id = "createBlog",
    tag = "blogs",
    request_body = BlogJson,
    responses(Created, Body<BlogName>, Problem),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Body(BlogName(name)): Body<BlogName>,
) -> Result<Created, Problem> {
    let id = app.blogs.create(&name).await?;
    Ok(Created {
        id,
        location: format!("/api/posts?blog={id}"),
    })
}

/// Publish a post
///
/// On the blog of this id.
#[utoipa::path(
    post,
    path = "/api/blog/{id}/post",
    operation_id = "publishPost",
    tag = "blogs",
    params(Id),
    request_body = PostJson,
    responses(Created, Id, Body<NewPost>, Problem),
)]
pub async fn publish(
    State(app): State<Arc<App>>,
    Id(blog): Id,
    Body(new): Body<NewPost>,
) -> Result<Created, Problem> {
    let published = app.posts.publish(blog, &new).await;
    let id = published.map_err(|error| Problem::of_reference(error, no_blog(blog)))?;
    Ok(Created {
        id,
        location: format!("/api/post/{id}"),
    })
}

fn no_blog(id: i32) -> Problem {
    Problem::not_found(format!("there is no blog {id}"))
}
