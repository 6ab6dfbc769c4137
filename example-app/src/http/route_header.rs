//! `x-manifold-route` and `x-manifold-reason`: who answered, and why, for everybody who wants to see the library at work.
//!
//! The library tells which way each call went to whoever observes the task it runs in, so no handler
//! and no repository knows about the headers.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use utoipa::openapi::schema::{Object, Type};

pub const ROUTE: HeaderName = HeaderName::from_static("x-manifold-route");
pub const REASON: HeaderName = HeaderName::from_static("x-manifold-reason");

/// The headers, with their values and what they say, for the API's description.
pub fn described() -> [(HeaderName, Object, &'static str); 2] {
    let words = |examples: &[&str]| {
        let examples = examples.iter().copied();
        let text = Object::builder().schema_type(Type::String);
        text.examples(examples).build()
    };
    let route = words(&["replica-1", "primary", "l1", "l2"]);
    let reason = words(&["balanced", "asked", "lagging", "cached", "write"]);
    [
        (ROUTE, route, "Who answered the request's last call"),
        (REASON, reason, "Why it was this one"),
    ]
}

/// Puts the route of the last call into the headers. Where no call ran, there are none.
pub async fn route_header(request: Request, next: Next) -> Response {
    let (mut response, routes) = diesel_manifold::routes(next.run(request)).await;
    if let Some(route) = routes.last() {
        if let Ok(source) = HeaderValue::try_from(route.source.to_string()) {
            response.headers_mut().insert(ROUTE, source);
        }
        let reason = HeaderValue::from_static(route.reason.as_str());
        response.headers_mut().insert(REASON, reason);
    }
    response
}
