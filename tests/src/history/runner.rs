//! One run: the processes, the sessions, the hands, and then the verdict.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use diesel_manifold::{Builder, Clock, Moment, Settings, TokenKey};
use tokio::runtime::Runtime;

use crate::history::checker::check;
use crate::history::client::Client;
use crate::history::faults;
use crate::history::nemesis::{self, Happened};
use crate::history::operation::Steps;
use crate::history::plan::Plan;
use crate::history::record::Record;
use crate::history::register::{self, Register};
use crate::history::report::Report;
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
    let clock = Clock::new();
    let (records, happened) = thread::scope(|scope| {
        let (stops, hands): (Vec<_>, Vec<_>) = (0..plan.hands.len())
            .map(|hand| {
                let (stop, stopped) = mpsc::channel::<()>();
                let (world, clock) = (&world, &clock);
                let hand = move || nemesis::work((world, plan, seed, clock), hand, &stopped);
                (stop, scope.spawn(hand))
            })
            .unzip();
        let records = sessions(&runtime, plan, seed, &clock, &processes);
        drop(stops);
        let happened = hands.into_iter().flat_map(|hand| {
            hand.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        (records, happened.collect::<Vec<Happened>>())
    });
    let time = clock.now().since(Moment::default());
    runtime.block_on(async {
        for process in processes.iter() {
            process.db().shutdown().await;
        }
    });
    let verdict = check(&records);
    Report {
        seed,
        plan: plan.clone(),
        time,
        records,
        happened,
        verdict,
    }
}

/// Who was left out comes back soon, while it may still show the past.
fn settings(plan: &Plan) -> Settings {
    let mut settings = world::settings();
    settings.read.wait = plan.tuning.wait;
    settings.read.poll = plan.tuning.poll;
    settings.pool.upkeep = Duration::from_millis(10);
    settings.pool.ejection = Duration::from_millis(20);
    settings.pool.max_ejection = Duration::from_millis(40);
    settings
}

async fn open(world: &World, plan: &Plan, change: &dyn Fn(Builder) -> Builder) -> Arc<[Register]> {
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        let key = TokenKey::from_bytes(SECRET).expect("it is long enough");
        let builder = world.builder().token_key(key).settings(settings(plan));
        let manifold = change(builder).connect().await.expect("a manifold");
        processes.push(Register::new(manifold));
    }
    processes.into()
}

/// The records of each session, all of which work at once.
fn sessions(
    runtime: &Runtime,
    plan: &Plan,
    seed: u64,
    clock: &Clock,
    processes: &Arc<[Register]>,
) -> Vec<Vec<Record>> {
    let done = Arc::new(AtomicUsize::new(0));
    let working: Vec<_> = (0..plan.sessions)
        .map(|session| {
            let client = Client::new(Arc::clone(processes), session, clock.clone());
            let steps = Steps::new(seed, session, plan.weights, plan.dropped);
            let (plan, clock, done) = (plan.clone(), clock.clone(), Arc::clone(&done));
            runtime.spawn(async move {
                let goes_on = || {
                    let done = done.fetch_add(1, Ordering::Relaxed);
                    done < plan.operations || passed(&clock) < plan.time
                };
                client.work(&plan, steps, goes_on).await
            })
        })
        .collect();
    runtime.block_on(async {
        let mut records = Vec::new();
        for session in working {
            records.push(session.await.expect("a session does not panic"));
        }
        records
    })
}

fn passed(clock: &Clock) -> Duration {
    clock.now().since(Moment::default())
}
