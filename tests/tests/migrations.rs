//! Migrations run once, and no read goes to a replica that has not replayed them.

use std::fs;
use std::time::Duration;

use diesel_manifold::{Consistency, Endpoint, Error, Manifold, Repository, Result};
use diesel_migrations::FileBasedMigrations;
use manifold_tests::until::until;
use manifold_tests::world::settings;
use manifold_tests::{Shop, World};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// Migrations with these statements, in this order.
fn migrations(statements: &[&str]) -> (TempDir, FileBasedMigrations) {
    let folder = tempfile::tempdir().unwrap();
    for (at, up) in statements.iter().enumerate() {
        let migration = folder.path().join(format!("2026-11-2{at}-000000_step"));
        fs::create_dir(&migration).unwrap();
        fs::write(migration.join("up.sql"), up).unwrap();
        fs::write(migration.join("down.sql"), "SELECT 1").unwrap();
        if up.contains("CONCURRENTLY") {
            let alone = "run_in_transaction = false";
            fs::write(migration.join("metadata.toml"), alone).unwrap();
        }
    }
    let found = FileBasedMigrations::from_path(folder.path()).unwrap();
    (folder, found)
}

const YEAR: &str = "ALTER TABLE album ADD COLUMN year int NOT NULL DEFAULT 1959";

mod years {
    use diesel_manifold::Manifold;
    use diesel_manifold::prelude::*;

    diesel::table! { album (id) { id -> Integer, year -> Integer, } }

    /// A program that was compiled for the new table.
    #[derive(Clone, diesel_manifold::Repository)]
    pub struct Years {
        pub db: Manifold,
    }

    #[repository]
    impl Years {
        #[read(attempts = 1)]
        pub async fn all(&self, conn: &mut ReadConn<'_>) -> Result<Vec<i32>> {
            Ok(album::table.select(album::year).load(conn).await?)
        }
    }
}

/// How many of the replicas may answer.
fn replicas(manifold: &Manifold) -> usize {
    let nodes = manifold.nodes();
    nodes.iter().skip(1).filter(|node| node.available).count()
}

#[tokio::test]
async fn of_many_that_migrate_at_once_one_runs_what_is_pending() {
    let world = World::new();
    let (_folder, _) = migrations(&[YEAR, "CREATE TABLE label (id int)"]);
    let manifolds = [
        world.manifold().await,
        world.manifold().await,
        world.manifold().await,
    ];
    let run = manifolds.iter().map(|manifold| {
        let found = FileBasedMigrations::from_path(_folder.path()).unwrap();
        manifold.migrate(found)
    });
    let ran: Vec<Result<Vec<String>>> = futures_util::future::join_all(run).await;
    let ran: Vec<usize> = ran
        .into_iter()
        .map(|versions| versions.unwrap().len())
        .collect();
    assert_eq!(ran.iter().sum::<usize>(), 2, "{ran:?}");
    assert!(ran.contains(&2), "{ran:?}");
}

#[tokio::test]
async fn a_replica_that_has_not_replayed_a_migration_is_not_used_until_it_has() {
    let Some(world) = World::alone() else { return };
    let mut hasty = settings();
    hasty.read.schema_wait = Duration::from_millis(10);
    let builder = world.without_redis().settings(hasty);
    let manifold = builder.connect().await.unwrap();
    let eventual = manifold.with(Consistency::Eventual);
    let (years, shop) = (
        years::Years {
            db: eventual.clone(),
        },
        Shop::new(eventual),
    );
    world.replica(0).pause_replay().unwrap();
    let (_folder, found) = migrations(&[YEAR]);
    assert_eq!(manifold.migrate(found).await.unwrap().len(), 1);
    until("the other one has it", async || replicas(&manifold) == 1).await;
    for _ in 0..30 {
        assert_eq!(years.all().await.unwrap(), [1959, 1959]);
        assert_ne!(shop.who().await.unwrap().node, "replica-1");
    }
    world.replica(0).resume_replay().unwrap();
    until("it answers again", async || {
        shop.who().await.unwrap().node == "replica-1"
    })
    .await;
    assert_eq!(replicas(&manifold), 2);
}

#[tokio::test]
async fn migrating_waits_for_the_replicas_and_they_may_answer_then() {
    let world = World::new();
    let manifold = world.without_redis().connect().await.unwrap();
    let (_folder, found) = migrations(&[YEAR]);
    manifold.migrate(found).await.unwrap();
    assert_eq!(replicas(&manifold), 2);
    let years = years::Years { db: manifold }.with(Consistency::Eventual);
    for _ in 0..30 {
        years.all().await.unwrap();
    }
}

#[tokio::test]
async fn a_migration_that_fails_says_so_and_those_before_it_are_done() {
    let world = World::new();
    let manifold = world.manifold().await;
    let (_folder, found) = migrations(&[YEAR, "CREATE TABLE album (id int)"]);
    let error: Error = manifold.migrate(found).await.unwrap_err();
    assert!(error.is_migration(), "{error}");
    assert!(error.to_string().contains("already exists"), "{error}");
    let columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'year' AND table_name = 'album'";
    assert_eq!(world.sql(world.primary(), columns), "1");
    // The lock is free again.
    let (_folder, found) = migrations(&[YEAR]);
    assert!(manifold.migrate(found).await.unwrap().is_empty());
}

/// Who waits for its turn must not be waited for by who builds an index beside all others.
#[tokio::test]
async fn an_index_is_built_concurrently_while_others_wait_for_their_turn() {
    let world = World::new();
    let (folder, _) = migrations(&["CREATE INDEX CONCURRENTLY by_title ON album (title)"]);
    let manifolds = [
        world.primary_only().connect().await.unwrap(),
        world.primary_only().connect().await.unwrap(),
        world.primary_only().connect().await.unwrap(),
    ];
    let run = manifolds.iter().map(|manifold| {
        let found = FileBasedMigrations::from_path(folder.path()).unwrap();
        manifold.migrate(found)
    });
    for ran in futures_util::future::join_all(run).await {
        ran.unwrap();
    }
}

#[tokio::test]
async fn what_ran_before_a_migration_that_failed_is_waited_for_all_the_same() {
    let Some(world) = World::alone() else { return };
    let mut hasty = settings();
    hasty.read.schema_wait = Duration::from_millis(10);
    let builder = world.without_redis().settings(hasty);
    let manifold = builder.connect().await.unwrap();
    world.replica(0).pause_replay().unwrap();
    let (_folder, found) = migrations(&[YEAR, "CREATE TABLE album (id int)"]);
    let error = manifold.migrate(found).await.unwrap_err();
    assert!(error.is_migration(), "{error}");
    let years = years::Years {
        db: manifold.with(Consistency::Eventual),
    };
    for _ in 0..30 {
        assert_eq!(years.all().await.unwrap(), [1959, 1959]);
    }
    world.replica(0).resume_replay().unwrap();
}

#[tokio::test]
async fn a_replica_behind_a_balancer_that_has_not_replayed_a_migration_answers_nothing() {
    let Some(world) = World::alone() else { return };
    let haproxy = match world.cluster().haproxy(world.cluster().replicas()).start() {
        Err(error) if error.is_missing_binary() => return,
        started => started.unwrap(),
    };
    let mut hasty = settings();
    hasty.read.schema_wait = Duration::from_millis(10);
    hasty.read.poll = Duration::from_millis(5);
    world.replica(0).pause_replay().unwrap();
    let (folder, _) = migrations(&[YEAR]);
    // Whoever is asked where it is may be the one, and whoever answers then the other.
    for _ in 0..4 {
        // It takes turns, so each connection of somebody else shifts whom ours lead to.
        let shift = TcpStream::connect(("127.0.0.1", haproxy.port())).await;
        let balanced = Endpoint::balanced(haproxy.url_for(world.database()));
        let builder = world.primary_only().replica(balanced);
        let manifold = builder.settings(hasty.clone()).connect().await.unwrap();
        let found = FileBasedMigrations::from_path(folder.path()).unwrap();
        manifold.migrate(found).await.unwrap();
        let years = years::Years {
            db: manifold.with(Consistency::Eventual),
        };
        for _ in 0..50 {
            // Several at once, so that there are connections to both.
            let all = futures_util::future::join_all((0..4).map(|_| years.all()));
            for years in all.await {
                assert_eq!(years.unwrap(), [1959, 1959]);
            }
        }
        drop(shift);
    }
    world.replica(0).resume_replay().unwrap();
}
