//! What careless or unlucky callers, and servers that break at the worst moment, do to exact reads.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_manifold::prelude::*;
use diesel_manifold::{Consistency, Error, Manifold, Policy, Role, Route, routes};
use manifold_tests::shop::{album, pg_sleep};
use manifold_tests::slow_commit::{Held, SLOW_COMMIT, until_committing};
use manifold_tests::world::settings;
use manifold_tests::{Shop, World, until};

/// Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A repository that does what one should not.
#[derive(Clone, Repository)]
struct Careless {
    db: Manifold,
}

#[repository]
impl Careless {
    /// A cached answer that takes its time.
    #[cached]
    async fn slow(&self, conn: &mut ReadConn<'_>, ms: i32) -> Result<i64> {
        let query = album::table.filter(pg_sleep(f64::from(ms) / 1000.0).is_not_null());
        Ok(query.count().get_result(conn).await?)
    }

    /// A cached answer that is made up if its query fails.
    #[cached]
    async fn lenient(&self, conn: &mut ReadConn<'_>, id: i32) -> Result<String> {
        let found = album::table.find(id).select(album::title).first(conn).await;
        Ok(found.unwrap_or_else(|_| String::from("made up")))
    }

    /// Swallows what happens to its own query and calls a public read.
    #[read]
    async fn around(&self, conn: &mut ReadConn<'_>, id: i32) -> Result<String> {
        let _ = album::table.count().get_result::<i64>(conn).await;
        self.lenient(id).await
    }

    /// Renames, and loses its connection behind that, before anybody was told where the write is.
    #[write(transaction = off)]
    async fn rename_and_hang_up(
        &self,
        conn: &mut WriteConn<'_>,
        id: i32,
        title: &str,
    ) -> Result<()> {
        let update = diesel::update(album::table.find(id)).set(album::title.eq(title));
        update.execute(conn).await?;
        let gone = diesel::select(sql::<Bool>("pg_terminate_backend(pg_backend_pid())"));
        let _ = gone.get_result::<bool>(conn).await;
        Ok(())
    }
}

async fn titles(shop: &Shop) -> (Vec<String>, Route) {
    let (titles, mut seen) = routes(shop.titles()).await;
    (titles.expect("an answer"), seen.pop().expect("a route"))
}

fn pause(world: &World) {
    for replica in world.cluster().replicas() {
        replica.pause_replay().expect("paused");
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let found = tokio::time::timeout(PATIENCE, future).await;
    found.unwrap_or_else(|_| panic!("{what} hangs"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_lets_nobody_wait_does_not_hang_a_read_that_finds_no_fresh_node() {
    let Some(world) = World::alone() else { return };
    let mut settings = settings();
    settings.pool.wait = Duration::ZERO;
    settings.pool.fallback_size = Some(1);
    settings.read.deadline = Duration::from_millis(100);
    let builder = world.builder().settings(settings);
    let shop = Shop::new(builder.connect().await.unwrap());
    pause(&world);
    shop.rename(1, "nobody has it").await.unwrap();
    let busy = shop.with(Consistency::Strong);
    let holding = tokio::spawn(async move { while busy.sleep(30.0).await.is_err() {} });
    until("the one connection is in use", async || {
        let reading = shop.db().nodes()[0].reading;
        reading.idle == 0 && reading.open == 1
    })
    .await;
    let reader = shop.clone();
    let reading = tokio::spawn(async move { reader.titles().await });
    let error = within("the read", reading).await.unwrap().unwrap_err();
    assert!(error.is_lagging(), "{error}");
    holding.abort();
}

#[tokio::test]
async fn a_write_that_never_began_keeps_no_read_from_the_replicas() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    titles(&shop).await;
    world.primary().kill().unwrap();
    shop.rename_and_fail(1).await.unwrap_err();
    let (found, route) = titles(&shop).await;
    assert_eq!(found[0], "Kind of Blue");
    assert_eq!(route.role, Some(Role::Replica));
}

#[tokio::test]
async fn a_commit_that_died_with_the_primary_keeps_no_other_callers_read_from_the_replicas() {
    let Some(world) = World::alone() else { return };
    let mut settings = settings();
    settings.write.outcome_deadline = Duration::from_millis(200);
    let builder = world.builder().settings(settings);
    let shop = Shop::new(builder.connect().await.unwrap());
    world.sql(world.primary(), SLOW_COMMIT);
    world.caught_up();
    let held = Held::new(&world).await;
    let writer = shop.clone();
    let writing = tokio::spawn(async move { writer.rename(1, "lost").await });
    until_committing(&world).await;
    world.primary().kill().unwrap();
    let error = writing.await.unwrap().unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    drop(held);
    assert_eq!(titles(&shop).await.1.role, Some(Role::Replica));
}

#[tokio::test]
async fn a_session_that_read_on_two_replicas_goes_on_without_the_primary() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    titles(&shop).await;
    world.primary().kill().unwrap();
    for _ in 0..10 {
        let session = shop.with_session(&shop.db().session());
        let (one, two) = tokio::join!(session.who(), session.who());
        assert!(one.unwrap().standby && two.unwrap().standby);
        let next = session.who().await;
        assert!(next.is_ok_and(|who| who.standby), "its reach is known soon");
    }
}

#[tokio::test]
async fn a_cached_read_whose_primary_broke_says_that_and_not_that_all_was_shut_down() {
    let Some(world) = World::alone() else { return };
    let manifold = world.primary_only().connect().await.unwrap();
    let careless = Careless { db: manifold };
    let reading = tokio::spawn({
        let careless = careless.clone();
        async move { careless.slow(30_000).await }
    });
    // It runs again, on the only node that there is, as often as it may.
    for _ in 0..3 {
        until("its backend was terminated", async || {
            let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE wait_event = 'PgSleep'";
            world.sql(world.primary(), ended) == "1"
        })
        .await;
    }
    let error = within("the read", reading).await.unwrap().unwrap_err();
    assert!(!error.is_shut_down() && !error.is_misuse(), "{error}");
}

#[tokio::test]
async fn an_answer_made_up_because_the_node_of_the_call_around_is_behind_is_not_kept() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let careless = Careless {
        db: shop.db().clone(),
    };
    pause(&world);
    shop.rename(1, "new").await.unwrap();
    careless.around(1).await.unwrap();
    assert_eq!(careless.lenient(1).await.unwrap(), "new");
}

#[tokio::test]
async fn a_read_inside_a_snapshot_is_no_older_than_what_the_snapshot_has_shown() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    world.replica(1).pause_replay().unwrap();
    world.sql(
        world.primary(),
        "UPDATE album SET title = 'shown' WHERE id = 1",
    );
    until("replica-1 has it", async || {
        let query = "SELECT title FROM album WHERE id = 1";
        world.sql(world.replica(0), query) == "shown"
    })
    .await;
    for _ in 0..20 {
        let shop = shop.with_session(&shop.db().session());
        let both = shop.db().read_snapshot(async |snap| -> Result<_> {
            let first = shop.titles_on(snap).await?;
            Ok((first, shop.titles().await?))
        });
        let (first, then) = both.await.unwrap();
        assert!(first[0] != "shown" || then[0] == "shown", "it went back");
    }
}

#[tokio::test]
async fn a_write_without_a_position_is_placed_once_and_not_anew_by_each_read() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let careless = Careless {
        db: shop.db().clone(),
    };
    careless.rename_and_hang_up(1, "unplaced").await.unwrap();
    until("it is placed", async || {
        let (found, route) = titles(&shop).await;
        assert_eq!(found[0], "unplaced");
        route.need.is_some()
    })
    .await;
    let need = titles(&shop).await.1.need.unwrap();
    world.sql(
        world.primary(),
        "UPDATE album SET title = 'later' WHERE id = 2",
    );
    let recent = Policy::from(Consistency::Eventual).max_staleness(Duration::from_millis(300));
    until("the primary was asked again", async || {
        let newer = titles(&shop.with(recent)).await.1.need;
        newer.is_some_and(|newer| newer.lsn() > need.lsn())
    })
    .await;
    assert_eq!(titles(&shop).await.1.need, Some(need));
}

#[tokio::test]
async fn an_undeclared_write_without_a_position_makes_cached_answers_old_all_the_same() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    let careless = Careless {
        db: shop.db().clone(),
    };
    assert_eq!(careless.lenient(1).await.unwrap(), "Kind of Blue");
    careless.rename_and_hang_up(1, "undeclared").await.unwrap();
    assert_eq!(careless.lenient(1).await.unwrap(), "undeclared");
}

#[tokio::test]
async fn a_session_does_not_go_back_behind_what_a_failed_write_has_shown_it() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    pause(&world);
    // By somebody else.
    world.sql(
        world.primary(),
        "INSERT INTO album (title) VALUES ('taken')",
    );
    let session = shop.with_session(&shop.db().session());
    session
        .add("taken")
        .await
        .expect_err("there is one already");
    let found = titles(&session).await.0;
    assert!(found.iter().any(|title| title == "taken"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_cannot_see_crashes_never_takes_a_session_back() {
    let Some(world) = World::alone() else { return };
    world.sql(world.primary(), "REVOKE pg_monitor FROM app");
    world.caught_up();
    let (shop, other) = (world.shop().await, world.shop().await);
    let writing = tokio::spawn(async move {
        for number in 0.. {
            other.rename(1, &format!("{number:08}")).await.unwrap();
        }
    });
    let session = shop.with_session(&shop.db().session());
    until("the writer writes", async || {
        session.titles().await.unwrap()[0] != "Kind of Blue"
    })
    .await;
    let (mut last, mut by_replicas) = (String::new(), 0);
    for crash in 0..8 {
        let replica = world.replica(crash % 2);
        // A backend of ours: the postmaster ends all others and starts recovery again.
        let victim = "SELECT pid FROM pg_stat_activity WHERE usename = 'app' LIMIT 1";
        if let Ok(pid) = world.sql(replica, victim).parse() {
            replica.crash_backend(pid).unwrap();
        }
        for _ in 0..300 {
            let (found, mut seen) = routes(session.titles()).await;
            // That a node died under a call is told; that it went back is not allowed.
            let Ok(mut found) = found else { continue };
            let route = seen.pop().unwrap();
            let title = found.swap_remove(0);
            let replica = route.role == Some(Role::Replica);
            by_replicas += u32::from(replica);
            // A commit that a replica shows may not be visible on the primary yet.
            assert!(title >= last || !replica, "{title} after {last}: {route:?}");
            last = title.max(last);
        }
        replica.wait_ready().unwrap();
    }
    writing.abort();
    assert!(by_replicas > 100, "{by_replicas}");
}

#[tokio::test]
async fn settings_with_which_nothing_could_run_are_refused_and_do_not_panic() {
    let Some(world) = World::alone() else { return };
    let table: [fn(&mut diesel_manifold::ReadSettings); 4] = [
        |read| read.max_waiting = usize::MAX,
        |read| read.poll = Duration::ZERO,
        |read| read.poll = Duration::MAX,
        |read| read.poll_timeout = Duration::ZERO,
    ];
    for set in table {
        let mut settings = settings();
        set(&mut settings.read);
        let connecting = world.builder().settings(settings.clone()).connect();
        let error = connecting.await.expect_err("refused");
        assert!(Error::is_configuration(&error), "{:?}", settings.read);
    }
}
