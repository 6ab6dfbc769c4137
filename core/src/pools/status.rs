//! What a person wants to know about the nodes.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::Pool;

use crate::pools::connect::{Connector, Session};
use crate::pools::node::Node;
use crate::terms::position::Position;
use crate::terms::route::Role;

/// What a person wants to know about a node.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeStatus {
    /// `primary`, `replica-1` ..
    pub name: Arc<str>,
    /// Host and port.
    pub address: String,
    /// What it said it is; `None` as long as it has not been asked.
    pub role: Option<Role>,
    /// Where it was last seen: how far a replica has replayed, where the primary inserts. `None`: not
    /// known, or no longer since a connection to it broke.
    pub position: Option<Position>,
    /// How old its answers are at most. `None`: nobody knows.
    pub age: Option<Duration>,
    /// Whether calls may ask it; false while it is left out after a failure.
    pub available: bool,
    /// Its pool for reads.
    pub reading: PoolStatus,
    /// Its pool for writes; only the primary has one.
    pub writing: Option<PoolStatus>,
}

/// The state of one pool, in connections.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PoolStatus {
    /// At most this many.
    pub max: usize,
    /// Open now.
    pub open: usize,
    /// Of those, free.
    pub idle: usize,
    /// Calls waiting for one.
    pub waiting: usize,
}

impl Node {
    /// What a person wants to know.
    pub fn status(&self) -> NodeStatus {
        let pool = |pool: &Pool<Connector>| {
            let status = pool.status();
            PoolStatus {
                max: status.max_size,
                open: status.size,
                idle: status.available,
                waiting: status.waiting,
            }
        };
        let sighting = self.track.sighting();
        let position = sighting.as_ref().map(|sighting| sighting.position);
        let age = position.and_then(|position| {
            let now = self.shared.clock.now();
            self.shared.survey.age(position, now)
        });
        NodeStatus {
            name: Arc::clone(&self.name),
            address: self.address.clone(),
            role: sighting.as_ref().map(|sighting| sighting.role()),
            position,
            age,
            available: self.load().is_some(),
            reading: pool(self.pool(Session::Read)),
            writing: self.writers().map(pool),
        }
    }
}
