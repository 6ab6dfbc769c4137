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
    /// The loads that no position bounds yet: more than one only if the session made several calls at
    /// once, and then no more than there are connections.
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

    /// A load was answered by the node of `kept`; it showed at least what the loads of `included` had
    /// shown.
    pub fn loaded(&self, kept: Kept, included: &[Kept]) {
        let mut state = self.state();
        state.changes += 1;
        if kept.node != PRIMARY {
            state.home = Some(kept.node);
        }
        state.kept.retain(|known| !included.contains(known));
        match state.kept.iter_mut().find(|known| known.is_at(&kept)) {
            // Two at once: what both showed lies between the first's beginning and the last's end.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::sighting::{Door, Incarnation};

    /// A load through a connection whose role sees no more than when the server started.
    fn load(node: usize, opened: u64, began: u64, ended: u64) -> Kept {
        let door = Door {
            incarnation: Incarnation::new("then", None),
            opened: Tick(opened),
        };
        Kept {
            node,
            door: (node != PRIMARY).then_some(door),
            began: Tick(began),
            ended: Tick(ended),
        }
    }

    fn kept(memory: &Memory) -> Vec<Kept> {
        memory.remembered().kept
    }

    #[test]
    fn a_load_takes_the_place_of_those_that_it_includes_and_of_no_other() {
        let memory = Memory::default();
        let first = load(1, 1, 10, 20);
        memory.loaded(first.clone(), &[]);
        // At the same time, so it includes nothing of the first.
        let beside = load(2, 2, 11, 21);
        memory.loaded(beside.clone(), &[]);
        assert_eq!(kept(&memory), [first.clone(), beside.clone()]);
        let later = load(PRIMARY, 0, 30, 40);
        memory.loaded(later.clone(), &[first]);
        assert_eq!(kept(&memory), [beside, later]);
        assert_eq!(
            memory.remembered().home,
            Some(2),
            "the primary is nobody's home"
        );
    }

    #[test]
    fn a_reach_settles_what_it_was_asked_for_and_not_what_came_meanwhile() {
        let memory = Memory::default();
        let first = load(1, 1, 10, 20);
        memory.loaded(first.clone(), &[]);
        let more = load(1, 1, 30, 40);
        memory.loaded(more, &[]);
        memory.resolved(&first, Position::new(1, 100));
        assert_eq!(kept(&memory), [load(1, 1, 10, 40)]);
        assert_eq!(memory.floors().seen, Some(Position::new(1, 100)));
    }

    #[test]
    fn a_write_settles_what_was_shown_before_its_position_was_asked_for() {
        let memory = Memory::default();
        memory.loaded(load(1, 1, 10, 20), &[]);
        memory.loaded(load(2, 2, 28, 40), &[]);
        let written = Written {
            before: Position::new(1, 100),
            after: Position::new(1, 200),
        };
        memory.wrote(written, Tick(30));
        assert_eq!(kept(&memory), [load(2, 2, 28, 40)]);
        assert_eq!(memory.remembered().floor, Some(Position::new(1, 200)));
    }
}
