//! The *bounds* of an answer: what it includes, and what it cannot show.

use crate::terms::position::Position;
use crate::terms::route::Source;

/// Between which positions an answer lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// The answer includes everything before this. `None`: nobody knows.
    pub stamp: Option<Position>,
    /// The answer shows nothing behind this. `None`: nobody asked.
    pub reach: Option<Position>,
    /// Whether the primary answered. What it showed includes every write that had been acknowledged
    /// before, though its stamp may not say so while nothing else is written.
    pub primary: bool,
}

/// Where an answer came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who gave it.
    pub source: Source,
    /// What it includes, and what it cannot show.
    pub bounds: Bounds,
}

impl Bounds {
    /// Whether the answer includes a write of this position, which was acknowledged before the load
    /// began, if it is the primary's.
    pub fn include(&self, fence: Position) -> bool {
        self.primary || self.stamp.is_some_and(|stamp| fence.is_covered_by(stamp))
    }
}
