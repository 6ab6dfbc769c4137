//! The background task of the pools: probes nodes, keeps connections warm, closes idle ones.

use std::sync::Arc;

use deadpool::managed::Pool;

use crate::pools::Pools;
use crate::pools::connect::Connector;
use crate::pools::node::Node;
use crate::terms::settings::PoolSettings;

impl Pools {
    /// One round of upkeep. Nodes are looked after side by side, so that one that hangs does not
    /// keep the others waiting.
    pub async fn upkeep(&self) {
        let rounds = self.nodes().map(|node| async move {
            node.probe_if_due().await;
            if node.load().is_some() {
                for pool in node.pools() {
                    close_idle(pool, &node.shared.settings);
                    warm_up(pool, node).await;
                }
            }
        });
        futures_util::future::join_all(rounds).await;
    }
}

/// Closes what idled too long, down to the minimum.
fn close_idle(pool: &Pool<Connector>, settings: &PoolSettings) {
    let mut spare = pool.status().size.saturating_sub(settings.min_idle);
    pool.retain(|_, metrics| {
        let keep = spare == 0 || metrics.last_used() < settings.idle_timeout;
        spare -= usize::from(!keep);
        keep
    });
}

/// Opens connections up to the minimum, by borrowing them all at once.
async fn warm_up(pool: &Pool<Connector>, node: &Arc<Node>) {
    let settings = &node.shared.settings;
    let missing = settings
        .min_idle
        .min(pool.status().max_size)
        .saturating_sub(pool.status().size);
    if missing == 0 {
        return;
    }
    let wanted = pool.status().available + missing;
    let borrowed = futures_util::future::join_all((0..wanted).map(|_| pool.get())).await;
    if let Some(Err(error)) = borrowed.iter().find(|one| one.is_err()) {
        tracing::debug!(node = %node.name, %error, "no connection to keep warm");
    }
}
