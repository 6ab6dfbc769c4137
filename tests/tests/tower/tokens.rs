//! When an answer brings a token, and what happens when none can be made.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use diesel_manifold::tower::SessionLayer;
use manifold_tests::world::settings;
use manifold_tests::{World, log, until};
use tokio::sync::Mutex;

use crate::client::Client;
use crate::shops::{connected, listen, process, routes, serve, serve_by};

#[tokio::test]
async fn an_answer_that_says_nothing_new_brings_no_token() {
    let Some(world) = World::alone() else { return };
    let shop = serve(&process(&world).await).await;
    assert!(Client::default().get(shop, "/idle").await.sets().is_empty());
    let mut client = Client::default();
    assert_eq!(
        client.get(shop, "/titles").await.sets(),
        ["manifold-session-seen"]
    );
    let client = Mutex::new(client);
    until("nobody writes, and the position stays", async || {
        let answer = client.lock().await.get(shop, "/titles").await;
        answer.sets().is_empty()
    })
    .await;
    let mut client = client.into_inner();
    assert_eq!(
        client.post(shop, "/album/1", "new").await.sets(),
        ["manifold-session"]
    );
}

#[tokio::test]
async fn the_cookie_is_called_and_kept_as_was_said() {
    let world = World::new();
    let manifold = process(&world).await;
    let layer = SessionLayer::new(&manifold).unwrap().secure();
    let layer = layer
        .max_age(Duration::from_secs(3600))
        .cookie("__Host-music")
        .unwrap();
    let shop = serve_by(layer, &manifold).await;
    let answer = Client::default().post(shop, "/album/1", "new").await;
    let [line] = answer.header("set-cookie")[..] else {
        panic!("{answer:?}")
    };
    let rest = line.strip_prefix("__Host-music=").expect("its name");
    let (token, attributes) = rest.split_once("; ").expect("attributes");
    assert_eq!(token.len(), 140);
    assert_eq!(
        attributes,
        "Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=3600"
    );
}

/// Freezes primary and replicas between what the handler has read and the answer.
async fn freeze(request: Request, next: Next) -> axum::response::Response {
    let world = request.extensions().get::<Arc<World>>().cloned();
    let response = next.run(request).await;
    for node in world.iter().flat_map(|world| world.cluster().nodes()) {
        node.freeze().expect("frozen");
    }
    response
}

#[tokio::test]
async fn an_answer_whose_token_cannot_be_made_whole_keeps_its_write_and_is_told() {
    log::listen();
    let Some(world) = World::alone() else { return };
    let world = Arc::new(world);
    let mut settings = settings();
    // Nobody asks the nodes by himself, so that what was read is bounded by nothing.
    settings.read.poll = Duration::from_secs(3600);
    settings.read.deadline = Duration::from_millis(300);
    let one = connected(world.without_redis().settings(settings)).await;
    let other = serve(&process(&world).await).await;
    let layer = SessionLayer::new(&one).unwrap();
    let freezing = routes(&one).layer(from_fn(freeze)).layer(layer);
    let freezing = listen(freezing.layer(axum::Extension(Arc::clone(&world)))).await;
    let mut client = Client::default();
    let answer = client.post(freezing, "/rename-then-read", "new").await;
    let said = log::taken();
    for node in world.cluster().nodes() {
        node.thaw().expect("thawed");
    }
    assert_eq!((answer.status, &*answer.body), (200, "new|A Love Supreme"));
    assert_eq!(answer.sets(), ["manifold-session"]);
    let told = said.matches("no node tells where it is").count();
    assert_eq!(told, 1, "{said}");
    world.replica(0).pause_replay().unwrap();
    world.replica(1).pause_replay().unwrap();
    assert_eq!(
        client.get(other, "/titles").await.body,
        "new|A Love Supreme"
    );
}
