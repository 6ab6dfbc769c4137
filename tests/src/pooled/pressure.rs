//! Two writers and eight readers through poolers in transaction mode, while replicas are paused and resumed. Each body
//! looks at the settings of its own transaction, and a stranger at what is left of them between two.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use diesel_manifold::{Consistency, Endpoint, Manifold, routes};
use tokio::task::JoinSet;

use crate::pooled::{Client, Pooled, haproxy, new, pgbouncer};
use crate::world::settings;

mod numbers;

use numbers::Numbers;

const WRITERS: usize = 2;
const READERS: usize = 8;
/// How long a replica stands still, and then goes on. Longer than a read waits for one.
const SPELL: Duration = Duration::from_millis(60);
/// `statement_timeout` of the primary and of the replicas, so that no value is right by chance.
const TIMEOUTS: [(Duration, &str); 2] = [
    (Duration::from_secs(11), "11s"),
    (Duration::from_secs(7), "7s"),
];

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Reads and writes that were answered, by who answered.
    pub answered: BTreeMap<String, usize>,
    /// What a body saw of its own settings that was not what it should be.
    pub wrong_settings: Vec<String>,
    /// What a stranger found.
    pub leaks: Vec<String>,
    /// How often a stranger looked.
    pub looks: usize,
    /// Answers that miss what their session wrote.
    pub own_writes_missed: Vec<String>,
    /// Answers older than what their session was shown.
    pub went_back: Vec<String>,
    /// Calls that failed.
    pub failed: Vec<String>,
}

impl Report {
    fn lists(&self) -> [(&str, &[String]); 5] {
        [
            ("wrong settings", &self.wrong_settings),
            ("leaks", &self.leaks),
            ("own writes missed", &self.own_writes_missed),
            ("went back", &self.went_back),
            ("failed", &self.failed),
        ]
    }

    /// Whether everything was as it should be.
    pub fn is_clean(&self) -> bool {
        self.lists().iter().all(|(_, list)| list.is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (by, count) in &self.answered {
            writeln!(f, "{by}: {count}")?;
        }
        writeln!(f, "looks of a stranger: {}", self.looks)?;
        for (name, list) in self.lists() {
            writeln!(
                f,
                "{name}: {} {:?}",
                list.len(),
                list.iter().take(3).collect::<Vec<_>>()
            )?;
        }
        Ok(())
    }
}

/// What all share.
struct Shared {
    db: Manifold,
    stop: AtomicBool,
    report: Mutex<Report>,
    /// The last number of each writer that was acknowledged.
    acknowledged: [AtomicI64; WRITERS],
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn note(&self, note: impl FnOnce(&mut Report)) {
        note(&mut self.report.lock().expect("no panic"));
    }

    /// One read of a session that must see these numbers, of which one is its `own`.
    async fn read(&self, numbers: &Numbers, least: &mut [i64; WRITERS], own: Option<usize>) {
        let (answer, mut route) = routes(numbers.get()).await;
        let (found, seen) = match answer {
            Ok(answer) => answer,
            Err(error) => return self.note(|report| report.failed.push(error.to_string())),
        };
        let route = route.pop().expect("a route");
        self.note(|report| {
            let who = if seen.standby {
                "a standby"
            } else {
                "the primary"
            };
            let by = format!("{}, {who}", route.source);
            *report.answered.entry(by).or_default() += 1;
            report.wrong_settings.extend(seen.flaw("on"));
            for (at, (found, least)) in found.iter().zip(least.iter()).enumerate() {
                if found < least {
                    let list = if own == Some(at) {
                        &mut report.own_writes_missed
                    } else {
                        &mut report.went_back
                    };
                    list.push(format!("{found} after {least}: {route:?}"));
                }
            }
        });
        for (found, least) in found.into_iter().zip(least) {
            *least = found.max(*least);
        }
    }

    async fn write_for_ever(&self, at: usize) {
        let session = self.db.session();
        let numbers = Numbers {
            db: self.db.with_session(&session),
        };
        let id = i32::try_from(at + 1).expect("few");
        let mut least = [0; WRITERS];
        for number in 1.. {
            if !self.goes_on() {
                return;
            }
            match numbers.set(id, number).await {
                Ok(seen) => self.note(|report| {
                    *report.answered.entry(String::from("writes")).or_default() += 1;
                    report.wrong_settings.extend(seen.flaw("off"));
                }),
                Err(error) => {
                    self.note(|report| report.failed.push(error.to_string()));
                    continue;
                }
            }
            self.acknowledged[at].store(number, Ordering::SeqCst);
            least[at] = number;
            self.read(&numbers, &mut least, Some(at)).await;
        }
    }

    async fn read_for_ever(&self, at: usize) {
        let session = self.db.session();
        let db = self.db.with_session(&session);
        // One in four insists on the primary, which shows whatever was acknowledged.
        let strong = at % 4 == 3;
        let db = if strong {
            db.with(Consistency::Strong)
        } else {
            db
        };
        let numbers = Numbers { db };
        let mut least = [0; WRITERS];
        while self.goes_on() {
            if strong {
                for (least, known) in least.iter_mut().zip(&self.acknowledged) {
                    *least = known.load(Ordering::SeqCst).max(*least);
                }
            }
            self.read(&numbers, &mut least, None).await;
        }
    }

    /// Another application's client of a pooler.
    async fn look_for_ever(&self, url: String) {
        let stranger = Client::connect(&url).await;
        let question = "SELECT current_setting('default_transaction_read_only') || ' ' || \
             current_setting('statement_timeout') || ' ' || current_setting('transaction_isolation') || ' ' || \
             (pg_is_in_recovery() OR current_setting('transaction_read_only') = 'off')::text";
        while self.goes_on() {
            let found = stranger.ask(question).await;
            self.note(|report| {
                report.looks += 1;
                if found != "off 0 read committed true" {
                    report.leaks.push(found);
                }
            });
        }
    }
}

/// Does it for so long. `None`, if this machine cannot.
#[expect(
    clippy::disallowed_methods,
    reason = "it is a load that lasts; what is promised holds at any pace"
)]
pub async fn run(length: Duration) -> Option<Report> {
    let pooled = Pooled::with(|builder| builder.pool_size(6))?;
    let world = &pooled.world;
    // A third replica's endpoint leads to whichever of the two it likes, for each transaction.
    let balancer = haproxy(&world.cluster().haproxy(world.cluster().replicas()))?;
    let third = new(world.cluster(), world.replica(0)).through(balancer.port());
    let third = pgbouncer(&third)?;
    let mut urls: Vec<_> = (0..3).map(|index| pooled.url(index)).collect();
    urls.push(third.url_for(world.database()));
    let endpoint = |index: usize| {
        let endpoint = Endpoint::pooled(&urls[index]);
        endpoint.statement_timeout(TIMEOUTS[usize::from(index > 0)].0)
    };
    let builder = Manifold::builder()
        .settings(settings())
        .primary(endpoint(0));
    let builder = (1..urls.len()).fold(builder, |builder, index| builder.replica(endpoint(index)));
    let shared = Arc::new(Shared {
        db: builder.connect().await.expect("a manifold"),
        stop: AtomicBool::new(false),
        report: Mutex::default(),
        acknowledged: Default::default(),
    });
    // Tasks of their own: pausing blocks its thread until the replica stands still, which it does not as long as a
    // transaction that nobody goes on with holds a lock that its replay needs.
    let mut all = JoinSet::new();
    for at in 0..WRITERS {
        let shared = Arc::clone(&shared);
        all.spawn(async move { shared.write_for_ever(at).await });
    }
    for at in 0..READERS {
        let shared = Arc::clone(&shared);
        all.spawn(async move { shared.read_for_ever(at).await });
    }
    for url in urls.clone() {
        let shared = Arc::clone(&shared);
        all.spawn(async move { shared.look_for_ever(url).await });
    }
    let began = Instant::now();
    while began.elapsed() < length {
        for replica in world.cluster().replicas() {
            replica.pause_replay().expect("paused");
            tokio::time::sleep(SPELL).await;
            replica.resume_replay().expect("resumed");
            tokio::time::sleep(SPELL).await;
        }
    }
    shared.stop.store(true, Ordering::SeqCst);
    all.join_all().await;
    let report = std::mem::take(&mut *shared.report.lock().expect("no panic"));
    Some(report)
}
