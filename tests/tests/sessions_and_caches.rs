//! A session's own writes are in every cached answer that it gets.

use std::time::Duration;

use diesel_manifold::prelude::*;
use diesel_manifold::{Clock, Consistency, Manifold, Policy, Reason, Role, TokenKey, routes};
use manifold_tests::{Shop, World, until};

async fn title(shop: &Shop, id: i32) -> String {
    shop.by_id(id).await.unwrap().unwrap().title.clone()
}

/// Who answers `by_id(id)`, and with which title.
async fn answer(shop: &Shop, id: i32) -> (String, String) {
    let (album, routes) = routes(shop.by_id(id)).await;
    let source = routes.last().expect("one route").source.to_string();
    (source, album.unwrap().unwrap().title.clone())
}

/// Changes a title without saying which answers that makes stale.
async fn by_hand(db: &Manifold, id: i32) {
    let update = async |tx: &mut WriteConn<'_>| -> Result<()> {
        let update = format!("UPDATE album SET title = 'by hand' WHERE id = {id}");
        diesel::sql_query(update).execute(tx).await?;
        Ok(())
    };
    db.transaction(update).await.expect("written");
}

async fn all_lag(world: &World) {
    world.replica(0).pause_replay().unwrap();
    world.replica(1).pause_replay().unwrap();
}

#[tokio::test]
async fn an_own_write_is_seen_through_both_levels_whatever_replica_lags() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    assert_eq!(title(&shop, 1).await, "Kind of Blue");
    all_lag(&world).await;
    shop.rename(1, "Milestones").await.unwrap();
    assert_eq!(title(&shop, 1).await, "Milestones");
    assert_eq!(answer(&shop, 1).await, ("l1".into(), "Milestones".into()));
}

#[tokio::test]
async fn not_even_an_eventual_load_refills_a_key_with_what_this_process_made_stale() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let eventual = shop.with(Consistency::Eventual);
    assert_eq!(title(&eventual, 1).await, "Kind of Blue");
    all_lag(&world).await;
    shop.rename(1, "Milestones").await.unwrap();
    let (source, title) = answer(&eventual, 1).await;
    assert_eq!((&*source, &*title), ("primary", "Milestones"));
    // Another key is bound by nothing.
    assert_ne!(answer(&eventual, 2).await.0, "primary");
}

#[tokio::test]
async fn what_another_process_filled_from_a_lagging_replica_is_no_hit_here() {
    let Some(world) = World::alone() else { return };
    let clock = Clock::new();
    let here = world.shop_at(&clock).await;
    let there = world.shop().await;
    all_lag(&world).await;
    here.rename(1, "Milestones").await.unwrap();
    assert_eq!(title(&there, 1).await, "Kind of Blue", "nobody told it");
    assert_eq!(answer(&there.with(Consistency::Eventual), 1).await.0, "l1");
    // The other one's fill is in Redis, and carries its stamp.
    let (source, title) = answer(&here, 1).await;
    assert_eq!((&*source, &*title), ("primary", "Milestones"));
}

#[tokio::test]
async fn an_undeclared_write_makes_older_answers_no_hits_for_its_writer() {
    let world = World::new();
    let shop = world.shop().await;
    let (writer, other) = (shop.db().session(), shop.db().session());
    assert_eq!(title(&shop, 1).await, "Kind of Blue");
    by_hand(&shop.db().with_session(&writer), 1).await;
    assert_eq!(answer(&shop.with_session(&writer), 1).await.1, "by hand");
    // A session that did not write it may be served what is cached.
    let (source, title) = answer(&shop.with_session(&other), 2).await;
    assert_ne!(source, "l1", "nobody has asked for it yet");
    assert_eq!(title, "A Love Supreme");
}

#[tokio::test]
async fn a_declared_write_leaves_all_other_hits_alone() {
    let world = World::new();
    let shop = world.shop().await;
    let session = shop.with_session(&shop.db().session());
    assert_eq!(title(&session, 2).await, "A Love Supreme");
    session.rename(1, "Milestones").await.unwrap();
    assert_eq!(answer(&session, 2).await.0, "l1");
}

#[tokio::test]
async fn a_strong_call_is_not_answered_from_a_cache() {
    let world = World::new();
    let shop = world.shop().await;
    assert_eq!(title(&shop, 1).await, "Kind of Blue");
    assert_eq!(
        answer(&shop.with(Consistency::Strong), 1).await.0,
        "primary"
    );
}

#[tokio::test]
async fn a_bounded_call_takes_no_answer_that_is_older() {
    let Some(world) = World::alone() else { return };
    let clock = Clock::new();
    let shop = world.shop_at(&clock).await;
    let bounded = shop.with(Policy::new().max_staleness(Duration::from_secs(3)));
    assert_eq!(title(&shop, 1).await, "Kind of Blue");
    until("the answer is proven young enough", async || {
        answer(&bounded, 1).await.0 == "l1"
    })
    .await;
    // Another process changes the row, so that no fence of ours helps.
    let elsewhere = world.shop().await;
    elsewhere.rename(1, "Milestones").await.unwrap();
    clock.step(Duration::from_secs(4));
    until("the primary was asked again", async || {
        shop.db().nodes()[0]
            .age
            .is_some_and(|age| age < Duration::from_secs(1))
    })
    .await;
    assert_eq!(title(&shop, 1).await, "Kind of Blue", "a hit");
    assert_eq!(title(&bounded, 1).await, "Milestones");
}

#[tokio::test]
async fn who_joins_a_flight_takes_its_answer_only_if_it_includes_what_was_promised() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    all_lag(&world).await;
    let writer = shop.db().session();
    shop.close_door().await;
    let leading = shop.with(Consistency::Eventual);
    let leader = tokio::spawn(async move { title(&leading, 2).await });
    until("the leader has read", async || shop.loads() == 1).await;
    // Undeclared, so it moves no generation: the flight is still the one to join.
    by_hand(&shop.db().with_session(&writer), 2).await;
    let joining = shop.with_session(&writer);
    let joiner = tokio::spawn(async move { title(&joining, 2).await });
    shop.open_door();
    assert_eq!(leader.await.unwrap(), "A Love Supreme");
    assert_eq!(joiner.await.unwrap(), "by hand");
}

/// Two manifolds are like two processes; they share the key.
async fn processes(world: &World) -> (Shop, Shop) {
    let process = async || {
        let key = TokenKey::from_bytes([7; 32]).unwrap();
        let builder = world.builder().token_key(key);
        Shop::new(builder.connect().await.unwrap())
    };
    (process().await, process().await)
}

#[tokio::test]
async fn a_token_takes_what_was_written_and_seen_to_another_process() {
    let Some(world) = World::alone() else { return };
    let (here, there) = processes(&world).await;
    assert_eq!(title(&there, 1).await, "Kind of Blue");
    all_lag(&world).await;
    let session = here.db().session();
    here.with_session(&session)
        .rename(1, "Milestones")
        .await
        .unwrap();
    let token = session.token().await.unwrap();
    let arrived = there.with_session(&there.db().session_from(&token).unwrap());
    assert_eq!(arrived.titles().await.unwrap()[0], "Milestones");
    // The other process's L1 has the old answer, and was not told.
    assert_eq!(answer(&arrived, 1).await.1, "Milestones");
    // What was only seen counts as well.
    let reader = here.db().session();
    let strong = here.with_session(&reader).with(Consistency::Strong);
    assert_eq!(strong.titles().await.unwrap()[0], "Milestones");
    let token = reader.token().await.unwrap();
    let arrived = there.with_session(&there.db().session_from(&token).unwrap());
    assert_eq!(arrived.titles().await.unwrap()[0], "Milestones");
}

#[tokio::test]
async fn a_token_of_this_process_leaves_its_hits_alone() {
    let world = World::new();
    let (here, _) = processes(&world).await;
    let session = here.db().session();
    assert_eq!(title(&here, 2).await, "A Love Supreme");
    here.with_session(&session)
        .rename(1, "Milestones")
        .await
        .unwrap();
    let token = session.token().await.unwrap();
    let back = here.db().session_from(&token).unwrap();
    assert_eq!(answer(&here.with_session(&back), 2).await.0, "l1");
}

#[tokio::test]
async fn a_token_that_is_none_is_refused_and_lowers_nothing() {
    let Some(world) = World::alone() else { return };
    let (here, _) = processes(&world).await;
    let session = here.db().session();
    all_lag(&world).await;
    here.with_session(&session)
        .rename(1, "Milestones")
        .await
        .unwrap();
    for text in ["", "x", &"A".repeat(140), &"A".repeat(100_000), "\u{1F3B7}"] {
        let error = session.merge(text).unwrap_err();
        assert!(error.is_token(), "{error}");
        assert!(here.db().session_from(text).is_err());
    }
    let own = here.with_session(&session);
    assert_eq!(own.titles().await.unwrap()[0], "Milestones");
    let keyless = world.shop().await;
    let error = keyless.db().session().token().await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
}

#[tokio::test]
async fn a_session_as_of_now_includes_what_anybody_wrote_before() {
    let Some(world) = World::alone() else { return };
    let (here, there) = processes(&world).await;
    all_lag(&world).await;
    here.rename(1, "Milestones").await.unwrap();
    let session: Manifold = there.db().with_session(&there.db().session_as_of_now());
    let (titles, seen) = routes(Shop::new(session).titles()).await;
    assert_eq!(titles.unwrap()[0], "Milestones");
    assert_eq!(seen[0].role, Some(Role::Primary));
    assert_ne!(seen[0].reason, Reason::Strong);
}
