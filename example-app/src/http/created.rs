//! What a request that made something answers: 201, its id, and where to read it.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Something new.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "id": 348 }))]
pub struct Created {
    pub id: i32,
    #[serde(skip)]
    pub location: String,
}

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        let location = [(LOCATION, self.location.clone())];
        (StatusCode::CREATED, location, Json(self)).into_response()
    }
}
