//! The schema gate: a replica that has not replayed a migration is not used, whatever a read needs. A query
//! that was compiled for a table or a column would fail there.

#[cfg(feature = "migrations")]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
#[cfg(feature = "migrations")]
use std::time::Duration;

#[cfg(feature = "migrations")]
use crate::pools::Pools;
use crate::pools::node::Node;
use crate::pools::survey::Survey;
use crate::terms::position::Position;

/// The position behind the last migration, once there was one.
#[derive(Debug, Default)]
pub struct Gate {
    behind: Mutex<Option<Position>>,
    /// Whether there is one; most manifolds run no migrations, and their reads take no lock for it.
    is_set: AtomicBool,
}

impl Gate {
    /// Whether a node has the schema: where it was seen last, it had replayed it. What is known of it is void
    /// when a connection to it breaks, so one that restarted has to be asked again.
    pub fn admits(&self, node: &Node, survey: &Survey) -> bool {
        self.floor().is_none_or(|behind| {
            let seen = node.sighting();
            seen.is_some_and(|seen| survey.covers(behind, seen.position))
        })
    }

    /// What every read must include. That a node was seen there says nothing of a connection that came later, behind
    /// a crash, nor of the next server behind a balancer.
    pub fn floor(&self) -> Option<Position> {
        if !self.is_set.load(Ordering::SeqCst) {
            return None;
        }
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The schema has changed, before `behind`.
    #[cfg(feature = "migrations")]
    fn raise(&self, behind: Position) {
        let mut known = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        *known = crate::terms::floors::later(*known, Some(behind));
        self.is_set.store(true, Ordering::SeqCst);
    }
}

#[cfg(feature = "migrations")]
impl Pools {
    /// No replica is used any more that has not replayed what was changed so far; waits until each that may
    /// answer has, or `limit` is over.
    pub async fn close_gate(&self, behind: Position, limit: Duration) {
        let shared = &self.shared;
        shared.schema.raise(behind);
        let nodes = self.nodes();
        let waiting = nodes.iter().map(|node| self.until_admitted(node, behind));
        let waiting = futures_util::future::join_all(waiting);
        if tokio::time::timeout(limit, waiting).await.is_err() {
            let late = nodes
                .iter()
                .filter(|node| !shared.schema.admits(node, &shared.survey));
            let late: Vec<_> = late.map(|node| &*node.name).collect();
            tracing::warn!(nodes = ?late, ?limit, "nodes have not replayed the migrations yet, and are not used until they have");
        }
    }

    /// Until it has the schema, or is none of those that answer.
    async fn until_admitted(&self, node: &Arc<Node>, behind: Position) {
        let mut changes = self.shared.roles.changes();
        loop {
            changes.mark_unchanged();
            if node.is_left_out() || node.pin.is_some() || self.takes_writes(node) {
                return;
            }
            let has_it = |seen: &_| {
                let seen: &crate::terms::sighting::Sighting = seen;
                self.shared.survey.covers(behind, seen.position)
            };
            tokio::select! {
                _ = node.track.until(true, has_it) => return,
                // The sender lives as long as these pools.
                _ = changes.changed() => {}
            }
        }
    }
}
