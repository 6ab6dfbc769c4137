//! The migrations, which run once however many instances start.

use anyhow::{Result, anyhow};
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// `migrations/`, in the binary.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// The versions of all migrations, which a prepared server has.
pub fn versions() -> Result<Vec<String>> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS);
    let migrations = migrations.map_err(|error| anyhow!(error))?;
    let versions = migrations
        .iter()
        .map(|migration| migration.name().version().to_string());
    Ok(versions.collect())
}
