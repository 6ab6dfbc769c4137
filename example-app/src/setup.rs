//! Before the first request: the tables, the sample data, and replicas that have both.

use anyhow::{Context, Result};
use diesel_manifold::Manifold;

use crate::servers::Servers;

mod blog;
mod catalog;
mod migrations;
mod replicas;

pub use migrations::versions;

/// Prepares the servers.
///
/// Any number of instances may do so at once. One works, under locks in the primary; the others wait
/// for it and find everything done.
pub async fn prepare(servers: &Servers, manifold: &Manifold) -> Result<()> {
    let ran = manifold.migrate(migrations::MIGRATIONS).await;
    for version in ran.context("cannot prepare the primary")? {
        tracing::info!(%version, "migrated");
    }
    catalog::load(manifold)
        .await
        .context("cannot load the sample data")?;
    blog::create(manifold)
        .await
        .context("cannot create the sample blog")?;
    replicas::wait(&servers.replicas, &versions()?).await
}
