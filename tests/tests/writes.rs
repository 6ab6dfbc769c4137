//! What a write promises about its end.

use diesel_manifold::{Error, Result};
use manifold_tests::slow_commit::{COMMITTING, Held, SLOW_COMMIT, until_committing};
use manifold_tests::{Shop, World, until};
use tokio::task::JoinHandle;

fn title(world: &World) -> String {
    world.sql(world.primary(), "SELECT title FROM album WHERE id = 1")
}

/// Writes that have counted the albums and stand at the shop's closed door.
async fn hold_writers(world: &World, shop: &Shop, count: usize) -> Vec<JoinHandle<Result<i64>>> {
    shop.close_door().await;
    let write = |_| {
        let shop = shop.clone();
        tokio::spawn(async move { shop.add_numbered().await })
    };
    let writers = (0..count).map(write).collect();
    until("all of them have counted", async || {
        world.unfinished(world.primary()) == count
    })
    .await;
    writers
}

#[tokio::test]
async fn a_write_is_committed_when_it_returns() {
    let world = World::new();
    let shop = world.shop().await;
    shop.rename(1, "Sketches of Spain").await.unwrap();
    assert_eq!(title(&world), "Sketches of Spain");
    let position = shop.db().last_write().expect("it has a position");
    assert_eq!(position.timeline(), 1);
    world.caught_up();
    let replayed = world.sql(
        world.replica(0),
        &format!("SELECT pg_last_wal_replay_lsn() >= '{position}'"),
    );
    assert_eq!(replayed, "t", "what was replayed covers the commit");
}

#[tokio::test]
async fn a_failed_body_is_rolled_back_and_its_connection_is_used_again() {
    let world = World::new();
    let shop = world.shop().await;
    let pid = shop.who_writes().await.unwrap().pid;
    let error = shop.add("Kind of Blue").await.unwrap_err();
    assert!(error.query().is_some(), "{error}");
    assert_eq!(
        world.sql(world.primary(), "SELECT count(*) FROM album"),
        "2"
    );
    assert_eq!(shop.who_writes().await.unwrap().pid, pid);
}

#[tokio::test]
async fn a_body_that_swallowed_an_error_is_told_that_nothing_happened() {
    let world = World::new();
    let shop = world.shop().await;
    let error = shop.swallow(1).await.unwrap_err();
    assert!(error.is_aborted_by_body(), "{error}");
    assert_eq!(title(&world), "Kind of Blue");
    shop.rename(1, "still works").await.unwrap();
}

#[tokio::test]
async fn a_public_write_inside_a_write_is_refused_by_name() {
    let world = World::new();
    let shop = world.shop().await;
    let error = shop.nested(1).await.unwrap_err();
    assert!(error.is_nested_write());
    assert!(
        error.to_string().contains("`Shop::rename_on(conn, ..)`"),
        "{error}"
    );
    assert_eq!(title(&world), "Kind of Blue");
}

#[tokio::test]
async fn a_write_to_another_database_inside_a_write_is_none_of_ours() {
    let world = World::new();
    let (shop, other) = (world.shop().await, world.sibling());
    let other_shop = other.shop().await;
    let renamed: Result<()> = shop
        .db()
        .transaction(async |tx| {
            shop.rename_on(tx, 1, "here").await?;
            other_shop.rename(1, "there").await?;
            assert!(
                shop.rename(1, "nested")
                    .await
                    .unwrap_err()
                    .is_nested_write()
            );
            Ok(())
        })
        .await;
    renamed.unwrap();
    assert_eq!(
        (title(&world), title(&other)),
        ("here".into(), "there".into())
    );
}

#[tokio::test]
async fn several_repositories_share_one_commit_or_none() {
    let world = World::new();
    let shop = world.shop().await;
    let failed: Result<()> = shop
        .db()
        .transaction(async |tx| {
            shop.rename_on(tx, 1, "first").await?;
            shop.rename_on(tx, 4711, "nobody").await?;
            Ok(())
        })
        .await;
    assert!(failed.unwrap_err().is_not_found());
    assert_eq!(title(&world), "Kind of Blue");
    let done: Result<()> = shop
        .db()
        .transaction(async |tx| {
            shop.rename_on(tx, 1, "first").await?;
            shop.rename_on(tx, 2, "second").await?;
            Ok(())
        })
        .await;
    done.unwrap();
    assert_eq!(title(&world), "first");
}

#[tokio::test]
async fn a_dropped_write_leaves_no_open_transaction() {
    let world = World::new();
    let shop = world.shop().await;
    shop.close_door().await;
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.add_numbered().await }
    });
    until("the body is running", async || {
        world.unfinished(world.primary()) == 1
    })
    .await;
    writing.abort();
    until("nothing is open", async || {
        world.unfinished(world.primary()) == 0
    })
    .await;
}

#[tokio::test]
async fn writes_that_conflict_run_again() {
    let world = World::new();
    let shop = world.shop().await;
    let writers = hold_writers(&world, &shop, 2).await;
    shop.open_door();
    let mut counts = Vec::new();
    for writer in writers {
        counts.push(writer.await.unwrap().expect("one of them ran again"));
    }
    counts.sort_unstable();
    assert_eq!(counts, [2, 3]);
}

#[tokio::test]
async fn a_caller_that_goes_away_during_commit_loses_no_invalidation() {
    let world = World::new();
    world.sql(world.primary(), SLOW_COMMIT);
    let shop = world.shop().await;
    world.caught_up();
    shop.by_id(1).await.unwrap();
    let held = Held::new(&world).await;
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.rename(1, "without its caller").await }
    });
    until_committing(&world).await;
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    held.release().await;
    // Shutdown waits for the end of the write, whose caller is gone.
    shop.db().shutdown().await;
    assert_eq!(title(&world), "without its caller");
    world.caught_up();
    let other = world.shop().await;
    let album = other.by_id(1).await.unwrap().unwrap();
    assert_eq!(
        album.title, "without its caller",
        "the old answer is not in Redis"
    );
}

#[tokio::test]
async fn shutdown_waits_for_the_end_of_a_write() {
    let world = World::new();
    world.sql(world.primary(), SLOW_COMMIT);
    let shop = world.shop().await;
    let held = Held::new(&world).await;
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.rename(1, "in time").await }
    });
    until_committing(&world).await;
    let stopping = tokio::spawn({
        let db = shop.db().clone();
        async move { db.shutdown().await }
    });
    let again = Box::pin(shop.db().shutdown());
    let over = futures_util::future::poll_immediate(again).await;
    assert!(
        over.is_none(),
        "it waits, and dropped it can be called again"
    );
    held.release().await;
    stopping.await.unwrap();
    assert_eq!(title(&world), "in time");
    writing.await.unwrap().unwrap();
    assert!(shop.who().await.unwrap_err().is_shut_down());
    assert!(shop.rename(1, "too late").await.unwrap_err().is_shut_down());
}

#[tokio::test]
async fn a_commit_that_the_server_refuses_is_its_own_error() {
    let world = World::new();
    world.sql(
        world.primary(),
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'refused at COMMIT'; END $$;
         CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON album DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION refuse();",
    );
    let shop = world.shop().await;
    let error = shop.rename(1, "refused").await.unwrap_err();
    assert!(error.to_string().contains("refused at COMMIT"), "{error}");
    assert!(error.query().is_some());
    let pid = shop.who_writes().await.unwrap().pid;
    assert_eq!(
        shop.who_writes().await.unwrap().pid,
        pid,
        "its connection is in order"
    );
}

/// Terminates the session that is in its COMMIT.
fn terminate_commit(world: &World) {
    let terminate = format!("SELECT pg_terminate_backend(pid) {COMMITTING}");
    assert_eq!(world.sql(world.primary(), &terminate), "t");
}

#[tokio::test]
async fn a_connection_lost_before_the_commit_took_effect_is_a_rollback() {
    let world = World::new();
    world.sql(world.primary(), SLOW_COMMIT);
    let shop = world.shop().await;
    let held = Held::new(&world).await;
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.rename(1, "lost").await }
    });
    until_committing(&world).await;
    terminate_commit(&world);
    let error: Error = writing.await.unwrap().unwrap_err();
    assert!(!error.is_outcome_unknown(), "the server was asked: {error}");
    assert!(error.query().is_some());
    held.release().await;
    assert_eq!(title(&world), "Kind of Blue");
}

#[tokio::test]
async fn a_connection_lost_after_the_commit_took_effect_is_a_success() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    shop.by_id(1).await.unwrap();
    // COMMIT is durable at once and then waits for a standby that does not exist.
    let admin = "ALTER SYSTEM SET synchronous_standby_names = 'nobody'";
    world.sql(world.primary(), admin);
    world.sql(world.primary(), "SELECT pg_reload_conf()");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.rename(1, "durable").await }
    });
    until("COMMIT waits for the standby", async || {
        world.sql(world.primary(), waiting) == "1"
    })
    .await;
    terminate_commit(&world);
    writing
        .await
        .unwrap()
        .expect("the server said that it is committed");
    world.sql(
        world.primary(),
        "ALTER SYSTEM RESET synchronous_standby_names",
    );
    world.sql(world.primary(), "SELECT pg_reload_conf()");
    assert_eq!(title(&world), "durable");
    assert_eq!(shop.by_id(1).await.unwrap().unwrap().title, "durable");
}

#[tokio::test]
async fn without_a_transaction_a_failed_write_still_delivers_its_invalidations() {
    let world = World::new();
    let shop = world.shop().await;
    shop.by_id(1).await.unwrap();
    assert!(shop.rename_and_fail(1).await.unwrap_err().is_not_found());
    assert_eq!(
        title(&world),
        "renamed and failed",
        "each statement commits by itself"
    );
    let album = shop.by_id(1).await.unwrap().unwrap();
    assert_eq!(album.title, "renamed and failed");
}

#[tokio::test]
async fn a_pool_of_dead_connections_does_not_fail_the_next_write() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let writers = hold_writers(&world, &shop, 4).await;
    shop.open_door();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    world.primary().kill().unwrap();
    world.primary().start().unwrap();
    shop.rename(1, "after").await.unwrap();
    assert_eq!(title(&world), "after");
}
