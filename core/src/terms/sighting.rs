//! A *sighting*: where a node was in the log when this process asked, and what makes that worth
//! anything for another connection to it.

use std::sync::Arc;

use crate::terms::clock::Moment;
use crate::terms::position::Position;

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
    /// When its postmaster started. Another value is another server, or another start. `None`: nobody's.
    started: Option<Arc<str>>,
    /// When its checkpointer was started: a crash of one backend restarts that, too, while the
    /// postmaster stays. `None`: the role may not see it (it needs `pg_monitor`).
    recovered: Option<Arc<str>>,
}

impl Incarnation {
    /// What the server tells of it.
    pub fn new(started: &str, recovered: Option<&str>) -> Self {
        Self {
            started: Some(started.into()),
            recovered: recovered.map(Into::into),
        }
    }

    /// What stands behind an opaque endpoint: each transaction may be another server's, so nothing that
    /// was learned through it holds for the next one.
    pub const fn nobodys() -> Self {
        Self {
            started: None,
            recovered: None,
        }
    }

    /// Whether it is nobody's.
    pub const fn is_nobodys(&self) -> bool {
        self.started.is_none()
    }

    /// Whether both are known to be one.
    pub fn is(&self, other: &Self) -> bool {
        self.recovered.is_some() && self == other
    }

    /// Whether nothing is known that tells the two apart. Never so for nobody's.
    pub fn may_be(&self, other: &Self) -> bool {
        let recovered_apart = match (&self.recovered, &other.recovered) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
        self.started.is_some() && self.started == other.started && !recovered_apart
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
    /// Where a standby is assumed to be that cannot tell. It proves nothing of any connection, and bounds nothing
    /// that was shown.
    pub fn assumed(at: Moment, position: Position) -> Self {
        Self {
            door: Door {
                incarnation: Incarnation::new("", None),
                opened: Tick::default(),
            },
            asked: Tick::default(),
            at,
            position,
            standby: true,
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

/// A load that has been shown to a session: no position bounds yet what it has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Who answered.
    pub by: Keeper,
    /// Before the load.
    pub began: Tick,
    /// After it.
    pub ended: Tick,
}

/// Who shows a session what it was shown before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeper {
    /// The primary, whichever node that is by now: its answers do not go back when it restarts, and what
    /// is lost with a failover nobody shows any more.
    Primary,
    /// This node, a replica then, through this connection.
    Node(usize, Door),
}

impl Kept {
    /// What the primary has shown between these ticks.
    pub const fn at_primary(began: Tick, ended: Tick) -> Self {
        Self {
            by: Keeper::Primary,
            began,
            ended,
        }
    }

    /// The node, if it was a replica.
    pub const fn node(&self) -> Option<usize> {
        match self.by {
            Keeper::Primary => None,
            Keeper::Node(node, _) => Some(node),
        }
    }

    /// Whether the other load was answered by the same run of the same node.
    pub fn is_at(&self, other: &Self) -> bool {
        match (&self.by, &other.by) {
            (Keeper::Primary, Keeper::Primary) => true,
            (Keeper::Node(one, door), Keeper::Node(other, its)) => {
                one == other && (door.incarnation.is(&its.incarnation) || door == its)
            }
            _ => false,
        }
    }
}
