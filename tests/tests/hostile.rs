//! What careless and hostile callers tried, and what must hold all the same.

use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::{Integer, Text};
use diesel_manifold::prelude::*;
use diesel_manifold::{Key, Manifold, routes};
use futures_util::future::poll_immediate;
use manifold_tests::shop::album;
use manifold_tests::slow_commit::{Held, SLOW_COMMIT, until_committing};
use manifold_tests::world::settings;
use manifold_tests::{Album, Shop, World, until};

struct Careless {
    db: Manifold,
}

fn three_keys() -> Vec<Key> {
    (1..=3).map(|id| Shop::by_id_key(&id)).collect()
}

async fn retitle(conn: &mut WriteConn<'_>, title: &str) -> Result<()> {
    let update = diesel::update(album::table.find(1)).set(album::title.eq(title));
    update.execute(conn).await?;
    Ok(())
}

#[repository]
impl Careless {
    #[write(transaction = off, invalidates({ three_keys() }))]
    async fn declare_many(&self, conn: &mut WriteConn<'_>) -> Result<()> {
        retitle(conn, "changed").await
    }

    #[write(transaction = off, invalidates({ Shop::by_id_key(&1) }))]
    async fn change_and_hang(&self, conn: &mut WriteConn<'_>) -> Result<()> {
        retitle(conn, "changed").await?;
        std::future::pending().await
    }

    #[write(transaction = off)]
    async fn leave_a_transaction_open(&self, conn: &mut WriteConn<'_>) -> Result<()> {
        Ok(conn.batch_execute("BEGIN").await?)
    }

    #[write(transaction = off)]
    async fn leave_a_test_transaction_open(&self, conn: &mut WriteConn<'_>) -> Result<()> {
        Ok(conn.begin_test_transaction().await?)
    }

    #[write(transaction = off)]
    async fn by_statements(&self, conn: &mut WriteConn<'_>) -> Result<()> {
        retitle(conn, "by statements").await
    }

    #[write]
    async fn roll_back_by_hand(&self, conn: &mut WriteConn<'_>) -> Result<()> {
        retitle(conn, "rolled back").await?;
        Ok(conn.batch_execute("ROLLBACK").await?)
    }

    #[write]
    async fn deallocate(&self, conn: &mut WriteConn<'_>) -> Result<()> {
        Ok(conn.batch_execute("DEALLOCATE ALL").await?)
    }

    #[write]
    async fn in_transaction(&self, conn: &mut WriteConn<'_>) -> Result<()> {
        retitle(conn, "in a transaction").await
    }

    #[write]
    async fn only_look(&self, conn: &mut WriteConn<'_>) -> Result<i64> {
        Ok(album::table.count().get_result(conn).await?)
    }

    /// A first row that comes at once, and a second one whose computation fails.
    #[read]
    async fn first_of_two(&self, conn: &mut ReadConn<'_>) -> Result<i32> {
        let rows = "SELECT 300000 / (2 - i) FROM generate_series(1, 2) i";
        let query = diesel::dsl::sql::<Integer>(rows).assert_read_only();
        Ok(query.get_result(conn).await?)
    }

    #[cached]
    async fn hide_errors(&self, conn: &mut ReadConn<'_>) -> Result<Vec<String>> {
        let slow = "SELECT title || pg_sleep(0.3)::text FROM album";
        let query = diesel::dsl::sql::<Text>(slow).assert_read_only();
        Ok(query.load(conn).await.unwrap_or_default())
    }
}

async fn careless(world: &World) -> Careless {
    let mut settings = settings();
    settings.pool.size = 1;
    let db = world.builder().settings(settings).connect().await;
    Careless { db: db.unwrap() }
}

fn title(world: &World) -> String {
    world.sql(world.primary(), "SELECT title FROM album WHERE id = 1")
}

#[tokio::test]
async fn writes_go_on_while_redis_is_down_and_every_redelivery_is_taken() {
    let Some(world) = World::alone() else { return };
    let mut settings = settings();
    settings.cache.operation_timeout = Duration::from_millis(50);
    settings.write.max_endings = 2;
    let shop = Shop::new(world.builder().settings(settings).connect().await.unwrap());
    world.redis().kill().unwrap();
    for round in 0..6 {
        let title = format!("round {round}");
        let writing = shop.rename(1, &title);
        // Redelivery goes on for a minute; no write waits for one.
        let written = tokio::time::timeout(Duration::from_secs(20), writing).await;
        written.expect("it does not wait").unwrap();
    }
    shop.db().shutdown().await;
}

#[test]
fn shutdown_waits_for_the_invalidation_of_a_dropped_write_without_a_transaction() {
    let world = World::new();
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    runtime().block_on(async {
        let db = world.manifold().await;
        let shop = Shop::new(db.clone());
        shop.by_id(1).await.unwrap();
        // Looking at the row below blocks this thread: a connection that is opened meanwhile may not be
        // open in time.
        shop.who_writes().await.unwrap();
        let careless = Careless { db: db.clone() };
        let changed = until("the row is changed", async || title(&world) == "changed");
        let written = tokio::select! {
            written = careless.change_and_hang() => Some(written),
            () = changed => None,
        };
        assert!(written.is_none(), "it hangs, and is dropped now");
        db.shutdown().await;
    });
    world.caught_up();
    runtime().block_on(async {
        let album = world.shop().await.by_id(1).await.unwrap().unwrap();
        assert_eq!(album.title, "changed");
    });
}

#[tokio::test]
async fn too_many_keys_of_a_write_without_a_transaction_are_not_said_to_be_rolled_back() {
    let world = World::new();
    let mut settings = settings();
    settings.write.max_invalidations = 2;
    let db = world.builder().settings(settings).connect().await.unwrap();
    let error = Careless { db }.declare_many().await.unwrap_err();
    assert_eq!(title(&world), "changed");
    assert!(
        error.is_misuse() && !error.to_string().contains("rolled back"),
        "{error}"
    );
}

#[tokio::test]
async fn a_leader_that_nobody_polls_stops_no_other_call() {
    let world = World::new();
    let mut settings = settings();
    settings.cache.flight_wait = Duration::from_millis(50);
    let shop = Shop::new(world.builder().settings(settings).connect().await.unwrap());
    let mut leader = Box::pin(shop.by_id(1));
    assert!(poll_immediate(&mut leader).await.is_none());
    assert_eq!(shop.by_id(1).await.unwrap().unwrap().title, "Kind of Blue");
}

#[tokio::test]
async fn what_a_write_without_a_transaction_leaves_is_for_nobody_to_find() {
    let world = World::new();
    let careless = careless(&world).await;
    careless.leave_a_transaction_open().await.unwrap();
    careless.by_statements().await.unwrap();
    assert_eq!(title(&world), "by statements");
    careless.leave_a_test_transaction_open().await.unwrap();
    careless.in_transaction().await.unwrap();
    assert_eq!(title(&world), "in a transaction");
}

#[tokio::test]
async fn a_body_that_ends_its_transaction_by_hand_is_told_so() {
    let world = World::new();
    let careless = careless(&world).await;
    let error = careless.roll_back_by_hand().await.unwrap_err();
    assert!(
        error.is_misuse() && error.to_string().contains("SQL of its own"),
        "{error}"
    );
    careless.in_transaction().await.unwrap();
}

#[tokio::test]
async fn a_body_that_spoils_its_connection_spoils_no_other_write() {
    let world = World::new();
    let careless = careless(&world).await;
    assert!(careless.deallocate().await.is_err());
    careless.in_transaction().await.unwrap();
    assert_eq!(title(&world), "in a transaction");
}

#[tokio::test]
async fn an_error_behind_the_first_row_is_an_error() {
    let world = World::new();
    let error = careless(&world).await.first_of_two().await.unwrap_err();
    assert!(error.to_string().contains("division by zero"), "{error}");
}

#[tokio::test]
async fn an_answer_made_up_from_a_lost_connection_is_not_kept() {
    let world = World::new();
    let careless = Arc::new(careless(&world).await);
    let reading = tokio::spawn({
        let careless = Arc::clone(&careless);
        async move { careless.hide_errors().await }
    });
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND query LIKE '%pg_sleep%' \
                     AND state = 'active' AND pid <> pg_backend_pid()";
    until("the read was terminated", async || {
        let nodes = [world.replica(0), world.replica(1)];
        nodes.iter().any(|node| world.sql(node, terminate) == "t")
    })
    .await;
    assert!(reading.await.unwrap().unwrap().is_empty());
    assert_eq!(careless.hide_errors().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_lost_commit_is_not_mistaken_for_a_strangers_with_the_same_id() {
    let Some(world) = World::alone() else { return };
    // A COMMIT that waits, and whose records stay in memory meanwhile.
    world.sql(world.primary(), SLOW_COMMIT);
    world.sql(world.primary(), "CREATE TABLE other (i int)");
    world.sql(world.primary(), "ALTER SYSTEM SET wal_writer_delay = '10s'");
    world.sql(world.primary(), "SELECT pg_reload_conf()");
    let shop = world.shop().await;
    world.sql(world.primary(), "CHECKPOINT");
    let _held = Held::new(&world).await;
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.rename(1, "lost in the crash").await }
    });
    until_committing(&world).await;
    world.primary().kill().unwrap();
    world.primary().start().unwrap();
    for _ in 0..5 {
        world.sql(world.primary(), "INSERT INTO other VALUES (1)");
    }
    let outcome: Result<Album> = writing.await.unwrap();
    assert_eq!(title(&world), "Kind of Blue");
    outcome.expect_err("it is not there");
}

#[tokio::test]
async fn a_fill_that_comes_after_redis_forgot_the_invalidation_is_refused() {
    let world = World::new();
    let mut settings = settings();
    settings.cache.invalidation_memory = Duration::from_millis(100);
    let shop = async || {
        let builder = world.builder().settings(settings.clone());
        Shop::new(builder.connect().await.unwrap())
    };
    let (slow, writer) = (shop().await, shop().await);
    slow.close_door().await;
    let loading = tokio::spawn({
        let shop = slow.clone();
        async move { shop.by_id(1).await }
    });
    until("the old row was read", async || slow.loads() == 1).await;
    writer.rename(1, "newer").await.unwrap();
    world.caught_up();
    let client = redis::Client::open(world.redis().url()).unwrap();
    let redis = client.get_multiplexed_async_connection().await.unwrap();
    let pattern = format!("mf:{}:*", writer.db().namespace());
    let forgotten = async || {
        let mut keys = redis::cmd("KEYS");
        let keys: Vec<String> = keys
            .arg(&pattern)
            .query_async(&mut redis.clone())
            .await
            .unwrap();
        keys.is_empty()
    };
    until("Redis has forgotten the invalidation", forgotten).await;
    slow.open_door();
    loading.await.unwrap().unwrap();
    let (album, seen) = routes(shop().await.by_id(1)).await;
    assert_eq!(album.unwrap().unwrap().title, "newer", "{seen:?}");
}

#[tokio::test]
async fn a_database_seen_through_another_search_path_is_another_namespace() {
    let world = World::new();
    world.sql(
        world.primary(),
        "CREATE SCHEMA two AUTHORIZATION app; CREATE TABLE two.album (id int, title text);
         INSERT INTO two.album VALUES (1, 'the other one''s'); ALTER TABLE two.album OWNER TO app",
    );
    let url = |path: &str| {
        let url = world.url(world.primary());
        format!("{url}?options=-c%20search_path%3D{path}")
    };
    let shop = async |path: &str| {
        let builder = Manifold::builder()
            .primary(url(path))
            .redis(world.redis().url());
        Shop::new(builder.connect().await.unwrap())
    };
    let (one, two) = (shop("public").await, shop("two").await);
    assert_eq!(one.by_id(1).await.unwrap().unwrap().title, "Kind of Blue");
    assert_eq!(
        two.by_id(1).await.unwrap().unwrap().title,
        "the other one's"
    );
}

#[tokio::test]
async fn settings_with_which_no_write_could_end_are_refused() {
    let world = World::new();
    let mut settings = settings();
    settings.write.max_endings = 0;
    let error = world
        .builder()
        .settings(settings)
        .connect()
        .await
        .unwrap_err();
    assert!(error.is_configuration(), "{error}");
    let careless = careless(&world).await;
    assert_eq!(careless.only_look().await.unwrap(), 2);
}
