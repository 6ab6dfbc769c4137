//! What the manifold knows about its servers, for whoever operates them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use diesel_manifold::{NodeStatus, PoolStatus};
use serde::Serialize;

use super::App;

#[derive(Serialize)]
pub struct Cluster {
    nodes: Vec<Node>,
    /// The position behind the last write of this process, once there was one.
    last_write: Option<String>,
    /// Whether there is a second level of the cache; not whether it answers.
    redis: bool,
}

#[derive(Serialize)]
struct Node {
    name: String,
    address: String,
    role: &'static str,
    /// Whether calls may ask it; false while it is left out after a failure.
    available: bool,
    reading: Pool,
    /// Only the primary has one.
    writing: Option<Pool>,
}

/// Connections.
#[derive(Serialize)]
struct Pool {
    max: usize,
    open: usize,
    idle: usize,
    waiting: usize,
}

pub async fn cluster(State(app): State<Arc<App>>) -> Json<Cluster> {
    Json(Cluster {
        nodes: app.manifold.nodes().iter().map(node).collect(),
        last_write: app
            .manifold
            .last_write()
            .map(|position| position.to_string()),
        redis: app.redis,
    })
}

fn node(status: &NodeStatus) -> Node {
    Node {
        name: status.name.to_string(),
        address: status.address.clone(),
        // Who takes writes is the primary.
        role: if status.writing.is_some() {
            "primary"
        } else {
            "replica"
        },
        available: status.available,
        reading: pool(&status.reading),
        writing: status.writing.as_ref().map(pool),
    }
}

fn pool(status: &PoolStatus) -> Pool {
    Pool {
        max: status.max,
        open: status.open,
        idle: status.idle,
        waiting: status.waiting,
    }
}
