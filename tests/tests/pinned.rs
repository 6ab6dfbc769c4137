//! Nodes that cannot tell a position, by a logical replica: what is assumed of them, and what is not.

use std::time::Duration;

use diesel_manifold::{Clock, Consistency, Endpoint, Policy, Repository, routes};
use manifold_compose::{Cluster, Node};
use manifold_tests::until::until;
use manifold_tests::{Shop, World};

const PIN: Duration = Duration::from_secs(10);

fn set(node: &Node, setting: &str) {
    let sql = format!("ALTER SYSTEM SET {setting}");
    node.run_sql("postgres", &sql).unwrap();
    node.stop().unwrap();
    node.start().unwrap();
}

/// A cluster of its own that gets the albums of this world, one by one.
fn logical_replica(world: &World) -> Cluster {
    let publisher = world.primary();
    // These clusters do without either.
    set(publisher, "wal_level = logical");
    let subscriber = Cluster::builder().replicas(0).redis(false).start().unwrap();
    let url = world.url(publisher);
    let database = url.rsplit('/').next().unwrap();
    subscriber.create_database(database).unwrap();
    world.sql(publisher, "CREATE PUBLICATION albums FOR TABLE album");
    let node = subscriber.primary();
    set(node, "max_logical_replication_workers = 4");
    node.run_sql(database, manifold_tests::shop::SQL).unwrap();
    node.run_sql(database, "TRUNCATE album").unwrap();
    let publisher_port = publisher.port();
    let subscribe = format!(
        "CREATE SUBSCRIPTION albums CONNECTION 'host=127.0.0.1 port={publisher_port} dbname={database} \
         user=postgres password=postgres' PUBLICATION albums"
    );
    node.run_sql(database, &subscribe).unwrap();
    subscriber
}

async fn replicated(database: &str, node: &Node, title: &str) {
    let sql = format!("SELECT count(*) FROM album WHERE title = '{title}'");
    until("it is replicated", async || {
        node.run_sql(database, &sql).unwrap().trim() == "1"
    })
    .await;
}

#[tokio::test]
async fn a_session_reads_on_the_primary_for_a_while_after_its_write_and_then_elsewhere() {
    let Some(world) = World::alone() else { return };
    let subscriber = logical_replica(&world);
    let replica = subscriber.primary();
    let url = world.url(world.primary());
    let database = url.rsplit('/').next().unwrap();
    replicated(database, replica, "A Love Supreme").await;
    let clock = Clock::new();
    let pinned = Endpoint::direct(replica.url_for(database))
        .named("logical")
        .pin_after_write(PIN);
    let builder = world.primary_only().replica(pinned).clock(clock.clone());
    let shop = Shop::new(builder.connect().await.unwrap());
    let by = async |shop: &Shop| {
        let (titles, seen) = routes(shop.titles()).await;
        (titles.unwrap(), seen[0].source.to_string())
    };
    // Nothing was written yet, so it is as good as any.
    assert_eq!(by(&shop).await.1, "logical");
    let node = shop.db().nodes()[1].clone();
    // Nobody asks it what it is.
    assert_eq!((node.role, node.available), (None, true));
    // It says of itself that it is a primary, and gets no writes all the same.
    shop.rename(1, "on the publisher").await.unwrap();
    assert_eq!(
        by(&shop).await,
        (
            vec!["on the publisher".into(), "A Love Supreme".into()],
            "primary".into()
        )
    );
    replicated(database, replica, "on the publisher").await;
    assert_eq!(
        by(&shop).await.1,
        "primary",
        "nobody knows that it is there"
    );
    let eventual = shop.with(Consistency::Eventual);
    assert_eq!(by(&eventual).await.1, "logical");
    // A bound that is longer than what is assumed is one that it keeps.
    let bounded = |bound| {
        shop.with(
            Policy::new()
                .consistency(Consistency::Eventual)
                .max_staleness(bound),
        )
    };
    assert_eq!(by(&bounded(Duration::from_secs(5))).await.1, "primary");
    // The primary is asked after the write, and time passes.
    until("the write is older than a sample", async || {
        clock.step(Duration::from_secs(1));
        by(&shop).await.1 == "logical"
    })
    .await;
    assert!(clock.now().since(diesel_manifold::Moment::default()) >= PIN);
    assert_eq!(by(&bounded(Duration::from_secs(20))).await.1, "logical");
    // An answer from there is kept, for what it is assumed to include.
    shop.by_id(2).await.unwrap();
    shop.by_id(2).await.unwrap();
    assert_eq!(shop.loads(), 1);
    // Whoever is alone is not left without an answer.
    replica.kill().unwrap();
    until("it is left out", async || !shop.db().nodes()[1].available).await;
    assert_eq!(by(&eventual).await.1, "primary");
}
