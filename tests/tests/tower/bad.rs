//! What is no token of ours: nothing panics, and no floor is lowered.

use diesel_manifold::TokenKey;
use diesel_manifold::tower::SessionLayer;
use manifold_tests::World;

use crate::client::Client;
use crate::shops::{connected, key, process, serve, serve_by};

/// Heads of requests with something in them that is no token, and which cookie it is in.
fn bad(good: &str) -> Vec<(Vec<u8>, &'static str)> {
    let written = |value: &str| format!("cookie: manifold-session={value}").into_bytes();
    let forged = good.replacen(
        &good[60..61],
        if &good[60..61] == "A" { "B" } else { "A" },
        1,
    );
    let many = format!("manifold-session-seen={good}; ").repeat(9);
    vec![
        (written(""), "manifold-session"),
        (written("no token"), "manifold-session"),
        (written(&forged), "manifold-session"),
        (written(&good[..139]), "manifold-session"),
        (written(&"A".repeat(140)), "manifold-session"),
        (written(&"A".repeat(20_000)), "manifold-session"),
        (
            written(&format!("{good}; manifold-session=x")),
            "manifold-session",
        ),
        (
            written(&format!("{good}; manifold-session-seen=x")),
            "manifold-session-seen",
        ),
        (
            b"cookie: a=1; manifold-session=\xFF\xC3\x28; b=2".to_vec(),
            "manifold-session",
        ),
        (
            format!("cookie: {many}").into_bytes(),
            "manifold-session-seen",
        ),
    ]
}

#[tokio::test]
async fn whoever_brings_a_bad_token_is_shown_all_that_was_acknowledged_and_gets_a_good_one() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (process(&world).await, process(&world).await);
    let (one, other) = (serve(&one).await, serve(&other).await);
    // What another process does not know to be stale, in its memory and on its replicas.
    Client::default().get(other, "/album/1").await;
    world.replica(0).pause_replay().unwrap();
    world.replica(1).pause_replay().unwrap();
    let mut client = Client::default();
    client.post(one, "/album/1", "new").await;
    for (line, name) in bad(&client.cookies["manifold-session"]) {
        let said = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
        for (path, new) in [("/album/1", "new"), ("/titles", "new|A Love Supreme")] {
            let mut careless = Client::with(line.clone());
            let answer = careless.get(other, path).await;
            assert_eq!((answer.status, &*answer.body), (200, new), "{path} {said}");
            assert!(answer.sets().contains(&name), "{:?} {said}", answer.sets());
            // With what it got it goes on as any other client.
            careless.headers.clear();
            let again = careless.get(other, path).await;
            assert_eq!((again.status, &*again.body), (200, new), "{path} {said}");
        }
    }
    // Not the request itself, but its session is at fault: it gets a good one for nothing.
    let answer = Client::with("cookie: manifold-session=x")
        .get(one, "/idle")
        .await;
    assert_eq!(answer.sets(), ["manifold-session"]);
}

#[tokio::test]
async fn a_layer_may_refuse_them_and_says_what_to_go_on_with() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (process(&world).await, process(&world).await);
    let one = serve(&one).await;
    let strict = SessionLayer::new(&other).unwrap().refuse_bad_tokens();
    let strict = serve_by(strict, &other).await;
    world.replica(0).pause_replay().unwrap();
    world.replica(1).pause_replay().unwrap();
    let mut client = Client::default();
    client.post(one, "/album/1", "new").await;
    for (line, name) in bad(&client.cookies["manifold-session"]) {
        let mut careless = Client::with(line);
        let answer = careless.get(strict, "/titles").await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.header("content-type"), ["text/plain; charset=utf-8"]);
        assert!(answer.body.contains("session token"), "{}", answer.body);
        assert!(answer.sets().contains(&name), "{:?}", answer.sets());
        careless.headers.clear();
        let answer = careless.get(strict, "/titles").await;
        assert_eq!((answer.status, &*answer.body), (200, "new|A Love Supreme"));
    }
    assert_eq!(client.get(strict, "/titles").await.status, 200);
    assert_eq!(Client::default().get(strict, "/titles").await.status, 200);
}

#[tokio::test]
async fn a_token_of_a_replaced_key_is_read_and_given_back_signed_by_the_new_one() {
    let world = World::new();
    let old = serve(&process(&world).await).await;
    let new_key = TokenKey::from_bytes([8; 32]).unwrap();
    let both = world.builder().token_key(new_key.clone()).token_key(key());
    let both = serve(&both.connect().await.unwrap()).await;
    let only_new = world.builder().token_key(new_key).connect().await.unwrap();
    let only_new = SessionLayer::new(&only_new).map(|layer| (layer.refuse_bad_tokens(), only_new));
    let (strict, manifold) = only_new.unwrap();
    let only_new = serve_by(strict, &manifold).await;
    let mut client = Client::default();
    client.post(old, "/album/1", "new").await;
    assert_eq!(client.get(only_new, "/idle").await.status, 400);
    let mut client = Client::default();
    client.post(old, "/album/1", "newer").await;
    client.post(both, "/album/1", "newest").await;
    assert_eq!(
        client.get(only_new, "/titles").await.body,
        "newest|A Love Supreme"
    );
}

#[tokio::test]
async fn a_layer_without_a_key_is_the_configurations_fault() {
    let world = World::new();
    let manifold = world.manifold().await;
    let error = SessionLayer::new(&manifold).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(error.to_string().contains("MANIFOLD_TOKEN_KEY"), "{error}");
    let layer = SessionLayer::new(&connected(world.builder()).await).unwrap();
    for name in ["", "a b", "a;b", "a=b", "ä", "a\r\nb"] {
        assert!(
            layer.clone().cookie(name).unwrap_err().is_configuration(),
            "{name}"
        );
        assert!(
            layer.clone().header(name).unwrap_err().is_configuration(),
            "{name}"
        );
    }
}
