//! The *floors* of a session: what its answers must include.

use crate::terms::position::Position;

/// What a session's answers must include. A token is this, portable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Floors {
    /// Its last acknowledged write.
    pub written: Option<Written>,
    /// Everything that its loads have shown lies before this.
    pub seen: Option<Position>,
    /// How far the invalidations of its writes were numbered, and by whom.
    pub sequence: Option<Sequence>,
    /// What a cached answer must include to be a hit: the writes of which nobody numbered the
    /// invalidations.
    pub cached: Option<Position>,
}

/// Where an acknowledged write is in the log: its commit lies between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Asked for before COMMIT.
    pub before: Position,
    /// Asked for after it was acknowledged.
    pub after: Position,
}

/// The number of an invalidation, in the era of whoever numbered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// Numbers of different epochs do not compare.
    pub epoch: u64,
    /// Counted from 1.
    pub number: u64,
}

impl Floors {
    /// What a load must include.
    pub fn position(&self) -> Option<Position> {
        later(self.written.map(|written| written.after), self.seen)
    }

    /// A write was acknowledged.
    pub fn wrote(&mut self, written: Written) {
        let is_later = self
            .written
            .is_none_or(|known| known.after.later(written.after) != known.after);
        if is_later {
            self.written = Some(written);
        }
    }

    /// A load has shown nothing behind `reach`.
    pub fn saw(&mut self, reach: Position) {
        self.seen = later(self.seen, Some(reach));
    }

    /// A cached answer must include what lies before `position`.
    pub fn raise_cached(&mut self, position: Position) {
        self.cached = later(self.cached, Some(position));
    }

    /// The invalidations of a write were numbered.
    pub fn numbered(&mut self, sequence: Sequence) {
        let is_later = self
            .sequence
            .is_none_or(|known| known.epoch != sequence.epoch || known.number < sequence.number);
        if is_later {
            self.sequence = Some(sequence);
        }
    }

    /// Takes in the floors of a token; none is ever lowered. `epoch` is whose numbers this process
    /// knows: another's say nothing here, so a hit must include the write itself then.
    pub fn merge(&mut self, other: &Self, epoch: u64) {
        if let Some(written) = other.written {
            self.wrote(written);
        }
        self.seen = later(self.seen, other.seen);
        self.cached = later(self.cached, other.cached);
        match other.sequence {
            Some(theirs) if theirs.epoch == epoch => {
                let known = self.sequence.map_or(0, |ours| ours.number);
                self.sequence = Some(Sequence {
                    epoch,
                    number: known.max(theirs.number),
                });
            }
            _ => {
                let written = other.written.map(|written| written.after);
                self.cached = later(self.cached, written);
            }
        }
    }
}

/// The later of two positions that may be missing.
pub fn later(one: Option<Position>, other: Option<Position>) -> Option<Position> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.later(other)),
        (one, other) => one.or(other),
    }
}
