//! Which nodes are asked: one that fails or lags is left out, comes back when it is well, and never at the cost
//! of a call.

use std::time::Duration;

use diesel_manifold::{
    AllOut, Builder, Clock, Consistency, Reason, Repository, Role, Settings, routes,
};
use manifold_tests::until::until;
use manifold_tests::world::settings;
use manifold_tests::{Shop, World};

async fn shop(builder: Builder, settings: Settings) -> (Shop, Clock) {
    let clock = Clock::new();
    let builder = builder.settings(settings).clock(clock.clone());
    (Shop::new(builder.connect().await.unwrap()), clock)
}

fn available(shop: &Shop, index: usize) -> bool {
    shop.db().nodes()[index].available
}

/// Who answers a read of which any replica may be the one.
async fn anybody(shop: &Shop) -> String {
    shop.with(Consistency::Eventual).who().await.unwrap().node
}

/// The replica stays where it is, the primary goes on, and so much time passes between the two.
async fn lag(world: &World, shop: &Shop, clock: &Clock, index: usize, by: Duration) {
    world.replica(index).pause_replay().unwrap();
    // The last sample that it includes.
    clock.step(Duration::from_millis(200));
    until("the primary was asked", async || {
        shop.db().nodes()[0]
            .age
            .is_some_and(|age| age < Duration::from_millis(200))
    })
    .await;
    shop.rename(1, "later").await.unwrap();
    clock.step(by);
}

#[tokio::test]
async fn a_replica_that_lags_too_far_is_left_out_until_it_has_caught_up() {
    let Some(world) = World::alone() else { return };
    let (shop, clock) = shop(world.without_redis(), settings()).await;
    lag(&world, &shop, &clock, 0, Duration::from_secs(6)).await;
    until("it is left out", async || !available(&shop, 1)).await;
    for _ in 0..20 {
        assert_eq!(anybody(&shop).await, "replica-2");
    }
    world.replica(0).resume_replay().unwrap();
    until("it is back", async || available(&shop, 1)).await;
    until("it answers", async || anybody(&shop).await == "replica-1").await;
}

#[tokio::test]
async fn a_replica_that_lags_a_little_stays() {
    let Some(world) = World::alone() else { return };
    let (shop, clock) = shop(world.without_redis(), settings()).await;
    lag(&world, &shop, &clock, 0, Duration::from_secs(4)).await;
    until("it is known to lag", async || {
        shop.db().nodes()[1]
            .age
            .is_some_and(|age| age > Duration::from_secs(4))
    })
    .await;
    assert!(available(&shop, 1));
}

#[tokio::test]
async fn neither_an_idle_primary_nor_one_that_is_away_makes_replicas_look_old() {
    let Some(world) = World::alone() else { return };
    let (shop, clock) = shop(world.without_redis(), settings()).await;
    world.caught_up();
    let asked = async |index: usize| {
        let before = shop.db().nodes()[index].age;
        until("it was asked", async || {
            shop.db().nodes()[index].age != before
        })
        .await;
    };
    clock.step(Duration::from_secs(3600));
    asked(0).await;
    asked(1).await;
    assert!(available(&shop, 1) && available(&shop, 2));
    world.primary().kill().unwrap();
    until("it is left out", async || !available(&shop, 0)).await;
    clock.step(Duration::from_secs(3600));
    for _ in 0..20 {
        assert!(anybody(&shop).await.starts_with("replica-"));
    }
    assert!(available(&shop, 1) && available(&shop, 2));
}

#[tokio::test]
async fn while_all_replicas_are_out_the_one_answers_that_was_chosen_for_it() {
    let Some(world) = World::alone() else { return };
    let chosen = [
        (AllOut::Primary, Some("primary")),
        (AllOut::Stalest, Some("replica-2")),
        (AllOut::Fail, None),
    ];
    for (all_out, answers) in chosen {
        let mut settings = settings();
        settings.read.all_out = all_out;
        let (shop, clock) = shop(world.without_redis(), settings).await;
        world.replica(0).pause_replay().unwrap();
        shop.rename(2, "only one of the replicas has it")
            .await
            .unwrap();
        until("the other one has it", async || {
            let nodes = shop.db().nodes();
            let [_, one, other] = [0, 1, 2].map(|at| nodes[at].position.map(|it| it.lsn()));
            one.zip(other).is_some_and(|(one, other)| one < other)
        })
        .await;
        lag(&world, &shop, &clock, 1, Duration::from_secs(6)).await;
        until("both are left out", async || {
            !available(&shop, 1) && !available(&shop, 2)
        })
        .await;
        let eventual = shop.with(Consistency::Eventual);
        match answers {
            Some(name) => assert_eq!(eventual.who().await.unwrap().node, name, "{all_out:?}"),
            None => {
                let error = eventual.who().await.unwrap_err();
                assert!(error.is_no_replica(), "{error}");
            }
        }
        // What a session must see, none of them shows; and who asks for the primary gets it.
        let (titles, seen) = routes(shop.titles()).await;
        match all_out {
            AllOut::Fail => assert!(titles.unwrap_err().is_no_replica()),
            _ => {
                assert_eq!(titles.unwrap()[0], "later", "{all_out:?}");
                assert_eq!(seen[0].role, Some(Role::Primary), "{all_out:?}");
            }
        }
        let (strong, seen) = routes(shop.with(Consistency::Strong).titles()).await;
        assert_eq!(
            (strong.unwrap()[0].as_str(), seen[0].reason),
            ("later", Reason::Strong)
        );
        for replica in world.cluster().replicas() {
            replica.resume_replay().unwrap();
        }
        world.caught_up();
    }
}

/// A server that stops answering, and whose connections stay open: nobody is told of it.
#[tokio::test]
async fn a_read_on_a_replica_that_froze_goes_on_elsewhere() {
    let Some(world) = World::alone() else { return };
    let mut settings = settings();
    settings.read.poll_timeout = Duration::from_millis(200);
    settings.pool.connect_timeout = Duration::from_millis(300);
    let (shop, _) = shop(world.without_redis(), settings).await;
    until("the first replica answers", async || {
        anybody(&shop).await == "replica-1"
    })
    .await;
    world.replica(0).freeze().unwrap();
    world.replica(1).freeze().unwrap();
    // Nobody has noticed yet, so they go there.
    let reads: Vec<_> = (0..4)
        .map(|_| {
            let shop = shop.clone();
            tokio::spawn(async move { anybody(&shop).await })
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.unwrap(), "primary");
    }
    world.replica(0).thaw().unwrap();
    world.replica(1).thaw().unwrap();
    until("they are back", async || anybody(&shop).await != "primary").await;
}

/// The same of the primary, with a COMMIT under way: what became of it is asked of whoever takes the writes next.
#[tokio::test]
async fn a_write_on_a_primary_that_froze_comes_to_its_end() {
    let Some(world) = World::alone() else { return };
    let mut settings = settings();
    settings.read.poll_timeout = Duration::from_millis(200);
    settings.pool.connect_timeout = Duration::from_millis(300);
    settings.write.outcome_deadline = Duration::from_millis(500);
    let (shop, _) = shop(world.without_redis(), settings).await;
    shop.rename(1, "before").await.unwrap();
    world.primary().freeze().unwrap();
    let writing = tokio::spawn({
        let shop = shop.clone();
        async move { shop.rename(1, "nobody hears it").await }
    });
    let error = writing.await.unwrap().unwrap_err();
    assert!(error.is_unreachable(), "nothing was committed: {error}");
    world.primary().thaw().unwrap();
    until("it is back", async || shop.rename(1, "after").await.is_ok()).await;
}
