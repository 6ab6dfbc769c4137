//! A Redis whose TLS is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_manifold::{Builder, Manifold, Place};
use manifold_tests::world::settings;
use manifold_tests::{Shop, World, log, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::certificates::Authority;
use crate::site::{NAMES, Site, offered, with_clients};

/// What is logged while `starting` connects, by a manifold that answers nevertheless.
async fn log_of_a_start(starting: Builder) -> String {
    log::listen();
    log::taken();
    let shop = Shop::new(starting.connect().await.unwrap());
    let log = log::taken();
    assert!(shop.by_id(1).await.unwrap().is_some(), "calls go on");
    log
}

#[tokio::test]
async fn a_redis_whose_tls_is_refused_is_said_with_its_reason_and_fails_no_call() {
    let good = Site::start(offered);
    let clients = Site::start(with_clients);
    let (elsewhere, late) = (Authority::new(), Authority::new());
    let pair = elsewhere.server(&["db.example"]);
    let elsewhere = Site::showing(elsewhere, &pair, 0, offered);
    let pair = late.expired(&NAMES);
    let late = Site::showing(late, &pair, 0, offered);
    let root = |site: &Site| site.authority.parameter();
    let stranger = Authority::new();

    let log = log_of_a_start(good.with_redis(&root(&good))).await;
    assert!(!log.contains("Redis does not answer"), "{log}");
    let refused = stranger.client("app").parameters();
    let client = clients.authority.client("app").parameters();
    let with = |parameters: &str| format!("{}&{parameters}", root(&clients));
    let (refused, client) = (with(&refused), with(&client));
    let through = |redis: String| {
        let primary = clients.authority.client("app").parameters();
        let primary = clients.url(&format!("sslmode=require&{primary}"));
        Manifold::builder()
            .primary(primary)
            .settings(settings())
            .redis(redis)
    };
    let log = log_of_a_start(through(clients.redis(&client))).await;
    assert!(!log.contains("Redis does not answer"), "{log}");

    for (starting, said) in [
        (
            good.with_redis(&stranger.parameter()),
            "unknown root: its certificate is signed by none of",
        ),
        (
            elsewhere.with_redis(&root(&elsewhere)),
            "the certificate is for db.example, not for 127.0.0.1",
        ),
        (
            late.with_redis(&root(&late)),
            "expired certificate: it ended ",
        ),
        (
            through(clients.redis(&root(&clients))),
            "it asks for a client certificate, and got none",
        ),
        (
            through(clients.redis(&refused)),
            "it refuses the client certificate in ",
        ),
    ] {
        let log = log_of_a_start(starting).await;
        assert!(
            log.contains("Redis does not answer") && log.contains(said),
            "{log}"
        );
    }
}

#[tokio::test]
async fn a_look_into_redis_goes_over_tls_and_says_why_it_does_not() {
    let site = Site::start(offered);
    let root = site.authority.parameter();
    let shop = Shop::new(site.with_redis(&root).connect().await.unwrap());
    shop.by_id(1).await.unwrap();
    let cache = shop.db().shared_cache().await.unwrap();
    let page = cache.page("", Place::default()).await.unwrap();
    assert_eq!(page.answers.len(), 1);

    let stranger = Authority::new();
    let starting = site.with_redis(&stranger.parameter());
    let manifold = starting.connect().await.unwrap();
    let error = manifold.shared_cache().await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(error.to_string().contains("unknown root"), "{error}");
}

#[tokio::test]
async fn a_redis_that_speaks_no_tls_is_said() {
    let world = World::new();
    let port = world.redis().port();
    let root = Authority::new();
    let url = format!("rediss://127.0.0.1:{port}?{}", root.parameter());
    let log = log_of_a_start(world.primary_only().redis(url)).await;
    // It waits for the end of a line, and answers if there happens to be one in the greeting.
    let either = ["does it speak TLS on this port?", "it speaks no TLS here"];
    assert!(either.iter().any(|said| log.contains(said)), "{log}");
}

/// Passes connections on to `port`, answers only while the gate is open, and counts what clients send.
async fn gate(port: u16) -> (u16, Arc<Semaphore>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let (gate, sent) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (open, count) = (Arc::clone(&gate), Arc::clone(&sent));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_client, mut to_client) = client.into_split();
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut from_server, mut to_server) = server.into_split();
            let (open, count) = (Arc::clone(&open), Arc::clone(&count));
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
                    count.fetch_add(1, Ordering::SeqCst);
                    to_server.write_all(&bytes[..length]).await.unwrap();
                }
            });
            tokio::spawn(async move {
                let _open = open.acquire().await;
                let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
            });
        }
    });
    (own, gate, sent)
}

#[tokio::test]
async fn a_handshake_that_takes_longer_than_an_operation_goes_on_without_it() {
    let site = Site::start(offered);
    let (port, gate, sent) = gate(site.cluster.redis().unwrap().port()).await;
    let mut settings = settings();
    settings.cache.operation_timeout = Duration::from_millis(20);
    let builder = Manifold::builder().primary(site.url("sslmode=require"));
    let redis = format!("rediss://127.0.0.1:{port}?{}", site.authority.parameter());
    let shop = Shop::new(
        builder
            .settings(settings)
            .redis(redis)
            .connect()
            .await
            .unwrap(),
    );
    let greetings = sent.load(Ordering::SeqCst);
    shop.by_id(1).await.unwrap();
    let greeted = sent.load(Ordering::SeqCst);
    assert!(
        greeted > greetings,
        "it greets, and goes on without an answer"
    );
    gate.add_permits(Semaphore::MAX_PERMITS);
    until("the handshake goes on", async || {
        sent.load(Ordering::SeqCst) > greeted
    })
    .await;
}

#[tokio::test]
async fn a_redis_url_that_asks_for_less_than_it_seems_is_refused() {
    for (url, said) in [
        (
            "redis://localhost?sslrootcert=/ca.pem",
            "REDIS_URL has sslrootcert, and asks for no TLS",
        ),
        (
            "redis://localhost?sslmode=verify-full",
            "REDIS_URL has sslmode, and asks for no TLS",
        ),
        (
            "rediss://localhost?sslmode=disable",
            "REDIS_URL has sslmode, which is PostgreSQL's",
        ),
        ("rediss://localhost#insecure", "#insecure"),
        ("valkeys://localhost#insecure", "#insecure"),
    ] {
        let builder = Manifold::builder()
            .primary("postgres://app:app@localhost/app")
            .redis(url);
        let error = builder.connect().await.unwrap_err();
        assert!(error.is_configuration(), "{error}");
        assert!(error.to_string().contains(said), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_redis_is_pinged_as_a_manifold_reaches_it() {
    let site = Site::start(offered);
    let ping =
        async |parameters: String| diesel_manifold::ping_redis(&site.redis(&parameters)).await;
    ping(site.authority.parameter()).await.unwrap();
    let capitals = site
        .redis(&site.authority.parameter())
        .replace("rediss", " REDISS");
    diesel_manifold::ping_redis(&capitals).await.unwrap();
    let refused = ping(Authority::new().parameter()).await.unwrap_err();
    assert!(refused.is_configuration(), "{refused}");
    assert!(refused.to_string().contains("unknown root"), "{refused}");
    let silent = diesel_manifold::ping_redis("redis://127.0.0.1:1").await;
    assert!(silent.unwrap_err().is_unreachable());
    let malformed = diesel_manifold::ping_redis("http://x").await;
    assert!(malformed.unwrap_err().is_configuration());
}
