//! The handlers of posts and of the comments on them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::App;
use super::created::Created;
use super::input::{Asked, Body, CommentJson, Id, Page, PostChangeJson, PostsPage};
use super::problem::Problem;
use crate::store::{NewComment, PostChange, PostWithComments};

/// A page of posts with their comments
///
/// In id order; two queries on one replica.
#[utoipa::path(
    get,
    path = "/api/posts",
    operation_id = "posts",
    tag = "blogs",
    params(PostsPage),
    responses((status = OK, description = "The page", body = [PostWithComments]), Asked<PostsPage>, Problem),
)]
pub async fn page(
    State(app): State<Arc<App>>,
    Asked(PostsPage { blog, page }): Asked<PostsPage>,
) -> Result<Json<Vec<PostWithComments>>, Problem> {
    let Page { after, limit } = page;
    let posts = app.posts.page_with_comments(blog, after, limit).await?;
    Ok(Json(posts))
}

/// One post with its comments
///
/// Cached for a minute, or until somebody comments on it.
#[utoipa::path(
    get,
    path = "/api/post/{id}",
    operation_id = "post",
    tag = "blogs",
    params(Id),
    responses((status = OK, description = "The post", body = PostWithComments), Id, Problem),
)]
pub async fn by_id(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<Arc<PostWithComments>>, Problem> {
    found(id, app.posts.by_id(id).await?)
}

/// Edit a post
///
/// What is absent stays.
#[utoipa::path(
    patch,
    path = "/api/post/{id}",
    operation_id = "editPost",
    tag = "blogs",
    params(Id),
    request_body = PostChangeJson,
    responses((status = OK, description = "As it is now", body = PostWithComments), Id, Body<PostChange>, Problem),
)]
pub async fn edit(
    State(app): State<Arc<App>>,
    Id(id): Id,
    Body(change): Body<PostChange>,
) -> Result<Json<Arc<PostWithComments>>, Problem> {
    found(id, app.posts.edit(id, &change).await?)
}

/// Comment on a post
#[utoipa::path(
    post,
    path = "/api/post/{id}/comment",
    operation_id = "comment",
    tag = "blogs",
    params(Id),
    request_body = CommentJson,
    responses(Created, Id, Body<NewComment>, Problem),
)]
pub async fn comment(
    State(app): State<Arc<App>>,
    Id(post): Id,
    Body(new): Body<NewComment>,
) -> Result<Created, Problem> {
    let added = app.comments.add(post, &new).await;
    let id = added.map_err(|error| Problem::of_reference(error, no_post(post)))?;
    Ok(Created {
        id,
        location: format!("/api/post/{post}"),
    })
}

fn found(
    id: i32,
    post: Option<Arc<PostWithComments>>,
) -> Result<Json<Arc<PostWithComments>>, Problem> {
    post.map(Json).ok_or_else(|| no_post(id))
}

fn no_post(id: i32) -> Problem {
    Problem::not_found(format!("there is no post {id}"))
}
