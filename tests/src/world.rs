//! A database of its own for each test, on a real cluster.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel_manifold::{Builder, Clock, Manifold, Settings};
use manifold_compose::{Cluster, Node};

use crate::shop;

/// Set to `1`: the tests run on the cluster that `compose/compose.yaml` started, and leave their databases there:
/// dropping each would cost a checkpoint. Their names begin with `manifold_test_`.
const EXTERNAL: &str = "MANIFOLD_TEST_EXTERNAL";

/// The cluster that the tests of one binary share. Its watchdog stops it with the process.
static SHARED: OnceLock<Arc<Cluster>> = OnceLock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A cluster, and a database on it that belongs to one test.
pub struct World {
    cluster: Arc<Cluster>,
    database: String,
}

impl World {
    /// A database of its own on the cluster that all tests share. For tests that break nothing.
    pub fn new() -> Self {
        let cluster = SHARED.get_or_init(|| {
            let cluster = if is_external() {
                Cluster::in_containers()
            } else {
                Cluster::start()
            };
            Arc::new(cluster.expect("a cluster"))
        });
        Self::on(Arc::clone(cluster))
    }

    /// A cluster of its own. For tests that break something.
    ///
    /// `None`, where the tests run on a cluster that is not theirs to break; it says that the test is
    /// skipped.
    pub fn alone() -> Option<Self> {
        if is_external() {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("a test");
            // Not by `eprintln!`, of which the test harness shows nothing.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: {test}, which breaks servers ({EXTERNAL} is set)"
            );
            return None;
        }
        Some(Self::on(Arc::new(Cluster::start().expect("a cluster"))))
    }

    fn on(cluster: Arc<Cluster>) -> Self {
        // With the process, because several test binaries may share an external cluster.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let database = format!("manifold_test_{}_{count}", std::process::id());
        cluster.create_database(&database).expect("a database");
        let world = Self { cluster, database };
        world.sql(world.acting_primary(), shop::SQL);
        world.caught_up();
        world
    }

    /// Another database on the same cluster.
    pub fn sibling(&self) -> Self {
        Self::on(Arc::clone(&self.cluster))
    }

    /// The cluster, with its faults.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The name of this test's database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Whoever is the primary now; after failovers another node than the one of that name.
    pub fn acting_primary(&self) -> &Node {
        let primary = self.cluster.current_primary();
        primary.expect("somebody takes writes")
    }

    /// The node of this name, which is the primary unless a test makes another one that.
    pub fn primary(&self) -> &Node {
        self.cluster.primary()
    }

    /// The replica with this index, from 0.
    pub fn replica(&self, index: usize) -> &Node {
        self.cluster.replica(index)
    }

    /// Redis.
    pub fn redis(&self) -> &manifold_compose::Redis {
        self.cluster.redis().expect("the cluster has Redis")
    }

    /// Runs SQL on a node, past the library, as the superuser.
    pub fn sql(&self, node: &Node, sql: &str) -> String {
        let answer = node.run_sql(&self.database, sql).expect(sql);
        answer.trim().to_owned()
    }

    /// How many sessions of this test the node has.
    pub fn sessions(&self, node: &Node) -> usize {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND usename = 'app'";
        self.sql(node, count).parse().expect("a count is a number")
    }

    /// Waits until both replicas have replayed everything: for a test that looks from another process, or
    /// past the library. Who reads through the manifold that wrote waits for nothing.
    pub fn caught_up(&self) {
        self.cluster.wait_replayed().expect("the replicas replay");
    }

    /// The URL of this test's database on `node`.
    pub fn url(&self, node: &Node) -> String {
        node.url_for(&self.database)
    }

    /// All nodes, without a word about their roles, and without Redis.
    pub fn hosts(&self) -> Builder {
        let builder = Manifold::builder().settings(settings());
        let nodes = self.cluster.nodes();
        nodes.fold(builder, |builder, node| builder.node(self.url(node)))
    }

    /// The primary alone.
    pub fn primary_only(&self) -> Builder {
        Manifold::builder()
            .primary(self.url(self.primary()))
            .settings(settings())
    }

    /// The primary and both replicas, without Redis.
    pub fn without_redis(&self) -> Builder {
        let replicas = self.cluster.replicas().iter();
        replicas.fold(self.primary_only(), |builder, replica| {
            builder.replica(self.url(replica))
        })
    }

    /// The whole cluster.
    pub fn builder(&self) -> Builder {
        self.without_redis().redis(self.redis().url())
    }

    /// A manifold on the whole cluster.
    pub async fn manifold(&self) -> Manifold {
        self.builder().connect().await.expect("a manifold")
    }

    /// A shop on the whole cluster, whose time a test steps.
    pub async fn shop_at(&self, clock: &Clock) -> Shop {
        let builder = self.builder().clock(clock.clone());
        Shop::new(builder.connect().await.expect("a manifold"))
    }

    /// A shop on the whole cluster. Two of them are like two processes: they share the database and
    /// Redis, and nothing else.
    pub async fn shop(&self) -> Shop {
        Shop::new(self.manifold().await)
    }

    /// Sessions of this test's database on `node` that are in the middle of something: a query that
    /// runs, or a transaction that is open.
    pub fn unfinished(&self, node: &Node) -> usize {
        let count = self.sql(
            node,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'",
        );
        count.parse().expect("a number")
    }
}

fn is_external() -> bool {
    std::env::var_os(EXTERNAL).is_some_and(|said| said == "1")
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

use crate::Shop;

/// The defaults, with a background task that looks after nodes more often, so that no test waits for
/// it, and with so much time for Redis that a slow machine does not turn a hit into a miss.
pub fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.cache.operation_timeout = Duration::from_secs(5);
    settings.pool.upkeep = Duration::from_millis(20);
    settings.pool.ejection = Duration::from_millis(100);
    settings.pool.max_ejection = Duration::from_millis(200);
    settings
}
