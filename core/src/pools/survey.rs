//! What a manifold has learned of positions: the order of what it did, where timelines began, and
//! where the primary was when.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::pools::connect::Line;
use crate::pools::queries::Whereabouts;
use crate::pools::track::Ticks;
use crate::rules::ring::Ring;
use crate::terms::clock::Moment;
use crate::terms::floors::Written;
use crate::terms::history::{History, Survival};
use crate::terms::position::Position;
use crate::terms::settings::ReadSettings;
use crate::terms::sighting::{Sighting, Tick};
use crate::terms::trap::{Trap, Trapped};

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
    /// The highest timeline in `history`; zero: none is known. No call takes a lock to find out that no
    /// failover has come.
    latest: AtomicU32,
    ring: Mutex<Ring>,
}

impl Survey {
    /// Nothing is known yet.
    pub fn new(settings: &ReadSettings, trapped: Trapped) -> Self {
        Self {
            ticks: Arc::default(),
            trapped,
            history: Mutex::default(),
            latest: AtomicU32::new(0),
            ring: Mutex::new(Ring::new(settings.poll / 2, settings.history)),
        }
    }

    /// What an answer to a position question means. `followed` is the timeline on which the node was seen as a
    /// standby since it started. `None`: its timeline is not known, so neither is the position.
    pub fn sight(
        &self,
        line: &Line,
        asked: Asked,
        found: Whereabouts,
        followed: Option<u32>,
    ) -> Option<Sighting> {
        let lsn = found.lsn?;
        let position = if found.standby {
            // As long as there was only one, it is that.
            let timeline = found.timeline.or_else(|| lock(&self.history).only())?;
            self.learn(timeline, None);
            // One that receives nothing names the last timeline that it has written down, and may be on a later one.
            // Taken for where it is, that would be no bound on what it has shown.
            if Some(timeline) < self.latest() {
                return None;
            }
            Position::new(timeline, lsn)
        } else {
            let timeline = found.timeline?;
            let promoted_at = if self.trapped.is(Trap::SwitchAtInsert) {
                Some(lsn)
            } else {
                found.promoted_at
            };
            self.learn(timeline, promoted_at.filter(|_| leaves(followed, timeline)));
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

    fn learn(&self, timeline: u32, promoted_at: Option<u64>) {
        lock(&self.history).learn(timeline, promoted_at);
        self.latest.fetch_max(timeline, Ordering::SeqCst);
    }

    /// The highest timeline that any node was seen on.
    pub fn latest(&self) -> Option<u32> {
        Some(self.latest.load(Ordering::SeqCst)).filter(|latest| *latest > 0)
    }

    /// What has become of acknowledged writes.
    pub fn survival(&self, written: Written) -> Survival {
        let latest = self.latest.load(Ordering::SeqCst);
        if written.before.timeline() >= latest {
            return Survival::Current;
        }
        if self.trapped.is(Trap::OrderAcrossTimelines) {
            return Survival::Kept;
        }
        lock(&self.history).survival(written)
    }

    /// The primary was seen.
    pub fn note_primary(&self, sighting: &Sighting) {
        lock(&self.ring).note(sighting.at, sighting.position);
    }

    /// Whether a node at `reached` includes everything before `floor` that there still is.
    pub fn covers(&self, floor: Position, reached: Position) -> bool {
        if self.trapped.is(Trap::OrderAcrossTimelines) {
            return floor.later(reached) == reached;
        }
        floor.is_covered_by(reached) || lock(&self.history).covers(floor, reached)
    }

    /// What shows everything acknowledged before `since`; `None`: nobody knows.
    pub fn required(&self, since: Moment) -> Option<Position> {
        #[cfg(feature = "traps")]
        if self.trapped.is(Trap::RingWrongSide) {
            return lock(&self.ring).reached_by(since);
        }
        lock(&self.ring).required(since)
    }

    /// Where the primary was by `then`.
    pub fn reached_by(&self, then: Moment) -> Option<Position> {
        lock(&self.ring).reached_by(then)
    }

    /// How old an answer with this stamp is at most.
    pub fn age(&self, stamp: Position, now: Moment) -> Option<Duration> {
        lock(&self.ring).age(stamp, now)
    }

    /// How far a standby at `reached` is behind the primary, as far as it was seen. `None`: nobody knows.
    pub fn behind(&self, reached: Position) -> Option<Duration> {
        lock(&self.ring).behind(|position| self.covers(position, reached))
    }

    /// Whether a standby followed the primary closely when it was seen.
    pub fn was_close(&self, sighting: &Sighting) -> bool {
        let then = self.required(sighting.at.earlier(CLOSE));
        then.is_some_and(|then| self.covers(then, sighting.position))
    }
}

/// Whether a node that `followed` a timeline has left it for `timeline`, so that its end there is where this one
/// began. One that nobody saw before its promotion may have come by a way that nobody here knows; and one that
/// crashed since has replayed its own log, up to far behind where it was promoted.
fn leaves(followed: Option<u32>, timeline: u32) -> bool {
    followed.is_some() && followed == timeline.checked_sub(1)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
