//! The HTTP API: which path leads where.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::{Json, Router, middleware};
use diesel_manifold::Manifold;
use diesel_manifold::tower::SessionLayer;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::problem::Problem;
use crate::store::{Albums, Blogs, Comments, Posts};

mod albums;
mod blogs;
mod cluster;
mod created;
mod docs;
mod input;
mod posts;
mod problem;
mod route_header;

pub use route_header::{REASON, ROUTE};

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

/// The API; each handler says at which path it is. Of this one list come the router and its description.
fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(docs::Base::openapi())
        .routes(routes!(albums::create))
        .routes(routes!(albums::by_id, albums::change, albums::delete))
        .routes(routes!(albums::page))
        .routes(routes!(blogs::create))
        .routes(routes!(blogs::publish))
        .routes(routes!(posts::page))
        .routes(routes!(posts::by_id, posts::edit))
        .routes(routes!(posts::comment))
        .routes(routes!(cluster::cluster))
        .routes(routes!(health))
}

/// The API and its description; with `sessions`, each client has one, and no handler knows about it.
pub fn router(app: App, sessions: Option<SessionLayer>) -> Router {
    let (api, document) = api().split_for_parts();
    let mut api = api.with_state(Arc::new(app));
    if let Some(sessions) = sessions {
        api = api.layer(sessions);
    }
    api.merge(docs::pages(document))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn(route_header::route_header))
}

/// This process serves.
#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether this process serves
///
/// It asks no database: restarting us would not mend one.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "health",
    tag = "operation",
    responses((status = OK, description = "It does", body = Health)),
)]
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_path_of_the_router_is_described_and_the_other_way_round() {
        let (router, document) = api().split_for_parts();
        // axum has no list of its paths, but prints them, and then those of its fallback.
        let printed = format!("{router:?}");
        let printed = printed.split("fallback_router").next().unwrap();
        let paths = printed.split('"').filter(|part| part.starts_with('/'));
        let described = document.paths.paths.keys().map(String::as_str);
        assert_eq!(
            paths.collect::<BTreeSet<_>>(),
            described.collect::<BTreeSet<_>>()
        );
    }
}
