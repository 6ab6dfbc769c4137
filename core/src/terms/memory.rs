//! What a session remembers: its floors, and the nodes whose answers no position bounds yet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::terms::floors::{Floors, Sequence, Written};
use crate::terms::position::Position;
use crate::terms::sighting::{Kept, PRIMARY, Tick};

/// A session's memory. The process has one, too, for the calls without a session.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone)]
struct State {
    floors: Floors,
    /// The loads that no position bounds yet, one for each node at most: more than one only if the
    /// session made several calls at once.
    kept: Vec<Kept>,
    /// The replica that answered last.
    home: Option<usize>,
    /// Counts what changed, so that who hands the token out knows whether it is news.
    changes: u64,
}

/// What a load of this session must include.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Everything before this.
    pub floor: Option<Position>,
    /// Everything that these nodes have shown.
    pub kept: Vec<Kept>,
    /// The replica that answered last.
    pub home: Option<usize>,
}

impl Memory {
    /// What a load must include.
    pub fn remembered(&self) -> Remembered {
        let state = self.state();
        Remembered {
            floor: state.floors.position(),
            kept: state.kept.clone(),
            home: state.home,
        }
    }

    /// The floors.
    pub fn floors(&self) -> Floors {
        self.state().floors
    }

    /// What a cached answer must include.
    pub fn cached(&self) -> Option<Position> {
        self.state().floors.cached
    }

    /// A load was answered by the node of `kept`.
    pub fn loaded(&self, kept: Kept) {
        let mut state = self.state();
        state.changes += 1;
        if kept.node == PRIMARY {
            // It showed everything that replicas had shown before it began.
            state.kept.retain(|known| known.ended >= kept.began);
        } else {
            state.home = Some(kept.node);
        }
        match state.kept.iter_mut().find(|known| known.is_at(&kept)) {
            // What both showed lies between the first's beginning and the last's end.
            Some(known) => {
                known.began = known.began.min(kept.began);
                known.ended = known.ended.max(kept.ended);
            }
            None => state.kept.push(kept),
        }
    }

    /// Everything that `kept`'s node has shown this session lies before `reach`.
    pub fn resolved(&self, kept: &Kept, reach: Position) {
        let mut state = self.state();
        state.floors.saw(reach);
        state.kept.retain(|known| known != kept);
    }

    /// A write was acknowledged; its position was asked for at `asked`. What was shown until then lies
    /// before it.
    pub fn wrote(&self, written: Written, asked: Tick) {
        let mut state = self.state();
        state.changes += 1;
        state.floors.wrote(written);
        state.floors.saw(written.after);
        state.kept.retain(|known| known.ended >= asked);
    }

    /// Everything that a transaction which changed nothing has shown lies before `position`, which was
    /// asked for at `asked`.
    pub fn saw(&self, position: Position, asked: Tick) {
        let mut state = self.state();
        state.changes += 1;
        state.floors.saw(position);
        state.kept.retain(|known| known.ended >= asked);
    }

    /// A write's invalidations were numbered.
    pub fn declared(&self, sequence: Sequence) {
        self.state().floors.numbered(sequence);
    }

    /// A cached answer must include `position` from now on.
    pub fn raise_cached(&self, position: Position) {
        self.state().floors.raise_cached(position);
    }

    /// Takes in the floors of a token of this or another process, whose epoch is not ours.
    pub fn merge(&self, floors: &Floors, epoch: u64) {
        let mut state = self.state();
        state.changes += 1;
        state.floors.merge(floors, epoch);
    }

    /// How often something has changed that a token carries.
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
