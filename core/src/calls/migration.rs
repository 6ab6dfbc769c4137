//! The journey of `manifold.migrate(..)`: the primary, one runner at a time, then the replicas, by position.

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::MigrationHarness;

use crate::calls::Calls;
use crate::terms::error::{Error, Result};

/// Whoever holds this advisory lock runs migrations: the bytes of "manifold". Locks belong to a database.
const LOCK: i64 = i64::from_be_bytes(*b"manifold");

impl Calls {
    /// Runs what is pending, and keeps reads from replicas that do not have it. Tells the versions that were run.
    pub async fn migrate<S>(&self, migrations: S) -> Result<Vec<String>>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        // A connection of its own: it waits, and works, longer than any call may.
        let conn = self.pools.open_for_migrations().await?;
        let versions = run(conn, migrations).await?;
        match self.pools.place_unless(None).await {
            Some(behind) => {
                let limit = self.pools.reading().schema_wait;
                self.pools.close_gate(behind, limit).await;
            }
            None => tracing::warn!(
                "the primary cannot tell its position, so nobody knows which replicas have the migrations"
            ),
        }
        Ok(versions)
    }
}

async fn run<S>(mut conn: AsyncPgConnection, migrations: S) -> Result<Vec<String>>
where
    S: MigrationSource<Pg> + Send + 'static,
{
    let lock = diesel::sql_query("SELECT pg_advisory_lock($1)");
    let lock = lock.bind::<diesel::sql_types::BigInt, _>(LOCK);
    lock.execute(&mut conn).await?;
    // diesel's migrations block their thread. The lock is gone with the connection, which the harness owns.
    let running = tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(conn);
        let versions = harness.run_pending_migrations(migrations)?;
        let versions = versions.iter().map(ToString::to_string);
        Ok::<Vec<String>, Box<dyn std::error::Error + Send + Sync>>(versions.collect())
    });
    match running.await {
        Ok(outcome) => outcome.map_err(|error| Error::migration(error.into())),
        // It panicked, or the runtime is going down.
        Err(error) => Err(Error::migration(std::sync::Arc::new(error))),
    }
}
