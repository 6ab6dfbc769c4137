//! The layer's service: a session around each request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use tower_service::Service;

use crate::session::Session;
use crate::tower::stored::{Archive, Loan};
use crate::tower::visit::{Desk, Visit};

/// What a refused client reads.
const REFUSAL: &str =
    "this request's session token cannot be read; go on with the one in this answer\n";

/// A service with a session around each of its requests: what [`SessionLayer`](super::SessionLayer) and
/// [`StoreLayer`](super::StoreLayer) make.
#[derive(Debug, Clone)]
pub struct SessionService<S> {
    inner: S,
    way: Arc<Way>,
}

impl<S> SessionService<S> {
    pub(super) fn new(inner: S, way: Arc<Way>) -> Self {
        Self { inner, way }
    }
}

/// How sessions come and go.
#[derive(Debug)]
pub(super) enum Way {
    /// The client carries its own.
    Carried(Desk),
    /// They are in the token store.
    Stored(Archive),
}

/// One request, from its arrival to its answer.
enum Stay {
    Carried(Visit),
    Stored(Loan),
}

impl Way {
    async fn arrive(&self, parts: &Parts) -> Stay {
        match self {
            Self::Carried(desk) => Stay::Carried(desk.arrive(&parts.headers)),
            Self::Stored(archive) => Stay::Stored(archive.arrive(parts).await),
        }
    }

    fn refuses(&self, stay: &Stay) -> bool {
        matches!((self, stay), (Self::Carried(desk), Stay::Carried(visit)) if desk.refuses && visit.is_bad())
    }

    async fn leave(&self, stay: &Stay, headers: &mut HeaderMap) {
        match (self, stay) {
            (Self::Carried(desk), Stay::Carried(visit)) => desk.leave(visit, headers).await,
            (Self::Stored(archive), Stay::Stored(loan)) => archive.leave(loan).await,
            // Whoever leaves has arrived the same way.
            _ => {}
        }
    }
}

impl Stay {
    fn session(&self) -> &Session {
        match self {
            Self::Carried(visit) => &visit.session,
            Self::Stored(loan) => &loan.session,
        }
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

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that said it is ready goes with the request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let way = Arc::clone(&self.way);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let stay = way.arrive(&parts).await;
            let mut response = if way.refuses(&stay) {
                refusal()
            } else {
                let mut request = Request::from_parts(parts, body);
                let session = stay.session().clone();
                request.extensions_mut().insert(session.clone());
                // Called inside, for a service that begins its work before its future is polled.
                session
                    .scope(async move { inner.call(request).await })
                    .await?
            };
            way.leave(&stay, response.headers_mut()).await;
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
