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
    /// A floor got lost at this tick: until a position is known that was asked for later, nobody can say
    /// which cached answers are fresh enough.
    lost: Option<Tick>,
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

    /// A floor of this session got lost by `now`: everything acknowledged before it must be included.
    pub fn lost(&self, now: Tick) {
        self.state().lost = Some(now);
        self.loaded(Kept {
            node: PRIMARY,
            door: None,
            began: now,
            ended: now,
        });
    }

    /// Whether nobody can say yet which cached answers are fresh enough.
    pub fn has_lost(&self) -> bool {
        self.state().lost.is_some()
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
        if kept.node == PRIMARY {
            state.found(reach, kept.ended);
        }
        state.kept.retain(|known| known != kept);
    }

    /// A write was acknowledged; its position was asked for at `asked`. What was shown until then lies
    /// before it.
    pub fn wrote(&self, written: Written, asked: Tick) {
        let mut state = self.state();
        state.changes += 1;
        state.floors.wrote(written);
        state.floors.saw(written.after);
        state.found(written.after, asked);
        state.kept.retain(|known| known.ended >= asked);
    }

    /// Everything that a transaction which changed nothing has shown lies before `position`, which was
    /// asked for at `asked`.
    pub fn saw(&self, position: Position, asked: Tick) {
        let mut state = self.state();
        state.changes += 1;
        state.floors.saw(position);
        state.found(position, asked);
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

impl State {
    /// `position` includes what was acknowledged before `asked`, and so what got lost before.
    fn found(&mut self, position: Position, asked: Tick) {
        if self.lost.is_some_and(|lost| lost <= asked) {
            self.lost = None;
            self.floors.raise_cached(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lsn: u64) -> Position {
        Position::new(1, lsn)
    }

    fn written(lsn: u64) -> Written {
        let (before, after) = (at(lsn - 1), at(lsn));
        Written { before, after }
    }

    #[test]
    fn a_lost_floor_lets_no_hit_be_older_than_the_first_position_asked_for_later() {
        let memory = Memory::default();
        memory.wrote(written(10), Tick(1));
        memory.lost(Tick(5));
        assert!(memory.has_lost());
        // Asked for before it was lost.
        memory.saw(at(20), Tick(4));
        assert!(memory.has_lost());
        let ways: [fn(&Memory); 3] = [
            |memory| memory.resolved(&memory.remembered().kept[0], at(30)),
            |memory| memory.wrote(written(30), Tick(6)),
            |memory| memory.saw(at(30), Tick(6)),
        ];
        for way in ways {
            let memory = Memory::default();
            memory.lost(Tick(5));
            way(&memory);
            assert!(!memory.has_lost());
            assert_eq!(memory.cached(), Some(at(30)));
            assert_eq!(memory.remembered().kept, []);
        }
    }

    #[test]
    fn a_session_that_lost_nothing_may_be_served_what_is_cached() {
        let memory = Memory::default();
        memory.wrote(written(10), Tick(1));
        memory.saw(at(20), Tick(2));
        assert!(!memory.has_lost());
        assert_eq!(memory.cached(), None);
    }
}
