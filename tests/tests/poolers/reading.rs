//! Reads through poolers and balancers: what they set, what they leave, and how old they may be.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use diesel_manifold::prelude::*;
use diesel_manifold::{Consistency, Endpoint, Manifold, Reason, Role, Route, routes};
use manifold_tests::world::settings;
use manifold_tests::{Shop, World, until};

use crate::site::{Client, Mirror, Pooled, SETTINGS, Setting, haproxy, new, pgbouncer, value};

async fn titles(shop: &Shop) -> (Vec<String>, Route) {
    let (titles, mut seen) = routes(shop.titles()).await;
    (titles.expect("an answer"), seen.pop().expect("a route"))
}

fn check(seen: &[Setting], read_only: &str, isolation: &str) {
    assert_eq!(value(seen, "transaction_read_only"), read_only, "{seen:?}");
    assert_eq!(value(seen, "statement_timeout"), "30000", "{seen:?}");
    assert_eq!(value(seen, "transaction_isolation"), isolation, "{seen:?}");
    assert_eq!(
        value(seen, "default_transaction_read_only"),
        "off",
        "{seen:?}"
    );
}

#[tokio::test]
async fn each_body_has_its_settings_and_the_servers_connection_keeps_none() {
    // One connection to each node, so whoever comes next has it.
    let Some(pooled) = Pooled::with(|builder| builder.pool_size(1)) else {
        return;
    };
    let before = Client::connect(&pooled.url(0)).await.ask(SETTINGS).await;
    assert_eq!(
        Client::connect(&pooled.url(1))
            .await
            .ask(SETTINGS)
            .await
            .replace("transaction_read_only=on", "transaction_read_only=off"),
        before.replace("transaction_read_only=on", "transaction_read_only=off")
    );
    let on_replica = Client::connect(&pooled.url(1)).await.ask(SETTINGS).await;
    let db = pooled.builder().connect().await.unwrap();
    let mirror = Mirror::new(db.clone());
    let strong = mirror.with(Consistency::Strong);
    for _ in 0..3 {
        check(&mirror.reading().await.unwrap(), "on", "read committed");
        check(&strong.reading().await.unwrap(), "on", "read committed");
        check(&mirror.writing().await.unwrap(), "off", "read committed");
        check(&mirror.serializing().await.unwrap(), "off", "serializable");
        let by_statements = mirror.by_statements().await.unwrap();
        assert_eq!(
            value(&by_statements, "statement_timeout"),
            "0",
            "nothing may be said"
        );
        assert!(mirror.failing().await.is_err());
        assert!(strong.failing().await.is_err());
        let snapshot: Vec<Setting> = db
            .read_snapshot(async |snapshot| mirror.reading_on(snapshot).await)
            .await
            .unwrap();
        check(&snapshot, "on", "repeatable read");
        for (index, expected) in [(0, &before), (1, &on_replica), (2, &on_replica)] {
            let next = Client::connect(&pooled.url(index)).await;
            assert_eq!(&next.ask(SETTINGS).await, expected);
            let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
            assert_eq!(next.ask(locks).await, "0");
        }
    }
}

#[tokio::test]
async fn this_process_sees_its_own_writes_whatever_replica_lags_behind_a_pooler() {
    let Some(pooled) = Pooled::new() else { return };
    let (shop, world) = (pooled.shop().await, &pooled.world);
    world.replica(0).pause_replay().unwrap();
    for n in 0..50 {
        let title = format!("title {n}");
        shop.rename(1, &title).await.unwrap();
        let (titles, route) = titles(&shop).await;
        assert_eq!(titles[0], title);
        assert_ne!(route.source.to_string(), "replica-1", "it is paused");
    }
    world.replica(1).pause_replay().unwrap();
    shop.rename(1, "both lag").await.unwrap();
    let (found, route) = titles(&shop).await;
    assert_eq!(found[0], "both lag");
    assert_eq!(
        (route.role, route.reason),
        (Some(Role::Primary), Reason::Lagging)
    );
    world.replica(0).resume_replay().unwrap();
    until("replica-1 answers with the new title", async || {
        let (titles, route) = titles(&shop).await;
        assert_eq!(titles[0], "both lag");
        route.source.to_string() == "replica-1" && route.role == Some(Role::Replica)
    })
    .await;
}

#[tokio::test]
async fn a_session_never_goes_back_though_each_transaction_may_be_another_replicas() {
    let Some(world) = World::alone() else { return };
    let Some(haproxy) = haproxy(&world.cluster().haproxy(world.cluster().replicas())) else {
        return;
    };
    // Many servers' connections behind few of ours, half of them to each replica.
    let builder = new(world.cluster(), world.replica(0)).through(haproxy.port());
    let Some(pgbouncer) = pgbouncer(&builder) else {
        return;
    };
    let url = pgbouncer.url_for(world.database());
    let manifold = Manifold::builder()
        .settings(settings())
        .primary(world.url(world.primary()))
        .replica(Endpoint::balanced(url));
    let shop = Shop::new(manifold.connect().await.unwrap());
    // Both are there: readers at once, so that the pooler opens connections to each.
    let nodes = Mutex::new(HashSet::new());
    until("both replicas answer", async || {
        let reads = (0..8).map(|_| shop.who());
        for who in futures_util::future::join_all(reads).await {
            nodes.lock().unwrap().insert(who.unwrap().node);
        }
        let nodes = nodes.lock().unwrap();
        nodes.contains("replica-1") && nodes.contains("replica-2")
    })
    .await;
    for round in 0..20 {
        let paused = world.replica(round % 2);
        paused.pause_replay().unwrap();
        let title = format!("round {round}");
        // Another process: only what a session has seen binds it.
        world.sql(
            world.primary(),
            &format!("UPDATE album SET title = '{title}' WHERE id = 1"),
        );
        let fresh = world.replica((round + 1) % 2);
        until("one replica has it", async || {
            world.sql(fresh, "SELECT title FROM album WHERE id = 1") == title
        })
        .await;
        let session = shop.db().session();
        let reader = shop.with_session(&session);
        let (mut seen, mut answers) = (false, HashSet::new());
        for _ in 0..30 {
            let reads = (0..4).map(|_| async {
                let (titles, route) = titles(&reader).await;
                (titles[0].clone(), route)
            });
            let before = seen;
            for (found, route) in futures_util::future::join_all(reads).await {
                assert!(!before || found == title, "went back: {route:?}");
                seen |= found == title;
                answers.insert(format!("{:?} {:?}", route.role, route.reason));
            }
        }
        assert!(seen, "{answers:?}");
        paused.resume_replay().unwrap();
        world.caught_up();
    }
}

#[tokio::test]
async fn behind_a_balancer_own_writes_are_seen_by_whichever_replica_has_them() {
    let Some(world) = World::alone() else { return };
    let Some(haproxy) = haproxy(&world.cluster().haproxy(world.cluster().replicas())) else {
        return;
    };
    let url = haproxy.url_for(world.database());
    // Declared as what it is, and as a server: then a connection is one server's.
    for endpoint in [Endpoint::balanced(&url), Endpoint::direct(&url)] {
        let manifold = Manifold::builder()
            .settings(settings())
            .primary(world.url(world.primary()))
            .replica(endpoint.clone());
        let shop = Shop::new(manifold.connect().await.unwrap());
        world.replica(1).pause_replay().unwrap();
        let mut roles = HashSet::new();
        for n in 0..100 {
            let title = format!("{endpoint:?} {n}");
            let session = shop.db().session();
            let shop = shop.with_session(&session);
            shop.rename(1, &title).await.unwrap();
            for _ in 0..3 {
                let reads = (0..3).map(|_| titles(&shop));
                for (titles, route) in futures_util::future::join_all(reads).await {
                    assert_eq!(titles[0], title, "{route:?}");
                    roles.extend(route.role.map(|role| format!("{role:?}")));
                }
            }
        }
        assert!(roles.contains("Replica"), "{endpoint:?}: {roles:?}");
        world.replica(1).resume_replay().unwrap();
        world.caught_up();
        shop.db().shutdown().await;
    }
}

#[tokio::test]
async fn a_snapshot_shows_what_its_session_wrote_and_stays_as_it_is() {
    let Some(pooled) = Pooled::new() else { return };
    let (shop, world) = (pooled.shop().await, &pooled.world);
    world.replica(0).pause_replay().unwrap();
    for n in 0..20 {
        let title = format!("title {n}");
        shop.rename(1, &title).await.unwrap();
        let seen: (Vec<String>, Vec<String>) = shop
            .db()
            .read_snapshot(async |snapshot| {
                let first = shop.titles_on(snapshot).await?;
                world.sql(
                    world.primary(),
                    &format!("UPDATE album SET title = 'later {n}' WHERE id = 1"),
                );
                world.cluster().replica(1);
                until("replica-2 has it", async || {
                    world.sql(world.replica(1), "SELECT title FROM album WHERE id = 1")
                        == format!("later {n}")
                })
                .await;
                let second = shop.titles_on(snapshot).await?;
                Ok::<_, diesel_manifold::Error>((first, second))
            })
            .await
            .unwrap();
        assert_eq!(seen.0[0], title);
        assert_eq!(seen.0, seen.1);
    }
    for index in 0..3 {
        let node = world.cluster().nodes().nth(index).unwrap();
        assert_eq!(world.unfinished(node), 0, "{node:?}");
    }
}

#[tokio::test]
async fn a_snapshot_is_taken_behind_its_position_and_on_the_server_that_told_it() {
    let Some(pooled) = Pooled::new() else { return };
    let (shop, world) = (pooled.shop().await, &pooled.world);
    // Process and transaction of each statement.
    let logged = ["log_line_prefix = '%p %v '", "log_statement = 'all'"];
    for replica in world.cluster().replicas() {
        for setting in logged {
            world.sql(replica, &format!("ALTER SYSTEM SET {setting}"));
        }
        world.sql(replica, "SELECT pg_reload_conf()");
        until("it logs", async || {
            world.sql(replica, "SHOW log_statement") == "all"
        })
        .await;
    }
    let snapshot = async || {
        let titles = shop
            .db()
            .read_snapshot(async |snapshot| shop.titles_on(snapshot).await);
        titles.await.unwrap()
    };
    until("one was logged", async || {
        assert_eq!(snapshot().await.len(), 2);
        let logs = world.cluster().replicas().iter().map(|replica| {
            let log = std::fs::read_to_string(replica.log_path()).unwrap();
            in_order(&log)
        });
        logs.sum::<usize>() > 3
    })
    .await;
}

/// How many snapshots this log tells of; each begins in a transaction behind that of its position.
fn in_order(log: &str) -> usize {
    let mut asked = std::collections::HashMap::new();
    let mut found = 0;
    for line in log.lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(process), Some(transaction), Some(said)) =
            (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if said.contains("pg_last_wal_replay_lsn") {
            asked.insert(process, transaction);
        } else if said.contains("execute") && said.contains("FROM \"album\"") {
            let asked = asked.get(process).expect("it was asked there");
            assert_ne!(*asked, transaction, "{log}");
            found += 1;
        }
    }
    found
}

#[tokio::test]
async fn a_dropped_or_failed_read_leaves_no_open_transaction() {
    let Some(pooled) = Pooled::new() else { return };
    let (shop, world) = (pooled.shop().await, &pooled.world);
    let mirror = Mirror::new(shop.db().clone());
    for _ in 0..5 {
        assert!(mirror.failing().await.is_err());
    }
    // In the middle of its query.
    let sleeping = tokio::spawn({
        let shop = shop.clone();
        async move { shop.sleep(3600.0).await }
    });
    let sleeps = || {
        (1..3)
            .map(|n| world.unfinished(world.replica(n - 1)))
            .sum::<usize>()
    };
    until("it sleeps", async || sleeps() == 1).await;
    sleeping.abort();
    until("nothing is left", async || sleeps() == 0).await;
    // Between its queries.
    shop.close_door().await;
    let standing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.by_id(1).await }
    });
    until("it stands in its transaction", async || sleeps() == 1).await;
    standing.abort();
    until("nothing is left", async || sleeps() == 0).await;
    shop.open_door();
    assert_eq!(titles(&shop).await.0.len(), 2);
}

#[tokio::test]
async fn a_read_that_may_not_run_twice_is_answered_by_whoever_is_fresh_enough() {
    let Some(pooled) = Pooled::new() else { return };
    let (shop, world) = (pooled.shop().await, &pooled.world);
    for replica in world.cluster().replicas() {
        replica.pause_replay().unwrap();
    }
    shop.rename(1, "nobody has it").await.unwrap();
    let once = Once::new(shop.db().clone());
    let (title, mut seen) = routes(once.title(1)).await;
    assert_eq!(title.unwrap(), "nobody has it");
    assert_eq!(seen.pop().unwrap().role, Some(Role::Primary));
}

/// A repository whose reads run once.
#[derive(Clone, Repository)]
struct Once {
    db: Manifold,
}

impl Once {
    fn new(db: Manifold) -> Self {
        Self { db }
    }
}

#[repository]
impl Once {
    #[read(attempts = 1)]
    async fn title(&self, conn: &mut ReadConn<'_>, id: i32) -> Result<String> {
        use manifold_tests::shop::album;
        Ok(album::table
            .find(id)
            .select(album::title)
            .first(conn)
            .await?)
    }
}

#[tokio::test]
async fn a_replicas_endpoint_that_leads_to_the_primary_may_answer_too() {
    let Some(world) = World::alone() else { return };
    let Some(haproxy) = haproxy(&world.cluster().haproxy(world.cluster().nodes())) else {
        return;
    };
    let url = haproxy.url_for(world.database());
    let manifold = Manifold::builder()
        .settings(settings())
        .primary(world.url(world.primary()))
        .replica(Endpoint::balanced(url));
    let shop = Shop::new(manifold.connect().await.unwrap());
    let roles = Mutex::new(HashSet::new());
    until("primary and replicas answer through it", async || {
        let reads = (0..8).map(|_| titles(&shop));
        for (_, route) in futures_util::future::join_all(reads).await {
            if route.source.to_string() == "replica-1" {
                roles
                    .lock()
                    .unwrap()
                    .extend(route.role.map(|role| format!("{role:?}")));
            }
        }
        roles.lock().unwrap().len() == 2
    })
    .await;
    shop.rename(1, "written").await.unwrap();
    assert_eq!(titles(&shop).await.0[0], "written");
    assert!(Duration::from_secs(1) > titles(&shop).await.1.waited);
}
