//! What stands before the nodes of these tests.

use manifold_compose::{Cluster, HaProxy, HaProxyBuilder, Node, PgBouncer, PgBouncerBuilder};

/// PostgreSQL's view of a connection's settings that this library sets anywhere, or diesel-async does.
pub const SETTINGS: &str = "SELECT name || '=' || setting FROM pg_settings WHERE name IN \
    ('default_transaction_read_only', 'transaction_read_only', 'statement_timeout', 'transaction_isolation', \
     'default_transaction_isolation', 'TimeZone', 'client_encoding') ORDER BY name";

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
