//! What a manifold does, over TLS from end to end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use diesel_manifold::Manifold;
use manifold_compose::Node;
use manifold_tests::world::settings;
use manifold_tests::{Shop, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::certificates::Authority;
use crate::site::{NAMES, Site, url_at, with_clients};

/// Passes connections on to `port`, and notes with which eight bytes each began.
async fn witness(port: u16) -> (u16, Arc<Mutex<Vec<[u8; 8]>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let notes = Arc::clone(&notes);
            tokio::spawn(async move {
                let mut first = [0; 8];
                if client.read_exact(&mut first).await.is_err() {
                    return;
                }
                notes.lock().unwrap().push(first);
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                server.write_all(&first).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (own, seen)
}

#[tokio::test]
async fn a_dropped_query_is_cancelled_in_the_same_encryption() {
    /// The length 8, and the code by which a client asks for TLS.
    const ASKS_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

    let site = Site::start(with_clients);
    let primary = site.cluster.primary();
    let (port, seen) = witness(primary.port()).await;
    let client = site.authority.client("app").parameters();
    let root = site.authority.parameter();
    let url = url_at(
        port,
        "localhost",
        &format!("sslmode=verify-full&{root}&{client}"),
    );
    let manifold = Manifold::builder().primary(url).settings(settings());
    let shop = Shop::new(manifold.connect().await.unwrap());

    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' \
                    AND pid <> pg_backend_pid() AND state = 'active'";
    let reading = tokio::spawn({
        let shop = shop.clone();
        async move { shop.sleep(600.0).await }
    });
    until("the read is running", async || {
        site.sql(primary, sleeping) == "1"
    })
    .await;
    let before = seen.lock().unwrap().len();
    reading.abort();
    until("the server has stopped it", async || {
        site.sql(primary, sleeping) == "0"
    })
    .await;
    shop.who().await.unwrap();

    let seen = seen.lock().unwrap();
    assert!(
        seen.len() > before,
        "the request to cancel came on a connection of its own"
    );
    assert!(seen.iter().all(|first| *first == ASKS_FOR_TLS), "{seen:?}");
}

#[tokio::test]
async fn the_journeys_go_through_tls_from_end_to_end() {
    let authority = Authority::new();
    let pair = authority.server(&NAMES);
    let site = Site::showing(authority, &pair, 2, with_clients);
    let client = site.authority.client("app").parameters();
    let papers = format!("{}&{client}", site.authority.parameter());
    let builder = || {
        let url = |node: &Node| {
            url_at(
                node.port(),
                "localhost",
                &format!("sslmode=verify-full&{papers}"),
            )
        };
        let replicas = site.cluster.replicas().iter();
        let primary = Manifold::builder().primary(url(site.cluster.primary()));
        let builder = replicas.fold(primary, |builder, replica| builder.replica(url(replica)));
        builder.settings(settings()).redis(site.redis(&papers))
    };
    let one = Shop::new(builder().connect().await.unwrap());
    let another = Shop::new(builder().connect().await.unwrap());

    assert!(one.who().await.unwrap().standby, "a replica answers");
    let album = one.by_id(1).await.unwrap().unwrap();
    assert_eq!(another.by_id(1).await.unwrap().unwrap(), album);
    assert_eq!(
        (one.loads(), another.loads()),
        (1, 0),
        "the second answer is Redis's"
    );
    one.rename(1, "Blue Train").await.unwrap();
    site.cluster.wait_replayed().unwrap();
    assert_eq!(one.by_id(1).await.unwrap().unwrap().title, "Blue Train");
    another.by_id(2).await.unwrap();

    let plain = "SELECT count(*) FILTER (WHERE NOT ssl), count(*) > 0 FROM pg_stat_ssl \
                 JOIN pg_stat_activity USING (pid) WHERE usename = 'app'";
    for node in site.cluster.nodes() {
        assert_eq!(site.sql(node, plain), "0|t", "{node}");
    }

    // A Redis that is killed fails no call, and the link is opened again over TLS.
    let redis = site.cluster.redis().unwrap();
    redis.kill().unwrap();
    one.rename(2, "Giant Steps").await.unwrap();
    redis.start().unwrap();
    let count = AtomicUsize::new(0);
    until("it finds the other's answer in Redis", async || {
        let title = format!("after {}", count.fetch_add(1, Ordering::SeqCst));
        let album = another.add(&title).await.unwrap();
        site.cluster.wait_replayed().unwrap();
        another.by_id(album.id).await.unwrap();
        let before = one.loads();
        one.by_id(album.id).await.unwrap();
        one.loads() == before
    })
    .await;
}
