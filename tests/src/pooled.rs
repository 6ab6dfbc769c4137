//! What may stand before the nodes of a test: PgBouncer, HAProxy. Who does not have them skips, and says so.

use diesel_manifold::{Builder, Endpoint, Manifold};
use manifold_compose::{Cluster, HaProxy, HaProxyBuilder, Node, PgBouncer, PgBouncerBuilder};

use crate::world::settings;
use crate::{Shop, World};

pub mod pressure;

/// A PgBouncer before each node, in transaction mode, and a manifold that knows only them.
pub struct Pooled {
    /// The cluster.
    pub world: World,
    /// One before each node, in their order.
    pub poolers: Vec<PgBouncer>,
}

impl Pooled {
    /// Nothing, if this machine cannot have it.
    pub fn new() -> Option<Self> {
        Self::with(|builder| builder)
    }

    /// The same, set differently.
    pub fn with(set: impl Fn(PgBouncerBuilder) -> PgBouncerBuilder) -> Option<Self> {
        let world = World::alone()?;
        let nodes = world.cluster().nodes();
        let poolers: Option<Vec<_>> = nodes
            .map(|node| pgbouncer(&set(new(world.cluster(), node))))
            .collect();
        let poolers = poolers?;
        Some(Self { world, poolers })
    }

    /// This test's database on the node with this index, the primary first, through its pooler.
    pub fn url(&self, index: usize) -> String {
        self.poolers[index].url_for(self.world.database())
    }

    /// A manifold that knows only the poolers.
    pub fn builder(&self) -> Builder {
        let replicas = 1..self.poolers.len();
        let builder = Manifold::builder().settings(settings());
        let builder = builder.primary(Endpoint::pooled(self.url(0)));
        replicas.fold(builder, |builder, index| {
            builder.replica(Endpoint::pooled(self.url(index)))
        })
    }

    /// A shop on it.
    pub async fn shop(&self) -> Shop {
        Shop::new(self.builder().connect().await.expect("a manifold"))
    }
}

/// One that knows prepared statements in transaction mode.
pub fn new(cluster: &Cluster, node: &Node) -> PgBouncerBuilder {
    cluster.pgbouncer(node).at_least(1, 21)
}

/// One that does not.
pub fn old(cluster: &Cluster, node: &Node) -> PgBouncerBuilder {
    cluster.pgbouncer(node).before(1, 21)
}

/// What was started; nothing if it is not to be had on this machine, which is then said.
fn installed<T>(started: Result<T, manifold_compose::Error>) -> Option<T> {
    match started {
        Ok(started) => Some(started),
        Err(error) if error.is_missing_binary() => {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("a test").to_owned();
            eprintln!("skipped: {test}, because {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// It, if this machine has it.
pub fn pgbouncer(builder: &PgBouncerBuilder) -> Option<PgBouncer> {
    installed(builder.start())
}

/// It, if this machine has it.
pub fn haproxy(builder: &HaProxyBuilder) -> Option<HaProxy> {
    installed(builder.start())
}

/// Another client of the same pooler or server, which asks by simple queries alone.
pub struct Client(tokio_postgres::Client);

impl Client {
    /// Logs in.
    pub async fn connect(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .expect("a client");
        tokio::spawn(connection);
        Self(client)
    }

    /// The rows, one a line.
    pub async fn ask(&self, sql: &str) -> String {
        let messages = self.0.simple_query(sql).await.expect(sql);
        let rows = messages.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        rows.collect::<Vec<_>>().join("\n")
    }
}
