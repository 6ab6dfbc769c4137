//! What stands before the nodes of these tests.

use diesel::sql_types::{Integer, Text};
use diesel_manifold::Manifold;
use diesel_manifold::prelude::*;
pub use manifold_tests::pooled::{Client, Pooled, haproxy, new, old, pgbouncer};

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
