//! What the manifold knows about its servers, for whoever operates them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use diesel_manifold::{NodeStatus, PoolStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;

/// The servers, as this process sees them.
#[derive(Serialize, ToSchema)]
pub struct Cluster {
    nodes: Vec<Node>,
    /// The position behind the last write of this process, once there was one.
    #[schema(required, example = "0/3A1B2C8")]
    last_write: Option<String>,
    /// Whether there is a second level of the cache; not whether it answers.
    redis: bool,
}

/// A PostgreSQL server.
#[derive(Serialize, ToSchema)]
struct Node {
    #[schema(example = "replica-1")]
    name: String,
    #[schema(example = "127.0.0.1:5433")]
    address: String,
    role: Role,
    /// Whether calls may ask it; false while it is left out after a failure.
    available: bool,
    reading: Pool,
    /// Only the primary has one.
    #[schema(required)]
    writing: Option<Pool>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Role {
    Primary,
    Replica,
}

/// Connections.
#[derive(Serialize, ToSchema)]
struct Pool {
    max: usize,
    open: usize,
    idle: usize,
    waiting: usize,
}

/// The servers
#[utoipa::path(
    get,
    path = "/api/cluster",
    operation_id = "cluster",
    tag = "operation",
    responses((status = OK, description = "As this process sees them", body = Cluster)),
)]
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
            Role::Primary
        } else {
            Role::Replica
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
