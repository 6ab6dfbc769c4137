//! The background task of the pools: probes nodes, keeps connections warm, closes idle ones.

use std::sync::Arc;

use deadpool::managed::Pool;

use crate::pools::Pools;
use crate::pools::connect::{Connector, Session};
use crate::pools::node::Node;
use crate::terms::settings::PoolSettings;

impl Pools {
    /// One round of upkeep. Nodes are looked after side by side, so that one that hangs does not
    /// keep the others waiting.
    pub async fn upkeep(&self) {
        self.assign();
        let (nodes, roles) = (self.nodes(), self.shared.roles.now());
        // While nobody takes writes, any node may be promoted, one that is left out for long, too.
        let takes_writes = |node: &Arc<Node>| roles.is_primary(node.id) && !node.is_left_out();
        let sought = !nodes.iter().any(takes_writes);
        let rounds = nodes.iter().map(|node| {
            let writes = roles.is_primary(node.id);
            async move {
                node.probe_if_due(sought).await;
                if node.is_left_out() {
                    return;
                }
                let mut used = vec![node.pool(Session::Read)];
                used.extend(writes.then(|| node.pool(Session::Write)));
                for pool in node.pools() {
                    let is_used = used.iter().any(|one| std::ptr::eq(*one, pool));
                    close_idle(pool, &node.shared.settings, is_used);
                }
                for pool in used {
                    warm_up(pool, node).await;
                }
            }
        });
        futures_util::future::join_all(rounds).await;
    }
}

/// Closes what idled too long, down to the minimum; in a pool that is not used, all of it.
fn close_idle(pool: &Pool<Connector>, settings: &PoolSettings, is_used: bool) {
    let least = if is_used { settings.min_idle } else { 0 };
    let mut spare = pool.status().size.saturating_sub(least);
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
