//! What all nodes of a manifold have in common.

use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, Semaphore};

use crate::pools::connect::Line;
use crate::pools::connect::identity::Identity;
use crate::pools::queries::Whereabouts;
use crate::pools::roles::Roles;
use crate::pools::schema::Gate;
use crate::pools::survey::{Asked, Survey};
use crate::rules::duty::Said;
use crate::rules::lag;
use crate::terms::clock::Clock;
use crate::terms::settings::{PoolSettings, ReadSettings, Settings};
use crate::terms::sighting::Sighting;
use crate::terms::trap::Trapped;

/// Cancel requests under way at once. At the bound a connection is closed without one, and the
/// server notices when it next writes to it.
const CANCELS: usize = 64;

/// What all nodes of a manifold have in common.
#[derive(Debug)]
pub struct Shared {
    pub clock: Clock,
    pub settings: PoolSettings,
    /// When a replica lags too far.
    pub lag: lag::Limits,
    /// What is known of positions.
    pub survey: Survey,
    /// Who is what.
    pub roles: Roles,
    /// What a replica must include to be used at all.
    pub schema: Gate,
    /// Wakes the upkeep when a node should be probed at once, or roles have moved.
    pub wake: Notify,
    /// Bounds the cancel requests under way.
    pub cancels: Arc<Semaphore>,
    expected: OnceLock<Identity>,
}

impl Shared {
    pub fn new(clock: Clock, settings: &Settings, trapped: Trapped) -> Self {
        let ReadSettings {
            eject_lag,
            readmit_lag,
            ..
        } = settings.read;
        Self {
            clock,
            settings: settings.pool.clone(),
            lag: lag::Limits {
                out: eject_lag,
                back: readmit_lag,
            },
            survey: Survey::new(&settings.read, trapped),
            roles: Roles::new(trapped),
            schema: Gate::default(),
            wake: Notify::new(),
            cancels: Arc::new(Semaphore::new(CANCELS)),
            expected: OnceLock::new(),
        }
    }

    /// From now on every connection must reach this database.
    pub fn expect(&self, identity: Identity) {
        // A second identity cannot come: a manifold is opened once.
        let _ = self.expected.set(identity);
    }

    /// The database that every connection must reach.
    pub fn expected(&self) -> Option<&Identity> {
        self.expected.get()
    }

    /// A question leaves now.
    pub fn asked(&self) -> Asked {
        Asked {
            tick: self.survey.ticks.next(),
            at: self.clock.now(),
        }
    }

    /// Whether what was seen is a primary on the highest timeline: it shows everything acknowledged, and what it
    /// is told is not lost.
    pub fn is_latest_primary(&self, seen: &Sighting) -> bool {
        !seen.standby && Some(seen.position.timeline()) >= self.survey.latest()
    }

    /// A node has told where it is, through the connection of `line`. `followed` is the timeline on which it was seen
    /// as a standby since it started. `None`: it cannot tell a position.
    pub fn heard(
        &self,
        node: usize,
        line: &Line,
        asked: Asked,
        mut found: Whereabouts,
        followed: Option<u32>,
    ) -> Option<Sighting> {
        // It cannot always tell on which it is.
        if found.standby {
            found.timeline = found.timeline.max(followed);
        }
        let sighting = self.survey.sight(line, asked, found, followed);
        let said = Said {
            standby: found.standby,
            timeline: sighting
                .as_ref()
                .map_or(found.timeline, |seen| Some(seen.position.timeline())),
        };
        let latest = self.survey.latest();
        // That somebody behind an opaque endpoint was left behind says nothing of the others there.
        let is_first = self.roles.now().said(node).is_none();
        let is_news = is_first || !line.door.incarnation.is_nobodys() || said.timeline >= latest;
        if is_news && self.roles.note(node, said, latest) {
            self.wake.notify_one();
        }
        if let Some(seen) = &sighting
            && self.roles.now().is_primary(node)
            && self.is_latest_primary(seen)
        {
            self.survey.note_primary(seen);
        }
        sighting
    }
}
