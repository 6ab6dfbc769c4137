//! What is noted of a write that was acknowledged: later reads must include it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::calls::Calls;
use crate::pools::commit::Committed;
use crate::terms::call::{Name, WriteCall};
use crate::terms::floors::{Sequence, Written};
use crate::terms::history::Survival;
use crate::terms::memory::Memory;
use crate::terms::position::Position;
use crate::terms::sighting::{Kept, Tick};
use crate::terms::trap::Trap;

/// Whose write it is, and what it says about itself.
#[derive(Debug, Clone)]
pub struct Author {
    /// Who is calling.
    pub name: Name,
    /// Its session.
    pub memory: Option<Arc<Memory>>,
    /// Whether later reads must include it.
    pub floor: bool,
    /// Whether it said which cached answers become stale.
    pub declared: bool,
    /// The highest timeline that was known when it got its connection, so it is on that one or an older one. Zero: none.
    pub timeline: u32,
}

impl Author {
    /// The author of a call.
    pub fn new(call: &WriteCall, memory: Option<Arc<Memory>>) -> Self {
        Self {
            name: call.name,
            memory,
            floor: call.floor,
            declared: call.declared,
            timeline: 0,
        }
    }
}

impl Calls {
    /// The position behind the last write of this process.
    pub fn last_write(&self) -> Option<Position> {
        self.process.floors().written.map(|written| written.after)
    }

    /// A write was committed: whoever reads after it returns must see it, so this comes first.
    pub async fn note_committed(&self, author: &Author, committed: &Committed) {
        let Committed {
            changed,
            written,
            asked,
        } = *committed;
        match (changed, written) {
            (true, Some(written)) => self.note_written(author, written, asked),
            (true, None) => self.note_unplaced(author, asked, None).await,
            // It changed nothing, and has shown what lies before the second position.
            (false, Some(written)) => {
                if let Some(memory) = &author.memory {
                    memory.saw(written.after, asked);
                }
            }
            (false, None) => self.note_shown(author),
        }
    }

    /// A write lies between these positions.
    pub fn note_written(&self, author: &Author, written: Written, asked: Tick) {
        if !author.floor {
            return;
        }
        let merged_away = |older: Written| {
            if older.before.timeline() < written.before.timeline() {
                Survival::Kept
            } else {
                Survival::Current
            }
        };
        for memory in self.memories(author) {
            if self.pools.survey().trapped.is(Trap::LostIsSilent) {
                memory.judge(merged_away);
            }
            memory.acquit(|written| self.pools.survey().survival(written));
            memory.wrote(written, asked);
            if !author.declared {
                memory.raise_cached(written.after);
            }
        }
        if !author.declared {
            self.has_cached_floor.store(true, Ordering::SeqCst);
        }
    }

    /// The body of a write has shown what the primary had, though nothing came of it: what its session
    /// loads next is no older.
    pub fn note_shown(&self, author: &Author) {
        if let Some(memory) = &author.memory {
            let ended = self.pools.survey().ticks.next();
            memory.loaded(Kept::at_primary(ended, ended), &[]);
        }
    }

    /// A write was acknowledged, and nobody could tell where it is: the primary answers until it has
    /// been asked again. `position` is behind it, if one was found out later.
    pub async fn note_unplaced(&self, author: &Author, asked: Tick, position: Option<Position>) {
        self.pin_unplaced(author, asked);
        self.place_undeclared(author, position).await;
    }

    /// A write that nobody said the keys of makes every answer before `position` old; without one, where
    /// the primary is now.
    pub async fn place_undeclared(&self, author: &Author, position: Option<Position>) {
        if author.declared || !author.floor {
            return;
        }
        let Some(position) = self.pools.place_unless(position).await else {
            // Nobody can be asked, so no hit in this process is believed any more.
            self.cache.invalidate_all_near();
            return;
        };
        for memory in self.memories(author) {
            memory.raise_cached(position);
        }
        self.has_cached_floor.store(true, Ordering::SeqCst);
    }

    /// What cannot wait of [`Self::note_unplaced`].
    pub fn pin_unplaced(&self, author: &Author, asked: Tick) {
        if !author.floor {
            return;
        }
        let ended = self.pools.survey().ticks.next();
        for memory in self.memories(author) {
            memory.loaded(Kept::at_primary(asked, ended), &[]);
            // Not the latest by now: the failover that lost it may be known meanwhile.
            memory.unplaced(author.timeline);
        }
    }

    /// The invalidations of a write were applied in this process. `delivered`: in Redis, too.
    pub fn note_invalidated(&self, author: &Author, position: Option<Position>, delivered: bool) {
        let sequence = Sequence {
            epoch: self.epoch,
            number: self.sequence.fetch_add(1, Ordering::SeqCst) + 1,
        };
        if let Some(memory) = &author.memory {
            memory.declared(sequence);
            // Another process, to which the session goes, may still be served the old answer.
            if let (false, Some(position)) = (delivered, position) {
                memory.raise_cached(position);
            }
        }
    }

    /// What a hit must include without a session.
    pub fn process_cached(&self) -> Option<Position> {
        if self.has_cached_floor.load(Ordering::SeqCst) {
            self.process.hit_floor().cached
        } else {
            None
        }
    }

    fn memories<'a>(&'a self, author: &'a Author) -> impl Iterator<Item = &'a Memory> {
        std::iter::once(&self.process).chain(author.memory.as_deref())
    }
}
