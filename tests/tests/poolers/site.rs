//! What stands before the nodes of these tests.

use diesel::sql_types::{Integer, Text};
use diesel_manifold::prelude::*;
use diesel_manifold::{Builder, Endpoint, Manifold};
use manifold_compose::{Cluster, HaProxy, HaProxyBuilder, Node, PgBouncer, PgBouncerBuilder};
use manifold_tests::world::settings;
use manifold_tests::{Shop, World};

/// PostgreSQL's view of a connection's settings that this library sets anywhere, or diesel-async does.
pub const SETTINGS: &str = "SELECT name || '=' || setting AS said FROM pg_settings WHERE name IN \
    ('default_transaction_read_only', 'transaction_read_only', 'statement_timeout', 'transaction_isolation', \
     'default_transaction_isolation', 'TimeZone', 'client_encoding') ORDER BY name";

/// The same as seen by a body.
#[derive(Debug, QueryableByName)]
pub struct Setting {
    #[diesel(sql_type = Text)]
    said: String,
}

/// Asks for them in every way that there is.
#[derive(Clone, Repository)]
pub struct Mirror {
    db: Manifold,
}

#[repository]
impl Mirror {
    #[read]
    pub async fn reading(&self, conn: &mut ReadConn<'_>) -> Result<Vec<Setting>> {
        Ok(diesel::sql_query(SETTINGS)
            .assert_read_only()
            .load(conn)
            .await?)
    }

    #[write]
    pub async fn writing(&self, conn: &mut WriteConn<'_>) -> Result<Vec<Setting>> {
        Ok(diesel::sql_query(SETTINGS).load(conn).await?)
    }

    #[write(isolation = serializable)]
    pub async fn serializing(&self, conn: &mut WriteConn<'_>) -> Result<Vec<Setting>> {
        Ok(diesel::sql_query(SETTINGS).load(conn).await?)
    }

    #[write(transaction = off)]
    pub async fn by_statements(&self, conn: &mut WriteConn<'_>) -> Result<Vec<Setting>> {
        Ok(diesel::sql_query(SETTINGS).load(conn).await?)
    }

    /// Reads, then fails in the server.
    #[read]
    pub async fn failing(&self, conn: &mut ReadConn<'_>) -> Result<i32> {
        let one = diesel::dsl::sql::<Integer>("SELECT 1").assert_read_only();
        one.get_result::<i32>(conn).await?;
        let none = diesel::dsl::sql::<Integer>("SELECT 1 / 0").assert_read_only();
        Ok(none.get_result(conn).await?)
    }
}

impl Mirror {
    pub fn new(db: Manifold) -> Self {
        Self { db }
    }
}

/// The setting's value in what a body saw.
pub fn value<'s>(seen: &'s [Setting], name: &str) -> &'s str {
    let prefix = format!("{name}=");
    let mut seen = seen
        .iter()
        .filter_map(|one| one.said.strip_prefix(&*prefix));
    seen.next().expect("every setting has a value")
}

/// A PgBouncer before each node, in transaction mode, and a manifold that knows only them.
pub struct Pooled {
    pub world: World,
    pub poolers: Vec<PgBouncer>,
}

impl Pooled {
    /// Nothing, if this machine cannot have it.
    pub fn new() -> Option<Self> {
        Self::with(|builder| builder)
    }

    pub fn with(set: impl Fn(PgBouncerBuilder) -> PgBouncerBuilder) -> Option<Self> {
        let world = World::alone()?;
        let nodes = world.cluster().nodes();
        let poolers: Option<Vec<_>> = nodes
            .map(|node| pgbouncer(&set(new(world.cluster(), node))))
            .collect();
        let poolers = poolers?;
        Some(Self { world, poolers })
    }

    pub fn url(&self, index: usize) -> String {
        self.poolers[index].url_for(self.world.database())
    }

    pub fn builder(&self) -> Builder {
        let replicas = 1..self.poolers.len();
        let builder = Manifold::builder().settings(settings());
        let builder = builder.primary(Endpoint::pooled(self.url(0)));
        replicas.fold(builder, |builder, index| {
            builder.replica(Endpoint::pooled(self.url(index)))
        })
    }

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

pub fn pgbouncer(builder: &PgBouncerBuilder) -> Option<PgBouncer> {
    installed(builder.start())
}

pub fn haproxy(builder: &HaProxyBuilder) -> Option<HaProxy> {
    installed(builder.start())
}

/// Another client of the same pooler or server, which asks by simple queries alone.
pub struct Client(tokio_postgres::Client);

impl Client {
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
