//! Which statuses can come, for the API's description: each part of a request says with what it is
//! refused, and what the answer is then made of.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema};

use crate::http::created::Created;
use crate::http::input::{Asked, Body, Id};
use crate::http::problem::{MEDIA_TYPE, Problem};

type Answers = BTreeMap<String, RefOr<Response>>;

/// Several parts of a request may answer it, and a document has one description for each status.
const UNREADABLE: &str = "The request cannot be read: what should be a number is none or out of its bounds, or the body is no JSON";

impl IntoResponses for Id {
    fn responses() -> Answers {
        problems([(400, UNREADABLE), (404, "There is nothing with this id")])
    }
}

impl<T> IntoResponses for Asked<T> {
    fn responses() -> Answers {
        problems([(400, UNREADABLE)])
    }
}

impl<T> IntoResponses for Body<T> {
    fn responses() -> Answers {
        problems([
            (400, UNREADABLE),
            (413, "The body is larger than 1 MiB"),
            (415, "The body is not said to be `application/json`"),
            (
                422,
                "The body is JSON, but not what is described; all mistakes are named",
            ),
        ])
    }
}

/// What every request that asks the database may answer.
impl IntoResponses for Problem {
    fn responses() -> Answers {
        let seconds = HeaderBuilder::new()
            .schema(Some(u64::schema()))
            .description(Some("After so many seconds the request may be sent again"))
            .build();
        let mut answers = problems([
            (500, "The server failed; its log says why"),
            (
                503,
                "The database cannot be reached, or has no free connection",
            ),
        ]);
        if let Some(RefOr::T(unavailable)) = answers.get_mut("503") {
            unavailable
                .headers
                .insert("retry-after".to_owned(), seconds.into());
        }
        answers
    }
}

impl IntoResponses for Created {
    fn responses() -> Answers {
        let location = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some("Where to read it"))
            .build();
        let created = ResponseBuilder::new()
            .description("It is there")
            .header("location", location)
            .content("application/json", content("Created"));
        BTreeMap::from([("201".to_owned(), created.build().into())])
    }
}

fn problems<const N: usize>(problems: [(u16, &str); N]) -> Answers {
    let answers = problems.map(|(status, description)| {
        let title = StatusCode::from_u16(status).map_or(None, |status| status.canonical_reason());
        let example = json!({
            "type": "about:blank", "title": title, "status": status, "detail": "what is wrong, and where",
        });
        let mut content = content("Problem");
        content.example = Some(example);
        let answer = ResponseBuilder::new()
            .description(description)
            .content(MEDIA_TYPE, content);
        (status.to_string(), answer.build().into())
    });
    answers.into_iter().collect()
}

fn content(schema: &str) -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build()
}
