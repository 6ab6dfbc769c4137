//! The migrations, which run once however many instances start.
//!
//! They run on a connection of their own: the library's are for queries, and its writes are single
//! transactions.

use anyhow::{Result, anyhow};
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::servers::connection;

/// `migrations/`, in the binary.
const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// The versions of all migrations, which a prepared server has.
pub fn versions() -> Result<Vec<String>> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS);
    let migrations = migrations.map_err(|error| anyhow!(error))?;
    let versions = migrations
        .iter()
        .map(|migration| migration.name().version().to_string());
    Ok(versions.collect())
}

/// Takes the lock: the number is ours, and means nothing. Waits at most for a minute, which is longer
/// than any other instance takes.
const TAKE_LOCK: &str = "SET lock_timeout = '60s'; SELECT pg_advisory_lock(5291529152915291)";

/// The right to change tables and to load data, until it is dropped.
///
/// It is the session's: were we to crash, our connection would end, and the lock with it.
pub struct Lock {
    conn: AsyncPgConnection,
}

impl Lock {
    /// Waits until no other instance has it.
    pub async fn acquire(primary: &str) -> Result<Self> {
        let mut conn = connection(primary).await?;
        conn.batch_execute(TAKE_LOCK).await?;
        Ok(Self { conn })
    }

    /// Runs what has not run yet, and tells the versions that the primary has now.
    pub fn migrate(self) -> Result<(Self, Vec<String>)> {
        let mut harness = AsyncMigrationHarness::new(self.conn);
        let ran = harness
            .run_pending_migrations(MIGRATIONS)
            .map_err(|error| anyhow!(error))?;
        for version in ran {
            tracing::info!(%version, "migrated");
        }
        let applied = harness
            .applied_migrations()
            .map_err(|error| anyhow!(error))?;
        let versions = applied.iter().map(ToString::to_string).collect();
        let conn = harness.into_inner();
        Ok((Self { conn }, versions))
    }
}
