//! Writes through poolers and balancers: where they run, how they end, and what happens when the primary is another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use diesel_manifold::prelude::*;
use diesel_manifold::{Consistency, Endpoint, Error, Manifold, Role, routes};
use manifold_tests::shop::album;
use manifold_tests::slow_commit::{COMMITTING, Held, SLOW_COMMIT, until_committing};
use manifold_tests::world::settings;
use manifold_tests::{Shop, World, until};

use crate::site::{Client, Pooled, new, pgbouncer};
use crate::switch::Switch;

fn title(world: &World) -> String {
    world.sql(world.primary(), "SELECT title FROM album WHERE id = 1")
}

#[tokio::test]
async fn a_write_through_a_pooler_is_placed_and_read_back_from_a_replica() {
    let Some(pooled) = Pooled::new() else { return };
    let shop = pooled.shop().await;
    for n in 0..20 {
        let session = shop.db().session();
        let shop = shop.with_session(&session);
        shop.rename(1, &format!("title {n}")).await.unwrap();
        assert!(shop.db().last_write().is_some(), "its position is known");
        until("a replica answers", async || {
            let (titles, mut seen) = routes(shop.titles()).await;
            assert_eq!(titles.unwrap()[0], format!("title {n}"));
            seen.pop().unwrap().role == Some(Role::Replica)
        })
        .await;
    }
    assert_eq!(pooled.world.unfinished(pooled.world.primary()), 0);
}

#[tokio::test]
async fn conflicts_and_bodies_that_fail_end_through_a_pooler_as_they_do_without_one() {
    let Some(pooled) = Pooled::new() else { return };
    let shop = pooled.shop().await;
    assert!(shop.swallow(1).await.unwrap_err().is_aborted_by_body());
    assert!(shop.nested(1).await.unwrap_err().is_nested_write());
    shop.rename_in_vain(1).await.unwrap();
    assert!(shop.rename_and_fail(1).await.unwrap_err().is_not_found());
    assert_eq!(title(&pooled.world), "renamed and failed");
    let adding = (0..4).map(|_| shop.add_numbered());
    let mut counted: Vec<_> = futures_util::future::try_join_all(adding).await.unwrap();
    counted.sort_unstable();
    assert_eq!(counted, [2, 3, 4, 5], "each saw those before it");
    assert_eq!(pooled.world.unfinished(pooled.world.primary()), 0);
}

#[tokio::test]
async fn a_dropped_write_leaves_no_open_transaction_behind_a_pooler() {
    let Some(pooled) = Pooled::new() else { return };
    let (shop, world) = (pooled.shop().await, &pooled.world);
    shop.close_door().await;
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.add_numbered().await }
    });
    let open = || world.unfinished(world.primary());
    until("it stands in its transaction", async || open() == 1).await;
    writing.abort();
    until("nothing is left", async || open() == 0).await;
}

/// Terminates the session that is in its COMMIT.
fn terminate_commit(world: &World) {
    let terminate = format!("SELECT pg_terminate_backend(pid) {COMMITTING}");
    assert_eq!(world.sql(world.primary(), &terminate), "t");
}

#[tokio::test]
async fn a_commit_that_is_lost_with_the_servers_connection_is_asked_for() {
    let Some(pooled) = Pooled::new() else { return };
    let (shop, world) = (pooled.shop().await, &pooled.world);
    shop.by_id(1).await.unwrap();
    // Before it took effect.
    world.sql(world.primary(), SLOW_COMMIT);
    let held = Held::new(world).await;
    let rename = |title: &'static str| {
        let shop = shop.clone();
        tokio::spawn(async move { shop.rename(1, title).await })
    };
    let writing = rename("lost");
    until_committing(world).await;
    terminate_commit(world);
    let error: Error = writing.await.unwrap().unwrap_err();
    assert!(!error.is_outcome_unknown(), "the server was asked: {error}");
    held.release().await;
    assert_eq!(title(world), "Kind of Blue");
    world.sql(world.primary(), "DROP TRIGGER wait_in_commit ON album");
    // After it did: it is durable at once and then waits for a standby that does not exist.
    let admin = "ALTER SYSTEM SET synchronous_standby_names = 'nobody'";
    world.sql(world.primary(), admin);
    world.sql(world.primary(), "SELECT pg_reload_conf()");
    let writing = rename("durable");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    until("COMMIT waits for the standby", async || {
        world.sql(world.primary(), waiting) == "1"
    })
    .await;
    terminate_commit(world);
    writing
        .await
        .unwrap()
        .expect("the server said that it is committed");
    world.sql(
        world.primary(),
        "ALTER SYSTEM RESET synchronous_standby_names",
    );
    world.sql(world.primary(), "SELECT pg_reload_conf()");
    assert_eq!(title(world), "durable");
    assert_eq!(shop.by_id(1).await.unwrap().unwrap().title, "durable");
}

#[tokio::test]
async fn a_commit_that_is_lost_with_the_pooler_is_asked_for_once_it_is_back() {
    let Some(pooled) = Pooled::new() else { return };
    let (shop, world) = (pooled.shop().await, &pooled.world);
    world.sql(world.primary(), SLOW_COMMIT);
    let held = Held::new(world).await;
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.rename(1, "committed behind its back").await }
    });
    until_committing(world).await;
    pooled.poolers[0].kill().unwrap();
    // The server commits, and only then notices that nobody listens.
    held.release().await;
    until("it is committed", async || {
        title(world) == "committed behind its back"
    })
    .await;
    pooled.poolers[0].start().unwrap();
    writing
        .await
        .unwrap()
        .expect("the server said that it is committed");
}

#[tokio::test]
async fn a_promoted_replica_takes_the_writes_though_poolers_stand_before_all() {
    let Some(pooled) = Pooled::new() else { return };
    let (shop, world) = (pooled.shop().await, &pooled.world);
    shop.rename(1, "before").await.unwrap();
    world.caught_up();
    world.primary().kill().unwrap();
    world.replica(0).promote().unwrap();
    until("writes go to the new primary", async || {
        shop.rename(1, "after").await.is_ok()
    })
    .await;
    let who = shop.who_writes().await.unwrap();
    assert_eq!(who.node, "replica-1");
    let (titles, mut seen) = routes(shop.titles()).await;
    assert_eq!(titles.unwrap()[0], "after", "{:?}", seen.pop());
}

#[tokio::test]
async fn an_endpoint_that_leads_to_the_new_primary_is_followed_and_the_old_one_gets_no_write() {
    let Some(world) = World::alone() else { return };
    let (old, young) = (world.primary(), world.replica(0));
    let [before, after] = [old, young].map(|node| pgbouncer(&new(world.cluster(), node)));
    let (Some(before), Some(after)) = (before, after) else {
        return;
    };
    let switch = Switch::to(before.port()).await;
    let url = switch.url(&before.url_for(world.database()));
    let manifold = Manifold::builder()
        .settings(settings())
        .primary(Endpoint::balanced(url));
    let shop = Shop::new(manifold.connect().await.unwrap());
    let rows = "INSERT INTO album SELECT 100 + n, 'row ' || n FROM generate_series(1, 10) n";
    world.sql(old, rows);
    // Four connections to the old one, of which one is in the middle of a write.
    let add = || {
        let shop = shop.clone();
        tokio::spawn(async move { shop.add_numbered().await })
    };
    shop.close_door().await;
    let adding: Vec<_> = (0..4).map(|_| add()).collect();
    until("four writes are under way", async || {
        world.unfinished(old) == 4
    })
    .await;
    shop.open_door();
    for added in adding {
        added.await.unwrap().unwrap();
    }
    shop.close_door().await;
    let last = add();
    until("one is under way", async || world.unfinished(old) == 1).await;
    world.caught_up();
    young.promote().unwrap();
    // Both say that they take writes, and the connections to the old one stay open; a new one is led to the
    // new one.
    switch.lead_to(after.port());
    let rename_at_once = async |title: &str, most: i32| {
        let renames =
            (101..=100 + most).map(async |id| shop.rename(id, &format!("{title} {id}")).await);
        futures_util::future::join_all(renames).await
    };
    let idle = shop.db().nodes()[0].writing.map_or(0, |pool| pool.idle);
    until("a write arrives at the new primary", async || {
        // More than there are connections; one that began at the old primary may be refused.
        rename_at_once("after", i32::try_from(idle).unwrap() + 1).await;
        let arrived = "SELECT count(*) > 0 FROM album WHERE title LIKE 'after%'";
        world.sql(young, arrived) == "t"
    })
    .await;
    let titles = "SELECT array_agg(title ORDER BY id) FROM album WHERE id BETWEEN 101 AND 104";
    let kept = world.sql(old, titles);
    for n in 0..20 {
        let title = format!("round {n}");
        for renamed in rename_at_once(&title, 4).await {
            renamed.unwrap();
        }
        let all = [101, 102, 103, 104]
            .map(|id| format!("\"{title} {id}\""))
            .join(",");
        assert_eq!(world.sql(young, titles), format!("{{{all}}}"));
    }
    assert_eq!(world.sql(old, titles), kept);
    // What began before is not committed where it would be lost.
    shop.open_door();
    let error = last.await.unwrap().unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    let added = "SELECT count(*) FROM album WHERE title LIKE 'number %'";
    assert_eq!([old, young].map(|node| world.sql(node, added)), ["4", "4"]);
}

fn title_on(world: &World, node: &manifold_compose::Node) -> String {
    world.sql(node, "SELECT title FROM album WHERE id = 1")
}

#[tokio::test]
async fn no_body_of_a_write_runs_on_a_standby_that_the_primarys_endpoint_leads_to() {
    let Some(world) = World::alone() else { return };
    let [primary, standby] =
        [world.primary(), world.replica(0)].map(|node| pgbouncer(&new(world.cluster(), node)));
    let (Some(primary), Some(standby)) = (primary, standby) else {
        return;
    };
    let switch = Switch::to(primary.port()).await;
    let url = switch.url(&primary.url_for(world.database()));
    let mut settings = settings();
    settings.write.find_primary = Duration::from_millis(300);
    let manifold = Manifold::builder()
        .settings(settings)
        .primary(Endpoint::balanced(url));
    let shop = Shop::new(manifold.connect().await.unwrap());
    shop.rename(1, "before").await.unwrap();
    switch.lead_to(standby.port());
    switch.cut();
    until("nobody takes writes", async || {
        let error = shop.rename(1, "nowhere").await.unwrap_err();
        let text = error.to_string();
        let by_a_standby = text.contains("read-only") || text.contains("recovery");
        assert!(!by_a_standby, "a standby's own word: {text}");
        error.to_string().contains("no node takes writes")
    })
    .await;
    let (who, mut seen) = routes(shop.with(Consistency::Eventual).who()).await;
    // A read is not so choosy, if somebody may answer at all.
    if let (Ok(who), Some(route)) = (who, seen.pop()) {
        assert!(
            who.standby && route.role == Some(Role::Replica),
            "{route:?}"
        );
    }
    switch.lead_to(primary.port());
    switch.cut();
    until("writes go on", async || {
        shop.rename(1, "again").await.is_ok()
    })
    .await;
    assert_eq!(title(&world), "again");
}

/// A repository whose write commits each statement by itself, so that nobody looks first where it runs.
#[derive(Clone, Repository)]
struct Blind {
    db: Manifold,
}

#[repository]
impl Blind {
    #[write(transaction = off)]
    async fn rename(&self, conn: &mut WriteConn<'_>, id: i32, title: &str) -> Result<()> {
        let update = diesel::update(album::table.find(id)).set(album::title.eq(title));
        update.execute(conn).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_write_that_a_standby_refused_has_its_node_asked_at_once_what_it_is() {
    let Some(world) = World::alone() else { return };
    let switch = Switch::to(world.primary().port()).await;
    // What is switched is behind the pooler, so our connections stay open.
    let builder = new(world.cluster(), world.primary()).through(switch.port());
    let Some(pgbouncer) = pgbouncer(&builder) else {
        return;
    };
    let mut settings = settings();
    // The watcher tells nothing meanwhile.
    settings.read.poll = Duration::from_secs(3600);
    settings.write.find_primary = Duration::from_millis(1);
    let manifold = Manifold::builder()
        .settings(settings)
        .primary(Endpoint::pooled(pgbouncer.url_for(world.database())));
    let blind = Blind {
        db: manifold.connect().await.unwrap(),
    };
    blind.rename(1, "before").await.unwrap();
    let role = || blind.db.nodes()[0].role;
    assert_eq!(role(), Some(Role::Primary));
    // A new connection would be asked what it reaches before anything is run on it.
    until("a connection is there for the next", async || {
        blind.db.nodes()[0]
            .writing
            .is_some_and(|pool| pool.idle > 0)
    })
    .await;
    switch.lead_to(world.replica(0).port());
    let console = Client::connect(&pgbouncer.console_url()).await;
    console.ask("RECONNECT").await;
    let error = blind.rename(1, "there").await.unwrap_err();
    let refused = error.query().unwrap_or_else(|| panic!("{error}"));
    assert!(
        refused.to_string().contains("read-only transaction"),
        "{error}"
    );
    assert_eq!(role(), Some(Role::Replica), "it was asked");
    let error = blind.rename(1, "there").await.unwrap_err();
    assert!(
        error.to_string().contains("no node takes writes"),
        "{error}"
    );
}

/// A repository whose transactions are read-only, if only the first one.
#[derive(Clone, Repository)]
struct Shy {
    db: Manifold,
    world: Arc<World>,
    runs: Arc<AtomicUsize>,
    fails_over: bool,
}

#[repository]
impl Shy {
    #[write(retry = 1)]
    async fn rename(&self, conn: &mut WriteConn<'_>, id: i32, title: String) -> Result<()> {
        if self.runs.fetch_add(1, Ordering::SeqCst) == 0 {
            conn.batch_execute("SET TRANSACTION READ ONLY").await?;
            if self.fails_over {
                self.world.replica(0).promote().expect("promoted");
                until("the other one takes the writes", async || {
                    self.db.nodes()[1].role == Some(Role::Primary)
                })
                .await;
            }
        }
        let update = diesel::update(album::table.find(id)).set(album::title.eq(title));
        update.execute(conn).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_body_whose_first_query_was_refused_runs_again_if_another_node_takes_the_writes() {
    for fails_over in [true, false] {
        let Some(world) = World::alone() else { return };
        let world = Arc::new(world);
        let shy = Shy {
            db: world.without_redis().connect().await.unwrap(),
            world: Arc::clone(&world),
            runs: Arc::default(),
            fails_over,
        };
        let renamed = shy.rename(1, String::from("again")).await;
        let runs = AtomicUsize::load(&shy.runs, Ordering::SeqCst);
        if fails_over {
            renamed.unwrap();
            assert_eq!(runs, 2);
            assert_eq!(title_on(&world, world.replica(0)), "again");
        } else {
            let error = renamed.unwrap_err();
            assert!(
                error.to_string().contains("read-only transaction"),
                "{error}"
            );
            assert_eq!(runs, 1, "who refused it is still the primary");
        }
        assert_eq!(title(&world), "Kind of Blue");
    }
}
