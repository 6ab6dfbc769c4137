//! The layer's service: a session around each request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use tower_service::Service;

use crate::tower::visit::Desk;

/// What a refused client reads.
const REFUSAL: &str =
    "this request's session token cannot be read; go on with the one in this answer\n";

/// A service with a session around each of its requests: what [`SessionLayer`](super::SessionLayer)
/// makes.
#[derive(Debug, Clone)]
pub struct SessionService<S> {
    inner: S,
    desk: Arc<Desk>,
}

impl<S> SessionService<S> {
    pub(super) fn new(inner: S, desk: Arc<Desk>) -> Self {
        Self { inner, desk }
    }
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>, Future: Send> + Clone + Send + 'static,
    S::Error: Send,
    B: Send + 'static,
    R: From<&'static str> + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that said it is ready goes with the request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let desk = Arc::clone(&self.desk);
        Box::pin(async move {
            let visit = desk.arrive(request.headers());
            let mut response = if visit.is_bad() && desk.refuses {
                refusal()
            } else {
                let session = visit.session.clone();
                request.extensions_mut().insert(session.clone());
                // Called inside, for a service that begins its work before its future is polled.
                session
                    .scope(async move { inner.call(request).await })
                    .await?
            };
            desk.leave(&visit, response.headers_mut()).await;
            Ok(response)
        })
    }
}

fn refusal<R: From<&'static str>>() -> Response<R> {
    let mut response = Response::new(R::from(REFUSAL));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
