//! Requests, from bytes to values that cannot be wrong.
//!
//! What reaches a handler has been checked, and a refusal names every mistake at once.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::{Mistake, Problem};

mod album;

/// The most albums on one page.
const MOST_ALBUMS: i64 = 100;
/// The albums on a page if the client does not say.
const USUAL_ALBUMS: i64 = 20;

/// The id in the path.
pub struct Id(pub i32);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
        match id.parse::<i128>() {
            // A number that no album can have is the number of no album.
            Ok(number) => i32::try_from(number)
                .map(Self)
                .map_err(|_| Problem::not_found(format!("there is no album {id}"))),
            Err(_) => {
                let detail = "the id of an album is a whole number";
                Err(Problem::new(StatusCode::BAD_REQUEST, detail))
            }
        }
    }
}

/// A request's body, parsed and checked.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: Checked> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let refused = |why: JsonRejection| Problem::new(why.status(), why.body_text());
        let Json(unchecked) = Json::<T::Unchecked>::from_request(request, state)
            .await
            .map_err(refused)?;
        let mut mistakes = Vec::new();
        let checked = T::check(unchecked, &mut mistakes);
        if mistakes.is_empty() {
            return Ok(Self(checked));
        }
        Err(Problem::mistakes(
            StatusCode::UNPROCESSABLE_ENTITY,
            mistakes,
        ))
    }
}

/// What a request's body becomes.
pub trait Checked: Sized {
    /// As it is in the JSON.
    type Unchecked: DeserializeOwned;

    /// Notes all that is wrong; the answer counts only if nothing is.
    fn check(unchecked: Self::Unchecked, mistakes: &mut Vec<Mistake>) -> Self;
}

/// Which albums to list.
pub struct Page {
    pub after: i32,
    pub limit: i64,
}

/// Texts, because `?after=&limit=` is what a form sends for "not said".
#[derive(Deserialize)]
struct PageQuery {
    after: Option<String>,
    limit: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |why: QueryRejection| Problem::new(why.status(), why.body_text());
        let Query(query) = Query::<PageQuery>::from_request_parts(parts, state)
            .await
            .map_err(refused)?;
        let mut mistakes = Vec::new();
        let after = number("after", query.after, 0, 0..=i64::MAX, &mut mistakes);
        let limit = number(
            "limit",
            query.limit,
            USUAL_ALBUMS,
            1..=MOST_ALBUMS,
            &mut mistakes,
        );
        if !mistakes.is_empty() {
            return Err(Problem::mistakes(StatusCode::BAD_REQUEST, mistakes));
        }
        // Behind the largest id there is nothing, and behind a larger number even less.
        let after = i32::try_from(after).unwrap_or(i32::MAX);
        Ok(Self { after, limit })
    }
}

fn number(
    field: &str,
    said: Option<String>,
    usual: i64,
    allowed: std::ops::RangeInclusive<i64>,
    mistakes: &mut Vec<Mistake>,
) -> i64 {
    let Some(said) = said.filter(|said| !said.is_empty()) else {
        return usual;
    };
    if let Some(number) = said.parse().ok().filter(|number| allowed.contains(number)) {
        return number;
    }
    let detail = match *allowed.end() {
        i64::MAX => format!("must be a whole number from {}", allowed.start()),
        end => format!("must be a whole number from {} to {end}", allowed.start()),
    };
    mistakes.push(mistake(field, detail));
    usual
}

fn mistake(field: &str, detail: impl Into<String>) -> Mistake {
    Mistake {
        field: field.to_owned(),
        detail: detail.into(),
    }
}
