//! What a node was last seen at, for whoever waits for more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::terms::sighting::{Door, Sighting, Tick};
use crate::terms::trap::{Trap, Trapped};

/// Counts what a manifold does, in order.
#[derive(Debug, Default)]
pub struct Ticks(AtomicU64);

impl Ticks {
    /// The next tick: later than all before it, on whatever thread.
    pub fn next(&self) -> Tick {
        Tick(self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

/// A node's track: the latest sighting, until a connection to it breaks.
#[derive(Debug)]
pub struct Track {
    latest: watch::Sender<Latest>,
    /// Calls that wait for it to come further.
    waiting: AtomicU32,
    /// Wakes the watcher.
    hurry: Notify,
    /// The mistake to make, in tests.
    pub trapped: Trapped,
}

#[derive(Debug, Default)]
struct Latest {
    /// Counts the breaks. A sighting that was asked for before one says nothing any more.
    era: u64,
    sighting: Option<Arc<Sighting>>,
    /// Through which door it was last seen as a standby, and its timeline there. That outlives a break: no standby goes
    /// back to an older timeline while it runs.
    followed: Option<(Door, u32)>,
}

/// The era in which a question left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Era(u64);

impl Track {
    /// The track of a node that was not seen yet.
    pub fn new(trapped: Trapped) -> Self {
        Self {
            latest: watch::Sender::new(Latest::default()),
            waiting: AtomicU32::new(0),
            hurry: Notify::new(),
            trapped,
        }
    }

    /// The latest sighting.
    pub fn sighting(&self) -> Option<Arc<Sighting>> {
        self.latest.borrow().sighting.clone()
    }

    /// The timeline on which the node was seen as a standby, since it started or recovered last. It cannot always tell by
    /// itself, and does not go back.
    pub fn followed(&self, door: &Door) -> Option<u32> {
        let latest = self.latest.borrow();
        let (then, timeline) = latest.followed.as_ref()?;
        // A connection that is still open has seen no crash, whatever our role may see.
        let is_one_run = then.incarnation.is(&door.incarnation)
            || (then == door && !door.incarnation.is_nobodys());
        is_one_run.then_some(*timeline)
    }

    /// Whether the server behind `door` is not the one that the node's name means by now: a connection that was opened
    /// later reaches another one, or another run of it.
    pub fn is_superseded(&self, door: &Door) -> bool {
        let latest = self.latest.borrow();
        latest.sighting.as_ref().is_some_and(|seen| {
            let (theirs, ours) = (&seen.door.incarnation, &door.incarnation);
            let known = !theirs.is_nobodys() && !ours.is_nobodys();
            known && !theirs.may_be(ours) && door.opened < seen.door.opened
        })
    }

    /// The era now; to be taken before a question leaves.
    pub fn era(&self) -> Era {
        Era(self.latest.borrow().era)
    }

    /// Notes a sighting that was asked for in `era`.
    pub fn note(&self, era: Era, sighting: &Arc<Sighting>) {
        self.latest.send_if_modified(|latest| {
            let is_news = latest.era == era.0
                && latest
                    .sighting
                    .as_ref()
                    .is_none_or(|known| self.is_later(sighting, known));
            if is_news {
                latest.sighting = Some(Arc::clone(sighting));
                let door = sighting.door.clone();
                latest.followed = (sighting.standby).then(|| (door, sighting.position.timeline()));
            }
            is_news
        });
    }

    /// Whether the new one says more. Two questions under way at once may be answered out of order.
    fn is_later(&self, new: &Sighting, known: &Sighting) -> bool {
        if new.door.incarnation.is_nobodys() {
            // Of servers that cannot be told apart the one that was asked last, however far it is.
            return new.asked > known.asked;
        }
        let same_run = self.trapped.is(Trap::TrustAcrossCrash)
            || (known.door.incarnation == new.door.incarnation && known.standby == new.standby);
        let (new_at, known_at) = (new.position, known.position);
        !same_run
            || new_at.timeline() > known_at.timeline()
            || (new_at.timeline() == known_at.timeline()
                && (new_at.lsn(), new.asked) > (known_at.lsn(), known.asked))
    }

    /// A connection to the node broke. A server that crashed serves older rows for a moment, so what
    /// was known of it counts no more.
    pub fn void(&self) {
        if self.trapped.is(Trap::TrustAcrossCrash) {
            return;
        }
        self.latest.send_modify(|latest| {
            latest.era += 1;
            latest.sighting = None;
        });
    }

    /// Waits for a sighting that is `enough`, and has the node asked often meanwhile if `hurry`.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the node is asked at its usual pace again.
    pub async fn until(
        &self,
        hurry: bool,
        mut enough: impl FnMut(&Sighting) -> bool,
    ) -> Arc<Sighting> {
        let _waiting = hurry.then(|| Waiting::new(self));
        let mut latest = self.latest.subscribe();
        loop {
            let seen = latest.borrow_and_update().sighting.clone();
            if let Some(sighting) = seen.filter(|sighting| enough(sighting)) {
                return sighting;
            }
            // The sender lives as long as this track.
            let _ = latest.changed().await;
        }
    }

    /// The watcher's pause between two questions: `usual`, or until somebody waits; while anybody
    /// waits, `hurried`.
    pub async fn pause(&self, usual: Duration, hurried: Duration) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let _ = tokio::time::timeout(hurried, std::future::pending::<()>()).await;
        } else {
            let _ = tokio::time::timeout(usual, self.hurry.notified()).await;
        }
    }
}

/// A call that waits for a node.
struct Waiting<'t>(&'t Track);

impl<'t> Waiting<'t> {
    fn new(track: &'t Track) -> Self {
        track.waiting.fetch_add(1, Ordering::SeqCst);
        track.hurry.notify_one();
        Self(track)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
