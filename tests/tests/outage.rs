//! Nobody tells a manifold of a failover: reads go on, writes find the new primary, and losses are told.

use std::time::Duration;

use diesel_manifold::Settings;
use manifold_tests::history::register::{self, Register};
use manifold_tests::outage::{self, Load};
use manifold_tests::{World, until, world};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_read_fails_and_all_write_again_and_whoever_lost_a_write_is_told() {
    let Some(world) = World::alone() else { return };
    let load = Load {
        writers: 4,
        readers: 6,
        behind: Duration::from_millis(100),
    };
    register::create(&world, load.writers);
    let mut settings = Settings::default();
    // How long it takes is measured by `make failover`, where nothing else keeps the machine busy.
    settings.read.deadline = Duration::from_secs(20);
    let builder = world.builder().settings(settings);
    let manifold = builder.connect().await.expect("a manifold");
    // Twice: the second time a node is promoted that was a primary before, and followed.
    for _ in 0..2 {
        let noticed = outage::run(&world, &manifold, load).await;
        assert_eq!(noticed.failed_reads, [""; 0], "{noticed:?}");
        assert!(noticed.lost > 0, "{noticed:?}");
        assert_eq!(noticed.told, noticed.holders, "{noticed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_left_out_for_long_takes_the_writes_when_it_is_promoted() {
    let Some(world) = World::alone() else { return };
    register::create(&world, 1);
    let mut settings = world::settings();
    settings.pool.ejection = Duration::from_secs(3600);
    settings.pool.max_ejection = Duration::from_secs(3600);
    let builder = world.builder().settings(settings);
    let manifold = builder.connect().await.expect("a manifold");
    let is_left_out = |name: &'static str| {
        let nodes = manifold.nodes();
        nodes.iter().any(|it| &*it.name == name && !it.available)
    };
    let (old, new) = (world.primary(), world.replica(0));
    new.kill().expect("it dies");
    until("the replica is left out", async || is_left_out("replica-1")).await;
    new.start().expect("it starts");
    world.caught_up();
    assert!(is_left_out("replica-1"), "it is, for an hour");
    old.kill().expect("it dies");
    new.promote().expect("it is promoted");
    let register = Register::new(manifold.clone());
    until("a write succeeds", async || {
        register.put(0, 1, false, Duration::ZERO).await.is_ok()
    })
    .await;
    manifold.shutdown().await;
}
