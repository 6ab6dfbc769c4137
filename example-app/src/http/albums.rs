//! The handlers of albums: a request in, one call to the repository, an answer out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::App;
use super::created::Created;
use super::input::{Asked, Body, Id, Page};
use super::problem::Problem;
use crate::store::{AlbumChange, AlbumSummary, AlbumWithSongs, NewAlbum};

pub async fn create(
    State(app): State<Arc<App>>,
    Body(new): Body<NewAlbum>,
) -> Result<Created, Problem> {
    let id = app.albums.create(&new).await?;
    Ok(Created {
        id,
        location: format!("/api/album/{id}"),
    })
}

pub async fn by_id(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<Arc<AlbumWithSongs>>, Problem> {
    found(id, app.albums.by_id(id).await?)
}

pub async fn change(
    State(app): State<Arc<App>>,
    Id(id): Id,
    Body(change): Body<AlbumChange>,
) -> Result<Json<Arc<AlbumWithSongs>>, Problem> {
    found(id, app.albums.change(id, &change).await?)
}

pub async fn delete(State(app): State<Arc<App>>, Id(id): Id) -> Result<StatusCode, Problem> {
    if app.albums.delete(id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_album(id))
    }
}

pub async fn page(
    State(app): State<Arc<App>>,
    Asked(page): Asked<Page>,
) -> Result<Json<Vec<AlbumSummary>>, Problem> {
    Ok(Json(app.albums.page(page.after, page.limit).await?))
}

fn found(
    id: i32,
    album: Option<Arc<AlbumWithSongs>>,
) -> Result<Json<Arc<AlbumWithSongs>>, Problem> {
    album.map(Json).ok_or_else(|| no_album(id))
}

fn no_album(id: i32) -> Problem {
    Problem::not_found(format!("there is no album {id}"))
}
