//! The journey of `manifold.migrate(..)`: the primary, one runner at a time, then the replicas, by position.

use std::time::Duration;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::MigrationHarness;

use crate::calls::Calls;
use crate::terms::error::{Error, Result};

/// Whoever holds this advisory lock runs migrations: the bytes of "manifold". Locks belong to a database.
const LOCK: i64 = i64::from_be_bytes(*b"manifold");

/// Between two tries for the lock, doubled up to the second value.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

diesel::define_sql_function! {
    /// Takes a lock of the session if nobody has it.
    fn pg_try_advisory_lock(key: BigInt) -> Bool;
}

impl Calls {
    /// Runs what is pending, and keeps reads from replicas that do not have it. Tells the versions that were run.
    pub async fn migrate<S>(&self, migrations: S) -> Result<Vec<String>>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        // A connection of its own: it waits, and works, longer than any call may.
        let conn = self.pools.open_for_migrations().await?;
        let ran = run(conn, migrations).await;
        // Those before one that failed have run, too; nobody waits for them.
        let limit = match ran {
            Ok(_) => self.pools.reading().schema_wait,
            Err(_) => Duration::ZERO,
        };
        match (self.pools.place().await, &ran) {
            (Ok(Some(behind)), _) => self.pools.close_gate(behind, limit).await,
            (Ok(None), _) => tracing::warn!(
                "the primary cannot tell its position, so nobody knows which replicas have the migrations"
            ),
            // Who migrates again finds out.
            (Err(error), Ok(_)) => return Err(error),
            (Err(_), Err(_)) => {}
        }
        ran
    }
}

/// Waits for its turn. Not in `pg_advisory_lock`: its statement would have a snapshot as long as it waits, and CREATE
/// INDEX CONCURRENTLY of whoever holds the lock waits for all that are older
/// ([index](https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY)): a deadlock.
#[expect(
    clippy::disallowed_methods,
    reason = "it waits for whoever migrates, which no clock of ours steps"
)]
async fn lock(conn: &mut AsyncPgConnection) -> Result<()> {
    let mut pause = PAUSE;
    loop {
        let turn = diesel::select(pg_try_advisory_lock(LOCK));
        if turn.get_result(conn).await? {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn run<S>(mut conn: AsyncPgConnection, migrations: S) -> Result<Vec<String>>
where
    S: MigrationSource<Pg> + Send + 'static,
{
    lock(&mut conn).await?;
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
