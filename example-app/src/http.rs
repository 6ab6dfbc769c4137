//! The HTTP API: which path leads where.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use diesel_manifold::Manifold;
use serde::Serialize;

use self::problem::Problem;
use crate::store::{Albums, Blogs, Comments, Posts};

mod albums;
mod blogs;
mod cluster;
mod created;
mod input;
mod posts;
mod problem;
mod route_header;

/// The largest body of a request, in bytes; 500 songs with the longest titles fit in.
const LARGEST_BODY: usize = 1 << 20;

/// What the handlers share.
pub struct App {
    albums: Albums,
    blogs: Blogs,
    posts: Posts,
    comments: Comments,
    manifold: Manifold,
    redis: bool,
}

impl App {
    /// The repositories behind `manifold`; `redis` says whether it has a Redis.
    pub fn new(manifold: Manifold, redis: bool) -> Self {
        Self {
            albums: Albums::new(manifold.clone()),
            blogs: Blogs::new(manifold.clone()),
            posts: Posts::new(manifold.clone()),
            comments: Comments::new(manifold.clone()),
            manifold,
            redis,
        }
    }
}

/// All of the API.
pub fn router(app: App) -> Router {
    let album = get(albums::by_id)
        .patch(albums::change)
        .delete(albums::delete);
    Router::new()
        .route("/api/album", post(albums::create))
        .route("/api/album/{id}", album)
        .route("/api/albums", get(albums::page))
        .route("/api/blog", post(blogs::create))
        .route("/api/blog/{id}/post", post(blogs::publish))
        .route("/api/posts", get(posts::page))
        .route("/api/post/{id}", get(posts::by_id).patch(posts::edit))
        .route("/api/post/{id}/comment", post(posts::comment))
        .route("/api/cluster", get(cluster::cluster))
        .route("/healthz", get(health))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn(route_header::route_header))
        .with_state(Arc::new(app))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// Says that this process serves. It asks no database: restarting us would not mend one.
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

async fn no_such_path(uri: Uri) -> Problem {
    Problem::nothing_at(&uri)
}

async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
