//! The handlers of albums: a request in, one call to the repository, an answer out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::App;
use super::created::Created;
use super::input::{AlbumJson, Asked, Body, ChangeJson, Id, Page};
use super::problem::Problem;
use crate::store::{AlbumChange, AlbumSummary, AlbumWithSongs, NewAlbum};

/// Create an album
///
/// With its artist and its songs, in one transaction.
#[utoipa::path(
    post,
    path = "/api/album",
    operation_id = "createAlbum",
    tag = "albums",
    request_body = AlbumJson,
    responses(Created, Body<NewAlbum>, Problem),
)]
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

/// One album
///
/// Cached for two minutes.
#[utoipa::path(
    get,
    path = "/api/album/{id}",
    operation_id = "album",
    tag = "albums",
    params(Id),
    responses((status = OK, description = "The album", body = AlbumWithSongs), Id, Problem),
)]
pub async fn by_id(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<Arc<AlbumWithSongs>>, Problem> {
    found(id, app.albums.by_id(id).await?)
}

/// Change an album
///
/// What is absent stays, and `"artist": null` takes the artist away.
#[utoipa::path(
    patch,
    path = "/api/album/{id}",
    operation_id = "changeAlbum",
    tag = "albums",
    params(Id),
    request_body = ChangeJson,
    responses((status = OK, description = "As it is now", body = AlbumWithSongs), Id, Body<AlbumChange>, Problem),
)]
pub async fn change(
    State(app): State<Arc<App>>,
    Id(id): Id,
    Body(change): Body<AlbumChange>,
) -> Result<Json<Arc<AlbumWithSongs>>, Problem> {
    found(id, app.albums.change(id, &change).await?)
}

/// Delete an album
///
/// And its songs.
#[utoipa::path(
    delete,
    path = "/api/album/{id}",
    operation_id = "deleteAlbum",
    tag = "albums",
    params(Id),
    responses((status = NO_CONTENT, description = "It is gone"), Id, Problem),
)]
pub async fn delete(State(app): State<Arc<App>>, Id(id): Id) -> Result<StatusCode, Problem> {
    if app.albums.delete(id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_album(id))
    }
}

/// A page of albums
///
/// In id order; never cached.
#[utoipa::path(
    get,
    path = "/api/albums",
    operation_id = "albums",
    tag = "albums",
    params(Page),
    responses((status = OK, description = "The page", body = [AlbumSummary]), Asked<Page>, Problem),
)]
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
