//! What the cache promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_manifold::prelude::*;
use diesel_manifold::{Cacheable, Clock, Reason, routes};
use futures_util::FutureExt;
use manifold_tests::{Album, Shop, World, until};
use serde::{Deserialize, Serialize};

/// Who answers `by_id(id)`.
async fn source(shop: &Shop, id: i32) -> String {
    let (answer, routes) = routes(shop.by_id(id)).await;
    answer.unwrap();
    routes.last().expect("one route").source.to_string()
}

async fn title(shop: &Shop, id: i32) -> String {
    shop.by_id(id).await.unwrap().unwrap().title.clone()
}

#[tokio::test]
async fn a_replica_answers_once_then_redis_another_process_then_this_one() {
    let world = World::new();
    let (one, other) = (world.shop().await, world.shop().await);
    assert!(source(&one, 1).await.starts_with("replica-"));
    assert_eq!(source(&one, 1).await, "l1");
    assert_eq!(source(&other, 1).await, "l2");
    assert_eq!(source(&other, 1).await, "l1");
    assert_eq!(one.loads() + other.loads(), 1);
}

#[tokio::test]
async fn a_write_drops_the_answer_in_both_processes_sooner_or_later() {
    let world = World::new();
    let clock = Clock::new();
    let one = world.shop().await;
    let other = world.shop_at(&clock).await;
    assert_eq!(title(&one, 1).await, "Kind of Blue");
    assert_eq!(title(&other, 1).await, "Kind of Blue");
    one.rename(1, "Milestones").await.unwrap();
    assert_eq!(title(&one, 1).await, "Milestones");
    // The other process has not been told (that is the herald's, and comes later): its L1 serves the
    // old answer for as long as `local_ttl`, and no longer.
    assert_eq!(title(&other, 1).await, "Kind of Blue");
    clock.step(Duration::from_secs(10));
    assert_eq!(title(&other, 1).await, "Milestones");
}

#[tokio::test]
async fn what_nested_writes_declare_is_dropped_with_the_outer_commit() {
    let world = World::new();
    let shop = world.shop().await;
    title(&shop, 1).await;
    title(&shop, 2).await;
    shop.rename_two((1, "one"), (2, "two")).await.unwrap();
    assert_eq!(title(&shop, 1).await, "one");
    assert_eq!(title(&shop, 2).await, "two");
    let done: Result<()> = shop
        .db()
        .transaction(async |tx| {
            shop.rename_on(tx, 1, "uno").await?;
            shop.rename_on(tx, 2, "due").await?;
            Ok(())
        })
        .await;
    done.unwrap();
    assert_eq!(title(&shop, 1).await, "uno");
    assert_eq!(title(&shop, 2).await, "due");
}

#[tokio::test]
async fn a_rollback_drops_nothing() {
    let world = World::new();
    let shop = world.shop().await;
    title(&shop, 1).await;
    let failed: Result<()> = shop
        .db()
        .transaction(async |tx| {
            shop.rename_on(tx, 1, "never").await?;
            Err(diesel::result::Error::RollbackTransaction.into())
        })
        .await;
    assert!(failed.is_err());
    assert!(shop.swallow(1).await.unwrap_err().is_aborted_by_body());
    assert_eq!(source(&shop, 1).await, "l1");
}

#[tokio::test]
async fn a_rolled_back_savepoint_still_drops() {
    let world = World::new();
    let shop = world.shop().await;
    title(&shop, 1).await;
    shop.rename_in_vain(1).await.unwrap();
    assert!(source(&shop, 1).await.starts_with("replica-"));
    assert_eq!(title(&shop, 1).await, "Kind of Blue");
}

#[tokio::test]
async fn an_imperative_invalidation_is_dropped_with_the_commit() {
    let world = World::new();
    let shop = world.shop().await;
    title(&shop, 1).await;
    title(&shop, 2).await;
    let done: Result<()> = shop
        .db()
        .transaction(async |tx| {
            tx.invalidate([1, 2].iter().map(Shop::by_id_key));
            tx.invalidate(Some(Shop::by_id_key(&3)));
            tx.invalidate(Shop::by_id_key(&4));
            Ok(())
        })
        .await;
    done.unwrap();
    assert!(source(&shop, 1).await.starts_with("replica-"));
    assert!(source(&shop, 2).await.starts_with("replica-"));
}

#[tokio::test]
async fn an_invalidation_during_a_load_wins() {
    let world = World::new();
    let shop = world.shop().await;
    shop.close_door().await;
    let loading = tokio::spawn({
        let shop = shop.clone();
        async move { title(&shop, 1).await }
    });
    until("the old row was read", async || shop.loads() == 1).await;
    shop.rename(1, "newer").await.unwrap();
    shop.open_door();
    assert_eq!(
        loading.await.unwrap(),
        "Kind of Blue",
        "it began before the write"
    );
    assert_eq!(title(&shop, 1).await, "newer", "and was not kept");
}

#[tokio::test]
async fn an_invalidation_in_another_process_during_a_load_wins_in_redis() {
    let world = World::new();
    let (slow, writer, late) = (world.shop().await, world.shop().await, world.shop().await);
    slow.close_door().await;
    let loading = tokio::spawn({
        let shop = slow.clone();
        async move { title(&shop, 1).await }
    });
    until("the old row was read", async || slow.loads() == 1).await;
    writer.rename(1, "newer").await.unwrap();
    world.caught_up();
    slow.open_door();
    assert_eq!(loading.await.unwrap(), "Kind of Blue");
    assert_eq!(
        title(&late, 1).await,
        "newer",
        "the old answer did not get into Redis"
    );
}

#[tokio::test]
async fn a_call_that_comes_after_an_invalidation_never_joins_an_older_load() {
    let world = World::new();
    let shop = world.shop().await;
    shop.close_door().await;
    let old = tokio::spawn({
        let shop = shop.clone();
        async move { title(&shop, 1).await }
    });
    until("the old row was read", async || shop.loads() == 1).await;
    shop.rename(1, "newer").await.unwrap();
    let new = tokio::spawn({
        let shop = shop.clone();
        async move { title(&shop, 1).await }
    });
    until("the second call reads for itself", async || {
        shop.loads() == 2
    })
    .await;
    shop.open_door();
    assert_eq!(new.await.unwrap(), "newer");
    old.await.unwrap();
}

#[tokio::test]
async fn a_hundred_callers_of_a_cold_key_make_one_query() {
    let world = World::new();
    let shop = world.shop().await;
    shop.close_door().await;
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let shop = shop.clone();
            tokio::spawn(async move { routes(shop.by_id(1)).await })
        })
        .collect();
    until("one of them has read", async || shop.loads() == 1).await;
    shop.open_door();
    let mut joined = 0;
    for caller in callers {
        let (album, routes) = caller.await.unwrap();
        assert_eq!(album.unwrap().unwrap().title, "Kind of Blue");
        joined += usize::from(routes[0].reason == Reason::Joined);
    }
    assert_eq!(shop.loads(), 1);
    assert!(joined > 0);
}

#[tokio::test]
async fn a_dropped_leader_hands_the_baton_on_and_leaves_nothing_behind() {
    let world = World::new();
    let shop = world.shop().await;
    shop.close_door().await;
    let call = |shop: &Shop| {
        let shop = shop.clone();
        tokio::spawn(async move { title(&shop, 1).await })
    };
    let leader = call(&shop);
    until("the leader has read", async || shop.loads() == 1).await;
    let (second, third) = (call(&shop), call(&shop));
    leader.abort();
    until("the next one leads", async || shop.loads() == 2).await;
    shop.open_door();
    assert_eq!(second.await.unwrap(), "Kind of Blue");
    assert_eq!(third.await.unwrap(), "Kind of Blue");
    assert_eq!(shop.loads(), 2, "the third one shared the answer");
    let nodes = [world.primary(), world.replica(0), world.replica(1)];
    until("no session is in the middle of anything", async || {
        nodes.iter().all(|node| world.unfinished(node) == 0)
    })
    .await;
}

#[tokio::test]
async fn neither_an_error_nor_an_absence_is_kept() {
    let world = World::new();
    let shop = world.shop().await;
    for _ in 0..2 {
        assert!(shop.by_id(3).await.unwrap().is_none());
        assert!(shop.must_be(3).await.is_err());
    }
    assert_eq!(shop.loads(), 4);
    let album = shop.add("Blue Train").await.unwrap();
    assert_eq!(album.id, 3);
    assert_eq!(title(&shop, 3).await, "Blue Train");
    assert_eq!(shop.must_be(3).await.unwrap().title, "Blue Train");
}

#[tokio::test]
async fn a_read_inside_a_transaction_goes_past_the_cache() {
    let world = World::new();
    let shop = world.shop().await;
    title(&shop, 1).await;
    let seen: Result<()> = shop
        .db()
        .transaction(async |tx| {
            shop.rename_on(tx, 1, "not yet").await?;
            assert!(source(&shop, 1).await.starts_with("replica-"));
            let own = shop.by_id_on(&mut tx.as_read(), 1).await?.unwrap();
            assert_eq!(own.title, "not yet", "its own transaction shows it");
            Err(diesel::result::Error::RollbackTransaction.into())
        })
        .await;
    assert!(seen.is_err());
    assert_eq!(source(&shop, 1).await, "l1");
}

#[tokio::test]
async fn an_answer_is_kept_no_longer_than_its_time_to_live() {
    let world = World::new();
    let clock = Clock::new();
    let shop = world.shop_at(&clock).await;
    source(&shop, 1).await;
    clock.step(Duration::from_secs(11));
    assert_eq!(source(&shop, 1).await, "l2", "L1 has its own, shorter time");
    clock.step(Duration::from_secs(120));
    assert!(source(&shop, 1).await.starts_with("replica-"));
}

#[tokio::test]
async fn manifolds_on_different_databases_share_nothing() {
    let world = World::new();
    let sibling = world.sibling();
    let (here, there) = (world.shop().await, sibling.shop().await);
    here.rename(1, "only here").await.unwrap();
    assert_eq!(title(&here, 1).await, "only here");
    assert_eq!(title(&there, 1).await, "Kind of Blue");
    there.rename(1, "only there").await.unwrap();
    assert_eq!(source(&here, 1).await, "l1");
    assert_ne!(here.db().namespace(), there.db().namespace());
}

/// An album as an older version of the program had it.
#[derive(Clone, Debug, Serialize, Deserialize, Cacheable, Queryable)]
struct OldAlbum {
    id: i32,
    name: String,
}

struct Versions {
    db: diesel_manifold::Manifold,
}

#[repository]
impl Versions {
    #[cached(name = "albums.first")]
    async fn first_album(&self, conn: &mut ReadConn<'_>) -> Result<Album> {
        use manifold_tests::shop::album;
        Ok(album::table.find(1).first(conn).await?)
    }

    #[write(invalidates(first_album()))]
    async fn touch(&self, _conn: &mut WriteConn<'_>) -> Result<()> {
        Ok(())
    }
}

struct OldVersions {
    db: diesel_manifold::Manifold,
}

#[repository]
impl OldVersions {
    #[cached(name = "albums.first")]
    async fn first_album(&self, conn: &mut ReadConn<'_>) -> Result<OldAlbum> {
        use manifold_tests::shop::album;
        Ok(album::table.find(1).first(conn).await?)
    }

    #[write(invalidates(first_album()))]
    async fn touch(&self, _conn: &mut WriteConn<'_>) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_older_structs_value_is_not_misread_and_is_dropped_by_the_newer_program() {
    let world = World::new();
    let source = async |routes: Vec<diesel_manifold::Route>| routes[0].source.to_string();
    let old = OldVersions {
        db: world.manifold().await,
    };
    let new = Versions {
        db: world.manifold().await,
    };
    assert_eq!(old.first_album().await.unwrap().name, "Kind of Blue");
    let (album, route) = routes(new.first_album()).await;
    assert_eq!(album.unwrap().title, "Kind of Blue");
    assert!(
        source(route).await.starts_with("replica-"),
        "not the old value"
    );
    new.touch().await.unwrap();
    let third = OldVersions {
        db: world.manifold().await,
    };
    let (_, route) = routes(third.first_album()).await;
    assert!(
        source(route).await.starts_with("replica-"),
        "the new program dropped it"
    );
    old.touch().await.unwrap();
}

#[tokio::test]
async fn a_frozen_redis_slows_no_call_beyond_its_bound_and_fails_none() {
    let Some(world) = World::alone() else { return };
    let mut settings = manifold_tests::world::settings();
    settings.cache.operation_timeout = Duration::from_millis(50);
    let shop = Shop::new(world.builder().settings(settings).connect().await.unwrap());
    title(&shop, 1).await;
    world.redis().freeze().unwrap();
    let bounded = async |call: &str, future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        // The bound is 50 ms for each operation; what is more is the machine's.
        let limit = Duration::from_secs(10);
        assert!(
            tokio::time::timeout(limit, future).await.is_ok(),
            "{call} hangs"
        );
    };
    for round in 0..20 {
        let writing = shop.clone();
        bounded(
            "a write",
            Box::pin(async move {
                writing.rename(1, &format!("round {round}")).await.unwrap();
            }),
        )
        .await;
        let reading = shop.clone();
        bounded(
            "a cached read",
            Box::pin(async move {
                assert_eq!(title(&reading, 1).await, format!("round {round}"));
            }),
        )
        .await;
    }
    world.redis().thaw().unwrap();
    // What Redis did not acknowledge is delivered when it answers again.
    let other = world.shop().await;
    until("the other process sees the last write", async || {
        title(&other, 1).await == "round 19"
    })
    .await;
}

#[tokio::test]
async fn a_killed_redis_fails_no_call_and_is_used_again_when_it_is_back() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    title(&shop, 1).await;
    world.redis().kill().unwrap();
    for round in 0..10 {
        shop.rename(1, &format!("round {round}")).await.unwrap();
        assert_eq!(title(&shop, 1).await, format!("round {round}"));
    }
    world.redis().start().unwrap();
    let other = world.shop().await;
    finds_the_answers_of(&shop, &other).await;
}

#[tokio::test]
async fn a_redis_that_is_down_at_the_start_is_used_when_it_comes() {
    let Some(world) = World::alone() else { return };
    world.redis().kill().unwrap();
    let shop = world.shop().await;
    title(&shop, 1).await;
    world.redis().start().unwrap();
    let other = world.shop().await;
    finds_the_answers_of(&shop, &other).await;
}

/// Waits until `shop` is answered by Redis with what `other` has kept there.
async fn finds_the_answers_of(shop: &Shop, other: &Shop) {
    let count = AtomicUsize::new(0);
    until("it finds an answer in Redis", async || {
        // A new one each time, so that nothing in the process answers.
        let title = format!("number {}", count.fetch_add(1, Ordering::SeqCst));
        let album = other.add(&title).await.unwrap();
        other.by_id(album.id).await.unwrap();
        source(shop, album.id).await == "l2"
    })
    .await;
}

#[tokio::test]
async fn a_value_that_is_too_large_for_redis_stays_in_this_process() {
    let world = World::new();
    let mut settings = manifold_tests::world::settings();
    settings.cache.max_value_bytes = 4;
    let one = Shop::new(world.builder().settings(settings).connect().await.unwrap());
    let other = world.shop().await;
    source(&one, 1).await;
    assert_eq!(source(&one, 1).await, "l1");
    assert!(source(&other, 1).await.starts_with("replica-"));
}

#[tokio::test]
async fn a_hit_on_an_arc_makes_no_allocation() {
    let world = World::new();
    let shop = world.shop().await;
    shop.by_id(1).await.unwrap();
    let hit = || {
        shop.by_id(1)
            .now_or_never()
            .expect("a hit waits for nothing")
    };
    let mut counts: Vec<_> = (0..200)
        .map(|_| allocation_counter::measure(|| drop(hit())).count_total)
        .collect();
    counts.sort_unstable();
    // Now and then moka settles its own accounts on a `get`; nine hits in ten meet nothing.
    assert_eq!(counts[180], 0, "{counts:?}");
}

#[tokio::test]
async fn a_hit_shares_the_value_and_copies_nothing() {
    let world = World::new();
    let shop = world.shop().await;
    let (first, second) = (shop.by_id(1).await.unwrap(), shop.by_id(1).await.unwrap());
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
}
