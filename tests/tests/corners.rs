//! What comes together at a bad moment: a failover, a migration, a node that joins or leaves, and a server that
//! hangs just then.

use std::future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_manifold::prelude::*;
use diesel_manifold::{
    Consistency, Discovery, Endpoint, Error, Manifold, NodeStatus, Resolve, Resolving, Role,
    TokenKey,
};
use manifold_compose::Node;
use manifold_tests::shop::album;
use manifold_tests::until::until;
use manifold_tests::wiretap::Wiretap;
use manifold_tests::world::settings;
use manifold_tests::{Shop, World};
use tokio::sync::Semaphore;

fn title(world: &World, node: &Node, id: i32) -> String {
    world.sql(node, &format!("SELECT title FROM album WHERE id = {id}"))
}

fn node(manifold: &Manifold, index: usize) -> NodeStatus {
    manifold.nodes()[index].clone()
}

async fn until_it_writes(manifold: &Manifold, index: usize) {
    until("the promoted one takes the writes", async || {
        node(manifold, index).writing.is_some()
    })
    .await;
}

/// Calls that stop where a test says so.
#[derive(Clone, Repository)]
struct Stops {
    db: Manifold,
    reached: Arc<Semaphore>,
    door: Arc<Semaphore>,
}

impl Stops {
    fn new(db: Manifold) -> Self {
        Self {
            db,
            reached: Arc::new(Semaphore::new(0)),
            door: Arc::new(Semaphore::new(0)),
        }
    }

    async fn until_reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    async fn stop(&self) {
        self.reached.add_permits(1);
        self.door.acquire().await.unwrap().forget();
    }
}

#[repository]
impl Stops {
    /// Renames without a transaction, and stops before it returns.
    #[write(transaction = off)]
    pub async fn rename(&self, conn: &mut WriteConn<'_>, id: i32, title: &str) -> Result<()> {
        let update = diesel::update(album::table.find(id)).set(album::title.eq(title));
        update.execute(conn).await?;
        self.stop().await;
        Ok(())
    }

    /// Holds the connection for writes.
    #[write]
    pub async fn hold(&self, _conn: &mut WriteConn<'_>) -> Result<()> {
        self.stop().await;
        Ok(())
    }

    /// Holds a connection for reads, and stops before it asks again.
    #[read(attempts = 1)]
    pub async fn twice(&self, conn: &mut ReadConn<'_>) -> Result<i64> {
        let first: i64 = album::table.count().get_result(conn).await?;
        self.stop().await;
        let second: i64 = album::table.count().get_result(conn).await?;
        Ok(first + second)
    }
}

#[tokio::test]
async fn where_a_timeline_began_is_not_what_its_primary_replayed_after_a_crash() {
    let Some(world) = World::alone() else { return };
    let key = || TokenKey::from_bytes([7; 32]).unwrap();
    let one = world.hosts().token_key(key()).connect().await.unwrap();
    world.caught_up();
    for replica in world.cluster().replicas() {
        replica.cut_walreceiver().unwrap();
    }
    let session = one.session();
    let own = Shop::new(one.with_session(&session));
    own.rename(2, "lost").await.unwrap();
    let token = session.token().await.unwrap();
    world.primary().kill().unwrap();
    let next = world.replica(0);
    next.promote().unwrap();
    world.sql(next, "CHECKPOINT");
    // Far behind where the write was that is lost; then it crashes, and replays its own log.
    world.sql(
        next,
        "CREATE TABLE filler AS SELECT generate_series(1, 100000)",
    );
    next.kill().unwrap();
    next.start().unwrap();
    let builder = Manifold::builder().settings(settings());
    let builder = builder.node(world.url(next)).token_key(key());
    let other = builder.connect().await.unwrap();
    let session = other.session_from(&token).unwrap();
    let told = Shop::new(other.with_session(&session)).titles().await;
    let error = told.expect_err("it is not there, and nobody says so");
    assert!(
        error.is_write_lost() || error.is_write_uncertain(),
        "{error}"
    );
    assert_eq!(title(&world, next, 2), "A Love Supreme");
}

#[tokio::test]
async fn a_write_that_waited_for_a_connection_to_the_old_primary_goes_to_the_new_one() {
    let Some(world) = World::alone() else { return };
    let mut narrow = settings();
    narrow.pool.size = 1;
    narrow.pool.wait = Duration::from_secs(30);
    let manifold = world.hosts().settings(narrow).connect().await.unwrap();
    let stops = Stops::new(manifold.clone());
    let holding = tokio::spawn({
        let stops = stops.clone();
        async move { stops.hold().await }
    });
    stops.until_reached().await;
    let waiting = tokio::spawn({
        let stops = stops.clone();
        async move { stops.rename(1, "late").await }
    });
    until("the second waits for its connection", async || {
        node(&manifold, 0)
            .writing
            .is_some_and(|pool| pool.waiting == 1)
    })
    .await;
    world.replica(0).promote().unwrap();
    until_it_writes(&manifold, 1).await;
    stops.door.add_permits(2);
    let _ = holding.await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(title(&world, world.primary(), 1), "Kind of Blue");
    assert_eq!(title(&world, world.replica(0), 1), "late");
}

#[tokio::test]
async fn a_read_that_waited_for_a_connection_to_the_old_primary_is_answered_by_the_new_one() {
    let Some(world) = World::alone() else { return };
    let mut narrow = settings();
    narrow.pool.size = 1;
    narrow.pool.wait = Duration::from_secs(30);
    let manifold = world.hosts().settings(narrow).connect().await.unwrap();
    let strong = manifold.with(Consistency::Strong);
    let (stops, shop) = (Stops::new(strong.clone()), Shop::new(strong));
    let holding = tokio::spawn({
        let stops = stops.clone();
        async move { stops.twice().await }
    });
    stops.until_reached().await;
    let waiting = tokio::spawn(async move { shop.who().await });
    until("the second waits for its connection", async || {
        node(&manifold, 0).reading.waiting == 1
    })
    .await;
    world.replica(0).promote().unwrap();
    until_it_writes(&manifold, 1).await;
    stops.door.add_permits(1);
    let _ = holding.await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().node, "replica-1");
}

/// A name that means another server by now, while a connection to the one before is still open.
#[tokio::test]
async fn nothing_is_committed_on_the_server_that_a_name_meant_before() {
    let Some(world) = World::alone() else { return };
    let name = Wiretap::before(world.primary().port()).await;
    let builder = Manifold::builder().settings(settings());
    let builder = builder.node(name.url(&world.url(world.primary())));
    let manifold = builder.connect().await.unwrap();
    let stops = Stops::new(manifold.clone());
    let writing = tokio::spawn({
        let (manifold, stops) = (manifold.clone(), stops.clone());
        let shop = Shop::new(manifold.clone());
        async move {
            let body = async |tx: &mut WriteConn<'_>| {
                shop.rename_on(tx, 1, "late").await?;
                stops.stop().await;
                Ok::<_, Error>(())
            };
            manifold.transaction(body).await
        }
    });
    stops.until_reached().await;
    world.replica(0).promote().unwrap();
    name.lead_to(world.replica(0).port());
    world.sql(
        world.primary(),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' AND state = 'idle'",
    );
    until("the new one was asked", async || {
        let position = node(&manifold, 0).position;
        position.is_some_and(|position| position.timeline() == 2)
    })
    .await;
    stops.door.add_permits(1);
    let error = writing.await.unwrap().expect_err("it was acknowledged");
    assert!(error.is_unreachable(), "{error}");
    assert_eq!(title(&world, world.primary(), 1), "Kind of Blue");
    Shop::new(manifold).rename(1, "after").await.unwrap();
    assert_eq!(title(&world, world.replica(0), 1), "after");
}

#[tokio::test]
async fn a_write_whose_position_got_lost_with_its_primary_is_told_to_its_session() {
    let Some(world) = World::alone() else { return };
    let manifold = world.hosts().connect().await.unwrap();
    let session = manifold.session();
    let stops = Stops::new(manifold.with_session(&session));
    let writing = tokio::spawn({
        let stops = stops.clone();
        async move { stops.rename(1, "perhaps").await }
    });
    stops.until_reached().await;
    world.primary().freeze().unwrap();
    stops.door.add_permits(1);
    // While the old one is asked in vain where the write is.
    world.replica(0).promote().unwrap();
    writing
        .await
        .unwrap()
        .expect("its statement was acknowledged");
    until_it_writes(&manifold, 1).await;
    let told = Shop::new(manifold.with_session(&session)).titles().await;
    world.primary().thaw().unwrap();
    let error = told.expect_err("nobody knows whether it survived, and nobody says so");
    assert!(
        error.is_write_uncertain() || error.is_write_lost(),
        "{error}"
    );
}

#[tokio::test]
async fn a_snapshot_on_a_replica_that_froze_comes_to_its_end() {
    let Some(world) = World::alone() else { return };
    let mut quick = settings();
    quick.read.poll_timeout = Duration::from_millis(200);
    quick.pool.connect_timeout = Duration::from_secs(2);
    let builder = world.primary_only().replica(world.url(world.replica(0)));
    let manifold = builder.settings(quick).connect().await.unwrap();
    let stops = Stops::new(manifold.clone());
    let reading = tokio::spawn({
        let (manifold, stops) = (manifold.clone(), stops.clone());
        async move {
            manifold
                .read_snapshot(async |snap| stops.twice_on(snap).await)
                .await
        }
    });
    stops.until_reached().await;
    world.replica(0).freeze().unwrap();
    stops.door.add_permits(1);
    let ended = tokio::time::timeout(Duration::from_secs(15), reading).await;
    world.replica(0).thaw().unwrap();
    let error = ended.expect("it hangs").unwrap().unwrap_err();
    assert!(error.is_unreachable(), "{error}");
}

#[tokio::test]
async fn a_call_on_a_node_that_froze_behind_its_removal_comes_to_its_end() {
    let Some(world) = World::alone() else { return };
    let mut quick = settings();
    quick.read.poll_timeout = Duration::from_millis(200);
    quick.pool.connect_timeout = Duration::from_secs(2);
    quick.pool.drain = Duration::from_millis(1);
    let builder = world.primary_only().replica(world.url(world.replica(0)));
    let manifold = builder.settings(quick).connect().await.unwrap();
    let stops = Stops::new(manifold.clone());
    let reading = tokio::spawn({
        let stops = stops.clone();
        async move { stops.twice().await }
    });
    stops.until_reached().await;
    manifold.remove_node("replica-1").await.unwrap();
    // So long that whoever watched it has looked again.
    until("the others go on", async || {
        Shop::new(manifold.clone()).who().await.unwrap().node == "primary"
    })
    .await;
    let watched = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'app'";
    let before: usize = world.sql(world.replica(0), watched).parse().unwrap();
    assert!(before >= 1);
    world.replica(0).freeze().unwrap();
    stops.door.add_permits(1);
    let ended = tokio::time::timeout(Duration::from_secs(15), reading).await;
    world.replica(0).thaw().unwrap();
    let error = ended.expect("it hangs").unwrap().unwrap_err();
    assert!(error.is_unreachable(), "{error}");
}

#[tokio::test]
async fn of_two_that_join_at_once_by_one_name_one_joins() {
    let world = World::new();
    let manifold = world.primary_only().connect().await.unwrap();
    let endpoint = || Endpoint::direct(world.url(world.replica(0))).named("late");
    let (one, other) = tokio::join!(manifold.add_node(endpoint()), manifold.add_node(endpoint()));
    let refused = one.and(other).expect_err("both have joined");
    assert!(refused.is_configuration(), "{refused}");
    assert_eq!(manifold.nodes().len(), 2);
    manifold.remove_node("late").await.unwrap();
    assert_eq!(manifold.nodes().len(), 1);
}

#[tokio::test]
async fn nodes_without_a_name_join_beside_any_name_and_at_once() {
    let world = World::new();
    let builder = world.primary_only();
    let named = Endpoint::direct(world.url(world.replica(0))).named("node-3");
    let manifold = builder.replica(named).connect().await.unwrap();
    let url = || world.url(world.replica(1));
    let (one, other) = tokio::join!(manifold.add_node(url()), manifold.add_node(url()));
    one.unwrap();
    other.unwrap();
    let mut names: Vec<_> = manifold
        .nodes()
        .iter()
        .map(|node| node.name.clone())
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4, "{names:?}");
}

/// Answers as often as it was told, and then never again.
struct Mute(Arc<AtomicUsize>, Vec<SocketAddr>);

impl Resolve for Mute {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolving<'a> {
        let left = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        match left {
            Ok(_) => {
                let found = self.1.clone();
                Box::pin(async move { Ok(found) })
            }
            Err(_) => Box::pin(future::pending()),
        }
    }
}

#[tokio::test]
async fn a_resolver_that_hangs_holds_up_nobody() {
    let world = World::new();
    let replica = world.replica(0);
    let address = SocketAddr::from(([127, 0, 0, 1], replica.port()));
    for answers in [0, 1] {
        let left = Arc::new(AtomicUsize::new(answers));
        let mut quick = settings();
        quick.pool.connect_timeout = Duration::from_secs(2);
        let url = world
            .url(replica)
            .replace(&address.to_string(), "replicas.example");
        let discovery = Discovery::dns(url)
            .resolver(Mute(Arc::clone(&left), vec![address]))
            .every(Duration::from_millis(5));
        let builder = world.primary_only().discover(discovery).settings(quick);
        let connecting = tokio::time::timeout(Duration::from_secs(10), builder.connect());
        let manifold = connecting.await.expect("connecting waits for it").unwrap();
        assert_eq!(manifold.nodes().len(), 1 + answers);
        Shop::new(manifold.clone()).titles().await.unwrap();
        // It hangs by now, or is about to.
        drop(manifold);
        until("nothing is left of the manifold", async || {
            world.sessions(world.primary()) == 0 && world.sessions(replica) == 0
        })
        .await;
    }
}

#[derive(Clone, Default)]
struct Records(Arc<std::sync::Mutex<Vec<SocketAddr>>>, Arc<AtomicUsize>);

impl Resolve for Records {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolving<'a> {
        let found = self.0.lock().unwrap().clone();
        self.1.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(found) })
    }
}

#[tokio::test]
async fn a_node_that_was_removed_by_hand_is_found_again_when_its_record_comes_back() {
    let world = World::new();
    let address = |node: &Node| SocketAddr::from(([127, 0, 0, 1], node.port()));
    let (one, two) = (address(world.replica(0)), address(world.replica(1)));
    let records = Records::default();
    *records.0.lock().unwrap() = vec![one, two];
    let looked_up = async || {
        let before = AtomicUsize::load(&records.1, Ordering::SeqCst);
        until("they were looked up", async || {
            AtomicUsize::load(&records.1, Ordering::SeqCst) >= before + 2
        })
        .await;
    };
    let url = world
        .url(world.replica(0))
        .replace(&one.to_string(), "replicas.example");
    let found_twice = |url: &str| {
        Discovery::dns(url)
            .resolver(records.clone())
            .every(Duration::from_millis(5))
    };
    let builder = world.primary_only().discover(found_twice(&url));
    let manifold = builder.connect().await.unwrap();
    manifold.remove_node(&one.to_string()).await.unwrap();
    looked_up().await;
    assert_eq!(manifold.nodes().len(), 2, "who removed it had a reason");
    *records.0.lock().unwrap() = vec![two];
    looked_up().await;
    *records.0.lock().unwrap() = vec![one, two];
    until("it is found again", async || manifold.nodes().len() == 3).await;
}

#[tokio::test]
async fn a_node_that_two_discoveries_find_is_one() {
    let world = World::new();
    let address = SocketAddr::from(([127, 0, 0, 1], world.replica(0).port()));
    let records = Records::default();
    *records.0.lock().unwrap() = vec![address, address];
    let url = world
        .url(world.replica(0))
        .replace(&address.to_string(), "replicas.example");
    let discovery = || Discovery::dns(url.as_str()).resolver(records.clone());
    let builder = world
        .primary_only()
        .discover(discovery())
        .discover(discovery());
    let manifold = builder.connect().await.unwrap();
    assert_eq!(manifold.nodes().len(), 2);
}

#[tokio::test]
async fn one_server_by_two_names_has_the_whole_pool_of_a_primary_without_replicas() {
    let world = World::new();
    let builder = world.primary_only().replica(world.url(world.primary()));
    let manifold = builder.connect().await.unwrap();
    let shop = Shop::new(manifold.clone());
    shop.with(Consistency::Eventual).titles().await.unwrap();
    until("it has", async || node(&manifold, 0).reading.max == 10).await;
    assert_eq!(node(&manifold, 0).role, Some(Role::Primary));
}
