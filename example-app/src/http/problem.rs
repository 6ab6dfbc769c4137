//! What every failed request answers: `application/problem+json` ([RFC 9457]), with the status, what
//! is wrong, and all that is wrong at once.
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use diesel::result::{DatabaseErrorKind, Error as QueryError};
use diesel_manifold::Error;
use serde::Serialize;
use utoipa::ToSchema;

/// After so many seconds a client may ask again: most failovers and bursts are over by then.
const RETRY_SECONDS: u64 = 2;

pub const MEDIA_TYPE: &str = "application/problem+json";

/// A failed request.
#[derive(Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<Mistake>,
}

/// One of several mistakes in a request.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Mistake {
    /// Where: `title`, `songs[3].title`, `limit`.
    pub field: String,
    pub detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// What the client asked for does not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The path leads nowhere.
    pub fn nothing_at(uri: &Uri) -> Self {
        Self::not_found(format!("there is nothing at {}", uri.path()))
    }

    /// Mistakes in a request that could be read.
    pub fn mistakes(status: StatusCode, errors: Vec<Mistake>) -> Self {
        let said: Vec<_> = errors
            .iter()
            .map(|mistake| format!("{} {}", mistake.field, mistake.detail))
            .collect();
        Self {
            status,
            detail: said.join("; "),
            errors,
        }
    }

    /// `missing` if a new row refers to one that is not there, which only the database can know for
    /// sure; otherwise as every error.
    pub fn of_reference(error: Error, missing: Self) -> Self {
        match error.query() {
            Some(QueryError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => missing,
            _ => error.into(),
        }
    }
}

/// Who is at fault decides the status. What happened inside is for the log, not for the client.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if is_temporary(&error) {
            tracing::warn!(%error, "a request could not be served now");
            let detail = "the database cannot serve this request right now; try again in a moment";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        }
        tracing::error!(%error, "a request failed");
        let detail = "the server could not answer; its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }
}

fn is_temporary(error: &Error) -> bool {
    // A connection that breaks under a query is diesel's error, not the library's own.
    let broken = matches!(
        error.query(),
        Some(QueryError::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
            _
        ))
    );
    error.is_unreachable() || error.is_busy() || error.is_shut_down() || broken
}

/// Why a request failed (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Members<'a> {
    /// Always `about:blank`: the status says it all.
    #[serde(rename = "type")]
    kind: &'a str,
    /// The status in words.
    title: &'a str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, and what to do.
    detail: &'a str,
    /// All mistakes of the request, if it could be read.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Mistake],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(Members {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        });
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        response
    }
}
