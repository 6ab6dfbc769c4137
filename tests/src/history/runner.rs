//! One run: the processes, the sessions, the hands, and then the verdict.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use diesel_manifold::{Builder, Clock, Moment, Settings, TokenKey};
use tokio::runtime::Runtime;

use crate::history::aftermath::{Aftermath, counted};
use crate::history::checker::check;
use crate::history::client::Client;
use crate::history::nemesis::{self, Cast, Happened, Stage};
use crate::history::operation::Steps;
use crate::history::plan::Plan;
use crate::history::record::Record;
use crate::history::register::{self, Register};
use crate::history::report::Report;
use crate::history::{failover, faults};
use crate::{World, world};

/// Manifolds on the same cluster.
const PROCESSES: usize = 2;

/// What both sign their sessions' tokens with.
const SECRET: [u8; 32] = *b"the sessions hop by this secret.";

/// Runs a plan on this world, whose nodes it breaks and mends. `change` may change how each manifold is
/// built.
///
/// # Panics
///
/// If the cluster cannot be broken, or mended.
pub fn run(world: &World, plan: &Plan, seed: u64, change: &dyn Fn(Builder) -> Builder) -> Report {
    // A database of its own, so that runs may follow each other on one cluster.
    let world = world.sibling();
    register::create(&world, plan.sessions);
    faults::prepare(&world);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let processes = runtime.block_on(open(&world, plan, change));
    let timeline = timeline(&world);
    let stage = Stage::new(Cast::of(&world));
    let clock = Clock::new();
    let (mut clients, mut records, failovers, happened) = thread::scope(|scope| {
        let (stops, hands): (Vec<_>, Vec<_>) = (0..plan.hands.len())
            .map(|hand| {
                let (stop, stopped) = mpsc::channel::<()>();
                let (world, clock, stage) = (&world, &clock, &stage);
                let hand = move || nemesis::work((world, plan, seed, clock), stage, hand, &stopped);
                (stop, scope.spawn(hand))
            })
            .unzip();
        let (stop, stopped) = mpsc::channel::<()>();
        let moving = {
            let (world, clock, stage) = (&world, &clock, &stage);
            scope.spawn(move || failover::work((world, plan, seed, clock), stage, &stopped))
        };
        let (clients, records) = sessions(&runtime, plan, seed, &clock, &processes);
        drop((stop, stops));
        let (failovers, moved) = joined(moving.join());
        let hands = hands.into_iter().flat_map(|hand| joined(hand.join()));
        let happened: Vec<Happened> = hands.chain(moved).collect();
        (clients, records, failovers, happened)
    });
    runtime.block_on(async {
        for (client, records) in clients.iter_mut().zip(&mut records) {
            records.extend(client.last_word(plan).await);
        }
    });
    let time = clock.now().since(Moment::default());
    runtime.block_on(async {
        for process in processes.iter() {
            process.db().shutdown().await;
        }
    });
    let aftermath = Aftermath {
        // The ends of writes whose callers went away have come by now.
        log: Some(counted(register::surviving(&world))),
        timeline,
        failovers,
    };
    let verdict = check(&records, &aftermath);
    Report {
        seed,
        plan: plan.clone(),
        time,
        records,
        happened,
        aftermath,
        verdict,
    }
}

fn joined<T>(ended: thread::Result<T>) -> T {
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The timeline of the primary.
fn timeline(world: &World) -> u32 {
    let file = "SELECT pg_walfile_name(pg_current_wal_lsn())";
    let file = world.sql(world.acting_primary(), file);
    u32::from_str_radix(&file[..8], 16).expect("it begins with the timeline")
}

/// Who was left out comes back soon, while it may still show the past.
fn settings(plan: &Plan, process: usize) -> Settings {
    let mut settings = world::settings();
    settings.read.wait = plan.tuning.wait;
    settings.read.poll = plan.tuning.poll;
    if process > 0 {
        settings.read.poll *= plan.tuning.second;
    }
    settings.pool.upkeep = Duration::from_millis(10);
    settings.pool.ejection = Duration::from_millis(20);
    settings.pool.max_ejection = Duration::from_millis(40);
    settings
}

async fn open(world: &World, plan: &Plan, change: &dyn Fn(Builder) -> Builder) -> Arc<[Register]> {
    let mut processes = Vec::new();
    for process in 0..PROCESSES {
        let key = TokenKey::from_bytes(SECRET).expect("it is long enough");
        let builder = world
            .builder()
            .token_key(key)
            .settings(settings(plan, process));
        let manifold = change(builder).connect().await.expect("a manifold");
        processes.push(Register::new(manifold));
    }
    processes.into()
}

/// The sessions and the records of each, all of which work at once.
fn sessions(
    runtime: &Runtime,
    plan: &Plan,
    seed: u64,
    clock: &Clock,
    processes: &Arc<[Register]>,
) -> (Vec<Client>, Vec<Vec<Record>>) {
    let done = Arc::new(AtomicUsize::new(0));
    let working: Vec<_> = (0..plan.sessions)
        .map(|session| {
            let mut client = Client::new(Arc::clone(processes), session, clock.clone());
            let steps = Steps::new(seed, session, plan.weights, plan.dropped);
            let (plan, clock, done) = (plan.clone(), clock.clone(), Arc::clone(&done));
            runtime.spawn(async move {
                let goes_on = || {
                    let done = done.fetch_add(1, Ordering::Relaxed);
                    done < plan.operations || passed(&clock) < plan.time
                };
                let records = client.work(&plan, steps, goes_on).await;
                (client, records)
            })
        })
        .collect();
    runtime.block_on(async {
        let mut all = (Vec::new(), Vec::new());
        for session in working {
            let (client, records) = session.await.expect("a session does not panic");
            all.0.push(client);
            all.1.push(records);
        }
        all
    })
}

fn passed(clock: &Clock) -> Duration {
    clock.now().since(Moment::default())
}
