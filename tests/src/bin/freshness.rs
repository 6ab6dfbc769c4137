//! What freshness costs, measured on a real cluster: watching five nodes, own writes read back while
//! replicas are paused at random, and the reads of a process that writes a hundred times a second.
//!
//! It exits with an error if an own write is not seen, a read fails, too many reads go to the primary,
//! the reads become too slow, or watching takes more than a hundredth of a core. Speed is compared with eventual reads of the same run, because
//! machines differ and are shared.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel_manifold::prelude::*;
use diesel_manifold::{Consistency, Role, Settings, routes};
use manifold_tests::{Shop, World};

/// Own writes that are read back in the next line.
const ROUNDS: usize = 10_000;
/// Rounds after which another replica may be paused.
const PAUSE_EVERY: usize = 25;
/// Reads at once.
const READERS: usize = 8;
/// Writes in a second.
const WRITES: u64 = 100;
/// How long each kind of read is measured at a time, and how often in turn.
const SPELL: Duration = Duration::from_secs(3);
const SPELLS: usize = 5;
/// Of twenty reads less than one may go to the primary, and this much of an eventual read's speed must
/// be left.
const PRIMARY_SHARE: f64 = 0.05;
const SPEED: f64 = 0.75;
/// How long nothing but watching is done, and the most of a core that it may take. Unoptimised it may
/// take more.
const WATCHED: Duration = Duration::from_secs(20);
const CORE_SHARE: f64 = if cfg!(debug_assertions) { 1.0 } else { 0.01 };

#[tokio::main]
async fn main() -> ExitCode {
    let rounds = match std::env::args().nth(1).map(|given| given.parse()) {
        None => ROUNDS,
        Some(Ok(rounds)) => rounds,
        Some(Err(_)) => {
            eprintln!("how many rounds? a number; {ROUNDS} if it is left out");
            return ExitCode::from(2);
        }
    };
    let Some(world) = World::alone() else {
        return ExitCode::FAILURE;
    };
    let cheap = watching(&world).await;
    let read_back = own_writes(&world, rounds).await;
    let steady = under_writes(&world).await;
    if cheap && read_back && steady {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Watches five nodes, and does nothing else.
#[expect(clippy::disallowed_methods, reason = "it measures an idle time")]
async fn watching(world: &World) -> bool {
    let twice = [0, 1].map(|index| world.url(world.replica(index)));
    let builder = twice
        .iter()
        .fold(world.without_redis(), |builder, url| builder.replica(url));
    let manifold = builder.settings(Settings::default()).connect().await;
    let manifold = manifold.expect("a manifold");
    let Some(before) = cpu_time() else {
        println!("watching: this system does not tell how much of a core it takes");
        return true;
    };
    tokio::time::sleep(WATCHED).await;
    let used = cpu_time().unwrap_or_default().saturating_sub(before);
    let share = used.as_secs_f64() / WATCHED.as_secs_f64();
    let nodes = manifold.nodes().len();
    println!("watching {nodes} nodes: {:.2} % of a core", 100.0 * share);
    share < CORE_SHARE
}

/// What this process has used of all cores; `None` where there is no `/proc`.
fn cpu_time() -> Option<Duration> {
    // In hundredths of a second, behind the program's name, which may hold spaces (proc(5)).
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).take(2);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (next()? + next()?)))
}

/// `rename`, then `by_id` in the next line, while replicas are paused and resumed at random.
async fn own_writes(world: &World, rounds: usize) -> bool {
    let shop = shop(world).await;
    let mut dice = fastrand::Rng::with_seed(7);
    let (mut seen, mut on_replicas, mut pauses) = (0, 0, 0);
    for round in 0..rounds {
        if round % PAUSE_EVERY == 0 {
            let replica = world.replica(dice.usize(0..2));
            if dice.bool() {
                replica.pause_replay().expect("paused");
                pauses += 1;
            } else {
                replica.resume_replay().expect("resumed");
            }
        }
        let title = format!("title {round}");
        shop.rename(1, &title).await.expect("written");
        let (album, routes) = routes(shop.by_id(1)).await;
        seen += usize::from(album.expect("read").expect("there").title == title);
        on_replicas += usize::from(routes.iter().any(|route| route.role == Some(Role::Replica)));
    }
    for replica in [0, 1] {
        world.replica(replica).resume_replay().expect("resumed");
    }
    world.caught_up();
    println!(
        "own writes: {seen} of {rounds} seen in the next line; {pauses} pauses; {on_replicas} read on a \
         replica"
    );
    seen == rounds
}

/// Reads of a process that writes, beside eventual ones.
async fn under_writes(world: &World) -> bool {
    let shop = shop(world).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(shop.clone(), Arc::clone(&stop)));
    let (mut default, mut eventual) = (Tally::default(), Tally::default());
    // In turn, so that whatever else the machine does slows both.
    for _ in 0..SPELLS {
        default.add(&read(&shop).await);
        eventual.add(&read(&shop.with(Consistency::Eventual)).await);
    }
    stop.store(true, Ordering::SeqCst);
    let written = writer.await.expect("it writes until it is told to stop");
    let speed = default.per_second() / eventual.per_second();
    let share = default.on_primary as f64 / default.reads as f64;
    println!(
        "reads beside {:.0} writes a second: {:.0} a second by default, {} failed, {:.2} % on the \
         primary; {speed:.2} times the {:.0} a second of eventual ones",
        f64::from(written) / (default.took + eventual.took).as_secs_f64(),
        default.per_second(),
        default.failed,
        100.0 * share,
        eventual.per_second(),
    );
    default.failed == 0 && share < PRIMARY_SHARE && speed >= SPEED
}

#[derive(Debug, Default)]
struct Tally {
    reads: usize,
    failed: usize,
    on_primary: usize,
    took: Duration,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.failed += other.failed;
        self.on_primary += other.on_primary;
        self.took += other.took;
    }

    fn per_second(&self) -> f64 {
        self.reads as f64 / self.took.as_secs_f64()
    }
}

/// Reads as fast as it goes, for a spell.
#[expect(clippy::disallowed_methods, reason = "it measures how long that takes")]
async fn read(shop: &Shop) -> Tally {
    let began = Instant::now();
    let readers = (0..READERS).map(|_| {
        let shop = shop.clone();
        tokio::spawn(async move {
            let mut tally = Tally::default();
            while began.elapsed() < SPELL {
                let (titles, routes) = routes(shop.titles()).await;
                tally.reads += 1;
                tally.failed += usize::from(titles.is_err());
                let primary = routes.iter().any(|route| route.role == Some(Role::Primary));
                tally.on_primary += usize::from(primary);
            }
            tally
        })
    });
    let mut all = Tally::default();
    for tally in futures_util::future::join_all(readers).await {
        all.add(&tally.expect("a reader"));
    }
    all.took = began.elapsed();
    all
}

/// Writes at a steady pace until it is told to stop; how often it did.
async fn write(shop: Shop, stop: Arc<AtomicBool>) -> u32 {
    let mut pace = tokio::time::interval(Duration::from_millis(1000 / WRITES));
    let mut written = 0;
    // Not a method call: every type has a `load` of the verbs.
    while !AtomicBool::load(&stop, Ordering::SeqCst) {
        pace.tick().await;
        let title = format!("steady {written}");
        shop.rename(1, &title).await.expect("written");
        written += 1;
    }
    written
}

/// With the library's own settings, not the tests'.
async fn shop(world: &World) -> Shop {
    let builder = world.builder().settings(Settings::default());
    Shop::new(builder.connect().await.expect("a manifold"))
}
