//! When the primary fails: a promoted replica takes the writes without anybody telling the application, the
//! old primary never gets one again, and whoever lost an acknowledged write is told.

use diesel_manifold::{Consistency, Error, Manifold, Repository, Role, Session, Source, routes};
use manifold_compose::Node;
use manifold_tests::log;
use manifold_tests::until::until;
use manifold_tests::wiretap::Wiretap;
use manifold_tests::world::settings;
use manifold_tests::{Shop, World};

async fn shop(world: &World) -> Shop {
    Shop::new(world.hosts().connect().await.expect("a manifold"))
}

/// Who takes the writes, by its `cluster_name`.
async fn writer(shop: &Shop) -> Option<String> {
    shop.who_writes().await.ok().map(|who| who.node)
}

fn title(world: &World, node: &Node) -> String {
    world.sql(node, "SELECT title FROM album WHERE id = 1")
}

/// The primary dies, and the first replica takes its place.
fn fail_over(world: &World) {
    world.primary().kill().unwrap();
    world.replica(0).promote().unwrap();
}

/// What the next call of the session says.
async fn told(shop: &Shop, session: &Session) -> Option<Error> {
    let db = shop.db().with_session(session);
    Shop::new(db).titles().await.err()
}

#[tokio::test]
async fn a_promoted_replica_takes_the_writes_and_the_application_is_told_by_nobody() {
    let Some(world) = World::alone() else { return };
    let shop = shop(&world).await;
    assert_eq!(writer(&shop).await.as_deref(), Some("primary"));
    fail_over(&world);
    until("the promoted one takes the writes", async || {
        writer(&shop).await.as_deref() == Some("replica-1")
    })
    .await;
    let (renamed, seen) = routes(shop.rename(1, "after")).await;
    renamed.unwrap();
    assert_eq!(seen[0].source, Source::Node("node-2".into()));
    assert_eq!(seen[0].role, Some(Role::Primary));
    assert_eq!(shop.titles().await.unwrap()[0], "after");
    let nodes = shop.db().nodes();
    assert_eq!(nodes[1].role, Some(Role::Primary));
    assert!(nodes[1].available && nodes[1].writing.is_some());
    assert!(!nodes[0].available && nodes[0].writing.is_none());
}

#[tokio::test]
async fn a_write_waits_for_the_next_primary_and_has_sent_nothing_meanwhile() {
    let Some(world) = World::alone() else { return };
    let mut patient = settings();
    patient.write.find_primary = std::time::Duration::from_secs(30);
    let builder = world.hosts().settings(patient);
    let shop = Shop::new(builder.connect().await.unwrap());
    world.primary().kill().unwrap();
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.rename(1, "found").await }
    });
    until("the old one is left out", async || {
        !shop.db().nodes()[0].available
    })
    .await;
    world.replica(0).promote().unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(title(&world, world.replica(0)), "found");
}

#[tokio::test]
async fn an_old_primary_that_comes_back_gets_neither_writes_nor_reads() {
    let Some(world) = World::alone() else { return };
    let shop = shop(&world).await;
    shop.rename(1, "before").await.unwrap();
    world.caught_up();
    log::listen();
    log::taken();
    fail_over(&world);
    until("the promoted one takes the writes", async || {
        writer(&shop).await.as_deref() == Some("replica-1")
    })
    .await;
    world.primary().start().unwrap();
    until("the old one was asked again", async || {
        shop.db().nodes()[0].role == Some(Role::Primary) && shop.db().nodes()[0].position.is_some()
    })
    .await;
    assert!(!shop.db().nodes()[0].available);
    for n in 0..20 {
        shop.rename(1, &format!("after {n}")).await.unwrap();
        let eventual = shop.with(Consistency::Eventual).who().await.unwrap();
        assert_ne!(eventual.node, "primary");
        let strong = shop.with(Consistency::Strong).who().await.unwrap();
        assert_eq!(strong.node, "replica-1");
    }
    assert_eq!(title(&world, world.primary()), "before");
    let outside = "it is on an older timeline than the primary";
    until("it was told", async || log::taken().contains(outside)).await;
    // As a standby of the new one it is welcome.
    world.primary().kill().unwrap();
    world.primary().rejoin(world.replica(0)).unwrap();
    until("it answers reads", async || {
        shop.with(Consistency::Eventual).who().await.unwrap().node == "primary"
    })
    .await;
    assert_eq!(shop.db().nodes()[0].role, Some(Role::Replica));
}

#[tokio::test]
async fn a_promotion_beside_a_living_primary_moves_the_writes() {
    let Some(world) = World::alone() else { return };
    let shop = shop(&world).await;
    world.replica(0).promote().unwrap();
    until("the promoted one takes the writes", async || {
        writer(&shop).await.as_deref() == Some("replica-1")
    })
    .await;
    let before = title(&world, world.primary());
    shop.rename(1, "on the new one").await.unwrap();
    assert_eq!(title(&world, world.primary()), before);
    // The other replica follows the old one, where nothing that counts is written any more.
    for _ in 0..20 {
        let eventual = shop.with(Consistency::Eventual).who().await.unwrap();
        assert_eq!(eventual.node, "replica-1");
    }
    // So the new primary reads with all it has, and keeps most of it for writes as soon as another one helps.
    let reading = || shop.db().nodes()[1].reading.max;
    assert_eq!(reading(), settings().pool.size);
    world.replica(1).follow(world.replica(0)).unwrap();
    until("it follows the new one, and answers", async || {
        shop.with(Consistency::Eventual).who().await.unwrap().node == "replica-2"
    })
    .await;
    until("it spares the primary", async || {
        reading() == settings().pool.size / 5
    })
    .await;
}

#[tokio::test]
async fn who_lost_an_acknowledged_write_is_told_once_and_nobody_else_is() {
    let Some(world) = World::alone() else { return };
    let shop = shop(&world).await;
    let by = |session: &Session| Shop::new(shop.db().with_session(session));
    let (early, late, reader) = (
        shop.db().session(),
        shop.db().session(),
        shop.db().session(),
    );
    by(&early).rename(1, "kept").await.unwrap();
    world.caught_up();
    for replica in world.cluster().replicas() {
        replica.cut_walreceiver().unwrap();
    }
    by(&late).rename(2, "lost").await.unwrap();
    // It has only seen what will be lost.
    assert_eq!(
        by(&reader)
            .with(Consistency::Strong)
            .titles()
            .await
            .unwrap()[1],
        "lost"
    );
    fail_over(&world);
    until("the promoted one takes the writes", async || {
        writer(&shop).await.as_deref() == Some("replica-1")
    })
    .await;
    let error = told(&shop, &late).await.expect("a lost write is told");
    assert!(error.is_write_lost(), "{error}");
    assert_eq!(
        told(&shop, &late).await.map(|error| error.to_string()),
        None
    );
    assert_eq!(
        told(&shop, &early).await.map(|error| error.to_string()),
        None
    );
    assert_eq!(
        told(&shop, &reader).await.map(|error| error.to_string()),
        None
    );
    assert_eq!(
        by(&reader).titles().await.unwrap(),
        ["kept", "A Love Supreme"]
    );
    // It goes on from there.
    by(&late).rename(2, "again").await.unwrap();
    assert_eq!(by(&late).titles().await.unwrap(), ["kept", "again"]);
}

#[tokio::test]
async fn a_session_that_was_shown_the_old_primarys_rows_reads_on_when_the_next_one_is_there() {
    let Some(world) = World::alone() else { return };
    let mut patient = settings();
    patient.read.deadline = std::time::Duration::from_secs(30);
    let builder = world.hosts().settings(patient);
    let shop = Shop::new(builder.connect().await.unwrap());
    let session = shop.db().session();
    let own = Shop::new(shop.db().with_session(&session));
    own.with(Consistency::Strong).titles().await.unwrap();
    world.primary().kill().unwrap();
    let reading = tokio::spawn(async move { own.titles().await });
    until("the old one is left out", async || {
        !shop.db().nodes()[0].available
    })
    .await;
    world.replica(0).promote().unwrap();
    reading.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_anybody_who_takes_writes_a_write_says_so() {
    let Some(world) = World::alone() else { return };
    let mut hasty = settings();
    hasty.write.find_primary = std::time::Duration::from_millis(10);
    let builder = world.hosts().settings(hasty);
    let shop = Shop::new(builder.connect().await.unwrap());
    world.primary().kill().unwrap();
    let error = shop.rename(1, "nowhere").await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    shop.with(Consistency::Eventual).titles().await.unwrap();
}

/// A role that sees no more than anybody: neither what a standby follows, nor when its checkpointer was started.
const PLAIN: &str = "CREATE ROLE plain LOGIN PASSWORD 'plain'";

#[tokio::test]
async fn a_role_without_pg_monitor_reads_on_a_standby_once_that_has_written_down_whom_it_follows() {
    let Some(world) = World::alone() else { return };
    world.sql(world.primary(), PLAIN);
    world.sql(
        world.primary(),
        "GRANT SELECT, UPDATE ON album TO plain; GRANT USAGE ON SCHEMA public TO plain",
    );
    world.caught_up();
    let nodes = world.cluster().nodes();
    let builder = nodes.fold(Manifold::builder().settings(settings()), |builder, node| {
        builder.node(world.url(node).replace("app:app", "plain:plain"))
    });
    let shop = Shop::new(builder.connect().await.unwrap());
    let eventual = shop.with(Consistency::Eventual);
    until("both standbys answer", async || {
        eventual.who().await.unwrap().node == "replica-2"
    })
    .await;
    fail_over(&world);
    world.replica(1).follow(world.replica(0)).unwrap();
    until("the promoted one takes the writes", async || {
        writer(&shop).await.as_deref() == Some("replica-1")
    })
    .await;
    shop.rename(1, "after").await.unwrap();
    world.sql(world.replica(0), "CHECKPOINT");
    world.caught_up();
    world.sql(world.replica(1), "CHECKPOINT");
    until("it answers again", async || {
        eventual.who().await.unwrap().node == "replica-2"
    })
    .await;
    assert_eq!(shop.titles().await.unwrap()[0], "after");
}

#[tokio::test]
async fn a_write_that_is_under_way_when_another_node_takes_over_is_not_committed_on_the_old_one() {
    let Some(world) = World::alone() else { return };
    let shop = shop(&world).await;
    shop.close_door().await;
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.add_numbered().await }
    });
    until("it is in the middle", async || {
        world.unfinished(world.primary()) == 1
    })
    .await;
    world.replica(0).promote().unwrap();
    until("the promoted one takes the writes", async || {
        writer(&shop).await.as_deref() == Some("replica-1")
    })
    .await;
    shop.open_door();
    let error = writing.await.unwrap().unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    for node in [world.primary(), world.replica(0)] {
        assert_eq!(world.sql(node, "SELECT count(*) FROM album"), "2");
    }
}

/// An address that moves to the new primary, while the old one is alive and keeps its connections.
#[tokio::test]
async fn connections_to_the_server_that_a_name_meant_before_are_not_used_any_more() {
    let Some(world) = World::alone() else { return };
    let address = Wiretap::before(world.primary().port()).await;
    let url = address.url(&world.url(world.primary()));
    let builder = Manifold::builder().settings(settings()).node(url);
    let shop = Shop::new(builder.connect().await.unwrap());
    shop.rename(1, "before").await.unwrap();
    world.caught_up();
    world.replica(0).promote().unwrap();
    address.lead_to(world.replica(0).port());
    // Two at once need one more connection, and that one leads to the new primary.
    until("somebody met the new one", async || {
        let (one, two) = tokio::join!(writer(&shop), writer(&shop));
        [one, two].contains(&Some("replica-1".into()))
    })
    .await;
    let before = title(&world, world.primary());
    for n in 0..20 {
        shop.rename(1, &format!("after {n}")).await.unwrap();
        let strong = shop.with(Consistency::Strong).who().await.unwrap();
        assert_eq!(strong.node, "replica-1");
    }
    assert_eq!(title(&world, world.primary()), before);
    assert_eq!(title(&world, world.replica(0)), "after 19");
}
