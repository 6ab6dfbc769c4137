//! What a person wants to know about the nodes.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::Pool;

use crate::pools::connect::{Connector, Session};
use crate::pools::node::Node;
use crate::rules::duty::Duty;
use crate::terms::position::Position;
use crate::terms::route::Role;

/// What a person wants to know about a node.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeStatus {
    /// `primary`, `replica-1` .., or as it was [named](crate::Endpoint::named).
    pub name: Arc<str>,
    /// Host and port.
    pub address: String,
    /// What it said last that it is; `None` as long as it has not been asked. Of two primaries the one on the higher
    /// timeline takes the writes, and the other one nothing.
    pub role: Option<Role>,
    /// Where it was last seen: how far a replica has replayed, where the primary inserts. `None`: not
    /// known, or no longer since a connection to it broke.
    pub position: Option<Position>,
    /// How old its answers are at most. `None`: nobody knows.
    pub age: Option<Duration>,
    /// Whether calls may ask it; false while it is left out because it fails or lags, follows a
    /// timeline that came to its end, or has not replayed a migration.
    pub available: bool,
    /// Its pool for reads.
    pub reading: PoolStatus,
    /// Its pool for writes; only the primary's is in use.
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
        let sighting = self.sighting();
        let roles = self.shared.roles.now();
        let duty = self.duty();
        let position = sighting.as_ref().map(|sighting| sighting.position);
        let age = position.and_then(|position| {
            let now = self.shared.clock.now();
            self.shared.survey.age(position, now)
        });
        NodeStatus {
            name: Arc::clone(&self.name),
            address: self.address.clone(),
            role: roles.said(self.id).map(|said| {
                if said.standby {
                    Role::Replica
                } else {
                    Role::Primary
                }
            }),
            position,
            age,
            available: !self.is_left_out()
                && !self.is_lagging()
                && (duty == Duty::Primary || self.shared.schema.admits(self, &self.shared.survey))
                && matches!(duty, Duty::Primary | Duty::Replica),
            reading: pool(self.pool(Session::Read)),
            writing: (duty == Duty::Primary).then(|| pool(self.pool(Session::Write))),
        }
    }
}
