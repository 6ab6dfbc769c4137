//! Where calls run.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use diesel_manifold::{Balance, Reason, Source, routes};
use manifold_tests::world::settings;
use manifold_tests::{Shop, World, log, until};

#[tokio::test]
async fn a_read_runs_on_a_standby_and_both_standbys_answer_some_of_many() {
    let world = World::new();
    let shop = world.shop().await;
    let nodes = Mutex::new(HashSet::new());
    // The dice decide, so there is no number of reads after which both must have answered.
    until("both have answered", async || {
        let who = shop.who().await.unwrap();
        assert!(who.standby, "the server says that it is none");
        let mut nodes = nodes.lock().unwrap();
        nodes.insert(who.node);
        nodes.len() == 2
    })
    .await;
}

#[tokio::test]
async fn round_robin_asks_the_standbys_in_turn() {
    let world = World::new();
    let mut settings = settings();
    settings.balance = Balance::RoundRobin;
    let shop = Shop::new(world.builder().settings(settings).connect().await.unwrap());
    let first = shop.who().await.unwrap().node;
    let second = shop.who().await.unwrap().node;
    assert_ne!(first, second);
    assert_eq!(shop.who().await.unwrap().node, first);
}

#[tokio::test]
async fn a_write_runs_on_the_primary() {
    let world = World::new();
    let shop = world.shop().await;
    let who = shop.who_writes().await.unwrap();
    assert!(!who.standby);
    assert_eq!(who.node, "primary");
}

#[tokio::test]
async fn a_call_tells_who_answered_it() {
    let world = World::new();
    let shop = world.shop().await;
    let (who, seen) = routes(shop.who()).await;
    assert_eq!(seen[0].source.to_string(), who.unwrap().node);
    assert_eq!(seen[0].reason, Reason::Balanced);
    assert_eq!(seen[0].name.to_string(), "Shop::who");
    let (_, seen) = routes(shop.who_writes()).await;
    assert_eq!(seen[0].source, Source::Node("primary".into()));
}

#[tokio::test]
async fn a_function_that_writes_is_refused_wherever_a_read_runs() {
    let world = World::new();
    for builder in [world.without_redis(), world.primary_only()] {
        let shop = Shop::new(builder.connect().await.unwrap());
        let error = shop.write_in_a_function().await.unwrap_err();
        assert!(
            error.to_string().contains("read-only transaction"),
            "{error}"
        );
        assert!(error.query().is_some());
    }
    assert_eq!(
        world.sql(world.primary(), "SELECT count(*) FROM album"),
        "2"
    );
}

#[tokio::test]
async fn without_a_replica_reads_run_on_the_primary() {
    let world = World::new();
    let shop = Shop::new(world.primary_only().connect().await.unwrap());
    let (who, seen) = routes(shop.who()).await;
    assert!(!who.unwrap().standby);
    assert_eq!(seen[0].reason, Reason::NoReplica);
}

#[tokio::test]
async fn a_dead_replica_is_left_out_and_comes_back() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let available = |index: usize| shop.db().nodes()[index].available;
    world.replica(0).kill().unwrap();
    for _ in 0..50 {
        let who = shop.who().await.expect("the other one answers");
        assert_eq!(who.node, "replica-2");
    }
    until("the dead replica is left out", async || !available(1)).await;
    world.replica(0).start().unwrap();
    until("it is back", async || available(1)).await;
    until("it answers", async || {
        shop.who().await.unwrap().node == "replica-1"
    })
    .await;
}

#[tokio::test]
async fn a_node_that_is_left_out_and_back_is_said_once_each() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let available = |index: usize| shop.db().nodes()[index].available;
    // Its idle connection breaks, so it is a probe that finds it dead.
    until("it has answered", async || {
        shop.who().await.unwrap().node == "replica-1"
    })
    .await;
    log::listen();
    log::taken();
    world.replica(0).kill().unwrap();
    until("it is left out", async || {
        shop.who().await.unwrap();
        !available(1)
    })
    .await;
    world.replica(0).start().unwrap();
    until("it is back", async || available(1)).await;
    let log = log::taken();
    let said = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(said("node left out node=replica-1"), 1, "{log}");
    assert_eq!(said("node is back node=replica-1"), 1, "{log}");
}

#[tokio::test]
async fn with_no_replica_left_the_primary_answers_read_only() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    shop.who().await.unwrap();
    world.replica(0).kill().unwrap();
    world.replica(1).kill().unwrap();
    let (who, seen) = routes(shop.who()).await;
    assert!(!who.unwrap().standby);
    assert_eq!(seen[0].source.to_string(), "primary");
    let error = shop.write_in_a_function().await.unwrap_err();
    assert!(
        error.to_string().contains("read-only transaction"),
        "{error}"
    );
}

#[tokio::test]
async fn a_read_whose_connection_is_terminated_runs_again_on_another_node() {
    let world = World::new();
    let shop = world.shop().await;
    let reading = tokio::spawn({
        let shop = shop.clone();
        async move { routes(shop.sleep(0.2)).await }
    });
    let busy = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND query LIKE '%pg_sleep%' \
                AND state = 'active' AND pid <> pg_backend_pid() LIMIT 1";
    until("the read was terminated", async || {
        let nodes = [world.replica(0), world.replica(1)];
        nodes.iter().any(|node| world.sql(node, busy) == "t")
    })
    .await;
    let (answer, seen) = reading.await.unwrap();
    answer.expect("another node answers");
    assert_eq!(seen[0].attempts, 2);
    assert_eq!(seen[0].reason, Reason::Fallback);
}

#[tokio::test]
async fn a_read_that_conflicts_with_a_standbys_recovery_runs_again_on_another_node() {
    let Some(world) = World::alone() else { return };
    let replicas = [world.replica(0), world.replica(1)];
    for replica in replicas {
        // Recovery waits for no query that stands in its way.
        world.sql(replica, "ALTER SYSTEM SET max_standby_streaming_delay = 0");
        world.sql(replica, "SELECT pg_reload_conf()");
    }
    let shop = world.shop().await;
    let reading = tokio::spawn({
        let shop = shop.clone();
        async move { routes(shop.sleep(0.3)).await }
    });
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()";
    until("a replica is reading", async || {
        replicas.iter().any(|node| world.sql(node, busy) == "1")
    })
    .await;
    // Its replay needs the table for itself.
    world.sql(world.primary(), "ALTER TABLE album ADD COLUMN year int");
    let (answer, seen) = reading.await.unwrap();
    answer.expect("another node answers");
    // The other standby may be as late, and then the primary answers.
    assert!(seen[0].attempts > 1);
    assert_eq!(seen[0].reason, Reason::Fallback);
}

#[tokio::test]
async fn an_error_of_the_query_itself_is_not_run_again() {
    let world = World::new();
    let shop = world.shop().await;
    let (answer, seen) = routes(shop.must_be(4711)).await;
    assert_eq!(answer, Err(diesel::result::Error::NotFound));
    assert_eq!(seen[0].attempts, 1);
    assert_eq!(shop.loads(), 1);
}

#[tokio::test]
async fn a_full_pool_is_passed_over_and_its_node_stays() {
    let world = World::new();
    let mut settings = settings();
    settings.pool.size = 1;
    settings.pool.wait = Duration::from_millis(500);
    let shop = Shop::new(world.builder().settings(settings).connect().await.unwrap());
    shop.close_door().await;
    // Each holds the one connection of a node: two replicas and the primary's read pool.
    let holders: Vec<_> = (1..=3)
        .map(|id| {
            let shop = shop.clone();
            tokio::spawn(async move { shop.by_id(id).await })
        })
        .collect();
    until("all three hold a connection", async || shop.loads() == 3).await;
    let error = shop.who().await.unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert!(shop.db().nodes().iter().all(|node| node.available));
    shop.open_door();
    for holder in holders {
        holder.await.unwrap().unwrap();
    }
    shop.who().await.unwrap();
}

#[tokio::test]
async fn a_dropped_read_leaves_no_busy_connection() {
    let world = World::new();
    let shop = world.shop().await;
    let nodes = || [world.primary(), world.replica(0), world.replica(1)];
    let busy = || {
        nodes()
            .iter()
            .map(|node| world.unfinished(node))
            .sum::<usize>()
    };
    let reading = tokio::spawn({
        let shop = shop.clone();
        async move { shop.sleep(600.0).await }
    });
    until("the read is running", async || busy() == 1).await;
    reading.abort();
    until("the server has stopped it", async || busy() == 0).await;
    shop.who().await.unwrap();
}
