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
/// Any number of instances may do so at once. One works, under a lock in the primary; the others wait
/// for it and find everything done.
pub async fn prepare(servers: &Servers, manifold: &Manifold) -> Result<()> {
    let lock = migrations::Lock::acquire(&servers.primary)
        .await
        .context("cannot prepare the primary")?;
    let (lock, versions) = lock.migrate().context("a migration failed")?;
    catalog::load(manifold)
        .await
        .context("cannot load the sample data")?;
    blog::create(manifold)
        .await
        .context("cannot create the sample blog")?;
    drop(lock);
    replicas::wait(&servers.replicas, &versions).await
}
