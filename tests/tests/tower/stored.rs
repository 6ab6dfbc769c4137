//! A session for each user, from the token store: clients carry nothing.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::request::Parts;
use diesel_manifold::Manifold;
use diesel_manifold::tower::StoreLayer;
use manifold_tests::world::settings;
use manifold_tests::{World, until};

use crate::client::Client;
use crate::shops::{listen, routes};

/// What stands for an authentication.
fn user(request: &Parts) -> Option<Vec<u8>> {
    Some(request.headers.get("x-user")?.as_bytes().to_vec())
}

async fn serve(manifold: &Manifold) -> SocketAddr {
    let store = manifold.token_store().expect("a store");
    listen(routes(manifold).layer(StoreLayer::new(&store, user))).await
}

/// A process without a token key.
async fn process(world: &World) -> Manifold {
    let mut settings = settings();
    settings.cache.operation_timeout = Duration::from_millis(500);
    settings.cache.breaker_open = Duration::from_millis(50);
    let builder = world.builder().settings(settings);
    let manifold = builder.connect().await.expect("a manifold");
    placed(world, &manifold).await;
    manifold
}

/// Nothing needs to be as of now from here on.
async fn placed(world: &World, manifold: &Manifold) {
    let store = manifold.token_store().expect("a store");
    until("the marker is placed", async || {
        store.session("nobody").await;
        let marker = stored(world, manifold, "token-marker").await;
        marker.is_some_and(|marker| !marker.ends_with(b"-"))
    })
    .await;
}

/// What is under a name in Redis.
async fn stored(world: &World, manifold: &Manifold, name: &str) -> Option<Vec<u8>> {
    let name = format!("mf:{}:{name}", manifold.namespace());
    command(world, "GET", &[&name]).await
}

/// A command to Redis, past the library.
async fn command<T: redis::FromRedisValue>(world: &World, command: &str, words: &[&str]) -> T {
    let client = redis::Client::open(world.redis().url()).expect("a URL");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("Redis");
    let mut asked = redis::cmd(command);
    asked.arg(words);
    asked.query_async(&mut connection).await.expect("an answer")
}

fn hold_back(world: &World) {
    world.caught_up();
    for index in 0..2 {
        world.replica(index).pause_replay().expect("paused");
    }
}

#[tokio::test]
async fn a_user_sees_his_write_from_any_device_whichever_process_answers() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (process(&world).await, process(&world).await);
    let (one, other) = (serve(&one).await, serve(&other).await);
    hold_back(&world);
    assert_eq!(
        Client::with("x-user: 42").get(other, "/album/1").await.body,
        "Kind of Blue"
    );
    for n in 0..10 {
        let title = format!("title {n}");
        let (here, there) = if n % 2 == 0 {
            (one, other)
        } else {
            (other, one)
        };
        let answer = Client::with("x-user: 42")
            .post(here, "/album/1", &title)
            .await;
        assert_eq!((answer.status, &*answer.body), (200, &*title));
        assert!(answer.sets().is_empty(), "the client carries nothing");
        for to in [there, here, there] {
            let mut device = Client::with("x-user: 42");
            assert_eq!(
                device.get(to, "/titles").await.body,
                format!("{title}|A Love Supreme")
            );
            assert_eq!(device.get(to, "/album/1").await.body, title);
            let spawned = device.get(to, "/spawned").await;
            assert_eq!(spawned.body, format!("{title}|A Love Supreme"));
        }
    }
    let mut somebody = Client::with("x-user: 43");
    assert_eq!(
        somebody.get(other, "/titles").await.body,
        "Kind of Blue|A Love Supreme"
    );
}

#[tokio::test]
async fn a_request_of_nobody_is_bound_as_one_without_the_layer_and_saves_nothing() {
    let Some(world) = World::alone() else { return };
    let manifold = process(&world).await;
    let (shop, other) = (serve(&manifold).await, serve(&process(&world).await).await);
    hold_back(&world);
    Client::default().post(shop, "/album/1", "new").await;
    let shown = Client::default().get(shop, "/titles").await.body;
    assert_eq!(shown, "new|A Love Supreme");
    let shown = Client::default().get(other, "/titles").await.body;
    assert_eq!(shown, "Kind of Blue|A Love Supreme");
    assert_eq!(stored(&world, &manifold, "token:").await, None);
}

#[tokio::test]
async fn what_a_request_has_not_moved_is_not_saved() {
    let Some(world) = World::alone() else { return };
    let manifold = process(&world).await;
    let shop = serve(&manifold).await;
    let token = async || stored(&world, &manifold, "token:42").await;
    let mut user = Client::with("x-user: 42");
    user.get(shop, "/idle").await;
    assert_eq!(token().await, None);
    world.sql(
        world.primary(),
        "UPDATE album SET title = 'seen' WHERE id = 1",
    );
    world.caught_up();
    let shown = user.get(shop, "/titles").await.body;
    assert_eq!(shown, "seen|A Love Supreme");
    assert!(token().await.is_some(), "it was shown something");
    // Nor does it take the place of what cannot be read: that would ask the primary for nothing.
    let name = format!("mf:{}:token:42", manifold.namespace());
    let _: String = command(&world, "SET", &[&name, "no token"]).await;
    user.get(shop, "/idle").await;
    assert_eq!(token().await.unwrap(), b"no token");
    user.get(shop, "/titles").await;
    assert_eq!(token().await.unwrap().len(), 73);
}

#[tokio::test]
async fn while_redis_is_frozen_answers_go_out_and_no_user_is_shown_less() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (process(&world).await, process(&world).await);
    let (shop, there) = (serve(&one).await, serve(&other).await);
    hold_back(&world);
    world.redis().freeze().unwrap();
    let mut user = Client::with("x-user: 42");
    let answer = user.post(shop, "/album/1", "new").await;
    assert_eq!((answer.status, &*answer.body), (200, "new"));
    assert_eq!(user.get(there, "/titles").await.body, "new|A Love Supreme");
    world.redis().thaw().unwrap();
    until("its token is there", async || {
        stored(&world, &one, "token:42").await.is_some()
    })
    .await;
    assert_eq!(user.get(there, "/titles").await.body, "new|A Love Supreme");
}
