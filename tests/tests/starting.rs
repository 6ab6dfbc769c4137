//! What a manifold says when it cannot start as it was told.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use diesel_manifold::Manifold;
use manifold_tests::world::settings;
use manifold_tests::{Shop, World, until};

/// A port where nobody listens.
fn nobody() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_malformed_url_is_the_configurations_fault_and_says_where_it_was_given() {
    for url in ["", "not a url", "mysql://root@localhost/db", "postgres://"] {
        let error = Manifold::builder()
            .primary(url)
            .connect()
            .await
            .unwrap_err();
        assert!(error.is_configuration(), "{url}: {error}");
        assert!(error.to_string().contains("the primary's URL"), "{error}");
    }
    let world = World::new();
    let error = world
        .primary_only()
        .redis("http://x")
        .connect()
        .await
        .unwrap_err();
    assert!(
        error.is_configuration() && error.to_string().contains("REDIS_URL"),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_password_is_the_configurations_fault() {
    let world = World::new();
    let url = world
        .url(world.primary())
        .replacen("app:app", "app:wrong", 1);
    let error = Manifold::builder()
        .primary(url)
        .connect()
        .await
        .unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(
        !error.to_string().contains("wrong@"),
        "the password is not in the message"
    );
}

#[tokio::test]
async fn an_unreachable_primary_is_a_typed_error_within_the_connect_timeout() {
    let url = format!("postgres://app:app@127.0.0.1:{}/app", nobody());
    let error = Manifold::builder()
        .primary(url)
        .connect()
        .await
        .unwrap_err();
    assert!(error.is_unreachable(), "{error}");

    // One that takes the connection and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://app:app@{}/app", silent.local_addr().unwrap());
    let mut settings = settings();
    settings.pool.connect_timeout = Duration::from_millis(100);
    let connecting = Manifold::builder()
        .primary(url)
        .settings(settings)
        .connect();
    let error = tokio::time::timeout(Duration::from_secs(5), connecting)
        .await
        .expect("within its timeout")
        .unwrap_err();
    assert!(error.is_unreachable(), "{error}");
}

#[tokio::test]
async fn a_connection_of_ones_own_may_write_and_has_no_settings_of_ours() {
    let world = World::new();
    let url = world.url(world.primary());
    let mut conn = diesel_manifold::connect(&url).await.unwrap();
    conn.batch_execute("CREATE TABLE migrated (id int)")
        .await
        .unwrap();
    let show = |setting| {
        diesel::dsl::sql::<diesel::sql_types::Text>(&format!("current_setting('{setting}')"))
    };
    let settings: (String, String) = diesel_async::RunQueryDsl::get_result(
        diesel::select((
            show("statement_timeout"),
            show("default_transaction_read_only"),
        )),
        &mut conn,
    )
    .await
    .unwrap();
    assert_eq!(settings, ("0".to_owned(), "off".to_owned()));
}

#[tokio::test]
async fn a_connection_of_ones_own_fails_as_typed_as_a_manifold() {
    let failure = async |url: &str| match diesel_manifold::connect(url).await {
        Ok(_) => panic!("{url} was taken"),
        Err(error) => error,
    };
    for url in ["", "not a url", "postgres://"] {
        let error = failure(url).await;
        assert!(error.is_configuration(), "{url}: {error}");
        assert!(error.to_string().contains("the URL"), "{url}: {error}");
    }
    let world = World::new();
    let url = world.url(world.primary());
    let error = failure(&url.replacen("app:app", "app:wrong", 1)).await;
    assert!(error.is_configuration(), "{error}");
    let error = failure(&format!("postgres://app:app@127.0.0.1:{}/app", nobody())).await;
    assert!(error.is_unreachable(), "{error}");
}

#[tokio::test]
async fn a_standby_as_primary_is_refused() {
    let world = World::new();
    let error = Manifold::builder()
        .primary(world.url(world.replica(0)))
        .connect()
        .await
        .unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(
        error.to_string().contains("no node takes writes"),
        "{error}"
    );
}

#[tokio::test]
async fn an_unreachable_replica_is_left_out() {
    let world = World::new();
    let manifold = world
        .without_redis()
        .replica(format!("postgres://app:app@127.0.0.1:{}/app", nobody()))
        .connect()
        .await
        .unwrap();
    let available: Vec<_> = manifold.nodes().iter().map(|node| node.available).collect();
    assert_eq!(available, [true, true, true, false]);
    Shop::new(manifold).who().await.unwrap();
}

#[tokio::test]
async fn a_replica_of_another_cluster_is_refused() {
    let world = World::new();
    let Some(stranger) = World::alone() else {
        return;
    };
    let error = world
        .primary_only()
        .replica(stranger.url(stranger.replica(0)))
        .connect()
        .await
        .unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(
        error
            .to_string()
            .contains("replica-1 does not belong to the primary"),
        "{error}"
    );
}

#[tokio::test]
async fn without_redis_the_manifold_starts_and_caches_in_its_process() {
    let world = World::new();
    let shop = Shop::new(
        world
            .without_redis()
            .redis(format!("redis://127.0.0.1:{}", nobody()))
            .connect()
            .await
            .unwrap(),
    );
    shop.by_id(1).await.unwrap();
    shop.by_id(1).await.unwrap();
    assert_eq!(shop.loads(), 1);
}

#[tokio::test]
async fn a_start_that_is_dropped_leaves_no_connection() {
    let world = World::new();
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND usename = 'app'";
    for polls in 1..6 {
        let mut connecting = Box::pin(world.builder().connect());
        for _ in 0..polls {
            let _ = futures_util::future::poll_immediate(&mut connecting).await;
            tokio::task::yield_now().await;
        }
        drop(connecting);
        until("no session is left", async || {
            world.sql(world.primary(), sessions) == "0"
        })
        .await;
    }
}

#[tokio::test]
async fn a_manifold_that_is_dropped_closes_its_connections() {
    let world = World::new();
    let shop = world.shop().await;
    shop.rename(1, "last").await.unwrap();
    drop(shop);
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND usename = 'app'";
    until("no session is left", async || {
        world.sql(world.primary(), sessions) == "0"
    })
    .await;
}
