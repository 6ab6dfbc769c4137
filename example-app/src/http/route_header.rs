//! `x-manifold-route`: who answered, for everybody who wants to see the library at work.
//!
//! The library tells which way each call went to whoever observes the task it runs in, so no handler
//! and no repository knows about the header.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use utoipa::openapi::schema::{Object, Type};

pub const HEADER: HeaderName = HeaderName::from_static("x-manifold-route");

/// Its value, for the API's description.
pub fn schema() -> Object {
    let examples = ["replica-1", "primary", "l1", "l2"];
    Object::builder()
        .schema_type(Type::String)
        .examples(examples)
        .build()
}

/// Puts the route of the last call into the header. Where no call ran, there is none.
pub async fn route_header(request: Request, next: Next) -> Response {
    let (mut response, routes) = diesel_manifold::routes(next.run(request)).await;
    let source = routes.last().map(|route| route.source.to_string());
    if let Some(Ok(value)) = source.map(HeaderValue::try_from) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
