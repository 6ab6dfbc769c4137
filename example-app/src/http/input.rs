//! Requests, from bytes to values that cannot be wrong.
//!
//! What reaches a handler has been checked, and a refusal names every mistake at once.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::problem::{Mistake, Problem};

mod album;
mod blog;
mod page;
mod text;

pub use album::{AlbumJson, ChangeJson};
pub use blog::{BlogJson, BlogName, CommentJson, PostChangeJson, PostJson, PostsPage};
pub use page::Page;

/// The id in the path.
#[derive(IntoParams)]
#[into_params(names("id"), parameter_in = Path)]
pub struct Id(
    /// As it was told at the creation
    #[param(minimum = 1, maximum = 2_147_483_647, example = 1)]
    pub i32,
);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
        match id.parse::<i128>() {
            // A number that nothing can have is the number of nothing.
            Ok(number) => i32::try_from(number)
                .map(Self)
                .map_err(|_| Problem::nothing_at(&parts.uri)),
            Err(_) => {
                let detail = "an id is a whole number";
                Err(Problem::new(StatusCode::BAD_REQUEST, detail))
            }
        }
    }
}

/// What a part of a request becomes when it has been checked.
pub trait Checked: Sized {
    /// As it was sent.
    type Unchecked: DeserializeOwned;

    /// Notes all that is wrong; the answer counts only if nothing is.
    fn check(unchecked: Self::Unchecked, mistakes: &mut Vec<Mistake>) -> Self;
}

/// A request's body, checked.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: Checked> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let refused = |why: JsonRejection| Problem::new(why.status(), why.body_text());
        let Json(unchecked) = Json::<T::Unchecked>::from_request(request, state)
            .await
            .map_err(refused)?;
        checked(unchecked, StatusCode::UNPROCESSABLE_ENTITY).map(Self)
    }
}

/// What stands behind the `?`, checked.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: Checked> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |why: QueryRejection| Problem::new(why.status(), why.body_text());
        let Query(unchecked) = Query::<T::Unchecked>::from_request_parts(parts, state)
            .await
            .map_err(refused)?;
        checked(unchecked, StatusCode::BAD_REQUEST).map(Self)
    }
}

fn checked<T: Checked>(unchecked: T::Unchecked, refusal: StatusCode) -> Result<T, Problem> {
    let mut mistakes = Vec::new();
    let checked = T::check(unchecked, &mut mistakes);
    if mistakes.is_empty() {
        return Ok(checked);
    }
    Err(Problem::mistakes(refusal, mistakes))
}

fn mistake(field: &str, detail: impl Into<String>) -> Mistake {
    Mistake {
        field: field.to_owned(),
        detail: detail.into(),
    }
}
