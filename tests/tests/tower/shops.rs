//! Shops over HTTP, each like a process of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::routing::{get, post};
use diesel_manifold::tower::SessionLayer;
use diesel_manifold::{Builder, Manifold, Session, TokenKey};
use manifold_tests::{Shop, World};
use tokio::net::TcpListener;

/// The key that all processes have.
pub fn key() -> TokenKey {
    TokenKey::from_bytes([7; 32]).expect("a key")
}

/// A process on the whole cluster, with the key.
pub async fn process(world: &World) -> Manifold {
    connected(world.builder()).await
}

pub async fn connected(builder: Builder) -> Manifold {
    builder.token_key(key()).connect().await.expect("connected")
}

/// Serves with a cookie for each client.
pub async fn serve(manifold: &Manifold) -> SocketAddr {
    serve_by(SessionLayer::new(manifold).expect("a layer"), manifold).await
}

pub async fn serve_by(layer: SessionLayer, manifold: &Manifold) -> SocketAddr {
    listen(routes(manifold).layer(layer)).await
}

/// Serves without the layer.
pub async fn serve_bare(manifold: &Manifold) -> SocketAddr {
    listen(routes(manifold)).await
}

pub async fn listen(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// None of these knows of sessions, but the one that spawns.
pub fn routes(manifold: &Manifold) -> Router {
    Router::new()
        .route("/idle", get(async || "idle"))
        .route("/titles", get(titles))
        .route("/spawned", get(spawned))
        .route("/album/{id}", get(album).post(rename))
        .route("/rename-then-read", post(rename_then_read))
        .with_state(Arc::new(Shop::new(manifold.clone())))
}

async fn titles(State(shop): State<Arc<Shop>>) -> Result<String, String> {
    let titles = shop.titles().await;
    Ok(titles.map_err(|error| error.to_string())?.join("|"))
}

async fn spawned(
    State(shop): State<Arc<Shop>>,
    Extension(session): Extension<Session>,
) -> Result<String, String> {
    let work = session.scope(async move { titles(State(shop)).await });
    tokio::spawn(work).await.expect("it does not panic")
}

async fn album(State(shop): State<Arc<Shop>>, Path(id): Path<i32>) -> Result<String, String> {
    let album = shop.by_id(id).await.map_err(|error| error.to_string())?;
    Ok(album.map(|album| album.title.clone()).unwrap_or_default())
}

async fn rename(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<i32>,
    title: String,
) -> Result<String, String> {
    let renamed = shop.rename(id, &title).await;
    Ok(renamed.map_err(|error| error.to_string())?.title)
}

async fn rename_then_read(shop: State<Arc<Shop>>, title: String) -> Result<String, String> {
    rename(shop.clone(), Path(1), title).await?;
    titles(shop).await
}
