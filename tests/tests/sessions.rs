//! What a session, or this process, wrote and saw is in every later answer.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel_manifold::prelude::*;
use diesel_manifold::{Consistency, Manifold, Policy, Reason, Role, Route, Settings, routes};
use futures_util::TryStreamExt;
use manifold_tests::shop::album;
use manifold_tests::wiretap::{Said, Wiretap};
use manifold_tests::world::settings;
use manifold_tests::{Shop, World, until};

const LONG: Duration = Duration::from_secs(3600);

/// The titles, and the route of the call.
async fn titles(shop: &Shop) -> (Vec<String>, Route) {
    let (titles, mut seen) = routes(shop.titles()).await;
    (titles.expect("an answer"), seen.pop().expect("a route"))
}

async fn shop(world: &World, settings: Settings) -> Shop {
    let builder = world.builder().settings(settings);
    Shop::new(builder.connect().await.expect("a manifold"))
}

/// Waits until the first replica shows an album of this title.
async fn replica_1_has(world: &World, title: &str) {
    let query = format!("SELECT count(*) FROM album WHERE title = '{title}'");
    until("replica-1 has it", async || {
        world.sql(world.replica(0), &query) == "1"
    })
    .await;
}

fn pause(world: &World, index: usize) {
    world.replica(index).pause_replay().expect("paused");
}

fn resume(world: &World, index: usize) {
    world.replica(index).resume_replay().expect("resumed");
}

#[tokio::test]
async fn without_a_session_this_process_sees_its_own_writes_whatever_replica_lags() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    pause(&world, 0);
    for n in 0..50 {
        let title = format!("title {n}");
        shop.rename(1, &title).await.unwrap();
        let (titles, route) = titles(&shop).await;
        assert_eq!(titles[0], title);
        assert_ne!(route.source.to_string(), "replica-1", "it is paused");
    }
    pause(&world, 1);
    shop.rename(1, "both lag").await.unwrap();
    let (titles, route) = titles(&shop).await;
    assert_eq!(titles[0], "both lag");
    assert_eq!(
        (route.role, route.reason),
        (Some(Role::Primary), Reason::Lagging)
    );
    assert!(route.waited >= Duration::from_millis(20), "{route:?}");
}

#[tokio::test]
async fn a_replica_that_has_caught_up_is_used_again() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    pause(&world, 0);
    pause(&world, 1);
    shop.rename(1, "later").await.unwrap();
    assert_eq!(titles(&shop).await.1.role, Some(Role::Primary));
    resume(&world, 0);
    until("replica-1 answers with the new title", async || {
        let (titles, route) = titles(&shop).await;
        assert_eq!(titles[0], "later");
        route.source.to_string() == "replica-1"
    })
    .await;
}

#[tokio::test]
async fn a_read_that_waits_goes_on_as_soon_as_the_replica_has_replayed() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    pause(&world, 0);
    pause(&world, 1);
    shop.rename(1, "waited for").await.unwrap();
    let patient = shop.with(Policy::new().wait(Duration::from_secs(10)));
    let resuming = async {
        until("it waits", async || shop.db().nodes()[1].reading.open > 0).await;
        resume(&world, 0);
        resume(&world, 1);
    };
    let ((found, route), ()) = tokio::join!(titles(&patient), resuming);
    assert_eq!(found[0], "waited for");
    assert_eq!(route.role, Some(Role::Replica), "{route:?}");
    assert!(route.need.is_some() && route.stamp.is_some());
}

#[tokio::test]
async fn eventual_reads_wait_for_nobody_and_may_be_old() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    pause(&world, 0);
    pause(&world, 1);
    shop.rename(1, "too new").await.unwrap();
    let (found, route) = titles(&shop.with(Consistency::Eventual)).await;
    assert_eq!(found[0], "Kind of Blue");
    assert_eq!((route.role, route.need), (Some(Role::Replica), None));
    let (found, route) = titles(&shop.with(Consistency::Strong)).await;
    assert_eq!(found[0], "too new");
    assert_eq!(
        (route.role, route.reason),
        (Some(Role::Primary), Reason::Strong)
    );
}

#[tokio::test]
async fn a_write_that_nobody_reads_back_sends_no_read_to_the_primary() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let audit = Audit {
        db: shop.db().clone(),
    };
    pause(&world, 0);
    pause(&world, 1);
    audit.note("a heartbeat").await.unwrap();
    assert_eq!(titles(&shop).await.1.role, Some(Role::Replica));
    assert!(shop.db().last_write().is_none());
}

struct Audit {
    db: Manifold,
}

#[repository]
impl Audit {
    #[write(floor = none, invalidates(none))]
    async fn note(&self, conn: &mut WriteConn<'_>, title: &str) -> Result<()> {
        let new = diesel::insert_into(album::table);
        let new = new.values(album::title.eq(title));
        new.execute(conn).await?;
        Ok(())
    }
}

#[tokio::test]
async fn sessions_are_bound_by_their_own_writes_only() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let (writer, reader) = (shop.db().session(), shop.db().session());
    pause(&world, 0);
    pause(&world, 1);
    shop.with_session(&writer)
        .rename(1, "the writer's")
        .await
        .unwrap();
    assert_eq!(
        titles(&shop.with_session(&reader)).await.0[0],
        "Kind of Blue"
    );
    assert_eq!(
        titles(&shop.with_session(&writer)).await.0[0],
        "the writer's"
    );
}

#[tokio::test]
async fn a_session_never_goes_back_behind_what_it_has_seen() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    pause(&world, 1);
    shop.rename(1, "seen").await.unwrap();
    replica_1_has(&world, "seen").await;
    // A session that has written nothing may begin anywhere; this one began at the fresh replica.
    let session = Mutex::new(shop.db().session());
    until("a session has seen the new title", async || {
        let begun = shop.db().session();
        *session.lock().unwrap() = begun.clone();
        titles(&shop.with_session(&begun)).await.0[0] == "seen"
    })
    .await;
    let session = session.into_inner().unwrap();
    for _ in 0..20 {
        assert_eq!(titles(&shop.with_session(&session)).await.0[0], "seen");
    }
    // The node that it keeps to dies; the other one is behind.
    world.replica(0).kill().unwrap();
    let (found, route) = titles(&shop.with_session(&session)).await;
    assert_eq!(found[0], "seen");
    assert_eq!(route.role, Some(Role::Primary), "{route:?}");
}

#[tokio::test]
async fn a_session_keeps_to_the_node_that_answered_it() {
    let world = World::new();
    let shop = world.shop().await;
    let session = shop.with_session(&shop.db().session());
    let first = session.who().await.unwrap().node;
    for _ in 0..30 {
        assert_eq!(session.who().await.unwrap().node, first);
    }
    let homes = Mutex::new(HashSet::new());
    until("another session has another home", async || {
        let other = shop.with_session(&shop.db().session());
        let home = other.who().await.unwrap().node;
        let mut homes = homes.lock().unwrap();
        homes.insert(home);
        homes.len() == 2
    })
    .await;
}

#[tokio::test]
async fn a_scope_binds_every_call_in_it_and_none_that_it_spawns() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    pause(&world, 0);
    pause(&world, 1);
    let session = shop.db().session();
    let inside = async {
        shop.rename(1, "in the scope").await.unwrap();
        assert_eq!(titles(&shop).await.0[0], "in the scope");
        let spawned = shop.clone();
        let alone = tokio::spawn(async move {
            titles(&spawned.with_session(&spawned.db().session()))
                .await
                .0
        });
        assert_eq!(alone.await.unwrap()[0], "Kind of Blue");
    };
    session.clone().scope(inside).await;
    let spawned = shop.clone();
    let again = tokio::spawn(session.scope(async move { titles(&spawned).await.0 }));
    assert_eq!(again.await.unwrap()[0], "in the scope");
}

#[tokio::test]
async fn a_snapshot_shows_one_moment_and_is_no_older_than_the_session() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    pause(&world, 0);
    shop.rename(1, "before").await.unwrap();
    let db = shop.db();
    let (first, second) = db
        .read_snapshot(async |snap| -> Result<_> {
            let first = shop.titles_on(snap).await?;
            assert_eq!(first[0], "before");
            shop.rename(1, "after").await?;
            Ok((first, shop.titles_on(snap).await?))
        })
        .await
        .unwrap();
    assert_eq!(first, second);
    let (found, mut seen) = routes(db.read_snapshot(async |snap| shop.titles_on(snap).await)).await;
    assert_eq!(found.unwrap()[0], "after");
    let route = seen.pop().unwrap();
    assert_ne!(route.source.to_string(), "replica-1", "it is paused");
    assert_eq!(
        world.unfinished(world.replica(1)),
        0,
        "its transaction is over"
    );
}

#[tokio::test]
async fn a_bounded_read_shows_what_was_acknowledged_before_the_bound() {
    let Some(world) = World::alone() else { return };
    let clock = diesel_manifold::Clock::new();
    let shop = world.shop_at(&clock).await;
    pause(&world, 0);
    pause(&world, 1);
    // Through another process, so that no floor of this one's is above it.
    world.shop().await.rename(1, "old enough").await.unwrap();
    let bounded = Policy::new().max_staleness(Duration::from_secs(2));
    let (found, route) = titles(&shop.with(bounded)).await;
    assert_eq!(found[0], "Kind of Blue", "it was acknowledged a moment ago");
    assert!(
        route.age.is_some_and(|age| age <= Duration::from_secs(2)),
        "{route:?}"
    );
    clock.step(Duration::from_secs(3));
    // No sample of the primary is young enough until it is asked again.
    until("the write is older than the bound", async || {
        let (found, route) = titles(&shop.with(bounded)).await;
        assert_eq!(found[0], "old enough", "{route:?}");
        assert_eq!(route.role, Some(Role::Primary));
        route.reason == Reason::Lagging
    })
    .await;
    resume(&world, 0);
    resume(&world, 1);
    until("a replica answers", async || {
        titles(&shop.with(bounded)).await.1.role == Some(Role::Replica)
    })
    .await;
}

#[tokio::test]
async fn a_read_that_finds_no_fresh_node_in_time_says_so() {
    let Some(world) = World::alone() else { return };
    let mut settings = settings();
    settings.pool.fallback_size = Some(1);
    settings.read.deadline = Duration::from_millis(100);
    settings.read.max_waiting = 1;
    let shop = shop(&world, settings).await;
    pause(&world, 0);
    pause(&world, 1);
    shop.rename(1, "nobody has it").await.unwrap();
    // The one connection that may be used to read on the primary is in use.
    let busy = shop.with(Consistency::Strong);
    let holding = tokio::spawn(async move { busy.sleep(5.0).await });
    until("it is", async || {
        shop.db().nodes()[0].reading.idle == 0 && shop.db().nodes()[0].reading.open == 1
    })
    .await;
    let (one, two) = tokio::join!(shop.titles(), shop.titles());
    let errors = [one.unwrap_err(), two.unwrap_err()];
    assert!(
        errors.iter().any(diesel_manifold::Error::is_lagging),
        "{errors:?}"
    );
    assert!(
        errors.iter().any(diesel_manifold::Error::is_overloaded),
        "{errors:?}"
    );
    holding.abort();
}

/// The query, by itself.
const ONLY_THE_QUERY: Said = Said {
    statements: 1,
    round_trips: 1,
};
/// The position ahead of the query, in the same round trip.
const POSITION_AND_QUERY: Said = Said {
    statements: 2,
    round_trips: 1,
};

/// A shop with one replica and one connection to it, on which nothing is said but what a call says.
async fn tapped(world: &World) -> (Wiretap, Shop) {
    let tap = Wiretap::before(world.replica(0).port()).await;
    let mut settings = settings();
    settings.pool.size = 1;
    settings.pool.upkeep = LONG;
    settings.read.poll = LONG;
    let replica = tap.url(&world.url(world.replica(0)));
    let builder = world.primary_only().settings(settings).replica(replica);
    let shop = Shop::new(builder.connect().await.unwrap());
    (tap, shop)
}

#[tokio::test]
async fn a_session_read_on_its_own_node_sends_the_query_and_nothing_else() {
    let Some(world) = World::alone() else { return };
    let (tap, shop) = tapped(&world).await;
    let session = shop.with_session(&shop.db().session());
    // Opens the connection and prepares the query.
    titles(&session).await;
    until_only(&tap, ONLY_THE_QUERY, async || {
        let (_, route) = titles(&session).await;
        assert_eq!(route.reason, Reason::Kept, "{route:?}");
    })
    .await;
    // A write that the replica is not known to have replayed: the position goes ahead of the query.
    until_only(&tap, POSITION_AND_QUERY, async || {
        session.rename(1, "new").await.unwrap();
        world.caught_up();
        let (found, route) = titles(&session).await;
        assert_eq!(
            (&*found[0], route.reason),
            ("new", Reason::Asked),
            "{route:?}"
        );
    })
    .await;
    until_only(&tap, ONLY_THE_QUERY, async || drop(titles(&session).await)).await;
}

/// Waits until a read says this through the tap, and nothing else. The watcher speaks through it, too, once, and on a
/// busy machine late.
async fn until_only(tap: &Wiretap, said: Said, read: impl AsyncFn()) {
    until("nothing else is said", async || {
        tap.said();
        read().await;
        tap.said() == said
    })
    .await;
}

#[tokio::test]
async fn a_first_read_on_another_node_is_one_round_trip() {
    let Some(world) = World::alone() else { return };
    let (tap, shop) = tapped(&world).await;
    titles(&shop.with(Consistency::Eventual)).await;
    until_only(&tap, POSITION_AND_QUERY, async || {
        let session = shop.with_session(&shop.db().session());
        session.rename(1, "new").await.unwrap();
        world.caught_up();
        let (found, route) = titles(&session).await;
        assert_eq!(
            (&*found[0], route.reason),
            ("new", Reason::Asked),
            "{route:?}"
        );
    })
    .await;
}

/// A repository that remembers what its bodies were shown.
#[derive(Clone)]
struct Witness {
    db: Manifold,
    shown: Arc<Mutex<Vec<String>>>,
}

#[repository]
impl Witness {
    #[read]
    async fn oldest(&self, conn: &mut ReadConn<'_>, streamed: bool) -> Result<String> {
        let query = album::table.order(album::id).select(album::title);
        let found = if streamed {
            let mut rows = query.load_stream::<String>(conn).await?;
            rows.try_next().await?
        } else {
            query.first(conn).await.optional()?
        };
        let found = found.expect("there are albums");
        self.shown.lock().unwrap().push(found.clone());
        Ok(found)
    }

    /// Makes an answer up when its query fails.
    #[read]
    async fn swallowing(&self, conn: &mut ReadConn<'_>) -> Result<String> {
        let query = album::table.order(album::id).select(album::title);
        Ok(query
            .first(conn)
            .await
            .unwrap_or_else(|_| String::from("made up")))
    }

    /// Its argument cannot be repeated, so it runs once.
    #[read(attempts = 1)]
    async fn once(&self, conn: &mut ReadConn<'_>, _: Unrepeatable) -> Result<String> {
        let query = album::table.order(album::id).select(album::title);
        let found: String = query.first(conn).await?;
        self.shown.lock().unwrap().push(found.clone());
        Ok(found)
    }

    /// Asks for nothing.
    #[read]
    async fn nothing(&self, _conn: &mut ReadConn<'_>) -> Result<()> {
        Ok(())
    }
}

struct Unrepeatable;

#[tokio::test]
async fn a_body_never_sees_a_row_of_a_node_that_is_behind() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let witness = Witness {
        db: shop.db().clone(),
        shown: Arc::default(),
    };
    pause(&world, 0);
    pause(&world, 1);
    for round in 0..20 {
        let title = format!("round {round}");
        shop.rename(1, &title).await.unwrap();
        assert_eq!(witness.oldest(false).await.unwrap(), title);
        assert_eq!(witness.oldest(true).await.unwrap(), title);
        assert_eq!(witness.swallowing().await.unwrap(), title);
        assert_eq!(witness.once(Unrepeatable).await.unwrap(), title);
        witness.nothing().await.unwrap();
        let shown = std::mem::take(&mut *witness.shown.lock().unwrap());
        assert_eq!(shown, [&*title, &*title, &*title]);
    }
}
