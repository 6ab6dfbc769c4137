//! What a session remembers: its floors, and the nodes whose answers no position bounds yet.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(test)]
mod tests;

use crate::terms::floors::{Floors, Sequence, Written};
use crate::terms::history::Survival;
use crate::terms::position::Position;
use crate::terms::sighting::{Kept, Tick};

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
    /// Stands among `kept` for a floor that got lost. Until it is resolved nobody can say which cached
    /// answers are fresh enough.
    lost: Option<Kept>,
    /// A write was acknowledged on this timeline, and nobody has told its position yet.
    unplaced: Option<u32>,
    /// Counts what changed, so that who hands the token out knows whether it is news.
    changes: u64,
}

/// What a hit must include.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HitFloor {
    /// Everything before this.
    pub cached: Option<Position>,
    /// A floor got lost, and nobody can say yet what a hit must include.
    pub lost: bool,
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
    pub fn hit_floor(&self) -> HitFloor {
        let state = self.state();
        HitFloor {
            cached: state.floors.cached,
            lost: state.lost.is_some(),
        }
    }

    /// What has become of the session's writes, which `survival` knows. It is told once: from then on they are
    /// what anything else is that the session has seen.
    pub fn judge(&self, survival: impl Fn(Written) -> Survival) -> Survival {
        let mut state = self.state();
        let unplaced = state.unplaced.map(|timeline| Written {
            before: Position::new(timeline, 0),
            after: Position::new(timeline, u64::MAX),
        });
        let verdicts = [state.floors.written, unplaced].map(|written| written.map(&survival));
        let [written, unplaced] = verdicts.map(|verdict| verdict.unwrap_or(Survival::Current));
        if written != Survival::Current {
            state.changes += 1;
            state.floors.judged();
        }
        if unplaced != Survival::Current {
            state.unplaced = None;
        }
        written.max(unplaced)
    }

    /// Writes that survived a failover are from now on what anything else is that the session has seen. Merged with one
    /// of a later timeline nobody could tell that any more.
    pub fn acquit(&self, survival: impl Fn(Written) -> Survival) {
        let mut state = self.state();
        if state.floors.written.map(survival) == Some(Survival::Kept) {
            state.changes += 1;
            state.floors.judged();
        }
    }

    /// A write was acknowledged on `timeline`, and its position got lost.
    pub fn unplaced(&self, timeline: u32) {
        self.state().unplaced = Some(timeline);
    }

    /// A floor of this session got lost by `now`: everything acknowledged before it must be included.
    pub fn lost(&self, now: Tick) {
        let mut state = self.state();
        state.changes += 1;
        let standing = state.keep(Kept::at_primary(now, now), &[]);
        state.lost = Some(standing);
    }

    /// A load was answered by the node of `kept`; it showed at least what the loads of `included` had
    /// shown.
    pub fn loaded(&self, kept: Kept, included: &[Kept]) {
        let mut state = self.state();
        state.changes += 1;
        state.home = kept.node().or(state.home);
        state.keep(kept, included);
    }

    /// The node of `open` shows the session at least what the loads of `included` had shown, and has not
    /// come to its end: its `ended` is [`Tick::NEVER`], which no position bounds.
    pub fn begins(&self, open: Kept, included: &[Kept]) {
        let mut state = self.state();
        if state
            .lost
            .as_ref()
            .is_some_and(|lost| included.contains(lost))
        {
            state.lost = Some(open.clone());
        }
        state.kept.retain(|known| !included.contains(known));
        state.kept.push(open);
    }

    /// What began has ended. A load that included it has taken its place, if there was one.
    pub fn ends(&self, open: &Kept, ended: Tick) {
        let mut state = self.state();
        state.changes += 1;
        state.home = open.node().or(state.home);
        let State { kept, lost, .. } = &mut *state;
        for known in kept.iter_mut().chain(lost).filter(|known| *known == open) {
            known.ended = ended;
        }
    }

    /// Everything that `kept`'s node has shown this session lies before `reach`.
    pub fn resolved(&self, kept: &Kept, reach: Position) {
        let mut state = self.state();
        state.floors.saw(reach);
        state.find(reach, |lost| lost == kept);
        state.kept.retain(|known| known != kept);
        state.place(reach);
    }

    /// A load has shown nothing behind `reach`, and at least what the loads of `included` had shown.
    pub fn showed(&self, reach: Position, included: &[Kept]) {
        let mut state = self.state();
        state.changes += 1;
        state.floors.saw(reach);
        state.find(reach, |lost| included.contains(lost));
        state.kept.retain(|known| !included.contains(known));
        state.place(reach);
    }

    /// A write was acknowledged; its position was asked for at `asked`. What was shown until then lies
    /// before it.
    pub fn wrote(&self, written: Written, asked: Tick) {
        let mut state = self.state();
        state.changes += 1;
        state.floors.wrote(written);
        state.floors.saw(written.after);
        state.find(written.after, |lost| lost.ended < asked);
        state.kept.retain(|known| known.ended >= asked);
        state.place(written.after);
    }

    /// Everything that a transaction which changed nothing has shown lies before `position`, which was
    /// asked for at `asked`.
    pub fn saw(&self, position: Position, asked: Tick) {
        let mut state = self.state();
        state.changes += 1;
        state.floors.saw(position);
        state.find(position, |lost| lost.ended < asked);
        state.kept.retain(|known| known.ended >= asked);
        state.place(position);
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
    /// Keeps a load in the place of those that it includes: alone, or as one with another of its node.
    fn keep(&mut self, kept: Kept, included: &[Kept]) -> Kept {
        self.kept.retain(|known| !included.contains(known));
        let is_lost = |known: &Kept| self.lost.as_ref() == Some(known);
        let mut stands = included.iter().any(is_lost);
        // What has not come to its end is found again by what it is.
        let is_one = |known: &&mut Kept| known.ended != Tick::NEVER && known.is_at(&kept);
        let whole = match self.kept.iter_mut().find(is_one) {
            // Two at once: what both showed lies between the first's beginning and the last's end.
            Some(known) => {
                stands |= is_lost(known);
                known.began = known.began.min(kept.began);
                known.ended = known.ended.max(kept.ended);
                known.clone()
            }
            None => {
                self.kept.push(kept.clone());
                kept
            }
        };
        if stands {
            self.lost = Some(whole.clone());
        }
        whole
    }

    /// A position that includes everything shown so far places a write of which nobody told one, if it is on
    /// the same timeline.
    fn place(&mut self, position: Position) {
        let placed = self.kept.is_empty() && self.unplaced == Some(position.timeline());
        if placed {
            self.unplaced = None;
            self.floors.wrote(Written {
                before: Position::new(position.timeline(), 0),
                after: position,
            });
        }
    }

    /// `position` includes what got lost, if that is what `includes` says: so must a hit.
    fn find(&mut self, position: Position, includes: impl Fn(&Kept) -> bool) {
        if self.lost.as_ref().is_some_and(includes) {
            self.lost = None;
            self.floors.raise_cached(position);
        }
    }
}
