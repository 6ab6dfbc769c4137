//! What a client is shown.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use diesel_manifold::tower::SessionLayer;
use manifold_tests::{Shop, World, until};
use tokio::sync::Semaphore;

use crate::client::Client;
use crate::shops::{connected, listen, process, serve, serve_bare, serve_by};

fn hold_back(world: &World) {
    for index in 0..2 {
        world.replica(index).pause_replay().expect("paused");
    }
}

#[tokio::test]
async fn a_client_sees_its_write_in_its_next_request_whichever_process_answers() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (process(&world).await, process(&world).await);
    hold_back(&world);
    // Without the layer it does not.
    let mut client = Client::default();
    let (posted, read) = (serve_bare(&one).await, serve_bare(&other).await);
    client.post(posted, "/album/1", "new").await;
    let old = client.get(read, "/titles").await;
    assert_eq!(old.body, "Kind of Blue|A Love Supreme");
    // With it, it does, as often as it asks, and wherever.
    let (one, other) = (serve(&one).await, serve(&other).await);
    for n in 0..10 {
        let title = format!("title {n}");
        let (here, there) = if n % 2 == 0 {
            (one, other)
        } else {
            (other, one)
        };
        assert_eq!(client.post(here, "/album/1", &title).await.status, 200);
        for to in [there, here, there] {
            let shown = client.get(to, "/titles").await.body;
            assert_eq!(shown, format!("{title}|A Love Supreme"));
        }
    }
    // Whoever comes for the first time has written nothing.
    let third = serve(&process(&world).await).await;
    let old = Client::default().get(third, "/titles").await;
    assert_eq!(old.body, "Kind of Blue|A Love Supreme");
}

#[tokio::test]
async fn a_client_is_never_shown_less_by_another_process() {
    let Some(world) = World::alone() else { return };
    let only = async |index| {
        let builder = world.primary_only();
        connected(builder.replica(world.url(world.replica(index)))).await
    };
    let (fresh, held_back) = (serve(&only(0).await).await, serve(&only(1).await).await);
    world.replica(1).pause_replay().unwrap();
    world.sql(
        world.primary(),
        "UPDATE album SET title = 'seen' WHERE id = 1",
    );
    let mut client = Client::default();
    until("the fresh replica shows it", async || {
        let mut asked = Client::default();
        asked.get(fresh, "/titles").await.body.starts_with("seen")
    })
    .await;
    assert_eq!(
        client.get(fresh, "/titles").await.body,
        "seen|A Love Supreme"
    );
    assert_eq!(
        client.get(held_back, "/titles").await.body,
        "seen|A Love Supreme"
    );
    let old = Client::default().get(held_back, "/titles").await;
    assert_eq!(old.body, "Kind of Blue|A Love Supreme");
}

#[tokio::test]
async fn a_client_without_cookies_sees_what_this_process_wrote_as_it_does_without_the_layer() {
    let Some(world) = World::alone() else { return };
    let shop = serve(&process(&world).await).await;
    hold_back(&world);
    Client::default().post(shop, "/album/1", "new").await;
    let shown = Client::default().get(shop, "/titles").await.body;
    assert_eq!(shown, "new|A Love Supreme");
}

#[tokio::test]
async fn a_spawned_task_has_the_session_of_the_requests_extensions() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (process(&world).await, process(&world).await);
    let (one, other) = (serve(&one).await, serve(&other).await);
    hold_back(&world);
    let mut client = Client::default();
    client.post(one, "/album/1", "new").await;
    let shown = client.get(other, "/spawned").await.body;
    assert_eq!(shown, "new|A Love Supreme");
}

#[tokio::test]
async fn an_answer_that_only_read_takes_no_writes_floor_from_a_client_that_asks_twice_at_once() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (process(&world).await, process(&world).await);
    let (one, other) = (serve(&one).await, serve(&other).await);
    hold_back(&world);
    let mut client = Client::default();
    client.get(other, "/titles").await;
    // Both carry what the client has now, and the write's answer comes first.
    let read = client.send(other, "GET", "/titles", "").await;
    let written = client.send(one, "POST", "/album/1", "new").await;
    assert_eq!(written.sets(), ["manifold-session"]);
    client.keep(&written);
    client.keep(&read);
    // Even an answer of which we know that it says something else.
    let stranger = Client::default().send(other, "GET", "/titles", "").await;
    assert_eq!(stranger.sets(), ["manifold-session-seen"]);
    client.keep(&stranger);
    let shown = client.get(other, "/titles").await.body;
    assert_eq!(shown, "new|A Love Supreme");
}

#[tokio::test]
async fn a_cached_answer_of_another_process_is_not_older_than_the_clients_write() {
    let Some(world) = World::alone() else { return };
    // Without Redis nobody tells the other process what became stale.
    let one = connected(world.without_redis()).await;
    let other = connected(world.without_redis()).await;
    let (one, other) = (serve(&one).await, serve(&other).await);
    assert_eq!(
        Client::default().get(other, "/album/1").await.body,
        "Kind of Blue"
    );
    let mut client = Client::default();
    client.post(one, "/album/1", "new").await;
    assert_eq!(
        Client::default().get(other, "/album/1").await.body,
        "Kind of Blue"
    );
    assert_eq!(client.get(other, "/album/1").await.body, "new");
}

#[tokio::test]
async fn a_program_sends_back_the_header_that_it_got_and_may_send_several() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (process(&world).await, process(&world).await);
    let by_header = |manifold| {
        let layer = SessionLayer::new(manifold).unwrap();
        layer.header("x-manifold-session").unwrap()
    };
    let there = serve_by(by_header(&other), &other).await;
    let here = serve_by(by_header(&one), &one).await;
    hold_back(&world);
    let first = Client::default()
        .send(here, "POST", "/album/1", "one")
        .await;
    let second = Client::default()
        .send(here, "POST", "/album/2", "two")
        .await;
    let token = |answer: &crate::client::Answer| {
        let tokens = answer.header("x-manifold-session");
        assert_eq!((tokens.len(), answer.sets().len()), (1, 0));
        tokens[0].to_owned()
    };
    let (first, second) = (token(&first), token(&second));
    let shown = async |lines: &[String]| {
        let headers = lines.iter().map(|line| line.clone().into_bytes()).collect();
        let mut client = Client {
            headers,
            ..Client::default()
        };
        client.get(there, "/titles").await.body
    };
    assert_eq!(shown(&[]).await, "Kind of Blue|A Love Supreme");
    let header = |tokens: &str| format!("X-Manifold-Session: {tokens}");
    // In either order, in two headers, and in one.
    for lines in [
        vec![header(&first), header(&second)],
        vec![header(&second), header(&first)],
        vec![header(&format!("{second}, {first}"))],
    ] {
        assert_eq!(shown(&lines).await, "one|two");
    }
}

/// A handler that writes, and answers when it is let.
#[derive(Clone)]
struct Late {
    shop: Shop,
    wrote: Arc<Semaphore>,
    may_answer: Arc<Semaphore>,
}

async fn rename_late(State(late): State<Late>, title: String) -> Result<String, String> {
    let renamed = late.shop.rename(1, &title).await;
    late.wrote.add_permits(1);
    late.may_answer.acquire().await.unwrap().forget();
    Ok(renamed.map_err(|error| error.to_string())?.title)
}

#[tokio::test]
async fn a_client_is_told_of_the_write_that_got_lost_before_its_answer_left() {
    let Some(world) = World::alone() else { return };
    let one = process(&world).await;
    let late = Late {
        shop: Shop::new(one.clone()),
        wrote: Arc::new(Semaphore::new(0)),
        may_answer: Arc::new(Semaphore::new(0)),
    };
    let layer = SessionLayer::new(&one).expect("a layer");
    let routes = Router::new().route("/late", post(rename_late));
    let here = listen(routes.with_state(late.clone()).layer(layer)).await;
    world.caught_up();
    for replica in world.cluster().replicas() {
        replica.cut_walreceiver().unwrap();
    }
    let asking = tokio::spawn(async move {
        let mut client = Client::default();
        let answer = client.post(here, "/late", "lost").await;
        (client, answer)
    });
    late.wrote.acquire().await.unwrap().forget();
    world.primary().kill().unwrap();
    world.replica(0).promote().unwrap();
    until("the promoted one takes the writes", async || {
        one.nodes()[1].writing.is_some()
    })
    .await;
    late.may_answer.add_permits(1);
    let (mut client, answer) = asking.await.unwrap();
    assert_eq!(answer.body, "lost", "it was acknowledged");
    let there = serve(&one).await;
    let told = client.get(there, "/titles").await.body;
    assert!(told.contains("is lost"), "{told}");
    // Once.
    let then = client.get(there, "/titles").await.body;
    assert_eq!(then, "Kind of Blue|A Love Supreme");
}
