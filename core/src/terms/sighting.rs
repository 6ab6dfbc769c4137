//! A *sighting*: where a node was in the log when this process asked, and what makes that worth
//! anything for another connection to it.

use std::sync::Arc;

use crate::terms::clock::Moment;
use crate::terms::position::Position;
use crate::terms::route::Role;

/// The number of the primary among the nodes of a manifold.
pub const PRIMARY: usize = 0;

/// The order in which a manifold did things: opened a connection, asked for a position, answered a
/// call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tick(pub u64);

impl Tick {
    /// Later than all others.
    pub const NEVER: Self = Self(u64::MAX);
}

/// One run of a server, from its start, or its recovery from a crash, to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incarnation {
    /// When its postmaster started. Another value is another server, or another start.
    started: Arc<str>,
    /// When its checkpointer was started: a crash of one backend restarts that, too, while the
    /// postmaster stays. `None`: the role may not see it (it needs `pg_monitor`).
    recovered: Option<Arc<str>>,
}

impl Incarnation {
    /// What the server tells of it.
    pub fn new(started: &str, recovered: Option<&str>) -> Self {
        Self {
            started: started.into(),
            recovered: recovered.map(Into::into),
        }
    }

    /// Whether both are known to be one.
    pub fn is(&self, other: &Self) -> bool {
        self.recovered.is_some() && self == other
    }

    /// Whether nothing is known that tells the two apart.
    pub fn may_be(&self, other: &Self) -> bool {
        let recovered_apart = match (&self.recovered, &other.recovered) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
        self.started == other.started && !recovered_apart
    }
}

/// Through which connection something was learned: whom it reaches, and since when it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// Whom it reaches.
    pub incarnation: Incarnation,
    /// It was open from this tick on.
    pub opened: Tick,
}

/// A node's position, and when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Through which connection.
    pub door: Door,
    /// The question left at this tick, so what the node shows later is not older.
    pub asked: Tick,
    /// The same by the clock.
    pub at: Moment,
    /// How far a standby has replayed, or where a primary inserts; normalised.
    pub position: Position,
    /// Whether it is a standby.
    pub standby: bool,
}

impl Sighting {
    /// What the node said it is.
    pub const fn role(&self) -> Role {
        if self.standby {
            Role::Replica
        } else {
            Role::Primary
        }
    }

    /// What an answer of this node includes that began after the question.
    pub const fn stamp(&self) -> Position {
        if self.standby {
            self.position
        } else {
            self.position.before()
        }
    }
}

/// A node that has answered a session: what it showed there is bounded by no position yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The node's number in its manifold.
    pub node: usize,
    /// Through which connection the load went; `None` for the primary, whose answers do not go back
    /// when it restarts.
    pub door: Option<Door>,
    /// Before the load.
    pub began: Tick,
    /// After it.
    pub ended: Tick,
}

impl Kept {
    /// What the primary has shown between these ticks.
    pub const fn at_primary(began: Tick, ended: Tick) -> Self {
        Self {
            node: PRIMARY,
            door: None,
            began,
            ended,
        }
    }

    /// Whether the other load was answered by the same run of the same node.
    pub fn is_at(&self, other: &Self) -> bool {
        self.node == other.node
            && match (&self.door, &other.door) {
                (Some(one), Some(other)) => one.incarnation.is(&other.incarnation) || one == other,
                (one, other) => one.is_none() && other.is_none(),
            }
    }
}
