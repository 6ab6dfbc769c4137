//! The API's description, `/openapi.json`, and a page to read and to try it: `/docs`.
//!
//! Each handler carries its part of the description, and `super::routes` makes router and document of
//! the same list. The page is Swagger UI, which is in the binary: neither building it nor showing it
//! asks another host for anything.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Redirect, Response};
use axum::routing::get;
use axum::{Router, middleware};
use utoipa::OpenApi;
use utoipa::openapi::{HeaderBuilder, OpenApi as Document, RefOr};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::created::Created;
use super::problem::{Members, Mistake};
use super::route_header;

mod answers;

/// Nothing from another host. Swagger UI writes styles into its elements, and has icons as `data:`.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// What no handler knows.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Albums over HTTP",
        description = "The example of diesel-manifold: reads come from replicas and through a cache, \
                       and the headers `x-manifold-route` and `x-manifold-reason` say from where, and why. \
                       Cookies (`manifold-session`, `manifold-session-seen`) carry each client's session: \
                       it is shown what it wrote, and its reads of the database never go back, whichever \
                       instance answers. Without them it is shown what this instance wrote.",
    ),
    tags(
        (name = "albums", description = "Albums with their artist and songs"),
        (name = "blogs", description = "Blogs, posts and comments"),
        (name = "operation", description = "For whoever runs it"),
    ),
    components(schemas(Created, Members<'_>, Mistake)),
)]
pub struct Base;

/// `/openapi.json` and the page.
pub fn pages(mut document: Document) -> Router {
    describe_route_headers(&mut document);
    let config = Config::default()
        // A badge that an online service would draw.
        .validator_url("none")
        .deep_linking(true);
    let page = SwaggerUi::new("/docs")
        .url("/openapi.json", document)
        .config(config);
    let redirect = || get(|| async { Redirect::to("/docs/") });
    Router::from(page)
        .route("/swagger", redirect())
        .route("/swagger/", redirect())
        .layer(middleware::map_response(with_policy))
}

async fn with_policy(mut response: Response) -> Response {
    let policy = HeaderValue::from_static(POLICY);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// No handler sets the headers, so no handler describes them: where the database is asked, they are
/// there once a call ran.
fn describe_route_headers(document: &mut Document) {
    let headers = route_header::described().map(|(name, schema, description)| {
        let header = HeaderBuilder::new().schema(Some(schema));
        (name, header.description(Some(description)).build())
    });
    let paths = document.paths.paths.values_mut();
    let operations = paths.flat_map(|path| {
        [
            &mut path.get,
            &mut path.post,
            &mut path.patch,
            &mut path.delete,
        ]
        .into_iter()
        .flatten()
    });
    for operation in operations {
        let answers = &mut operation.responses.responses;
        if !answers.contains_key("503") {
            continue;
        }
        for (status, answer) in answers {
            if let (true, RefOr::T(answer)) = (status.starts_with('2') || status == "404", answer) {
                for (name, header) in &headers {
                    let header = header.clone().into();
                    answer.headers.insert(name.to_string(), header);
                }
            }
        }
    }
}
