//! What a manifold has learned of positions: the order of what it did, where timelines began, and
//! where the primary was when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::pools::connect::Line;
use crate::pools::queries::Whereabouts;
use crate::pools::track::Ticks;
use crate::rules::ring::Ring;
use crate::terms::clock::Moment;
use crate::terms::position::{Cover, History, Position};
use crate::terms::settings::ReadSettings;
use crate::terms::sighting::{Sighting, Tick};
#[cfg(feature = "traps")]
use crate::terms::trap::Trap;
use crate::terms::trap::Trapped;

/// A replica that was this close behind the primary when it was last seen is probably fresh by now.
const CLOSE: Duration = Duration::from_millis(250);

/// When a question left.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// In the order of what the manifold did.
    pub tick: Tick,
    /// By the clock.
    pub at: Moment,
}

/// What was learned.
#[derive(Debug)]
pub struct Survey {
    /// Counts what the manifold does.
    pub ticks: Arc<Ticks>,
    /// The mistake to make, in tests.
    pub trapped: Trapped,
    history: Mutex<History>,
    ring: Mutex<Ring>,
}

impl Survey {
    /// Nothing is known yet.
    pub fn new(settings: &ReadSettings, trapped: Trapped) -> Self {
        Self {
            ticks: Arc::default(),
            trapped,
            history: Mutex::default(),
            ring: Mutex::new(Ring::new(settings.poll / 2, settings.history)),
        }
    }

    /// What an answer to a position question means. `None`: its timeline is not known, so neither is
    /// the position.
    pub fn sight(&self, line: &Line, asked: Asked, found: Whereabouts) -> Option<Sighting> {
        let lsn = found.lsn?;
        let position = if found.standby {
            // Nobody but a role with `pg_monitor` is told a standby's timeline. As long as there was
            // only one, it is that.
            let timeline = found.timeline.or_else(|| lock(&self.history).only())?;
            Position::new(timeline, lsn)
        } else {
            let timeline = found.timeline?;
            lock(&self.history).learn(timeline, found.promoted_at);
            Position::inserting_at(timeline, lsn, lsn % line.segment)
        };
        Some(Sighting {
            door: line.door.clone(),
            asked: asked.tick,
            at: asked.at,
            position,
            standby: found.standby,
        })
    }

    /// The primary was seen.
    pub fn note_primary(&self, sighting: &Sighting) {
        lock(&self.ring).note(sighting.at, sighting.position);
    }

    /// Whether a node at `reached` includes everything before `floor`.
    pub fn covers(&self, floor: Position, reached: Position) -> bool {
        lock(&self.history).covers(floor, reached) == Cover::Covered
    }

    /// What shows everything acknowledged before `since`; `None`: nobody knows.
    pub fn required(&self, since: Moment) -> Option<Position> {
        #[cfg(feature = "traps")]
        if self.trapped.is(Trap::RingWrongSide) {
            return lock(&self.ring).required_wrongly(since);
        }
        lock(&self.ring).required(since)
    }

    /// How old an answer with this stamp is at most.
    pub fn age(&self, stamp: Position, now: Moment) -> Option<Duration> {
        lock(&self.ring).age(stamp, now)
    }

    /// Whether a standby followed the primary closely when it was seen.
    pub fn was_close(&self, sighting: &Sighting) -> bool {
        let then = self.required(sighting.at.earlier(CLOSE));
        then.is_some_and(|then| self.covers(then, sighting.position))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
